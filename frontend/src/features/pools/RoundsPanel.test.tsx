// A pool that none of the last rounds traded shows the last that did, and says so; one that was never traded says how far was looked.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, render, screen, waitFor } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { PricePoint } from '@/lib/api';
import { clock } from '@/lib/time';
import { prices } from '@/mocks/pools';
import { round } from '@/mocks/rounds';
import { RoundsPanel } from './RoundsPanel';

vi.mock('@tanstack/react-router', () => ({ Link: ({ params, children }: { params: { number: string }; children: string }) => <a href={`/rounds/${params.number}`}>{children}</a> }));
const real = globalThis.fetch;
const asked: URL[] = [];
let old: PricePoint[] = [];
let newest = 948_212;
beforeEach(() => {
  [old, newest] = [[], 948_212];
  globalThis.fetch = (async (input: RequestInfo | URL) => {
    const url = new URL(String(input), 'http://mock');
    asked.push(url);
    const list = (data: unknown[]) => new Response(JSON.stringify({ object: 'list', data, has_more: false }));
    if (url.pathname.endsWith('/prices')) return list(url.searchParams.has('to') ? old : []);
    if (url.pathname === '/v1/rounds') return list(newest > 0 ? [round(newest)] : []);
    return new Response(JSON.stringify(round(Number(url.pathname.split('/').at(-1)))));
  }) as typeof fetch;
});
afterEach(() => { cleanup(); globalThis.fetch = real; asked.length = 0; });
const open = (slots: PricePoint[]) => render(<QueryClientProvider client={new QueryClient()}><RoundsPanel slug="fra1-gp" resource="cpu_milli" slots={slots} /></QueryClientProvider>).container;

it('looks further back than the last rounds, for the last that traded it', async () => {
  old = prices('fra1-gp', 'cpu_milli', 2).map((p) => ({ ...p, round: 940_000 }));
  const container = open(old);
  await waitFor(() => expect(screen.getAllByRole('link').length).toBe(2));
  expect(container.textContent).toContain(`None of the last 60 rounds, since ${clock(round(948_153).sealed_at, 'UTC')}, traded it here; these are the last that did.`);
  const to = asked.find((u) => u.searchParams.has('to'))?.searchParams.get('to') ?? '';
  expect(Date.parse(to)).toBeGreaterThan(Date.parse(round(940_000).sealed_at));
});
it('says how far it has looked where nothing was ever traded', async () => {
  const container = open([]);
  await waitFor(() => expect(container.textContent).toMatch(/None of the last 60 rounds, since .*, traded it here\.$/));
  expect(container.textContent).not.toContain('Nothing to show yet');
});
it('says that no round was held', async () => {
  newest = 0;
  const container = open([]);
  await waitFor(() => expect(container.textContent).toContain('No round has been held yet.'));
});
