// What an explanation says, for people: its sentence, and how far its advice can be relied on.
import type { Explain, Order, RoundPrice } from '@/lib/api';
import { type Micro, asMicro, cost, formatExact, inUnits, micro, nano, unitOf } from '@/lib/money';
import { BY_PRICE, missText, perSlot } from './order';

/** What would have won. `exact`: just this; otherwise a bound, and the price may follow a new limit. `percent`: how much of the order it
 *  wins, where that is not all; `round`: where it was found, if not in the one that refused the order. */
export interface Winning { value: string; exact: boolean; percent?: string; round?: number }

export function winningOf(e: Explain, side: Order['side']): Winning | null {
  const limit = side === 'bid' ? e.minimum_winning_limit : e.maximum_winning_limit;
  if (!limit) return null;
  const part = limit.part ? micro(limit.part) : null;
  return {
    value: limit.value,
    exact: limit.quality === 'exact',
    ...(part !== null && part < 1_000_000n && { percent: part < 1_000n ? 'under 0.1 %' : `${part / 10_000n}.${(part / 1_000n) % 10n} %` }),
    ...(limit.round && e.round && limit.round !== e.round && { round: limit.round }),
  };
}

/** What was missing in a slot: to what would have won where that is known, else to the price that it faced. Where nobody trades
 *  that price is the best other order's, and meeting it wins nothing. */
export function shortOf(e: Explain, side: Order['side'], slots: number, traded = true): { perSlot: Micro; exact: boolean } | null {
  if (!e.shortfall || micro(e.shortfall) <= 0n) return null;
  const faced = perSlot(e.shortfall, e.slots ?? slots);
  const winning = winningOf(e, side);
  if (!winning) return traded ? { perSlot: faced, exact: true } : null;
  const [limit, wins] = [perSlot(e.limit, slots), perSlot(winning.value, slots)];
  const missing = asMicro(side === 'bid' ? wins - limit : limit - wins);
  if (winning.exact && missing > 0n) return { perSlot: missing, exact: true };
  return missing > faced ? { perSlot: missing, exact: false } : { perSlot: faced, exact: traded };
}

/** "at least about 0.0585"; with proof the amount alone. */
export const aboutText = (w: Winning, side: Order['side'], amount: string): string => (w.exact ? amount : `${side === 'bid' ? 'at least' : 'at most'} about ${amount}`);

/** How sure the advice is, for the head of its table. */
export function surety(w: Winning, side: Order['side']): string {
  const [end, way] = side === 'bid' ? ['least', 'higher'] : ['most', 'lower'];
  const said = w.exact ? `sure to have won, and the ${end} that was` : `a bound: a ${way} price may follow`;
  return w.round ? `round ${w.round}: ${said}` : said;
}

function pricesOf(order: Order, prices: RoundPrice[], resource: string): RoundPrice[] {
  const [from, to] = [Date.parse(order.window.start_at), Date.parse(order.window.end_at)];
  return prices.filter((p) => p.resource === resource && order.pools.some((o) => o.pool === p.pool) && Date.parse(p.slot) >= from && Date.parse(p.slot) < to);
}
/** What an order's round left: the resources that it sold nothing of, whether the operator had some left of all of them, and from which
 *  limit of the whole order on it sells; null where the round has no reserve price of it. */
export interface Left { none: string[]; free: boolean; from?: Micro | null }

/** All that it asks for, at the reserve prices of the pool where that is least. */
export function reserveOf(order: Order, prices: RoundPrice[]): Micro | null {
  const sums = order.pools.map(({ pool }) => {
    const of = Object.entries(order.remaining).flatMap(([r, quantity]) => {
      const found = pricesOf(order, prices, r).filter((p) => p.pool === pool);
      return found.length === 0 ? [null] : found.map((p) => (p.reserve === null || p.reserve === undefined ? null : cost(nano(p.reserve), quantity * order.remaining_replicas)));
    });
    return of.includes(null) ? null : asMicro(of.reduce<bigint>((sum, c) => sum + (c ?? 0n), 0n));
  }).filter((sum) => sum !== null);
  return sums.length === 0 ? null : sums.reduce((a, b) => (b < a ? b : a));
}

/** Nothing that it asks for changed hands: then the price is another one's limit, and nobody pays it. */
export const nothingTraded = (order: Order, none: string[]): boolean => none.length === Object.keys(order.resources).length;

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
  micro(order.awarded) === 0n && ((reason === 'TIE' && (nothingTraded(order, none) || (free && order.side === 'bid'))) || (reason === 'OUT_OF_MONEY' && order.side === 'bid' && nothingTraded(order, none)));

/** Why it did not win all of it, in a few words. */
export const headOf = (order: Order, reason: string, left: Left): string =>
  (unmet(order, reason, left) ? (order.side === 'bid' ? 'under the cheapest offer' : 'over the best bid') : missText(order, reason));

/** With every digit: a difference is to add up. */
const exactly = (value: Micro) => formatExact(value).replace(/(\.\d\d\d*?)0+$/, '$1');

/** The price that a bid was under: nobody need have paid it. */
function priceText(order: Order, e: Explain, price: string, shortfall: string, none: string[]): string {
  const [faced, short] = [micro(price), micro(shortfall)];
  const limit = e.slots ? asMicro(faced - short) : micro(e.limit);
  const which = e.slots ? `the price for the nearest of the runs that it takes, of ${e.slots === 1 ? '1 slot' : `${e.slots} slots`},` : 'the price for it';
  const mine = e.slots ? 'part of the limit' : micro(order.awarded) > 0n ? 'part of the limit that is left' : 'limit';
  const said = `Short by ${exactly(short)} cr: ${which} was ${exactly(faced)} cr, and its ${mine} is ${exactly(limit)} cr.`;
  return none.length === 0 ? said : `${said} No ${none.map((r) => (r === 'cpu_milli' || r === 'gpu_milli' ? unitOf(r).label : unitOf(r).label.toLowerCase())).join(' and no ')} was traded at that price.`;
}

/** Where nothing was traded no price was: it is told apart from whoever sells, not from another bid that won nothing either. */
function untradedText(order: Order, e: Explain, from: Micro | null): string {
  const [limit, winning] = [micro(e.limit), winningOf(e, order.side)];
  const own = `its limit ${micro(order.awarded) > 0n ? 'for the rest ' : ''}is ${exactly(limit)} cr`;
  if (winning?.exact) return `Nothing was traded: whoever sells asks for more than any bid offers. From ${exactly(micro(winning.value))} cr on it would have won, and ${own}.`;
  if (from !== null && from > limit && !e.slots) return `Nothing was traded: the operator sells all of it from ${exactly(from)} cr on, and ${own}.`;
  return `Nothing was traded: whoever sells asks for more than any bid offers, and ${own}.`;
}

/** Names of the API, which no field of these pages has. */
const API_NAMES = /\s*\((?:[^()]*`[^()]*|no_displacement false|min_fill "0")\)/g;
/** What the server says, in the words and units of these pages; of one that is asked for it says "it". */
const plainly = (order: Pick<Order, 'replicas'>, text: string): string => {
  const said = inUnits(text.replace(API_NAMES, '')).replace('`max_swap` of the workload’s strategy', 'the most that its strategy lets it change').replace("`max_swap` of the workload's strategy", 'the most that its strategy lets it change');
  return order.replicas > 1 ? said : said.replace(', or for more and smaller replicas', '').replace('one replica', 'it');
};
export const changeText = plainly;

/** What was filled later than it was explained has no reason any more. */
export const upToDate = (order: Order, e: Explain): Explain =>
  (order.status === 'filled' && e.status !== 'filled' ? { ...e, status: 'filled', reason: null, round: null, price_faced: null, shortfall: null, minimum_winning_limit: null, maximum_winning_limit: null, changes: [], sentence: 'It won all that it asked for.' } : e);

/** What is drawn to scale, a slot: only where the price is the reason, and against the limit of the whole order, whatever part of it is left. */
export function rulerOf(order: Order, e: Explain, slots: number, none: string[]): { limit: Micro; price: Micro | null; wins: Micro | null; exact: boolean } | null {
  if (!e.price_faced || !BY_PRICE.includes(e.reason ?? '')) return null;
  const [whole, left, winning] = [micro(order.limit), micro(e.limit), winningOf(e, order.side)];
  const scaled = (value: Micro) => (left > 0n && left !== whole ? asMicro((value * whole) / left) : value);
  const wins = winning && scaled(perSlot(winning.value, slots));
  const price = nothingTraded(order, none) ? null : scaled(perSlot(e.price_faced, e.slots ?? slots));
  return price === null && wins === null ? null : { limit: perSlot(order.limit, slots), price, wins, exact: !!winning?.exact };
}

/** `mine`: whether the order is the reader's own; `none`: the resources that the round did not trade; `free`: of everything that it asks for some was left. */
interface Reader { mine: boolean; none: string[]; free?: boolean; from?: Micro | null }

/** Which full node decided, where the sentence does not name it: there everything costs its premium more, or nothing fits. */
export function fullText(e: Explain, said: string): string {
  const node = e.binding_node;
  if (!node || said.includes(node) || !(e.reason === 'OUT_OF_MONEY' || e.reason === 'NO_HOST')) return '';
  const what = e.binding_resource ? ` of ${unitOf(e.binding_resource).label}` : '';
  return e.reason === 'OUT_OF_MONEY' ? `Node ${node} is full${what}: what lies there pays a premium on top of the pool’s price.` : `Node ${node} is full${what} and came nearest.`;
}

/** The sentence for this order, and which full node decided. */
export function sentenceOf(order: Order, e: Explain, reader: Reader = { mine: true, none: [] }): string {
  const said = wordsOf(order, e, reader);
  return [said, fullText(e, said)].filter(Boolean).join(' ');
}

/** The server's sentence, but where it says more than this order saw. */
function wordsOf(order: Order, e: Explain, { mine, none, free = false, from = null }: Reader): string {
  if (order.side === 'offer' && e.reason === 'OUT_OF_MONEY') return `${mine ? 'You' : 'It'} asked for more than the round’s price would have paid.`;
  if (order.side === 'bid' && e.reason === 'OUT_OF_MONEY' && e.price_faced && e.shortfall && micro(e.shortfall) > 0n) {
    return nothingTraded(order, none) ? untradedText(order, e, from) : priceText(order, e, e.price_faced, e.shortfall, none);
  }
  if (e.reason === 'TIE' && micro(order.awarded) === 0n && nothingTraded(order, none)) {
    return order.side === 'bid' ? 'Nothing was traded: everybody who sells asks for more than this limit.' : 'Nothing was traded: nobody bids as much as this asks for.';
  }
  if (unmet(order, e.reason, { none, free })) return 'Capacity was left, and whoever sells it asks for more than this limit.';
  if (e.reason === 'TIE' && micro(order.awarded) === 0n) return order.side === 'bid' ? 'Nothing was to be had at its limit: others came first, or nobody sells for so little.' : 'Nobody was left to buy at its limit: others came first, or nobody pays so much.';
  if (order.origin === 'draw' && order.status === 'filled') return 'Taken at once, in the middle of its slot, as nobody had bought it. It is paid for the time in which it is there, and ends with the slot.';
  return plainly(order, e.sentence);
}
