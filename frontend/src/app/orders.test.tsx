// One's orders: what waits comes first, by hand or not is told apart, and on a phone the answer to "why" comes to who asked.
import { QueryClientProvider } from '@tanstack/react-query';
import { createMemoryHistory, RouterProvider } from '@tanstack/react-router';
import { cleanup, fireEvent, render, screen, waitFor, within } from '@testing-library/react';
import { afterEach, expect, it, vi } from 'vitest';
import type { Order } from '@/lib/api';
import { ago } from '@/mocks/clock';
import { orders } from '@/mocks/orders';
import { asRole } from '@/mocks/setup';
import { forget } from './identity';
import { queryClient } from './queryClient';
import { makeRouter } from './router';

vi.mock('@/components/charts/PlotCanvas', () => ({ default: () => null }));
window.scrollTo = () => {};
const had = structuredClone(orders);
const media = window.matchMedia;
afterEach(() => { cleanup(); forget(); queryClient.clear(); window.matchMedia = media; orders.splice(0, orders.length, ...structuredClone(had)); });
const onPhone = () => { window.matchMedia = ((text: string) => ({ media: text, matches: text.includes('max-width:639px'), addEventListener: () => {}, removeEventListener: () => {} })) as unknown as typeof window.matchMedia; };

async function visit(path: string) {
  asRole.role = 'bidder';
  const router = makeRouter(createMemoryHistory({ initialEntries: [path] }));
  render(<QueryClientProvider client={queryClient}><RouterProvider router={router} /></QueryClientProvider>);
  await screen.findByRole('table', { name: 'Orders' });
  return router;
}
const rows = () => [...screen.getByRole('table', { name: 'Orders' }).querySelectorAll('tbody tr')].map((r) => r.textContent ?? '');

it('opens with what waits, and the page’s address says what else is chosen', async () => {
  const router = await visit('/bids');
  expect(screen.getByRole('tab', { name: /^Open/ }).getAttribute('aria-selected')).toBe('true');
  expect(rows()).toHaveLength(orders.filter((o) => ['open', 'partially_filled'].includes(o.status)).length);
  fireEvent.change(screen.getByLabelText('Placed by'), { target: { value: 'hand' } });
  await waitFor(() => expect(router.state.location.search).toEqual({ by: 'hand' }));
});

it('tells orders by hand from automatic ones, and says among how many it has looked', async () => {
  const [first] = orders as [Order];
  const made = (origin: Order['origin'], count: number, from: number) => Array.from({ length: count }, (_, i) => ({ ...first, id: `bid_01KAB6Q0ZX3F4Q${origin}${String(i).padStart(5, '0')}`, origin, status: 'filled', created_at: ago(from + i), updated_at: ago(from + i) }));
  orders.splice(0, orders.length, ...made('manual', 2, 50), ...made('draw', 1, 60), ...made('auto_bid', 230, 100));
  await visit('/bids?show=filled&by=hand');
  await waitFor(() => expect(rows()).toHaveLength(2));
  expect(screen.getByText(/^Placed by hand: 2 among the \d+ orders that are loaded; there are older ones\.$/)).toBeTruthy();
  expect(screen.getByRole('tab', { name: /^Filled/ }).textContent).toBe('Filled 2+');
  expect(screen.queryByRole('img', { name: 'automatic' })).toBeNull();
  fireEvent.change(screen.getByLabelText('Placed by'), { target: { value: 'draw' } });
  await waitFor(() => expect(rows()).toHaveLength(1));
  expect(screen.getByRole('img', { name: 'taken at once' })).toBeTruthy();
  fireEvent.change(screen.getByLabelText('Placed by'), { target: { value: 'auto' } });
  await waitFor(() => expect(screen.getByRole('table', { name: 'Orders' }).getAttribute('aria-rowcount')).toBe('198'));
  fireEvent.mouseDown(screen.getByRole('tab', { name: /^Closed/ }));
  expect(await screen.findByText('Placed automatically: none of the 0 that are loaded.')).toBeTruthy();
});

it('that nobody placed an order by hand is a sign at its name, which takes no room from the reason', async () => {
  await visit('/bids?show=filled');
  const row = rows().find((text) => text.includes('7K1X5E'));
  expect([row?.includes('lent'), row?.includes('automatic')]).toEqual([true, false]);
  expect(screen.getByRole('img', { name: 'automatic' }).closest('tr')?.textContent).toContain('7K1X5E');
});

it('on a phone why an order did not win comes over the list with the focus in it, and leads back', async () => {
  onPhone();
  const router = await visit('/bids');
  const order = orders.find((o) => o.id.endsWith('7K2M9X')) as Order;
  expect(screen.queryByRole('dialog')).toBeNull();
  const opener = screen.getByRole('button', { name: /^bid 7K2M9X/ });
  opener.focus();
  fireEvent.click(opener);
  const sheet = await screen.findByRole('dialog', { name: 'Order 7K2M9X' });
  expect(await within(sheet).findByText(/^Short by/)).toBeTruthy();
  expect(sheet.contains(document.activeElement)).toBe(true);
  expect(router.state.location.search).toEqual({ order: order.id });
  fireEvent.click(within(sheet).getByRole('button', { name: 'Back to the orders' }));
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  expect(document.activeElement).toBe(opener);
});

const AUTOMATIC = 18;
/** Bids of a strategy that the last round left under its price. */
const automatic = (): Order[] => {
  const [first] = orders as [Order];
  return Array.from({ length: AUTOMATIC }, (_, i) => ({
    ...first, id: `bid_01KAB6Q0ZX3F4QAUTO${String(i).padStart(5, '0')}`, origin: 'auto_bid', status: 'open', instance: 'ins_01KAB6Q0ZX3F4QVARIANT', created_at: ago(1), updated_at: ago(1),
    last_reason: { reason: 'OUT_OF_MONEY', round: 948_212, price_faced: '2.000000', shortfall: '1.000000' },
  }));
};

it('automatic bids under the price are one calm row a workload', async () => {
  orders.unshift(...automatic());
  await visit('/bids');
  const byHand = orders.filter((o) => ['open', 'partially_filled'].includes(o.status) && o.origin === 'manual').length;
  expect(rows().slice(0, byHand).some((text) => text.includes('AUTO'))).toBe(false);
  expect(rows().some((text) => text.includes('00001'))).toBe(false);
  const row = screen.getByText(/^: 18 automatic bids wait for lower prices$/);
  expect(screen.getByText(/open orders did not win all of it/).textContent).toMatch(/Beside them 18 automatic bids wait for lower prices\.$/);
  fireEvent.click(row);
  const shown = row.closest('details') as HTMLDetailsElement;
  shown.open = true;
  fireEvent(shown, new Event('toggle'));
  const table = await within(shown).findByRole('table', { name: 'Orders' });
  expect(table.querySelectorAll('tbody tr')).toHaveLength(AUTOMATIC);
  expect(table.textContent).not.toContain('Not filled');
  expect(table.textContent).toContain('waits for a lower price');
});

it('the side panel opens on a click and stays with its order', async () => {
  await visit('/bids');
  expect(document.querySelector('.split')).toBeNull();
  const order = orders.find((o) => o.id.endsWith('7K2M9X')) as Order;
  fireEvent.click(screen.getByRole('button', { name: /^bid 7K2M9X/ }));
  await screen.findByRole('button', { name: 'Cancel order' });
  // A round fills it, and leaves another one under its price.
  order.status = 'filled';
  const other = orders.find((o) => o.id.endsWith('7K2RA1')) as Order;
  other.last_reason = { reason: 'OUT_OF_MONEY', round: 948_213, price_faced: '2.000000', shortfall: '1.000000' };
  await queryClient.invalidateQueries();
  await waitFor(() => expect(screen.queryByRole('button', { name: 'Cancel order' })).toBeNull());
  expect(screen.getByText(/fra1-gp, 64 cores/).closest('.split')).toBeTruthy();
  expect(screen.queryByText(/waw1-gp, 32 cores/)).toBeNull();
});
