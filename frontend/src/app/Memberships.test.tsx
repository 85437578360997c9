import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import { afterEach, expect, it, vi } from 'vitest';
import type { Me } from '@/lib/api';
import { me, people } from '@/mocks/users';
import { choices, Memberships } from './Memberships';

afterEach(cleanup);
const one = me(people[0] as (typeof people)[number]);
const other = { participant: { id: 'par_other', name: 'Archive' }, role: 'tenant' as const };
const two: Me = { ...one, memberships: [...one.memberships, other, { ...other, role: 'bidder' }] };

it('offers nothing to somebody with one membership', () => {
  const { container } = render(<Memberships me={one} />);
  expect(container.textContent).toBe('');
});

const old = globalThis.fetch;
const answerWith = (status: number, body: unknown) => {
  const asked: string[] = [];
  globalThis.fetch = (async (path: string) => { asked.push(path); return new Response(JSON.stringify(body), { status }); }) as typeof fetch;
  return asked;
};
afterEach(() => { globalThis.fetch = old; });

it('offers each participant once and goes on for the one chosen', async () => {
  expect(choices(two).map((m) => m.participant.name)).toEqual(['Archive', one.participant.name]);
  const asked = answerWith(200, { csrf_token: 'x' });
  const done = vi.fn();
  render(<Memberships me={two} done={done} />);
  expect((screen.getByRole('button', { name: /Genomics Core/ }) as HTMLButtonElement).disabled).toBe(true);
  fireEvent.click(screen.getByRole('button', { name: /Archive/ }));
  await waitFor(() => expect(done).toHaveBeenCalled());
  expect(asked).toEqual(['/v1/auth/refresh?participant=par_other']);
});

it('says so when the membership is gone, and stays', async () => {
  answerWith(403, { title: 'Forbidden', detail: 'This user is not a member of that participant. Sign in again.' });
  const done = vi.fn();
  render(<Memberships me={two} done={done} />);
  fireEvent.click(screen.getByRole('button', { name: /Archive/ }));
  expect((await screen.findByRole('alert')).textContent).toMatch(/not a member/);
  expect(done).not.toHaveBeenCalled();
});
