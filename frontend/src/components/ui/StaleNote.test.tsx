// What still holds while a page is old: with no server to reach nobody can bid.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, render, screen } from '@testing-library/react';
import { afterEach, expect, it, vi } from 'vitest';
import type { Resource } from '@/lib/api';
import { meQuery } from '@/lib/api/me';
import { me, people } from '@/mocks/users';
import { StaleNote } from './StaleNote';

const realFetch = globalThis.fetch;
afterEach(() => { cleanup(); globalThis.fetch = realFetch; });

function note(role: string, health: (path: string, init?: RequestInit) => Promise<Response>, stale = true, updatedAt = 0) {
  const fetched = vi.fn(health);
  globalThis.fetch = fetched as typeof fetch;
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  client.setQueryData(meQuery.queryKey, me(people.find((p) => p.role === role) as (typeof people)[number]));
  const of = { data: 1, stale, updatedAt, retry: () => undefined } as unknown as Resource<unknown>;
  render(<QueryClientProvider client={client}><StaleNote of={of} /></QueryClientProvider>);
  return fetched;
}

it('says that one can still bid only where the server answers', async () => {
  note('bidder', async () => new Response('{}'));
  await screen.findByText(/You can still bid/);
  cleanup();
  note('bidder', async () => { throw new TypeError('Failed to fetch'); });
  await screen.findByText(/The server does not answer/);
  expect(screen.queryByText(/You can still bid/)).toBeNull();
});

it('says that a server which hangs does not answer', async () => {
  note('bidder', (_, init) => new Promise((_done, fail) => { init?.signal?.addEventListener('abort', () => fail(new Error('timeout'))); }));
  expect(await screen.findByText(/The server does not answer/)).toBeTruthy();
});

it('has no time of prices that were never read', async () => {
  note('finance', async () => new Response('{}'));
  await screen.findByText(/Nothing could be read yet; reconnecting/);
  cleanup();
  note('finance', async () => new Response('{}'), true, Date.parse('2026-11-20T10:00:05Z'));
  await screen.findByText(/Prices as of .*:05, .* s old; reconnecting/);
});

it('asks nothing for who cannot bid, or while the page is fresh', async () => {
  const finance = note('finance', async () => new Response('{}'));
  await screen.findByText(/reconnecting/);
  expect(finance).not.toHaveBeenCalled();
  cleanup();
  const fresh = note('bidder', async () => new Response('{}'), false);
  expect(screen.queryByRole('status')).toBeNull();
  expect(fresh).not.toHaveBeenCalled();
});
