// A bound on moves: what is typed is what is sent, nothing means no bound, and a wrong number is not sent.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Toaster } from '@/components/ui/Toaster';
import { pools } from '@/mocks/pools';
import { asRole } from '@/mocks/setup';
import { MovesForm } from './MovesForm';

const sent: { path: string; body: unknown }[] = [];
const real = globalThis.fetch;
beforeEach(() => {
  asRole.role = 'admin';
  globalThis.fetch = vi.fn(async (input: RequestInfo | URL, init?: RequestInit) => {
    sent.push({ path: String(input), body: JSON.parse(String(init?.body)) });
    return new Response('{}', { status: 200, headers: { 'content-type': 'application/json' } });
  });
});
afterEach(() => { cleanup(); globalThis.fetch = real; sent.length = 0; });

const open = (moves_at_once: number | null) => {
  const [pool] = pools;
  if (!pool) throw new Error('no fixture');
  render(<QueryClientProvider client={new QueryClient()}><MovesForm pool={{ ...pool, slug: 'p', moves_at_once }} /><Toaster /></QueryClientProvider>);
  return { type: (value: string) => fireEvent.change(screen.getByRole('textbox'), { target: { value } }), set: screen.getByRole('button', { name: 'Set the bound' }) as HTMLButtonElement };
};

it('sends a bound, and nothing where there is to be none', async () => {
  const form = open(null);
  expect(form.set.disabled).toBe(true);
  form.type('3');
  fireEvent.click(form.set);
  await waitFor(() => expect(screen.getByText('Moves in p: 3 a slot at most')).toBeTruthy());
  cleanup();
  const bounded = open(3);
  bounded.type('');
  fireEvent.click(bounded.set);
  await waitFor(() => expect(screen.getByText('Moves in p: no bound')).toBeTruthy());
  expect(sent).toEqual([{ path: '/v1/pools/p/moves_at_once', body: { moves_at_once: 3 } }, { path: '/v1/pools/p/moves_at_once', body: { moves_at_once: null } }]);
});
it('sends nothing that is no number of moves', () => {
  const form = open(4);
  for (const text of ['-1', '1.5', 'many', '1e9']) {
    form.type(text);
    expect(form.set.disabled, text).toBe(true);
  }
  expect(sent).toEqual([]);
});
