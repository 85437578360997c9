// Receipts as rows: one for each resource of an award in a slot.
import type { Receipt } from '@/lib/api';

export interface Delivery {
  key: string; slot: string; what: string; order: string; round: number; resource: string;
  awarded: number; delivered: number; price: string; amount: string; imbalance: string; cause: string | null; kept: number; netted: boolean;
}

const WHAT: Record<string, string> = { bought: 'Bought', lent: 'Lent', resold: 'Resold' };
/** Between two workloads of one participant, before a round. */
const NETTED: Record<string, string> = { bought: 'From own', lent: 'To own' };
const CAUSES: Record<string, string> = {
  move_failed: 'its workload could not be moved', swap_in_progress: 'it came late, or in part', late_or_partial: 'it came late, or in part',
  exchange_outage: 'the exchange stood still', exchange_failed: 'the exchange ended the swap', buyer_not_served: 'it did not reach its buyer',
  recalled: 'its lender took it back', drawn_in_slot: 'taken in the middle of the slot',
  kept_by_program: 'the workload’s own program kept it', no_instance: 'the workload is gone',
};

export const deliveriesOf = (receipts: Receipt[]): Delivery[] => receipts.flatMap((r) => r.lines.map((l, n) => ({
  key: `${r.id}-${n}`, slot: r.slot, what: (r.netted_with ? NETTED : WHAT)[r.kind] ?? r.kind, order: r.order, round: r.round, resource: l.resource,
  awarded: l.awarded, delivered: l.delivered, price: l.price, amount: l.amount, imbalance: l.imbalance ?? '0', cause: r.cause, kept: l.kept ?? 0, netted: !!r.netted_with,
})));

const isLess = (d: Delivery): boolean => d.delivered < d.awarded;
/** Not what was taken in the slot itself: before that nothing of it was to be there. */
export const shortOf = (d: Delivery): boolean => isLess(d) && d.cause !== 'drawn_in_slot';

/** Unknown causes are shown as they are; a line that is whole has none. */
export const causeText = (d: Delivery): string => (isLess(d) && d.cause ? (CAUSES[d.cause] ?? d.cause.replaceAll('_', ' ')) : '');
