import { expect, it } from 'vitest';
import { type Award, currentPrice, type PricePoint } from '@/lib/api';
import { drawn, type Input, pricePanes } from './history';
import { fillsOf } from './useFills';

const point = (slot: string, price: string): PricePoint => ({ slot, round: 1, price, low: price, high: price, volume: 64_000, set_by: 'mean', reserve: null, cleared_at: slot });
const pricePlot = (input: Omit<Input, 'current'>) => pricePanes({ ...input, current: null }).price;
const slots = ['2026-11-20T10:00:00Z', '2026-11-20T10:05:00Z'];

it('a price holds to the end of its slot, a reserve that is not told per slot is the present one', () => {
  const plot = pricePlot({ resource: 'cpu_milli', prices: slots.map((s, i) => point(s, `0.00124800${i}`)), demand: [], fills: [{ slot: slots[0] ?? '', quantity: 32_000 }], now: Date.parse('2026-11-20T10:07:00Z'), reserve: '0.000900000', slotSeconds: 300 });
  expect(plot.x.at(-1)).toBe(Date.parse('2026-11-20T10:10:00Z') / 1000);
  const price = plot.series.find((s) => s.label === 'Price');
  expect(price?.values.at(-1)).toBe(price?.values.at(-2));
  expect(plot.series.find((s) => s.label === 'Reserve')?.values).toEqual([0.9, 0.9, 0.9]);
  expect(plot.marks).toEqual([{ x: Date.parse('2026-11-20T10:02:30Z') / 1000, y: 1.248, text: '32' }]);
});

it('the line has a gap where no slot was traded; the reserve price goes on as it was', () => {
  const after = '2026-11-20T10:20:00Z';
  const plot = pricePlot({ resource: 'cpu_milli', prices: [{ ...point(slots[0] ?? '', '0.001000000'), reserve: '0.000800000' }, point(after, '0.002000000')], demand: [], fills: [], now: Date.parse('2026-11-20T10:21:00Z'), reserve: '0.000900000', slotSeconds: 300 });
  expect(plot.x.map((x) => (x - Date.parse(slots[0] ?? '') / 1000) / 300)).toEqual([0, 1, 4, 5]);
  const price = plot.series.find((s) => s.label === 'Price');
  expect([price?.gaps, price?.values]).toEqual([true, [1, null, 2, 2]]);
  expect(plot.series.find((s) => s.label === 'Reserve')?.values).toEqual([0.8, 0.8, 0.9, 0.9]);
});

it('a young pool, whose only prices are of slots to come, still shows the present slot and Now inside it', () => {
  for (const count of [1, 2]) {
    const plot = pricePlot({ resource: 'cpu_milli', prices: slots.slice(0, count).map((s) => point(s, '0.000900000')), demand: [], fills: [], now: Date.parse('2026-11-20T09:58:20Z'), reserve: '0.000900000', slotSeconds: 300 });
    expect(plot.x[0]).toBe(Date.parse('2026-11-20T09:55:00Z') / 1000);
    expect(plot.now).toBeGreaterThan(plot.x[0] ?? 0);
    expect(plot.x).toHaveLength(count + 2);
    // No price is made up for it.
    expect(plot.series.find((s) => s.label === 'Price')?.values[0]).toBeNull();
  }
});

it('a legend names what is drawn and nothing else', () => {
  const input = { resource: 'cpu_milli', prices: [point(slots[0] ?? '', '0.000150000')], fills: [], demand: [], slotSeconds: 300 };
  expect(drawn(pricePlot({ ...input, now: Date.parse('2026-11-20T10:02:00Z'), reserve: null }))).toEqual({ reserve: false, open: false });
  expect(drawn(pricePlot({ ...input, now: Date.parse('2026-11-20T09:58:00Z'), reserve: '0.000900000' }))).toEqual({ reserve: true, open: true });
});

it('quantities have panes of their own beside the prices', () => {
  const demand = [{ horizon_slots: 1, slot: slots[1] ?? '', mean: 1, variance: 1, quantiles: { '0.5': 7000 } }];
  const panes = pricePanes({ resource: 'cpu_milli', prices: [point(slots[0] ?? '', '0.000150000')], fills: [], demand, now: Date.parse('2026-11-20T10:02:00Z'), reserve: '0.000100000', slotSeconds: 300, current: null });
  expect([panes.price.unit, panes.volume.unit, panes.demand?.unit]).toEqual(['cr/core·slot', 'cores', 'cores']);
  expect([panes.price.series.map((s) => s.label), panes.volume.series.map((s) => s.label)]).toEqual([['Reserve', 'Price'], ['Traded']]);
  expect(panes.demand?.series[0]?.values).toContain(7);
  for (const plot of [panes.volume, panes.demand]) expect([plot?.x, plot?.pane, plot?.zero]).toEqual([panes.price.x, panes.price.pane, true]);
  expect(pricePanes({ resource: 'cpu_milli', prices: [], fills: [], demand: [], now: 0, reserve: null, slotSeconds: 300, current: null }).demand).toBeNull();
});

it('the tag is the price now, not that of the last slot drawn', () => {
  const prices = [point(slots[0] ?? '', '0.001000000'), point(slots[1] ?? '', '0.003000000')];
  const panes = pricePanes({ resource: 'cpu_milli', prices, fills: [], demand: [], now: Date.parse('2026-11-20T09:58:00Z'), reserve: null, slotSeconds: 300, current: currentPrice(prices, slots[0] ?? '') });
  expect(panes.price.tags?.map((t) => [t.value, t.text])).toEqual([[1, '1.0000']]);
});

it('fills are what was bought and not sold on', () => {
  const line = { pool: 'p', resource: 'cpu_milli', slot: slots[0] ?? '', quantity: 100, price: '0', money: '0', resold: 30, settled: false };
  const award = (kind: string): Award => ({ id: kind, round: 1, kind, side: 'bid', order: '', participant: '', instance: null, lines: [line], money: '0', created_at: '' });
  expect(fillsOf([award('bought'), award('lent')], 'p', 'cpu_milli')).toEqual([{ slot: slots[0], quantity: 70 }]);
});
