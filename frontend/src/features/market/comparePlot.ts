// Prices of several pools, slot by slot, as one plot.
import { partedAt, type Plot, slotEdges } from '@/components/charts/plot';
import type { PricePoint } from '@/lib/api';
import { toNumber, unitOf, unitPrice } from '@/lib/money';
import { lineOf } from './line';

/** What a unit cost in a slot; null where none was traded for it. */
export function valueOf(points: PricePoint[], resource: string, slot: string): number | null {
  const p = points.find((x) => x.slot === slot);
  return p ? toNumber(unitPrice(resource, p.price), 9) : null;
}

/** A price holds to the end of its slot, the last one too, and not longer: one slot is a line, and a slot without a trade is a gap. */
export function comparePlot(names: string[], pools: string[], prices: Record<string, PricePoint[]>, resource: string, slotSeconds: number, now: number): Plot {
  const slots = new Map(names.flatMap((n) => prices[n] ?? []).map((p) => [Date.parse(p.slot) / 1000, p.slot]));
  const x = slotEdges([...slots.keys()], slotSeconds);
  const end = x.at(-1);
  const at = (points: PricePoint[], t: number) => { const slot = slots.get(t === end ? t - slotSeconds : t); return slot === undefined ? null : valueOf(points, resource, slot); };
  return {
    unit: `cr/${unitOf(resource).one}·slot`, places: 2, x, now,
    series: names.flatMap((n) => partedAt({ label: n, ...lineOf(n, pools), kind: 'step', gaps: true, values: x.map((t) => at(prices[n] ?? [], t)) }, x, now, (t) => (slots.has(t) ? t : t - slotSeconds))),
  };
}
