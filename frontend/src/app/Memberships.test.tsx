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

it('offers each participant once and asks for the password', async () => {
  expect(choices(two).map((m) => m.participant.name)).toEqual(['Archive', one.participant.name]);
  const sent: unknown[] = [];
  const old = globalThis.fetch;
  globalThis.fetch = (async (_: unknown, init?: RequestInit) => {
    sent.push(JSON.parse(String(init?.body)));
    return new Response(JSON.stringify({ csrf_token: 'x' }));
  }) as typeof fetch;
  const done = vi.fn();
  render(<Memberships me={two} done={done} />);
  expect((screen.getByRole('button', { name: /Genomics Core/ }) as HTMLButtonElement).disabled).toBe(true);
  fireEvent.click(screen.getByRole('button', { name: /Archive/ }));
  fireEvent.change(screen.getByLabelText(/Your password/), { target: { value: 'secret' } });
  fireEvent.click(screen.getByRole('button', { name: 'Switch' }));
  await waitFor(() => expect(done).toHaveBeenCalled());
  expect(sent).toEqual([{ email: one.user.email, password: 'secret', participant: 'par_other' }]);
  globalThis.fetch = old;
});
