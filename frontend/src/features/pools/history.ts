// From price points and forecasts to what the chart draws.
import { type FanPoint, fanPoint, fanSeries } from '@/components/charts/fan';
import { type Plot, type Series, slotEdges } from '@/components/charts/plot';
import { bySlot, type ForecastPoint, type PricePoint } from '@/lib/api';
import { formatPrice, roughCount, shown, toNumber, unitOf, unitPrice } from '@/lib/money';
import type { Fill } from './useFills';

export interface Input { resource: string; prices: PricePoint[]; demand: ForecastPoint[]; fills: Fill[]; now: number; reserve: string | null; slotSeconds: number }

const RESERVE = 'Reserve';
const DEMAND = 'Demand';
/** Of what a legend may name: what is there to be seen. */
export function drawn(plot: Plot): { reserve: boolean; demand: boolean } {
  const seen = plot.series.filter((s) => s.values.some((v) => v !== null)).map((s) => s.label);
  return { reserve: seen.includes(RESERVE), demand: seen.some((label) => label.startsWith(DEMAND)) };
}

export function pricePlot({ resource, prices, demand, fills, now, reserve, slotSeconds }: Input): Plot {
  const points = bySlot(prices);
  const at = (s: string) => Date.parse(s) / 1000;
  const show = (p: string) => toNumber(unitPrice(resource, p), 9);
  const per = unitOf(resource).per;
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
  const pick = (f: (p: PricePoint) => number) => x.map((t) => { const p = by.get(t); return p ? f(p) : null; });
  const last = end;
  // In a gap the reserve price of before goes on: what it was then is not told without a trade.
  const reserveAt = (t: number) => (stop && t < stop ? (points.findLast((p) => at(p.slot) < t)?.reserve ?? reserve) : reserve);
  const series: Series[] = [
    { label: 'Volume', colour: 'volume', kind: 'bars', scale: 'volume', values: pick((p) => shown(resource, p.volume)) },
    { label: RESERVE, colour: 'reserve', kind: 'step', dash: [6, 3], width: 1.25, values: x.map((t) => { const p = by.get(t); const floor = p ? (p.reserve ?? reserve) : reserveAt(t); return floor === null ? null : show(floor); }) },
    { label: 'Price', colour: 'price', kind: 'step', gaps: true, values: x.map((t) => { const p = by.get(t) ?? (t === stop ? end : undefined); return p ? show(p.price) : null; }) },
  ];
  if (ahead.length) series.push(...fanSeries(x, ahead, series.length).map((s) => ({ ...s, label: `${DEMAND} ${s.label.toLowerCase()}`, scale: 'volume' as const })));
  const marks = fills.flatMap((f) => {
    const p = by.get(at(f.slot));
    return p ? [{ x: at(f.slot) + slotSeconds / 2, y: show(p.price), text: roughCount(shown(resource, f.quantity)) }] : [];
  });
  return {
    x, series, marks, now: now / 1000, unit: `cr/${unitOf(resource).one}·slot`, volumeUnit: unitOf(resource).many, places: 4,
    tags: last ? [{ value: show(last.price), text: formatPrice(unitPrice(resource, last.price)), colour: 'price', on: 'surface' }] : [],
  };
}
