// The rows of an outcome, won and not won, as one list.
import type { Order, Outcome } from '@/lib/api';

/** `pool`: null where the outcome does not name it. */
export interface Mine { id: string; pool: string | null; money: string; won: boolean; word: string }

export const sideOf = (id: string): Order['side'] => (id.startsWith('bid_') ? 'bid' : 'offer');
/** What an earlier award gave is offered again under the award's id, each of several lines with its number behind it: there is no order to look at. */
export const isResale = (id: string) => id.startsWith('awd_');
export const awardOf = (id: string): string => id.split('/')[0] ?? id;
const word = (id: string, won: boolean, whole: boolean) => {
  if (isResale(id)) return !won ? 'Not resold' : whole ? 'Resold' : 'Partly resold';
  return !won ? 'Not filled' : whole ? 'Filled' : 'Partly filled';
};
export const mineOf = (o: Outcome): Mine[] => [
  ...o.awards.map((a) => ({ id: a.order, pool: a.quantities[0]?.[0] ?? null, money: a.money, won: true, word: word(a.order, true, !a.limited_by) })),
  ...o.refused.map((r) => ({ id: r.order, pool: null, money: r.cost, won: false, word: word(r.order, false, false) })),
];
