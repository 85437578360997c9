// Lists longer than one answer of the server: nothing is cut in silence, and a link shows what it names or nothing.
import { QueryClientProvider } from '@tanstack/react-query';
import { createMemoryHistory, RouterProvider } from '@tanstack/react-router';
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import { afterEach, expect, it, vi } from 'vitest';
import type { Order, StatementLine, Swap } from '@/lib/api';
import { ago, roundNow } from '@/mocks/clock';
import { statement } from '@/mocks/finance';
import { orders } from '@/mocks/orders';
import { asRole } from '@/mocks/setup';
import { swaps } from '@/mocks/swaps';
import { forget } from './identity';
import { queryClient } from './queryClient';
import { makeRouter } from './router';

vi.mock('@/components/charts/PlotCanvas', () => ({ default: () => null }));
window.scrollTo = () => {};
const had = { orders: [...orders], swaps: [...swaps] };
afterEach(() => { cleanup(); forget(); queryClient.clear(); orders.splice(0, orders.length, ...had.orders); swaps.splice(0, swaps.length, ...had.swaps); });

async function visit(path: string, role = 'bidder') {
  asRole.role = role;
  render(<QueryClientProvider client={queryClient}><RouterProvider router={makeRouter(createMemoryHistory({ initialEntries: [path] }))} /></QueryClientProvider>);
  await waitFor(() => expect(screen.getAllByRole('heading', { level: 1 })).toHaveLength(1));
}
/** As many older orders as that, of one status. */
function fill(status: string, count: number): Order[] {
  const made = Array.from({ length: count }, (_, i) => ({ ...(orders[0] as Order), id: `bid_01KAB6Q0ZX3F4Q${status}${String(i).padStart(5, '0')}`, status, created_at: ago(10_000 + i), updated_at: ago(10_000 + i) }));
  orders.push(...made);
  return made;
}
const tab = (name: RegExp) => screen.findByRole('tab', { name });

it('counts the open orders page after page', async () => {
  fill('open', 1234);
  const open = orders.filter((o) => ['open', 'partially_filled'].includes(o.status)).length;
  await visit('/bids');
  expect((await tab(/^Open/)).textContent).toBe(`Open ${open.toLocaleString('en-US')}`);
  expect(document.querySelector('.answer')?.textContent).toContain(`of ${open.toLocaleString('en-US')} open orders`);
  cleanup();
  await visit('/');
  await waitFor(() => expect(screen.getByText('Your open bids').nextSibling?.textContent).toContain('500+'));
});

it('of the filled orders it shows the newest, says so, and goes on when asked', async () => {
  fill('filled', 450);
  await visit('/bids?show=filled');
  const before = (await tab(/^Filled/)).textContent;
  expect(before).toMatch(/^Filled 20\d\+$/);
  expect(screen.getByRole('button', { name: /^CSV of the newest 20\d$/ })).toBeTruthy();
  fireEvent.click(screen.getByRole('button', { name: 'Show older' }));
  await waitFor(() => expect(screen.getByRole('tab', { name: /^Filled/ }).textContent).toMatch(/^Filled 40\d\+$/));
  fireEvent.click(screen.getByRole('button', { name: 'Show older' }));
  await waitFor(() => expect(screen.getByRole('tab', { name: /^Filled/ }).textContent).toMatch(/^Filled 4[5-9]\d$/));
  expect(screen.queryByRole('button', { name: 'Show older' })).toBeNull();
  expect(screen.getByRole('button', { name: 'CSV of this view' })).toBeTruthy();
});

it('a link to an order shows that order, however old it is', async () => {
  const old = fill('filled', 700).at(-1) as Order;
  await visit(`/bids?order=${old.id}`);
  await waitFor(() => expect(document.querySelector('.split.wide > section:nth-child(2)')?.textContent).toContain(old.id.slice(-6)));
  expect(await screen.findByText('It won all that it asked for.')).toBeTruthy();
  expect(screen.queryByRole('button', { name: 'Cancel order' })).toBeNull();
});

for (const id of ['bid_01KAB6Q0ZX3F4QNOSUCH', 'off_01KAB6Q0ZX3F4QNOSUCH', 'something']) {
  it(`a link to ${id}, which there is not, shows no other order`, async () => {
    await visit(`/bids?order=${id}`);
    expect(await screen.findByText(`There is no order ${id}.`)).toBeTruthy();
    expect(screen.queryByRole('button', { name: 'Cancel order' })).toBeNull();
    expect(screen.queryByRole('button', { name: 'Set limit' })).toBeNull();
  });
}

it('own orders of a round are those of its outcome, whatever the lists hold', async () => {
  orders.splice(0, orders.length, ...fill('filled', 600));
  await visit(`/rounds/${roundNow()}`);
  const table = await screen.findByRole('table', { name: 'Your orders' });
  expect(table.getAttribute('aria-rowcount')).toBe('61');
  expect(table.textContent).toContain('7K2PQ4');
  expect(table.textContent).toContain('a resale');
  expect(screen.queryByText('None of your orders was in this round.')).toBeNull();
});

it('swaps are filtered, the sentence leads to those that the shadow run refused, and older ones can be had', async () => {
  const done = had.swaps.find((s) => s.method === 'resize') as Swap;
  swaps.unshift(...Array.from({ length: 450 }, (_, i) => ({ ...done, id: `swp_01KAB6Q0ZX3F4Qdone${i}` })));
  await visit('/swaps');
  expect(await screen.findByText(/The newest 200 are shown/)).toBeTruthy();
  // Of the newest 200 none was refused: the one that was is older, and the sentence says so.
  expect(document.querySelector('.answer')?.textContent).toContain('Among all swaps, older ones too, the shadow run refused 1 swap: its workload stayed');
  expect(document.querySelector('.answer')?.textContent).toContain('In the last hour 1 was refused or failed: counter-03, refused by the shadow run.');
  const count = () => Number(screen.getByRole('table', { name: 'Swaps' }).getAttribute('aria-rowcount')) - 1;
  fireEvent.click(screen.getByRole('button', { name: '1 swap' }));
  await waitFor(() => expect(count()).toBe(1));
  expect(screen.getByRole('table', { name: 'Swaps' }).textContent).toContain('counter-03');
  fireEvent.click(screen.getByRole('button', { name: 'Under way' }));
  await waitFor(() => expect(screen.getByRole('table', { name: 'Swaps' }).textContent).toContain('Waits for approval'));
  fireEvent.click(screen.getByRole('button', { name: 'Moves' }));
  // None of the newest 200 is one: older ones are read until one is.
  await waitFor(() => expect(count()).toBe(3));
  fireEvent.click(screen.getByRole('button', { name: 'All' }));
  expect(await screen.findByText(/The newest 200 are shown/)).toBeTruthy();
  fireEvent.click(screen.getByRole('button', { name: 'Show older' }));
  await waitFor(() => expect(screen.getByText(/The newest 400 are shown/)).toBeTruthy());
});

it('a move is looked for as far back as need be, with progress; that there is none is said of all that were read', async () => {
  const done = had.swaps.find((s) => s.method === 'resize') as Swap;
  const resizes = (count: number) => Array.from({ length: count }, (_, i) => ({ ...done, id: `swp_01KAB6Q0ZX3F4Qdone${i}` }));
  const move = had.swaps.find((s) => s.state === 'done' && s.method !== 'resize') as Swap;
  swaps.splice(0, swaps.length, ...resizes(1900), move, ...resizes(700).map((s) => ({ ...s, id: `${s.id}older` })));
  const real = globalThis.fetch;
  let asked = 0;
  let release = () => {};
  globalThis.fetch = (async (input: RequestInfo | URL, init?: RequestInit) => {
    // The third of the older pages waits, so that what is said meanwhile can be read.
    if (/limit=500&starting_after=swp_/.test(String(input)) && !/status=/.test(String(input))) { asked += 1; if (asked === 3) await new Promise<void>((go) => { release = go; }); }
    return real(input, init);
  }) as typeof fetch;
  try {
    await visit('/swaps?show=moves');
    expect(await screen.findByText('None of the newest 1,200 swaps was a move; looking through older ones…')).toBeTruthy();
    release();
    await waitFor(() => expect(screen.getByRole('table', { name: 'Swaps' }).textContent).toContain('rna-seq-02'));
    // Found: it stops, and the rest can be had.
    expect([asked, screen.getByText(/^1 among the newest 2,200 swaps; there are older ones/)]).toEqual([4, expect.anything()]);
    fireEvent.click(screen.getByRole('button', { name: 'Show older' }));
    await waitFor(() => expect(screen.queryByRole('button', { name: 'Show older' })).toBeNull());
  } finally {
    globalThis.fetch = real;
  }
  cleanup();
  forget();
  queryClient.clear();
  swaps.splice(0, swaps.length, ...resizes(777));
  await visit('/swaps?show=moves');
  expect(await screen.findByText('None of all 777 swaps was a move.')).toBeTruthy();
});

it('movements come newest first, as deliveries do, also those of one moment', async () => {
  const [last, before] = [statement.lines.at(-1), statement.lines.at(-2)] as [StatementLine, StatementLine];
  const at = last.at;
  last.at = before.at;
  try {
    await visit('/finance');
    for (const name of ['Movements', 'Deliveries']) expect((await screen.findByRole('table', { name })).querySelector('th')?.getAttribute('aria-sort')).toBe('descending');
    const rows = [...screen.getByRole('table', { name: 'Movements' }).querySelectorAll('tbody tr')].map((r) => r.textContent);
    expect(rows[0]).toContain(last.description);
    expect(rows[1]).toContain(before.description);
    expect(rows.at(-1)).toContain(statement.lines[0]?.description);
  } finally {
    last.at = at;
  }
});

it('a phone shows of a swap its workload, its state and its age, and no column that lies out of sight', async () => {
  await visit('/swaps');
  const heads = [...(await screen.findByRole('table', { name: 'Swaps' })).querySelectorAll('th')].filter((h) => !/phone-hide|narrow-hide/.test(h.className));
  expect(heads.map((h) => h.textContent?.replace(/[▲▼]/, ''))).toEqual(['Workload', 'State', 'Age']);
});

it('a legend is there at every width', async () => {
  await visit('/');
  const legend = await waitFor(() => { const l = document.querySelector('.legend'); if (!l) throw new Error('none'); return l; });
  expect(legend.closest('.narrow-hide, .phone-hide')).toBeNull();
});

it('who does not trade is offered no bid on the market', async () => {
  await visit('/', 'operator');
  await screen.findAllByRole('link', { name: 'fra1-gp' });
  expect(screen.queryByRole('link', { name: /^Bid in/ })).toBeNull();
  cleanup();
  forget();
  queryClient.clear();
  await visit('/', 'bidder');
  expect((await screen.findAllByRole('link', { name: /^Bid in/ })).length).toBeGreaterThan(0);
});

it('the key for a new bid leads into the first field of the ticket', async () => {
  await visit('/');
  fireEvent.keyDown(document.body, { key: 'b' });
  await waitFor(() => expect(document.activeElement).toBe(screen.getByLabelText('CPU')));
});
