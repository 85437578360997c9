import { Strip } from '@/components/ui';
import { countOf, type List, MOST, type Order, useMay, useResource } from '@/lib/api';
import { formatCount, formatPercent, formatRough, shown, unitOf } from '@/lib/money';
import type { Row } from './rank';

/** Weighted by what is taken, as the market would quote one price. */
function average(rows: Row[]): number | null {
  const priced = rows.filter((r) => r.price !== null);
  const weight = (r: Row) => r.capacity * r.used;
  const total = priced.reduce((s, r) => s + weight(r), 0);
  return total > 0 ? priced.reduce((s, r) => s + (r.price as number) * weight(r), 0) / total : null;
}

export function MarketStrip({ rows, resource }: { rows: Row[]; resource: string }) {
  // A count only: one answer is enough, and says whether there are more.
  const bids = useResource<List<Order>>(useMay('orders:write') ? '/bids' : null, { status: 'open', limit: MOST }).data;
  const unit = unitOf(resource);
  const capacity = rows.reduce((s, r) => s + r.capacity, 0);
  const used = rows.reduce((s, r) => s + r.capacity * r.used, 0);
  const price = average(rows);
  const automatic = (bids?.data ?? []).filter((o) => o.origin !== 'manual').length;
  return (
    <Strip facts={[
      { label: 'Mean price ahead', value: price === null ? 'none yet' : price.toFixed(4), note: price === null ? undefined : `cr/${unit.one}·slot, weighted by what is taken` },
      { label: 'Taken of the next slot', value: capacity ? formatPercent(used / capacity) : '–', note: `of ${formatRough(resource, capacity)}` },
      { label: 'Free in the next slot', value: shown(resource, rows.reduce((s, r) => s + r.free, 0)).toLocaleString('en-US', { maximumFractionDigits: 0 }), note: unit.many },
      ...(bids ? [{ label: 'Your open bids', value: countOf({ rows: bids.data, cut: bids.has_more }), note: bids.data.length ? `waiting${automatic > 0 ? `, ${formatCount(automatic)} of them automatic` : ''}` : 'nothing waits' }] : []),
    ]} />
  );
}
