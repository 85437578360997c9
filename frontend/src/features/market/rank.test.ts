import { expect, it } from 'vitest';
import { pools, prices } from '@/mocks/pools';
import { formatMoney } from '@/lib/money';
import type { PricePoint } from '@/lib/api';
import { iso, SLOT, slotAt } from '@/mocks/clock';
import { lineOf } from './line';
import { heldNeed, needOf } from './need';
import { quantile, rank } from './rank';

it('ranks by my cost; pools without room or price come last', () => {
  const map = Object.fromEntries(pools.map((p) => [p.slug, prices(p.slug, 'cpu_milli', 60)]));
  const rows = rank(pools, map, { resource: 'cpu_milli', amount: 64, slots: 6, slotSeconds: 300 });
  const fra = rows.find((r) => r.pool.slug === 'fra1-gp');
  expect(fra?.cost && formatMoney(fra.cost)).toBe('479.23');
  const fitting = rows.filter((r) => r.fits);
  expect(fitting.map((r) => r.cost)).toEqual(fitting.map((r) => r.cost).toSorted((a, b) => Number((a ?? 0n) - (b ?? 0n))));
  expect(rows.at(-1)?.pool.slug).toBe('par1-gp');
});
it('interpolates quantiles', () => expect(quantile([1, 2, 3, 4], 0.5)).toBe(2.5));

it('the figure is what the chart shows for the slots of the need, not the last trade at the margin', () => {
  const pool = pools.find((p) => p.slug === 'fra1-gp') as (typeof pools)[number];
  const point = (n: number, price: string): PricePoint => ({ slot: slotAt(n), round: n, price, low: price, high: price, volume: 1, set_by: 'mean', reserve: null, cleared_at: iso(n) });
  const map = { 'fra1-gp': [point(0, '0.000500000'), point(1, '0.001000000'), point(2, '0.002000000')] };
  const row = (slots: number) => rank([pool], map, { resource: 'cpu_milli', amount: 1, slots, slotSeconds: SLOT / 1000 })[0];
  expect(row(1)?.price).toBe(1);
  expect(row(2)?.price).toBe(1.5);
  // The third slot has no trade yet: it counts at the last one before it.
  expect(row(3)?.cost).toBe(5_000_000n);
  // Where nothing was traded it counts at what the operator sells from, and without that not at all.
  const untraded = (p: typeof pool, known: Record<string, PricePoint[]> = { 'fra1-gp': [] }) => rank([p], known, { resource: 'cpu_milli', amount: 1, slots: 2, slotSeconds: 300 })[0];
  const reserve = (at: string | null) => ({ ...pool, resources: pool.resources.map((r) => ({ ...r, reserve: at })) });
  expect(untraded(reserve('0.000500000'))).toMatchObject({ asked: '0.000500000', raw: null, price: null, cost: 1_000_000n });
  expect(untraded(reserve('0.000500000'), {})).toMatchObject({ asked: null, cost: null, fits: false });
  expect(untraded(reserve(null))).toMatchObject({ asked: null, cost: null, fits: false });
  const halted = { ...reserve('0.000500000'), halted: { reason: 'r', by: 'b', at: iso(0) } as unknown as typeof pool.halted };
  expect(untraded(halted)).toMatchObject({ asked: null, cost: null, fits: false });
});

it('a need that is no plain number is not costed as another one', () => {
  const map = Object.fromEntries(pools.map((p) => [p.slug, prices(p.slug, 'cpu_milli', 60)]));
  expect(needOf('cpu_milli', '1.5', '7', 300, 6)).toMatchObject({ amount: 1.5, slots: 2 });
  for (const need of [needOf('cpu_milli', '1,5', '5', 300, 6), needOf('cpu_milli', '1', '1e1', 300, 6), needOf('cpu_milli', '0', '5', 300, 6), needOf('cpu_milli', '1', '0', 300, 6), needOf('cpu_milli', '1', '31', 300, 6)]) {
    const rows = rank(pools, map, need);
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.every((r) => r.cost === null && !r.fits)).toBe(true);
  }
});

it('keeps the last need that could be costed, of the same resource, and says so', () => {
  const good = needOf('cpu_milli', '2', '10', 300, 6);
  const bad = needOf('cpu_milli', '2', '99999', 300, 6);
  expect(heldNeed(good, null)).toEqual(good);
  expect(heldNeed(bad, good)).toEqual({ ...good, held: true });
  expect(heldNeed(bad, null).slots).toBeNull();
  expect(heldNeed(needOf('mem_mib', '0', '5', 300, 6), good).amount).toBeNull();
});

it('a pool keeps its line whatever the order of the pools, and no two have the same', () => {
  const slugs = Array.from({ length: 16 }, (_, i) => `pool-${String.fromCharCode(97 + i)}`);
  const lines = slugs.map((s) => JSON.stringify(lineOf(s, slugs)));
  expect(new Set(lines).size).toBe(16);
  expect(slugs.map((s) => JSON.stringify(lineOf(s, slugs.toReversed())))).toEqual(lines);
});
