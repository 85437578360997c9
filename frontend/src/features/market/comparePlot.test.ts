import { expect, it } from 'vitest';
import type { PricePoint } from '@/lib/api';
import { comparePlot } from './comparePlot';

const T = Date.parse('2026-11-20T10:00:00Z');
const point = (slot: number, price: string): PricePoint => ({ slot: new Date(T + slot * 60_000).toISOString().replace('.000Z', 'Z'), round: 1, price, low: price, high: price, volume: 1, set_by: 'mean', reserve: null, cleared_at: '' });
const values = (prices: Record<string, PricePoint[]>) => { const plot = comparePlot(Object.keys(prices), Object.keys(prices), prices, 'cpu_milli', 60, T / 1000 + 600); return [plot.x.map((x) => (x - T / 1000) / 60), ...plot.series.map((s) => s.values)]; };

it('a price holds for its slot, the last one too', () => {
  expect(values({ a: [point(0, '0.001'), point(1, '0.002')] })).toEqual([[0, 1, 2], [1, 2, 2]]);
});
it('where nobody traded nothing is drawn, in one pool or in all', () => {
  expect(values({ a: [point(0, '0.001'), point(4, '0.002')], b: [point(0, '0.003'), point(1, '0.003'), point(4, '0.004')] }))
    .toEqual([[0, 1, 2, 4, 5], [1, null, null, 2, 2], [3, 3, null, 4, 4]]);
});
it('what is still traded is told apart from what has begun', () => {
  const plot = comparePlot(['a'], ['a'], { a: [point(0, '0.001'), point(1, '0.002')] }, 'cpu_milli', 60, T / 1000 + 30);
  expect(plot.series.map((s) => [s.label, s.open ?? false, s.values])).toEqual([['a', false, [1, 1, null]], ['a so far, slot still open', true, [null, 2, 2]]]);
});
