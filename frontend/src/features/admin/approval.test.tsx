// The switch that has moves approved: it sends what it is set to under the version that was read, and says who came first.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Toaster } from '@/components/ui/Toaster';
import { pools } from '@/mocks/pools';
import { ApprovalForm } from './ApprovalForm';

const sent: { path: string; body: unknown; ifMatch: string | null }[] = [];
let status = 200;
const real = globalThis.fetch;
beforeEach(() => {
  globalThis.fetch = vi.fn(async (input: RequestInfo | URL, init?: RequestInit) => {
    sent.push({ path: String(input), body: JSON.parse(String(init?.body)), ifMatch: new Headers(init?.headers).get('if-match') });
    return new Response(JSON.stringify({ title: 'Precondition Failed' }), { status });
  });
});
afterEach(() => { cleanup(); globalThis.fetch = real; sent.length = 0; status = 200; });

const open = (move_approval: boolean) => {
  const [pool] = pools;
  if (!pool) throw new Error('no fixture');
  render(<QueryClientProvider client={new QueryClient()}><ApprovalForm pool={{ ...pool, slug: 'p', move_approval, settings_version: 0 }} /><Toaster /></QueryClientProvider>);
  return screen.getByRole('switch');
};

/** The question names the pool. */
const answer = async (question: string, action: string) => {
  await waitFor(() => expect(screen.getByRole('dialog').textContent).toContain(question));
  fireEvent.click(screen.getByRole('button', { name: action }));
};

it('asks first, by the name of the pool, and sends the other of what is in force', async () => {
  fireEvent.click(open(false));
  expect(sent).toEqual([]);
  fireEvent.click(screen.getByRole('button', { name: 'Go back' }));
  expect(sent).toEqual([]);
  fireEvent.click(screen.getByRole('switch', { name: 'An operator approves every move into p and out of it' }));
  await answer('Have an operator approve every move in p?', 'Have them approved');
  await waitFor(() => expect(screen.getByText('Moves in p: an operator approves each')).toBeTruthy());
  cleanup();
  fireEvent.click(open(true));
  await answer('Ask nobody about moves in p any more?', 'Ask nobody');
  await waitFor(() => expect(screen.getByText('Moves in p: nobody is asked')).toBeTruthy());
  expect(sent).toEqual([true, false].map((required) => ({ path: '/v1/pools/p/move_approval', body: { required }, ifMatch: '"0"' })));
});
it('says that somebody else was first', async () => {
  status = 412;
  const control = open(false);
  fireEvent.click(control);
  await answer('Have an operator approve every move in p?', 'Have them approved');
  await waitFor(() => expect(screen.getByRole('alert').textContent).toContain('Somebody else has changed the settings of the pool meanwhile'));
  expect(control.getAttribute('aria-checked')).toBe('false');
});
