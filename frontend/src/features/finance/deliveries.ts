// Receipts as rows: one for each resource of an award in a slot.
import type { Receipt } from '@/lib/api';
import { formatCount } from '@/lib/money';

export interface Delivery {
  key: string; slot: string; what: string; order: string; round: number; resource: string;
  awarded: number; delivered: number; price: string; amount: string; imbalance: string; cause: string | null; kept: number; netted: boolean;
}

const WHAT: Record<string, string> = { bought: 'Bought', lent: 'Lent', resold: 'Resold' };
/** Between two workloads of one participant, before a round. */
const NETTED: Record<string, string> = { bought: 'From own', lent: 'To own' };
/** The receipt says so of what was taken in the slot itself. */
const DRAWN = 'drawn_in_slot';
const CAUSES: Record<string, string> = {
  move_failed: 'its workload could not be moved', swap_in_progress: 'it came late, or in part', late_or_partial: 'it came late, or in part',
  exchange_outage: 'the exchange stood still', exchange_failed: 'the exchange ended the swap', buyer_not_served: 'it did not reach its buyer',
  recalled: 'its lender took it back', [DRAWN]: 'taken later in the slot: what was before that is not charged',
  kept_by_program: 'the workload’s own program kept it', no_instance: 'the workload is gone',
};

export const deliveriesOf = (receipts: Receipt[]): Delivery[] => receipts.flatMap((r) => r.lines.map((l, n) => ({
  key: `${r.id}-${n}`, slot: r.slot, what: r.cause === DRAWN ? 'Taken at once' : ((r.netted_with ? NETTED : WHAT)[r.kind] ?? r.kind), order: r.order, round: r.round, resource: l.resource,
  awarded: l.awarded, delivered: l.delivered, price: l.price, amount: l.amount, imbalance: l.imbalance ?? '0', cause: r.cause, kept: l.kept ?? 0, netted: !!r.netted_with,
})));

const isLess = (d: Delivery): boolean => d.delivered < d.awarded;
export const drawnOf = (d: Delivery): boolean => isLess(d) && d.cause === DRAWN;
/** Not what was taken in the slot itself: before that nothing of it was to be there. */
export const shortOf = (d: Delivery): boolean => isLess(d) && !drawnOf(d);
/** In a line: how much of it was there. */
export function summaryOf(rows: Delivery[]): string {
  const [short, drawn] = [rows.filter(shortOf).length, rows.filter(drawnOf).length];
  return [short > 0 ? `${formatCount(short)} of ${formatCount(rows.length)} fell short` : 'all of it was there', drawn > 0 && `${formatCount(drawn)} taken later in the slot`].filter(Boolean).join('; ');
}

/** Unknown causes are shown as they are; a line that is whole has none. */
export const causeText = (d: Delivery): string => (isLess(d) && d.cause ? (CAUSES[d.cause] ?? d.cause.replaceAll('_', ' ')) : '');
