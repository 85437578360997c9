// The file of a table is what the screen shows, in its units; what it says of money is exact.
import { QueryClientProvider } from '@tanstack/react-query';
import { createMemoryHistory, RouterProvider } from '@tanstack/react-router';
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import { afterEach, expect, it, vi } from 'vitest';
import { orders } from '@/mocks/orders';
import { pools } from '@/mocks/pools';
import { asRole } from '@/mocks/setup';
import { instances } from '@/mocks/swaps';
import { forget } from './identity';
import { queryClient } from './queryClient';
import { makeRouter } from './router';

const saved = vi.hoisted(() => ({ files: {} as Record<string, string> }));
vi.mock('@/lib/csv', async (real) => ({ ...(await real<typeof import('@/lib/csv')>()), download: (name: string, text: string) => { saved.files[name] = text; } }));
vi.mock('@/components/charts/PlotCanvas', () => ({ default: () => null }));
window.scrollTo = () => {};
afterEach(() => { cleanup(); forget(); queryClient.clear(); saved.files = {}; });

/** Enough of RFC 4180 for a test: cells with commas are quoted, and none has a line break. */
const cellsOf = (line: string) => [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map((m) => (m[1] ?? m[2] ?? '').replaceAll('""', '"'));
/** `whole`: whether the page has all that it is going to show. */
async function fileOf(path: string, button: string, name: string, whole: (rows: Record<string, string>[]) => boolean, role = 'bidder') {
  asRole.role = role;
  render(<QueryClientProvider client={queryClient}><RouterProvider router={makeRouter(createMemoryHistory({ initialEntries: [path] }))} /></QueryClientProvider>);
  return waitFor(() => {
    // A page with several tables has as many files.
    for (const save of screen.getAllByRole('button', { name: button })) fireEvent.click(save);
    const [head = '', ...lines] = (saved.files[name] ?? '').trim().split('\r\n');
    const rows = lines.map((line) => Object.fromEntries(cellsOf(line).map((cell, i) => [cellsOf(head)[i], cell] as const)));
    expect(whole(rows)).toBe(true);
    return { head: cellsOf(head), rows };
  });
}

it('the market: every column of the page, free in cores as the price is a core’s, and taken in per cent', async () => {
  const { head, rows } = await fileOf('/', 'Export view', 'market.csv', (rows) => rows.some((r) => r['Your need, cr'] !== ''));
  expect(head).toEqual(['Pool', 'Marks', 'Place', 'Tier', 'Mean price of the slots of your need, cr/core·slot', 'Change in 1 h, %', 'Usual range from, cr/core·slot', 'Usual range middle, cr/core·slot', 'Usual range to, cr/core·slot',
    'Swing per slot, %', 'Price of the newest slot to the next one, cr/core·slot', 'Taken, %', 'Free, cores', 'Your need, cr', 'Room for your need']);
  const cpu = pools.find((p) => p.slug === rows[0]?.Pool)?.resources.find((r) => r.resource === 'cpu_milli');
  expect(rows[0]).toMatchObject({ Marks: 'best fit', 'Free, cores': String((cpu?.free ?? 0) / 1000), 'Taken, %': String(Math.round((cpu?.utilisation ?? 0) * 100)), 'Room for your need': 'yes' });
  expect(rows[0]?.['Your need, cr']).toMatch(/^\d+\.\d{6}$/);
  expect(rows.find((r) => r.Pool === 'par1-gp')).toMatchObject({ Marks: 'halted', 'Your need, cr': '', 'Room for your need': 'no' });
});

it('orders: state and reason in words and as a code, both ends of the window, the exact limit, and filled of how much', async () => {
  const { head, rows } = await fileOf('/bids?show=all', 'CSV of this view', 'orders.csv', (rows) => rows.length === orders.length);
  expect(head).toEqual(['Side', 'Order', 'Placed', 'Pool', 'Bundle', 'Project', 'Window from', 'Window to', 'Limit, cr per slot', 'Limit of the whole order, cr', 'Filled', 'Filled of', 'Unit of what is filled', 'State', 'Why', 'Reason code', 'Placed at']);
  const order = orders.find((o) => o.last_reason?.reason === 'OUT_OF_MONEY') as (typeof orders)[number];
  expect(rows.find((r) => r.Order === order.id)).toMatchObject({
    Side: 'bid', 'Window from': order.window.start_at, 'Window to': order.window.end_at, 'Limit, cr per slot': '93.000000', 'Limit of the whole order, cr': '558.000000',
    Filled: '0', 'Filled of': '64', 'Unit of what is filled': 'cores', State: 'Not filled', Why: 'limit under the price', 'Reason code': 'OUT_OF_MONEY',
  });
  expect(rows.find((r) => r.Order?.endsWith('7K1X5E'))).toMatchObject({ Placed: 'automatic', Why: 'lent', 'Reason code': '' });
  expect(rows.find((r) => r.Order?.endsWith('7K1Z0C'))).toMatchObject({ Filled: '72', 'Filled of': '96', State: 'Partly filled' });
});

it('deliveries: amounts and prices in the unit of the head, and no round where there was none', async () => {
  const { head, rows } = await fileOf('/finance', 'CSV of this view', 'deliveries.csv', (rows) => rows.length > 0, 'tenant');
  expect(head.filter((h) => /Awarded|Delivered|Price/.test(h ?? ''))).toEqual(['Awarded CPU, cores', 'Delivered CPU, cores', 'Price of CPU, cr/core·slot']);
  expect(rows.find((r) => r.Round === '940002')).toMatchObject({ Resource: 'CPU', 'Awarded CPU, cores': '16', 'Delivered CPU, cores': '12', 'Price of CPU, cr/core·slot': '0.9', 'Amount, cr': '10.800000', 'Why less': 'it came late, or in part' });
  expect(rows.filter((r) => r.Round === '')).toHaveLength(1);
});

it('workloads: memory used of how much, each with its unit, the state in the words of the page, and no chance of some millionths', async () => {
  const { head, rows } = await fileOf('/workloads', 'CSV of this view', 'workloads.csv', (rows) => rows.some((r) => r['Runs short, %'] !== ''));
  expect(head).toEqual(expect.arrayContaining(['Baseline, cores', 'Limit now, cores', 'Used, cores', 'Memory used, GiB', 'Memory limit, GiB', 'Runs short, %']));
  const [one] = instances;
  expect(rows.find((r) => r.Workload === one?.name)).toMatchObject({ State: 'Running', 'Memory limit, GiB': String((one?.in_force.mem_mib ?? 0) / 1024) });
  const stopped = instances.find((i) => i.state === 'stopped');
  expect(rows.find((r) => r.Workload === stopped?.name)).toMatchObject({ State: 'Stopped', 'Limit now, cores': '', 'Memory limit, GiB': '' });
  expect(rows.every((r) => /^(|\d+)$/.test(r['Runs short, %'] ?? '?'))).toBe(true);
});
