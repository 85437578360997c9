// What an explanation says, for people: its sentence, and how far its advice can be relied on.
import type { Explain, Order, RoundPrice } from '@/lib/api';
import { type Micro, asMicro, formatExact, micro, unitOf } from '@/lib/money';
import { missText, perSlot } from './order';

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

function pricesOf(order: Order, prices: RoundPrice[], resource: string): RoundPrice[] {
  const [from, to] = [Date.parse(order.window.start_at), Date.parse(order.window.end_at)];
  return prices.filter((p) => p.resource === resource && order.pools.some((o) => o.pool === p.pool) && Date.parse(p.slot) >= from && Date.parse(p.slot) < to);
}
/** What an order's round left: the resources that it sold nothing of, and whether the operator had some left of all of them. */
export interface Left { none: string[]; free: boolean }

/** The resources of an order of which its round sold nothing in any of its pools and slots; their price is what parts bids from offers. */
export const untraded = (order: Order, prices: RoundPrice[]): string[] => Object.keys(order.resources).filter((r) => {
  const of = pricesOf(order, prices, r);
  return of.length > 0 && of.every((p) => p.volume === 0);
});

/** Whether the operator had some left of everything that it asks for, in each pool and slot: then it was not sold out, but dearer. */
export const leftOver = (order: Order, prices: RoundPrice[]): boolean => Object.keys(order.resources).every((r) => {
  const of = pricesOf(order, prices, r);
  return of.length > 0 && of.every((p) => p.supply > p.volume);
});

/** Whether nobody met it, though there was something: the price is then nobody's but its own limit. */
const unmet = (order: Order, reason: string | null, { none, free }: Left) =>
  reason === 'MARGINAL_PRORATA' && micro(order.awarded) === 0n && (none.length === Object.keys(order.resources).length || (free && order.side === 'bid'));

/** Why it did not win all of it, in a few words. */
export const headOf = (order: Order, reason: string, left: Left): string =>
  (unmet(order, reason, left) ? (order.side === 'bid' ? 'under the cheapest offer' : 'over the best bid') : missText(order, reason));

/** The price that a bid was under: nobody need have paid it. */
function priceText(order: Order, e: Explain, price: string, shortfall: string, none: string[]): string {
  const [faced, short] = [micro(price), micro(shortfall)];
  const limit = e.slots ? asMicro(faced - short) : micro(e.limit);
  // With every digit: the difference is to add up.
  const format = (value: Micro) => formatExact(value).replace(/(\.\d\d\d*?)0+$/, '$1');
  const which = e.slots ? `the price for the nearest of the runs that it takes, of ${e.slots === 1 ? '1 slot' : `${e.slots} slots`},` : 'the price for it';
  const said = `Short by ${format(short)} cr: ${which} was ${format(faced)} cr, and its ${e.slots ? 'part of the limit' : 'limit'} is ${format(limit)} cr.`;
  const all = none.length === Object.keys(order.resources).length;
  return none.length === 0 ? said : `${said} ${all ? 'Nothing' : `No ${none.map((r) => (r === 'cpu_milli' || r === 'gpu_milli' ? unitOf(r).label : unitOf(r).label.toLowerCase())).join(' and no ')}`} was traded at that price.`;
}

/** `mine`: whether the order is the reader's own; `none`: the resources that the round did not trade; `free`: of everything that it asks for some was left. */
interface Reader { mine: boolean; none: string[]; free?: boolean }

/** The server's sentence, but where it says more than this order saw. */
export function sentenceOf(order: Order, e: Explain, { mine, none, free = false }: Reader = { mine: true, none: [] }): string {
  if (order.side === 'offer' && e.reason === 'OUT_OF_MONEY') return `${mine ? 'You' : 'It'} asked for more than the round’s price would have paid.`;
  if (order.side === 'bid' && e.reason === 'OUT_OF_MONEY' && e.price_faced && e.shortfall && micro(e.shortfall) > 0n) return priceText(order, e, e.price_faced, e.shortfall, none);
  if (e.reason === 'MARGINAL_PRORATA' && micro(order.awarded) === 0n && none.length === Object.keys(order.resources).length) {
    return order.side === 'bid' ? 'Nothing was traded: this was the best bid, and everybody who sells asks for more. The price of what is not traded is the best bid’s own limit.' : 'Nothing was traded: nobody bids as much as this asks for.';
  }
  if (unmet(order, e.reason, { none, free })) return 'Capacity was left, and whoever sells it asks for more than this limit.';
  if (e.reason === 'MARGINAL_PRORATA' && micro(order.awarded) === 0n) return 'The price is exactly this limit, and nothing was left at it: others came first, or nobody trades at such a limit and this is the best one on its side.';
  if (order.origin === 'draw' && order.status === 'filled') return 'Taken at once, in the middle of its slot, as nobody had bought it. It is paid for the time in which it is there, and ends with the slot.';
  return e.sentence;
}
