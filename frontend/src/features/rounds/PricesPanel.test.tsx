import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, expect, it } from 'vitest';
import type { NodePremium, PriceToExternality, RoundPrice } from '@/lib/api';
import { PricesPanel } from './PricesPanel';

afterEach(cleanup);
const price = (volume: number): RoundPrice => ({ pool: `p${volume}`, resource: 'cpu_milli', slot: '2026-11-25T10:00:00Z', price: '0.000144000', volume, supply: 0, reserve: null, set_by: 'bid:bid_01m881qzydfx6rg5r4d3t9jcmp' });

it('a price at which nothing was traded was set by nobody, and is muted', () => {
  render(<PricesPanel prices={[price(0), price(2000)]} />);
  const [still, traded] = ['p0', 'p2000'].map((pool) => screen.getByText(pool).closest('tr') as HTMLElement);
  expect([still?.textContent?.includes('not traded'), still?.textContent?.includes('Bid'), still?.querySelector('.big')]).toEqual([true, false, null]);
  expect([traded?.textContent?.includes('not traded'), traded?.textContent?.includes('▲ Bid'), traded?.querySelector('.big') === null]).toEqual([false, true, false]);
});

it('what winners pay is compared with what their winning costs others', () => {
  const of = (more: Partial<PriceToExternality>) => ({ round: 1, price_to_externality: { winners: 40, looked_at: 16, paid: '50.000000', externality: '35.000000', ratio: '1.428', least: '1.000', greatest: '2.100', ...more }, no_externality: null });
  const { container, rerender } = render(<PricesPanel prices={[price(1)]} externality={of({})} />);
  expect(container.textContent).toContain('1.428. Together 16 of the 40 winning bids, chosen by the book’s hash, pay 50.00 cr; what their winning costs all others, the operator among them, is 35.00 cr (a single bid: 1.000 to 2.100)');
  rerender(<PricesPanel prices={[price(1)]} externality={of({ winners: 1, looked_at: 1, externality: '0.000000', ratio: null, least: null, greatest: null })} />);
  expect(container.textContent).toContain('the winning bid pays 50.00 cr, and nobody would be better off without');
  rerender(<PricesPanel prices={[price(1)]} externality={of({ paid: null, externality: null, least: null, greatest: null })} />);
  expect(container.textContent).toContain('1.428. That is what 16 of the 40 winning bids, chosen by the book’s hash, pay, beside what their winning costs all others');
  rerender(<PricesPanel prices={[price(1)]} externality={of({ winners: 2, looked_at: 2, ratio: null, paid: null, externality: null, least: null, greatest: null })} />);
  expect(container.textContent).toContain('not told of so few winning bids');
});

const many = (count: number, volume: number) => Array.from({ length: count }, (_, i) => ({ ...price(volume), pool: `${volume ? 'traded' : 'still'}-${i}` }));
const pools = () => [...document.querySelectorAll('tbody tr')].map((r) => r.querySelector('td')?.textContent);

it('what was traded comes first', () => {
  render(<PricesPanel prices={[price(0), price(2000)]} />);
  expect(pools()).toEqual(['p2000', 'p0']);
  expect(screen.queryByRole('button', { name: /not traded/ })).toBeNull();
});
it('many that were not traded are folded behind a button that says how many', () => {
  render(<PricesPanel prices={[...many(30, 0), ...many(2, 2000)]} />);
  expect(pools()).toEqual(['traded-0', 'traded-1']);
  fireEvent.click(screen.getByRole('button', { name: 'Show 30 that were not traded' }));
  expect([pools().length, pools()[0]]).toEqual([32, 'traded-0']);
  fireEvent.click(screen.getByRole('button', { name: 'Hide 30 that were not traded' }));
  expect(pools()).toHaveLength(2);
});
it('a full node stands under its product with what it costs there, and stays there however the table is sorted', () => {
  const [cheap, dear] = [price(1000), { ...price(2000), pool: 'dear', price: '0.004100000' }];
  const premiums: NodePremium[] = [{ pool: 'dear', node: 'nod_01KAB6Q0ZX3F4Q6X4ACTM9', resource: 'cpu_milli', slot: dear.slot, premium: '0.002200000' }, { pool: 'dear', node: 'nod_01KAB6Q0ZX3F4QBVCS4NP2', resource: 'mem_mib', slot: dear.slot, premium: '0.000001000' }];
  render(<QueryClientProvider client={new QueryClient()}><PricesPanel prices={[cheap, dear]} premiums={premiums} /></QueryClientProvider>);
  const rows = () => [...document.querySelectorAll('tbody tr')].map((r) => r.textContent);
  // One of another resource is not of this product.
  expect(rows()).toHaveLength(3);
  expect(rows()[2]).toMatch(/^node .* is full:/);
  expect(rows()[2]).toContain('+ 2.2000 → 6.3000');
  for (const _ of ['up', 'down']) {
    fireEvent.click(screen.getByRole('button', { name: /Price, cr/ }));
    expect(rows()[rows().findIndex((text) => text?.startsWith('dear')) + 1]).toMatch(/is full/);
  }
});
it('a product with a full node is shown also where nothing of it was traded', () => {
  const still = { ...price(0), pool: 'still-full' };
  render(<QueryClientProvider client={new QueryClient()}><PricesPanel prices={[...many(30, 0), still]} premiums={[{ pool: 'still-full', node: 'nod_1', resource: 'cpu_milli', slot: still.slot, premium: '0.000001000' }]} /></QueryClientProvider>);
  expect(pools()[0]).toBe('still-full');
  expect(pools()).toHaveLength(2);
});
it('says so where nothing was traded at all', () => {
  render(<PricesPanel prices={many(30, 0)} />);
  expect(pools()).toEqual(['Nothing was traded in this round.']);
});
