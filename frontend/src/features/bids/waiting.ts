// Automatic orders that only a price keeps: one line a workload, not an alarm for each of them.
import type { Order } from '@/lib/api';
import { formatCount } from '@/lib/money';
import { isCalm } from './order';

export interface Waiting { instance: string; rows: Order[] }

/** What a person looks at comes first: orders placed by hand, then automatic ones that something other than a price keeps. The rest by workload. */
export function parted(orders: Order[]): { listed: Order[]; waiting: Waiting[] } {
  const byHand = (o: Order) => o.origin === 'manual';
  const listed = orders.filter((o) => !isCalm(o));
  const by = new Map<string, Order[]>();
  for (const o of orders.filter(isCalm)) by.set(o.instance ?? '', [...(by.get(o.instance ?? '') ?? []), o]);
  return { listed: [...listed.filter(byHand), ...listed.filter((o) => !byHand(o))], waiting: [...by].map(([instance, rows]) => ({ instance, rows })) };
}

/** "18 automatic bids wait for lower prices"; of those that no round has seen yet nothing more than that they wait. */
export function waitingText(orders: Order[]): string {
  const said = (['bid', 'offer'] as const).flatMap((side) => {
    const rows = orders.filter((o) => o.side === side);
    if (rows.length === 0) return [];
    const [all, seen] = [rows.length, rows.filter((o) => o.last_reason).length];
    const price = side === 'bid' ? 'lower prices' : 'higher prices';
    const wait = `${formatCount(all)} automatic ${all === 1 ? `${side} waits` : `${side}s wait`}`;
    if (seen === 0) return [`${wait} for the next round`];
    return [seen === all ? `${wait} for ${price}` : `${wait}, ${formatCount(seen)} of them for ${price}`];
  });
  return said.join('; ');
}
