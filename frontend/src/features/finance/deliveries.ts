// Receipts as rows: one for each resource of an award in a slot.
import { causeWords, DRAWN, type Receipt } from '@/lib/api';
import { formatCount } from '@/lib/money';

export interface Delivery {
  key: string; receipt: string; /** Of the lines of its receipt, which is disputed as a whole. */ first: boolean; slot: string; what: string; order: string; round: number; resource: string;
  awarded: number; delivered: number; price: string; amount: string; compensation: string; cause: string | null; kept: number;
}

const WHAT: Record<string, string> = { bought: 'Bought', lent: 'Lent', resold: 'Resold' };

export const deliveriesOf = (receipts: Receipt[]): Delivery[] => receipts.flatMap((r) => r.lines.map((l, n) => ({
  key: `${r.id}-${n}`, receipt: r.id, first: n === 0, slot: r.slot, what: r.cause === DRAWN ? 'Taken at once' : (WHAT[r.kind] ?? r.kind), order: r.order, round: r.round, resource: l.resource,
  awarded: l.awarded, delivered: l.delivered, price: l.price, amount: l.amount, compensation: l.compensation ?? '0', cause: r.cause, kept: l.kept ?? 0,
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

/** A line that is whole has none. */
export const causeText = (d: Delivery): string => (isLess(d) && d.cause ? causeWords(d.cause) : '');
