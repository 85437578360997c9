// Somebody new, without a workload and without a credit: the ticket says what is missing and where it is had.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Preview } from '@/lib/api';
import { forgetDrafts } from '@/lib/edit';
import { pools } from '@/mocks/pools';
import { asRole } from '@/mocks/setup';
import { Ticket } from './Ticket';

vi.mock('@tanstack/react-router', () => ({ Link: ({ to, children }: { to: string; children: string }) => <a href={to}>{children}</a> }));
const real = globalThis.fetch;
const sent: string[] = [];
let instances: 'none' | 'mock' = 'none';
let available = '0.000000';
beforeEach(() => {
  [instances, available] = ['none', '0.000000'];
  globalThis.fetch = (async (input: RequestInfo | URL, init?: RequestInit) => {
    const path = String(input);
    if (instances === 'none' && path.startsWith('/v1/instances')) return new Response(JSON.stringify({ object: 'list', data: [], has_more: false }));
    if (init?.method === 'POST' && !path.endsWith('/preview')) sent.push(path);
    if (!path.endsWith('/bids/preview')) return real(input, init);
    const preview = (await (await real(input, init)).json()) as Preview;
    const left = Number(available) - Number(preview.hold);
    const warnings = left < 0 ? [`The hold of ${preview.hold} is more than the ${available} available: the order would be refused.`] : [];
    return new Response(JSON.stringify({ ...preview, available_after: left.toFixed(6), warnings }));
  }) as typeof fetch;
});
afterEach(() => { cleanup(); forgetDrafts(); globalThis.fetch = real; sent.length = 0; });

const pool = pools.find((p) => p.slug === 'fra1-gp') as (typeof pools)[number];
function open(role: string) {
  asRole.role = role;
  render(<QueryClientProvider client={new QueryClient()}><Ticket pool={pool} resource="cpu_milli" unitPrice={null} /></QueryClientProvider>);
}
const place = () => screen.getByRole('button', { name: /^Place bid/ }) as HTMLButtonElement;

it('who has no workload to lend from is told to register one, with the way there', async () => {
  open('tenant');
  fireEvent.click(screen.getByRole('button', { name: '▼ Offer mine' }));
  expect((await screen.findByRole('link', { name: 'Register a workload' })).getAttribute('href')).toBe('/workloads');
  expect(screen.queryByLabelText('Workload that lends')).toBeNull();
  expect(screen.getByText('No preview: it needs a workload')).toBeTruthy();
  // Who may register none is told who does.
  cleanup();
  open('bidder');
  fireEvent.click(screen.getByRole('button', { name: '▼ Offer mine' }));
  expect((await screen.findByText(/Members with the role tenant register workloads/)).textContent).toContain('No workload of yours belongs to fra1-gp');
});

it('without the credits that it would hold a bid is not placed, and it says where credits come from', async () => {
  open('tenant');
  expect((await screen.findByText(/Not enough credits/)).parentElement?.textContent).toMatch(/and 0\.00 cr are available\. Whoever operates this exchange grants credits/);
  expect(place().disabled).toBe(true);
  expect(screen.queryByText(/would be refused/)).toBeNull();
  fireEvent.submit(screen.getByRole('form', { name: 'Order ticket' }));
  expect(sent).toEqual([]);
  cleanup();
  available = '100000.000000';
  open('tenant');
  await waitFor(() => expect(place().textContent).toContain('hold'));
  expect([place().disabled, screen.queryByText(/Not enough credits/)]).toEqual([false, null]);
});
