// What an explanation says, for people: its sentence, and how far its advice can be relied on.
import type { Explain, Order } from '@/lib/api';
import { type Micro, asMicro, micro } from '@/lib/money';
import { perSlot } from './order';

/** What would have won. `exact`: just this; otherwise a bound, and the price may follow a new limit. */
export interface Winning { value: string; exact: boolean }

export function winningOf(e: Explain, side: Order['side']): Winning | null {
  const limit = side === 'bid' ? e.minimum_winning_limit : e.maximum_winning_limit;
  return limit && { value: limit.value, exact: limit.quality === 'exact' };
}

/** What was missing in a slot: to what would have won where that is known, else to the price that it faced. Where nobody trades
 *  that price is the best other order's, and meeting it wins nothing. */
export function shortOf(e: Explain, side: Order['side'], slots: number): { perSlot: Micro; exact: boolean } | null {
  if (!e.shortfall || micro(e.shortfall) <= 0n) return null;
  const faced = perSlot(e.shortfall, e.slots ?? slots);
  const winning = winningOf(e, side);
  if (!winning) return { perSlot: faced, exact: true };
  const [limit, wins] = [perSlot(e.limit, slots), perSlot(winning.value, slots)];
  const missing = asMicro(side === 'bid' ? wins - limit : limit - wins);
  if (winning.exact && missing > 0n) return { perSlot: missing, exact: true };
  return missing > faced ? { perSlot: missing, exact: false } : { perSlot: faced, exact: true };
}

/** "at least about 0.0585"; with proof the amount alone. */
export const aboutText = (w: Winning, side: Order['side'], amount: string): string => (w.exact ? amount : `${side === 'bid' ? 'at least' : 'at most'} about ${amount}`);

/** How sure the advice is, for the head of its table. */
export function surety(w: Winning, side: Order['side']): string {
  const [end, way] = side === 'bid' ? ['least', 'higher'] : ['most', 'lower'];
  return w.exact ? `sure to have won, and the ${end} that was` : `a bound: a ${way} price may follow`;
}

/** The server's sentence, but where it says more than this order saw. */
export function sentenceOf(order: Order, e: Explain): string {
  if (order.side === 'offer' && e.reason === 'OUT_OF_MONEY') return 'You asked for more than the round’s price would have paid.';
  if (e.reason === 'MARGINAL_PRORATA' && micro(order.awarded) === 0n) return 'The price is exactly this limit, and nothing was left at it: others came first, or nobody trades at such a limit and this is the best one on its side.';
  if (order.origin === 'draw' && order.status === 'filled') return 'Taken at once, in the middle of its slot, as nobody had bought it. It is paid for the time in which it is there, and ends with the slot.';
  return e.sentence;
}
