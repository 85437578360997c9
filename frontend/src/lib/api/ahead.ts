// What capacity costs ahead, from the same points that the charts draw: the mean that was paid for
// each slot so far. A slot that nobody has traded yet counts at the last one before it.
import { asNano, divRound, nano, type Nano } from '../money';
import { bySlot } from './bySlot';
import type { PricePoint } from './objects';

export interface Ahead {
  /** One a slot, from the first tradable one on. */
  slots: Nano[];
  mean: Nano;
  /** Of how many slots the price is their own. */
  traded: number;
  /** The slot that the first of these prices is of: an earlier one, where nobody has traded that yet. */
  from: string;
}

export function priceAhead(points: PricePoint[], first: string, count: number, slotSeconds: number): Ahead | null {
  const known = bySlot(points);
  const start = Date.parse(first);
  let traded = 0;
  const slots: Nano[] = [];
  let from = '';
  for (let i = 0; i < Math.max(1, count); i += 1) {
    const at = start + i * slotSeconds * 1000;
    const point = known.findLast((p) => Date.parse(p.slot) <= at) ?? known[0];
    if (!point) return null;
    if (Date.parse(point.slot) === at) traded += 1;
    if (i === 0) from = point.slot;
    slots.push(nano(point.price));
  }
  return { slots, traded, from, mean: asNano(divRound(slots.reduce((a, b) => a + b, 0n), BigInt(slots.length))) };
}

/** The mean that was paid so far for a unit of the next slot; where nobody has traded that yet, of the slot that was traded nearest before it, or else after it. */
export interface CurrentPrice { price: Nano; slot: string; /** Whether it is of the next slot itself. */ own: boolean }
/** What a page means by the price now, wherever on it that stands. */
export function currentPrice(points: PricePoint[], nextSlot: string): CurrentPrice | null {
  const ahead = priceAhead(points, nextSlot, 1, 0);
  return ahead && { price: ahead.mean, slot: ahead.from, own: ahead.traded > 0 };
}
