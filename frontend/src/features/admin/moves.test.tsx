// A bound on moves: what is typed is what is sent, nothing means no bound, a wrong number is not sent, and of two who set
// it at once the second is told.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Toaster } from '@/components/ui/Toaster';
import { pools } from '@/mocks/pools';
import { asRole } from '@/mocks/setup';
import { MovesForm } from './MovesForm';

const sent: { path: string; body: unknown; ifMatch: string | null }[] = [];
let status = 200;
const real = globalThis.fetch;
beforeEach(() => {
  asRole.role = 'admin';
  globalThis.fetch = vi.fn(async (input: RequestInfo | URL, init?: RequestInit) => {
    sent.push({ path: String(input), body: JSON.parse(String(init?.body)), ifMatch: new Headers(init?.headers).get('if-match') });
    const stale = { title: 'Precondition Failed', code: 'stale_version', detail: 'The settings of the pool are at version 4.' };
    return new Response(JSON.stringify(status === 200 ? {} : stale), { status, headers: { 'content-type': 'application/json' } });
  });
});
afterEach(() => { cleanup(); globalThis.fetch = real; sent.length = 0; status = 200; });

const open = (moves_at_once: number | null) => {
  const [pool] = pools;
  if (!pool) throw new Error('no fixture');
  const client = new QueryClient();
  const form = (bound: number | null, settings_version: number) => <QueryClientProvider client={client}><MovesForm pool={{ ...pool, slug: 'p', moves_at_once: bound, settings_version }} /><Toaster /></QueryClientProvider>;
  const { rerender } = render(form(moves_at_once, 3));
  return {
    read: (bound: number | null, version: number) => rerender(form(bound, version)), text: () => (screen.getByRole('textbox') as HTMLInputElement).value, type: (value: string) => fireEvent.change(screen.getByRole('textbox'), { target: { value } }), set: screen.getByRole('button', { name: 'Set the bound' }) as HTMLButtonElement };
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
  expect(sent).toEqual([3, null].map((moves_at_once) => ({ path: '/v1/pools/p/moves_at_once', body: { moves_at_once }, ifMatch: '"3"' })));
});
it('sends nothing that is no number of moves', () => {
  const form = open(4);
  for (const text of ['-1', '1.5', 'many', '1e9']) {
    form.type(text);
    expect(form.set.disabled, text).toBe(true);
  }
  expect(sent).toEqual([]);
});
it('tells who was second, keeps what was typed, and sends it under the version that was read then', async () => {
  const form = open(2);
  status = 412;
  form.type('5');
  fireEvent.click(form.set);
  await waitFor(() => expect(screen.getByRole('alert').textContent).toContain('Somebody else has changed the settings of the pool meanwhile, so this was not saved.'));
  expect(form.text()).toBe('5');
  form.read(8, 4);
  await waitFor(() => expect(screen.getByRole('button', { name: 'Load theirs, keep what I typed' })).toBeTruthy());
  status = 200;
  fireEvent.click(screen.getByRole('button', { name: 'Load theirs, keep what I typed' }));
  expect([form.text(), screen.queryByRole('alert')]).toEqual(['5', null]);
  expect(screen.getByText(/In force: 8 a slot at most/)).toBeTruthy();
  fireEvent.click(form.set);
  await waitFor(() => expect(sent.map((s) => s.ifMatch)).toEqual(['"3"', '"4"']));
});
it('drops what was typed only where that is asked for', async () => {
  const form = open(2);
  form.type('5');
  form.read(8, 4);
  expect(form.text()).toBe('5');
  fireEvent.click(screen.getByRole('button', { name: 'Drop what I typed' }));
  expect(form.text()).toBe('8');
  expect(sent).toEqual([]);
});
