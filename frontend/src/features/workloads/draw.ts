// What a workload could take at once, for the rest of the slot: which of it is there, what it costs, and why the rest is not.
import { isWhole, notWhole } from '@/lib/adopted';
import { type Drawable, type Instance, inWords } from '@/lib/api';
import { asMicro, formatQuantity, type Micro, nano, readQuantity, unitOf } from '@/lib/money';

/** Something that can be had now: then it has a price and an end. */
export interface Offer { resource: string; quantity: number; price: string; until: string }

/** What was read a moment ago may be of a slot that is over by now. */
export const offersOf = (all: Drawable[], now: number): Offer[] => all.flatMap(({ resource, quantity, price, until }) =>
  (quantity > 0 && price !== null && until !== null && Date.parse(until) > now ? [{ resource, quantity, price, until }] : []));

const OVER = 'The slot has just ended; the next one is looked at within seconds.';
/** What the server says of it is about orders that may be taken back. */
const UNSHOWN = 'It is taken at once only by a workload that has shown to give it back: see “Giving memory back” on this page. A bid for the slots that come waits for the same.';
function reasonOf(d: Drawable): string {
  if (d.quantity > 0) return OVER;
  return d.code === 'no_vacate_path' ? UNSHOWN : (inWords(d.code, d.detail) ?? (d.code ?? 'nothing is free').replaceAll('_', ' '));
}

/** Why the rest can't be had: each reason once, with the resources that it is of. */
export function reasonsOf(all: Drawable[], offers: Offer[]): { labels: string; reason: string }[] {
  const by = new Map<string, string[]>();
  for (const d of all.filter((one) => !offers.some((o) => o.resource === one.resource))) by.set(reasonOf(d), [...(by.get(reasonOf(d)) ?? []), unitOf(d.resource).label]);
  return [...by].map(([reason, labels]) => ({ labels: labels.join(' and '), reason }));
}

/** Whole seconds until then, at least 0. */
export const secondsLeft = (until: string, now: number): number => Math.max(0, Math.ceil((Date.parse(until) - now) / 1000));

const roundUp = (value: bigint, to: bigint) => ((value + to - 1n) / to) * to;

/** What so much costs at most until the slot ends: it is charged for the part of the slot in which it is there. Rounded up, also to the digits that are shown: it must not cost more than the page says. */
export function mostCost(price: string, quantity: number, seconds: number, slotSeconds: number): Micro {
  const by = 1000n * BigInt(slotSeconds);
  const exact = roundUp(nano(price) * BigInt(quantity) * BigInt(Math.min(seconds, slotSeconds)), by) / by;
  return asMicro(roundUp(exact, exact >= 100_000n ? 10_000n : exact >= 1000n ? 100n : 1n));
}

/** What was typed, of what is free. A job takes whole nodes. */
export function readTake(offer: Offer, text: string, instance?: Pick<Instance, 'adopted'>): { value: number | null; fault?: string } {
  const { value, fault } = readQuantity(offer.resource, text);
  if (value === null) return { value, fault };
  if (value === 0) return { value: null, fault: 'More than 0' };
  if (!isWhole(instance, offer.resource, value)) return { value: null, fault: notWhole(instance) };
  return value > offer.quantity ? { value: null, fault: `Free is ${formatQuantity(offer.resource, offer.quantity)}` } : { value };
}
