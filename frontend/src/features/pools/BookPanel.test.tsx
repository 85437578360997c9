// A book that is not there: why not is said as it is.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, render, screen, waitFor } from '@testing-library/react';
import { afterEach, expect, it, vi } from 'vitest';
import type { Pool } from '@/lib/api';
import { pools } from '@/mocks/pools';
import { BookPanel } from './BookPanel';

vi.mock('@tanstack/react-router', () => ({ Link: ({ children }: { children: string }) => <a href="/">{children}</a> }));
const real = globalThis.fetch;
afterEach(() => { cleanup(); globalThis.fetch = real; });

const show = (rounds?: unknown[]) => {
  globalThis.fetch = (async (input: RequestInfo | URL, init?: RequestInit) => {
    const path = String(input);
    if (path.includes('/book')) return new Response(JSON.stringify({ title: 'Not Found', status: 404, code: 'not_found' }), { status: 404 });
    return rounds && path.includes('/rounds') ? new Response(JSON.stringify({ object: 'list', data: rounds, has_more: false })) : real(input, init);
  }) as typeof fetch;
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  render(<QueryClientProvider client={client}><BookPanel slug="fra1-gp" resource="gpu_milli" pool={pools[0] as Pool} /></QueryClientProvider>);
};

it('where rounds have been held, the last one had none of the product', async () => {
  show();
  expect(await screen.findByText('The last round had none of this product.')).toBeTruthy();
});
it('before the first round there is none to speak of', async () => {
  show([]);
  expect(await screen.findByText('No round has been held yet.')).toBeTruthy();
  // The mock's market holds them so.
  expect(await screen.findByText('A round is held every 10 seconds while there is an open bid or offer.')).toBeTruthy();
});

it('of a halted pool it says that it is halted, not that nobody bid', async () => {
  const pool = pools[0] as Pool;
  const halted = { ...pool, halted: { by: 'x', at: pool.next_slot, reason: 'a fan' } };
  const book = { round: 7, pool: 'p', resource: 'cpu_milli', slot: pool.next_slot, price: '0.000900000', quantity: 0, bids: [], offers: [{ price: '0.000900000', quantity: 1000, mine: false, kind: 'reserve' }] };
  for (const status of [200, 404]) {
    globalThis.fetch = (async () => new Response(JSON.stringify(status === 200 ? book : { title: 'Not Found', status, code: 'not_found' }), { status })) as typeof fetch;
    const { container } = render(<QueryClientProvider client={new QueryClient({ defaultOptions: { queries: { retry: false } } })}><BookPanel slug="p" resource="cpu_milli" pool={halted} /></QueryClientProvider>);
    await waitFor(() => expect(container.textContent).toMatch(/pool is halted/i));
    expect(container.textContent).not.toMatch(/nobody bid/i);
    cleanup();
  }
});
