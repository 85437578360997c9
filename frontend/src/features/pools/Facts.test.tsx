// A price names the slot that it is of, also while the pool is halted.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, render } from '@testing-library/react';
import { afterEach, expect, it } from 'vitest';
import type { Pool, PricePoint } from '@/lib/api';
import { clock, dayClock } from '@/lib/time';
import { pools, prices } from '@/mocks/pools';
import { SLOT, SLOT_NOW, iso, slotAt } from '@/mocks/clock';
import { Facts } from './Facts';

afterEach(cleanup);
const pool = pools.find((p) => p.slug === 'fra1-gp') as Pool;
const facts = (of: Pool, points: PricePoint[]) => {
  const { container } = render(<QueryClientProvider client={new QueryClient()}><Facts pool={of} resource="cpu_milli" prices={points} /></QueryClientProvider>);
  return Object.fromEntries([...container.querySelectorAll('.strip > div')].map((d) => [d.querySelector('dt')?.textContent ?? '', d.querySelector('dd')?.textContent ?? '']));
};
const tradedFor = (slot: string): Pool => ({ ...pool, resources: pool.resources.map((r) => ({ ...r, price: r.price && { ...r.price, slot } })) });

it('labels the last trade with its own slot, not with the next one', () => {
  const said = facts(tradedFor(slotAt(4)), prices('fra1-gp', 'cpu_milli', 20));
  expect(said[`Last round’s price, for ${clock(slotAt(4), 'UTC')}`]).toContain('1.2480');
  expect(said[`Last round’s price, for ${clock(slotAt(1), 'UTC')}`]).toBeUndefined();
  expect(said[`Price now, mean for ${clock(slotAt(1), 'UTC')}, cr/core·slot`]).toBe('1.2480');
});
it('says the day of a slot that is long past, and which slot was traded last', () => {
  const past = iso(SLOT_NOW - 2 * 86_400_000);
  const [point] = prices('fra1-gp', 'cpu_milli', 1);
  const said = facts(tradedFor(past), [{ ...(point as PricePoint), slot: iso(SLOT_NOW - 9 * SLOT) }]);
  expect(said[`Last round’s price, for ${dayClock(past, 'UTC')}`]).toContain('1.2480');
  expect(said[`Price now, mean for ${clock(SLOT_NOW - 9 * SLOT, 'UTC')}: ${clock(pool.next_slot, 'UTC')} is not traded yet, cr/core·slot`]).toBe('1.2480');
});
it('has the prices of a halted pool, too', () => {
  const said = facts({ ...tradedFor(slotAt(1)), halted: { by: 'usr_1', at: slotAt(0), reason: 'a fan' } }, prices('fra1-gp', 'cpu_milli', 20));
  expect(Object.values(said).filter((v) => v === 'none')).toEqual([]);
});

it('a last price is said where the history has one', () => {
  const untold = { ...pool, resources: pool.resources.map((r) => ({ ...r, price: null })) };
  const [point] = prices('fra1-gp', 'cpu_milli', 1);
  const said = facts(untold, [{ ...(point as PricePoint), slot: iso(SLOT_NOW - 9 * SLOT), close: '0.002000000' }]);
  expect(said[`Last round’s price, for ${clock(SLOT_NOW - 9 * SLOT, 'UTC')}`]).toContain('2.0000');
});
