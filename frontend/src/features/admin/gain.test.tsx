// The least gain of a move: a percentage is typed, a share is sent, and what is no percentage is not.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Toaster } from '@/components/ui/Toaster';
import { pools } from '@/mocks/pools';
import { asRole } from '@/mocks/setup';
import { GainForm } from './GainForm';

const sent: { path: string; body: unknown; ifMatch: string | null }[] = [];
const real = globalThis.fetch;
beforeEach(() => {
  asRole.role = 'admin';
  globalThis.fetch = vi.fn(async (input: RequestInfo | URL, init?: RequestInit) => {
    sent.push({ path: String(input), body: JSON.parse(String(init?.body)), ifMatch: new Headers(init?.headers).get('if-match') });
    return new Response('{}', { headers: { 'content-type': 'application/json' } });
  });
});
afterEach(() => { cleanup(); globalThis.fetch = real; sent.length = 0; });

const open = (least_move_gain: string) => {
  const [pool] = pools;
  if (!pool) throw new Error('no fixture');
  render(<QueryClientProvider client={new QueryClient()}><GainForm pool={{ ...pool, slug: 'p', least_move_gain, settings_version: 3 }} /><Toaster /></QueryClientProvider>);
  return { type: (value: string) => fireEvent.change(screen.getByRole('textbox'), { target: { value } }), set: screen.getByRole('button', { name: 'Set the least gain' }) as HTMLButtonElement };
};

it('sends a share for a percentage', async () => {
  const form = open('0.100000');
  expect([(screen.getByRole('textbox') as HTMLInputElement).value, form.set.disabled]).toEqual(['10', true]);
  form.type('12.5');
  fireEvent.click(form.set);
  await waitFor(() => expect(screen.getByText('A move from a node of p has to gain: 12.5 % of what is moved')).toBeTruthy());
  expect(sent).toEqual([{ path: '/v1/pools/p/least_move_gain', body: { least_move_gain: '0.125000' }, ifMatch: '"3"' }]);
});
it('says that any gain is enough, and sends nothing that is no percentage', () => {
  const form = open('0.000000');
  expect(screen.getByText(/In force: any gain is enough/)).toBeTruthy();
  for (const text of ['', '-1', '1001', '0.00001', 'a tenth']) {
    form.type(text);
    expect(form.set.disabled, text).toBe(true);
  }
  expect(sent).toEqual([]);
});
