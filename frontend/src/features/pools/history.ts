// From price points and forecasts to what the chart draws.
import { type FanPoint, fanPoint, fanSeries } from '@/components/charts/fan';
import { partedAt, type Plot, type Series, slotEdges } from '@/components/charts/plot';
import { bySlot, type ForecastPoint, type CurrentPrice, type PricePoint } from '@/lib/api';
import { asNano, formatPrice, roughCount, shown, toNumber, unitOf, unitPrice } from '@/lib/money';
import type { Fill } from './useFills';

export interface Input { resource: string; prices: PricePoint[]; demand: ForecastPoint[]; fills: Fill[]; now: number; reserve: string | null; slotSeconds: number; /** What the page calls the price now. */ current: CurrentPrice | null }
/** Under each other, with one time axis: a quantity is not drawn among prices. */
export interface Panes { price: Plot; volume: Plot; /** Null where nothing is forecast. */ demand: Plot | null }

const RESERVE = 'Reserve';
/** Of what a legend may name: what is there to be seen. */
export function drawn(plot: Plot): { reserve: boolean; open: boolean } {
  const seen = plot.series.filter((s) => s.values.some((v) => v !== null));
  return { reserve: seen.some((s) => s.label === RESERVE), open: seen.some((s) => s.open) };
}

export function pricePanes({ resource, prices, demand, fills, now, reserve, slotSeconds, current }: Input): Panes {
  const points = bySlot(prices);
  const at = (s: string) => Date.parse(s) / 1000;
  const show = (p: string) => toNumber(unitPrice(resource, p), 9);
  const { per, one, many } = unitOf(resource);
  const end = points.at(-1);
  const ahead: FanPoint[] = demand.map((f) => fanPoint(at(f.slot), f.quantiles, 1 / per));
  // A price holds for its whole slot: the last one too, so the axis ends where it ends.
  const stop = end && at(end.slot) + slotSeconds;
  // A young pool has prices of coming slots only: the axis still begins with the present one, or Now lies beside it.
  const present = Math.floor(now / 1000 / slotSeconds) * slotSeconds;
  // Where no trade follows it ends as well: nothing was paid until the next one.
  const known = [...slotEdges(points.map((p) => at(p.slot)), slotSeconds), ...ahead.map((f) => f.t)];
  const x = [...new Set([...known, ...(present < Math.min(...known) ? [present] : [])])].sort((a, b) => a - b);
  const by = new Map(points.map((p) => [at(p.slot), p]));
  // In a gap the reserve price of before goes on: what it was then is not told without a trade.
  const reserveAt = (t: number) => (stop && t < stop ? (points.findLast((p) => at(p.slot) < t)?.reserve ?? reserve) : reserve);
  const price: Series = { label: 'Price', colour: 'price', kind: 'step', gaps: true, values: x.map((t) => { const p = by.get(t) ?? (t === stop ? end : undefined); return p ? show(p.price) : null; }) };
  const series: Series[] = [
    { label: RESERVE, colour: 'reserve', kind: 'step', dash: [6, 3], width: 1.25, values: x.map((t) => { const p = by.get(t); const floor = p ? (p.reserve ?? reserve) : reserveAt(t); return floor === null ? null : show(floor); }) },
    ...partedAt(price, x, now / 1000, (t) => (by.has(t) ? t : t - slotSeconds)),
  ];
  const marks = fills.flatMap((f) => {
    const p = by.get(at(f.slot));
    return p ? [{ x: at(f.slot) + slotSeconds / 2, y: show(p.price), text: roughCount(shown(resource, f.quantity)) }] : [];
  });
  const shared = { x, now: now / 1000, pane: 'pool' };
  return {
    price: { ...shared, series, marks, unit: `cr/${one}·slot`, places: 4, tags: current ? [{ value: toNumber(asNano(current.price * BigInt(per)), 9), text: formatPrice(asNano(current.price * BigInt(per))), colour: 'price', on: 'surface' }] : [] },
    volume: { ...shared, lower: true, series: [{ label: 'Traded', colour: 'volume', kind: 'bars', values: x.map((t) => { const p = by.get(t); return p ? shown(resource, p.volume) : null; }) }], unit: many, zero: true },
    demand: ahead.length > 0 ? { ...shared, lower: true, series: fanSeries(x, ahead, 0), unit: many, zero: true } : null,
  };
}
