// What a ticket opens with, and what of it still fits. Pure, so that it is tested without a page.
import { isWhole, jobOf, lotOf } from '@/lib/adopted';
import type { Allocation, Instance, Market, Pool } from '@/lib/api';
import { asMicro, cost, nano, readQuantity, shown, unitOf } from '@/lib/money';
import { type Fields, mayChange, partOf, plain, slotsOf } from './draftOrder';

/** Something to ask the preview with, where what is asked for costs nothing. */
const SOME_LIMIT = '0.01';

/** What the ticket asks for, also where it is not (yet) a number. */
const askedFor = (pool: Pool, amounts: Fields['amounts']): Pool['resources'] => pool.resources.filter(({ resource: r }) => (amounts[r] ?? '').trim() !== '' && readQuantity(r, amounts[r] ?? '').value !== 0);
/** And while that is nothing all that it could. */
function askedOf(pool: Pool, amounts: Fields['amounts']): Pool['resources'] {
  const asked = askedFor(pool, amounts);
  return asked.length > 0 ? asked : pool.resources;
}
const priceOf = (r: Pool['resources'][number]): string | null => r.price?.price ?? r.reserve ?? null;

/** Which of it nobody has traded and nobody sells from a price on: what that is worth only its buyer can say. */
export const unpriced = (pool: Pool, amounts: Fields['amounts']): string[] => askedOf(pool, amounts).filter((r) => priceOf(r) === null).map((r) => r.resource);

/** Why no limit is proposed; empty where one is. `unknown`: the preview says that not all of it has a price. */
export function unpricedText(pool: Pool, amounts: Fields['amounts'], unknown: boolean): string {
  const names = unpriced(pool, amounts).map((r) => unitOf(r).label);
  if (names.length === 0) return unknown ? 'Not all of it has a price yet: name your own limit.' : '';
  if (names.length === askedOf(pool, amounts).length) return 'Nothing here has a price yet: name your own limit.';
  return `${names.join(' and ')} ${names.length === 1 ? 'has' : 'have'} no price here yet: name your own limit.`;
}

/** Something to ask the preview with; its answer replaces it before anybody sees much of it. Nothing where not all of it has a price, or nothing is asked for. */
export function firstLimit(pool: Pool, amounts: Fields['amounts']): string {
  if (unpriced(pool, amounts).length > 0 || askedFor(pool, amounts).length === 0) return '';
  const sum = pool.resources.reduce((all, r) => all + cost(nano(priceOf(r) ?? '0'), readQuantity(r.resource, amounts[r.resource] ?? '').value ?? 0), 0n);
  return sum > 0n ? plain(asMicro(sum * 106n / 100n)) : SOME_LIMIT;
}

/** Nothing is left empty: a 0 would be a fault that nobody has typed. */
const typedOf = (amount: number) => (amount > 0 ? String(amount) : '');

/** A small part of what the pool has, so that a first bid is neither refused nor laughable. What is seldom asked for together is left to people. */
export function firstFields(pool: Pool, start: number): Fields {
  const some = (r: Pool['resources'][number], most: number) => typedOf(Math.min(most, Math.round((r.capacity / unitOf(r.resource).per) * 10) / 100));
  const usual: Record<string, number> = { cpu_milli: 2, mem_mib: 4 };
  const asked = pool.resources.filter((r) => r.resource in usual);
  const amounts = Object.fromEntries(asked.map((r) => [r.resource, some(r, usual[r.resource] ?? 0)]));
  const [only] = pool.resources;
  if (asked.length === 0 && only) amounts[only.resource] = '1';
  return { side: 'bid', lends: '', amounts, start, slots: '1', limit: firstLimit(pool, amounts), allOrNone: false, instance: '', project: '', minRun: '', stays: false, homeToo: false, proposed: true };
}

/** What is known of a workload's coming slots, for the window that the ticket asks for. */
export interface Coming { allocations: Allocation[]; market: Market }

/** What a workload may still grow by, or lend, in every slot of the window: what it has won or lent there counts. */
export function roomOf(i: Instance, f: Pick<Fields, 'side' | 'start' | 'slots'>, resource: string, { allocations, market }: Coming): number {
  const end = f.start + Math.max(1, slotsOf(f).value ?? 1) * market.slot_seconds * 1000;
  const inside = allocations.filter((a) => a.instance === i.id && Date.parse(a.slot) >= f.start && Date.parse(a.slot) < end);
  const has = inside.map((a) => (a.limits[resource] ?? 0) + (f.side === 'bid' ? (a.missed[resource] ?? 0) : 0));
  const left = has.map((amount) => (f.side === 'bid' ? (i.limit[resource] ?? 0) - amount : amount - (i.floor[resource] ?? 0)));
  return Math.max(0, Math.min(mayChange(i, f.side, resource), ...left));
}

/** Half of the room that there is: more would be refused. Of a job whole nodes, one at least. */
export function firstFor(i: Instance, pool: Pool, f: Fields, coming: Coming): Partial<Fields> {
  const part = partOf(f, pool);
  const half = (r: string) => {
    const room = roomOf(i, f, r, coming);
    const lot = lotOf(i, r);
    const lots = Math.floor(room / lot);
    if (jobOf(i)) return shown(r, Math.min(lots, Math.max(1, Math.floor(lots / 2))) * lot);
    const units = room / 2 / unitOf(r).per;
    return r === 'gpu_milli' ? Math.floor(units) : Math.floor(units * 100) / 100;
  };
  const amounts = Object.fromEntries(part.resources.filter((r) => r.resource in i.baseline).map((r) => [r.resource, typedOf(half(r.resource))]));
  return { instance: i.id, amounts, ...(f.proposed && { limit: firstLimit(part, amounts) }) };
}
const asksForSome = (amounts: Fields['amounts'] = {}) => Object.values(amounts).some((text) => text !== '');
/** What of the amounts the ticket asks for: those of other resources than an offer lends stay as they are, for a bid. */
const soughtOf = (f: Fields, pool: Pool) => Object.fromEntries(partOf(f, pool).resources.map(({ resource: r }) => [r, f.amounts[r] ?? '']));
/** Whether there is anything that it could be asked to grow by, or to lend. */
export const hasRoom = (i: Instance, pool: Pool, f: Fields, coming: Coming): boolean => asksForSome(firstFor(i, pool, f, coming).amounts);

/** A workload in a window, as a preview has judged both. */
export const windowOf = (instance: string, start: number) => `${instance} ${start}`;

/** Windows that a preview has called hopeless, and the last start that is open. */
export interface Judged { hopeless: ReadonlySet<string>; lastStart: number }
const UNJUDGED: Judged = { hopeless: new Set(), lastStart: 0 };

/** Where what is chosen is hopeless: the first workload with room whose window is not, in this slot or else in a later one. */
function instead(f: Fields, pool: Pool, mine: Instance[], coming: Coming, { hopeless, lastStart }: Judged): Partial<Fields> | undefined {
  if (!hopeless.has(windowOf(f.instance, f.start))) return undefined;
  for (let start = f.start; start <= lastStart; start += coming.market.slot_seconds * 1000) {
    const other = mine.find((i) => !hopeless.has(windowOf(i.id, start)) && hasRoom(i, pool, { ...f, start }, coming));
    if (other) return { start, ...firstFor(other, pool, { ...f, start }, coming) };
  }
  return undefined;
}

/** What to change of a ticket that nobody has typed amounts into: nothing while they fit. A workload is proposed that has room, where there is one. */
export function refit(f: Fields, pool: Pool, mine: Instance[], touched: ReadonlySet<string>, coming: Coming, judged = UNJUDGED): Partial<Fields> | null {
  const chosen = mine.find((i) => i.id === f.instance);
  if (touched.has('instance') && !chosen) return null;
  const other = touched.size === 0 ? instead(f, pool, mine, coming, judged) : undefined;
  if (other) return other;
  const next = touched.has('instance') ? chosen : (mine.find((i) => hasRoom(i, pool, f, coming)) ?? chosen ?? mine[0]);
  if (!next) return null;
  // Amounts that somebody has typed are theirs.
  if (touched.has('amounts')) return chosen ? null : { instance: next.id };
  const asked = partOf(f, pool).resources.map(({ resource: r }) => [r, readQuantity(r, f.amounts[r] ?? '').value ?? 0] as const);
  const within = chosen && asked.every(([r, value]) => value <= roomOf(chosen, f, r, coming) && isWhole(chosen, r, value));
  if (within && (asksForSome(soughtOf(f, pool)) || !hasRoom(next, pool, f, coming))) return null;
  return firstFor(next, pool, f, coming);
}
