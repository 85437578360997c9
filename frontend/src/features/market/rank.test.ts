import { expect, it } from 'vitest';
import { pools, prices } from '@/mocks/pools';
import { formatMoney } from '@/lib/money';
import { quantile, rank } from './rank';

it('ranks by my cost; pools without room or price come last', () => {
  const map = Object.fromEntries(pools.map((p) => [p.slug, prices(p.slug, 'cpu_milli', 60)]));
  const rows = rank(pools, map, { resource: 'cpu_milli', amount: 64, slots: 6 });
  const fra = rows.find((r) => r.pool.slug === 'fra1-gp');
  expect(fra?.cost && formatMoney(fra.cost)).toBe('479.23');
  const fitting = rows.filter((r) => r.fits);
  expect(fitting.map((r) => r.cost)).toEqual(fitting.map((r) => r.cost).toSorted((a, b) => Number((a ?? 0n) - (b ?? 0n))));
  expect(rows.at(-1)?.pool.slug).toBe('par1-gp');
});
it('interpolates quantiles', () => expect(quantile([1, 2, 3, 4], 0.5)).toBe(2.5));
