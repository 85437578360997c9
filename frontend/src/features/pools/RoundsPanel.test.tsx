// Price and volume of a row are those of one slot, which it names. A pool that none of the last rounds traded shows the last that did, and says so; one that was never traded says how far was looked.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, render, screen, waitFor, within } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { PricePoint } from '@/lib/api';
import { clock, serverNow, slotClock } from '@/lib/time';
import { iso } from '@/mocks/clock';
import { prices } from '@/mocks/pools';
import { round } from '@/mocks/rounds';
import { RoundsPanel } from './RoundsPanel';

vi.mock('@tanstack/react-router', () => ({ Link: ({ params, children }: { params: { number: string }; children: string }) => <a href={`/rounds/${params.number}`}>{children}</a> }));
const real = globalThis.fetch;
const asked: URL[] = [];
let old: PricePoint[] = [];
let last: PricePoint[] = [];
let newest = 948_212;
beforeEach(() => {
  [old, last, newest] = [[], [], 948_212];
  globalThis.fetch = (async (input: RequestInfo | URL) => {
    const url = new URL(String(input), 'http://mock');
    asked.push(url);
    const list = (data: unknown[]) => new Response(JSON.stringify({ object: 'list', data, has_more: false }));
    if (url.pathname.endsWith('/prices')) return list(url.searchParams.has('to') ? old : last);
    if (url.pathname === '/v1/rounds') return list(newest > 0 ? [round(newest)] : []);
    return new Response(JSON.stringify(round(Number(url.pathname.split('/').at(-1)))));
  }) as typeof fetch;
});
afterEach(() => { cleanup(); globalThis.fetch = real; asked.length = 0; });
const open = (slots: PricePoint[]) => render(<QueryClientProvider client={new QueryClient()}><RoundsPanel slug="fra1-gp" resource="cpu_milli" slots={slots} /></QueryClientProvider>).container;

it('names the slot that price and volume are of, and says that the round may have traded more', async () => {
  last = prices('fra1-gp', 'cpu_milli', 2).map((p, i) => ({ ...p, slot: iso(Date.parse(p.cleared_at) + (i + 1) * 600_000), volume: 110 }));
  const container = open([]);
  await waitFor(() => expect(screen.getAllByRole('link').length).toBe(2));
  expect(screen.getAllByRole('columnheader').map((head) => head.textContent)).toEqual(['Round', 'Cleared', 'First traded slot', 'Price in it', 'cores in it', 'Set by']);
  const cells = within(screen.getAllByRole('row')[1] as HTMLElement).getAllByRole('cell').map((cell) => cell.textContent);
  expect([cells[2], cells[4]]).toEqual([slotClock(last[1]?.slot ?? '', serverNow(), 'UTC'), '0.11']);
  expect(container.textContent).toContain('the first slot that the round traded here; the page of a round has all of its slots.');
});
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
