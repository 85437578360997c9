// The ticket's fields and the order they make. Pure, so that the arithmetic is tested without a page.
import { isWhole, jobOf, notWhole } from '@/lib/adopted';
import type { Instance, Market, OrderBody, Pool, Preview } from '@/lib/api';
import { asMicro, decimal, divRound, formatMoney, formatQuantity, type Micro, readMicro, readQuantity, readWhole, type Typed, unitOf } from '@/lib/money';
import { perSlot } from './order';

export interface Fields {
  side: 'bid' | 'offer';
  /** What an offer lends: one resource in one slot. A bid takes several together. */
  lends: string;
  /** As typed, in display units, by resource. */
  amounts: Record<string, string>;
  start: number; slots: string; limit: string; allOrNone: boolean; instance: string;
  /** Whose limit bounds the bid; empty for none, and for an offer. */
  project: string;
  /** At least so many slots in a row; empty for the whole window, and for an offer. */
  minRun: string;
  /** The workload is not moved for the bid. */
  stays: boolean;
  /** Of a workload of another pool: its own pool will do as well. */
  homeToo: boolean;
  /** The limit is the ticket's own proposal: it follows the preview until somebody sets it. */
  proposed: boolean;
}
export interface Faults { /** By resource. */ amounts: Record<string, string>; slots?: string; minRun?: string; limit?: string; instance?: string }
export const faultless = (faults: Faults) => Object.keys(faults.amounts).length === 0 && !faults.slots && !faults.minRun && !faults.limit && !faults.instance;

/** GPUs are had in whole devices. */
const DEVICE_MILLI = 1000;
/** An empty field asks for none of it. A 0 is refused instead of being left out: an order for the rest alone may not be what was meant. */
function readAmount(resource: string, text: string): Typed<number> {
  const read = readQuantity(resource, text);
  if (read.value === 0) return { value: null, fault: 'More than 0, or empty for none of it' };
  // Elsewhere a 0 is good.
  if (read.fault?.startsWith('0, or')) return { value: null, fault: read.fault.replace('0, or', 'Empty, or') };
  return resource === 'gpu_milli' && (read.value ?? 0) % DEVICE_MILLI !== 0 ? { value: null, fault: 'Whole devices' } : read;
}
/** What of a pool the ticket is about: all of it for a bid, for an offer the one resource that it lends. */
export function partOf(f: Pick<Fields, 'side' | 'lends'>, pool: Pool): Pool {
  if (f.side === 'bid') return pool;
  const lent = pool.resources.find((r) => r.resource === f.lends) ?? pool.resources[0];
  return { ...pool, resources: lent ? [lent] : [] };
}
/** Of how many slots it is, as typed: an offer is of one. */
export const slotsOf = (f: Pick<Fields, 'side' | 'slots'>): Typed<number> => (f.side === 'offer' ? { value: 1 } : readWhole(f.slots));
/** What the fields say of the resources that the pool has; null where it is not (yet) a number. What it does not trade is not asked for there, whatever the field says. */
const amountsOf = (f: Fields, pool: Pool) => partOf(f, pool).resources.map((r) => ({ resource: r.resource, ...readAmount(r.resource, f.amounts[r.resource] ?? '') }));
/** With a device in it an order is had whole or not at all: a part of it could hold a part of a device. */
export const hasDevices = (f: Fields, pool: Pool) => amountsOf(f, pool).some((a) => a.resource === 'gpu_milli' && !!a.value);
/** Whether a bid could take less than its window: what one slot is, is not asked. */
export const takesRuns = (f: Fields) => f.side === 'bid' && (readWhole(f.slots).value ?? 0) > 1;
/** The fewest slots in a row that it takes; 0 for the whole window. */
const minRun = (f: Fields) => (takesRuns(f) && f.minRun.trim() !== '' ? readWhole(f.minRun) : { value: 0, fault: undefined });

/** The pool whose workloads trade here: the pool itself, or that of which this is the recallable part. */
export const homeOf = (pool: Pool) => pool.recallable_of ?? pool.slug;
/** Whether a workload may be named here: a job of a cluster lends nothing, and what was adopted stays in its own pool. */
export function mayTrade(i: Instance, side: Fields['side'], pool: Pool): boolean {
  if (side === 'offer' && jobOf(i)) return false;
  return i.pool === homeOf(pool) || (side === 'bid' && !pool.recallable_of && !i.adopted);
}
/** The workload that a bid here would carry off from its own pool: whole, or not at all. */
export const carried = (f: Fields, { pool, instance }: Bounds) => (f.side === 'bid' && instance && instance.pool !== homeOf(pool) ? instance : undefined);
/** For what is shown beside the fields: one slot while the number is not one of slots that are open. */
export function slotCount(f: Fields, market: Market): number {
  const slots = slotsOf(f).value ?? 1;
  return slots > market.horizon_slots ? 1 : Math.max(1, slots);
}

/** What an order is for: it bounds how much of it makes sense. */
export interface Bounds { pool: Pool; instance?: Instance }
/** The highest limit of a whole order, as the server has it. */
const MOST_LIMIT = 1_000_000_000_000_000n;
/** The highest quantity of a whole order in base units, as the server has it. */
const MOST_QUANTITY = 1_000_000_000_000;

/** What a workload may still grow by, or lend without going under its floor, in base units. */
export function mayChange(instance: Instance, side: Fields['side'], resource: string): number {
  const of = (q: Instance['limit'] | undefined) => q?.[resource] ?? 0;
  if (side === 'offer' && jobOf(instance)) return 0;
  return Math.max(0, side === 'bid' ? of(instance.limit) - of(instance.baseline) : of(instance.baseline) - of(instance.floor));
}

/** More than the workload may take or has to lend, or more than there is in the pool, is refused where it is typed. */
function tooMuch(resource: string, base: number | null, side: Fields['side'], slots: number, { pool, instance }: Bounds): string | undefined {
  if (!base) return undefined;
  const refuse = (most: number, why: string) => (base > most ? `At most ${formatQuantity(resource, Math.max(0, most))}: ${why}` : undefined);
  if (instance) return refuse(mayChange(instance, side, resource), side === 'bid' ? 'the rest is over the workload’s limit' : 'the rest is the workload’s floor');
  // A pool whose nodes are all down has none at the moment, and bids for later slots all the same.
  const capacity = pool.resources.find((r) => r.resource === resource)?.capacity;
  return capacity ? refuse(capacity, 'the pool has no more') : refuse(Math.floor(MOST_QUANTITY / slots), 'no order may ask for more');
}

/** "cores, memory or both", of what the pool has. */
function anyOf(pool: Pool): string {
  const names = pool.resources.map((r) => (r.resource === 'cpu_milli' ? 'cores' : unitOf(r.resource).label.replace(/^[A-Z](?=[a-z])/, (c) => c.toLowerCase())));
  const last = names[names.length - 1] ?? 'something';
  return names.length < 2 ? last : names.length === 2 ? `${names[0]}, ${last} or both` : `${names.slice(0, -1).join(', ')} or ${last}`;
}

export function check(f: Fields, market: Market, startIndex: number, bounds: Bounds): Faults {
  const amounts = amountsOf(f, bounds.pool);
  const [slots, limit] = [slotsOf(f), readMicro(f.limit)];
  const count = slotCount(f, market);
  const faults: Faults = { amounts: {}, slots: slots.fault, limit: limit.fault };
  for (const { resource, value, fault } of amounts) {
    const parted = f.side === 'bid' && !!value && !isWhole(bounds.instance, resource, value);
    const said = fault ?? (parted ? notWhole(bounds.instance) : undefined) ?? tooMuch(resource, value, f.side, count, bounds);
    if (said) faults.amounts[resource] = said;
  }
  const first = amounts[0]?.resource;
  if (first && !amounts.some((a) => a.fault || a.value)) faults.amounts[first] = `${f.side === 'offer' ? 'Offer some' : 'Ask for'} ${anyOf(partOf(f, bounds.pool))}`;
  if (!slots.fault && !slots.value) faults.slots = 'At least one whole slot';
  else if (startIndex + (slots.value ?? 0) > market.horizon_slots) faults.slots = `Only ${market.horizon_slots} slots are open`;
  const run = minRun(f);
  faults.minRun = run.fault ?? (!slots.fault && (run.value ?? 0) > count ? `At most the ${count} of the window` : undefined);
  if (!limit.fault && !limit.value) faults.limit = limit.value === null ? 'Name a limit' : 'More than 0';
  const most = MOST_LIMIT / BigInt(count);
  if (limit.value !== null && limit.value > most) faults.limit = `At most ${formatMoney(asMicro(most))} cr a slot`;
  if (f.side === 'offer' && !f.instance) faults.instance = 'Which workload lends?';
  else if (f.side === 'offer' && jobOf(bounds.instance)) faults.instance = 'A job of a cluster lends nothing: choose another workload';
  else if (bounds.pool.recallable_of && !f.instance) faults.instance = 'Which workload grows? It is the one that shrinks again.';
  else if (carried(f, bounds) && bounds.pool.recallable_of) faults.instance = `A workload of ${bounds.pool.recallable_of}: it is not moved for this`;
  return faults;
}

/** Of a field that is empty and that nobody has touched nothing is said: a ticket does not open with faults. What is missing keeps the button from working. */
export function worthSaying(faults: Faults, f: Fields, touched: ReadonlySet<string>): Faults {
  const say = (name: 'limit' | 'instance') => (f[name] === '' && !touched.has(name) ? undefined : faults[name]);
  const empty = (resource: string) => (f.amounts[resource] ?? '') === '' && !touched.has('amounts');
  return { ...faults, amounts: Object.fromEntries(Object.entries(faults.amounts).filter(([resource]) => !empty(resource))), limit: say('limit'), instance: say('instance') };
}

/** null until every field is good: nothing half-typed is sent, not even to the preview. */
export function orderOf(f: Fields, bounds: Bounds, market: Market, startIndex: number): OrderBody | null {
  const [{ value: slots }, { value: limit }] = [slotsOf(f), readMicro(f.limit)];
  if (limit === null || slots === null || !faultless(check(f, market, startIndex, bounds))) return null;
  const resources: Record<string, number> = {};
  for (const { resource, value } of amountsOf(f, bounds.pool)) if (value) resources[resource] = value;
  const away = carried(f, bounds);
  const pools = [...(away && f.homeToo ? [away.pool] : []), bounds.pool.slug].map((pool) => ({ pool, adder: '0.000000' }));
  const at = (n: number) => new Date(f.start + n * market.slot_seconds * 1000).toISOString().replace('.000Z', 'Z');
  return {
    instance: f.instance || null, window: { start_at: at(0), end_at: at(slots) }, replicas: 1, resources, pools,
    assurance: bounds.pool.recallable_of ? 'recallable' : 'firm', limit: decimal(asMicro(limit * BigInt(slots)), 6), min_fill: f.side === 'bid' && (f.allOrNone || away || hasDevices(f, bounds.pool) || jobOf(bounds.instance)) ? '1' : '0',
    time_in_force: 'gtc', expires_at: null, latest_start_at: null, resell: 'own_limit', project: (f.side === 'bid' && f.project) || null,
    no_displacement: f.side === 'bid' && f.instance !== '' && f.stays && !away, min_run_slots: minRun(f).value ?? 0, class: 'standard',
  };
}

export interface Chance { probability: number; limit: Micro }

/** Limits per slot by chance to fill, as the server reckons them for that side; where several chances have one limit, the best of them. */
export function chancesOf(preview: Preview | undefined, slots: number): Chance[] {
  const list = (preview?.chances ?? []).map((c) => ({ probability: c.probability, limit: perSlot(c.limit, slots) }));
  return list.filter((c) => !list.some((d) => d.limit === c.limit && d.probability > c.probability));
}

/** Whether the preview gives a limit less of a chance than prices alone do: it knows how much there was of it, too. */
export function lessThanPrices(preview: Preview | undefined, chances: Chance[], limit: Micro | null, bid: boolean): boolean {
  const chance = preview?.fill_probability;
  if (chance == null || limit === null) return false;
  return chances.some((c) => (bid ? c.limit <= limit : c.limit >= limit) && c.probability > chance + 0.01);
}

/** None where not all of it has a price. Else: what won in 80 % of the latest slots, a tenth better than what is expected, and no worse than the last prices and than what all of a bid would have cost in the last round: the best of these. */
export function suggested(side: Fields['side'], preview: Preview, slots: number): Micro | null {
  if (preview.expected == null || preview.last_cost == null) return null;
  // Of a bid that takes runs the amounts may be those of fewer slots than it asks for.
  const expected = perSlot(preview.expected, preview.slots ?? slots);
  const often = preview.chances.find((c) => c.probability >= 0.8);
  // Prices say nothing of how much there is at them.
  const whole = side === 'bid' && preview.in_last_round?.whole ? perSlot(preview.in_last_round.whole, slots) : asMicro(0n);
  const at = [whole, asMicro(divRound(expected * (side === 'bid' ? 11n : 9n), 10n)), perSlot(preview.last_cost, preview.slots ?? slots), ...(often ? [perSlot(often.limit, slots)] : [])].filter((v) => v > 0n);
  if (at.length === 0) return null;
  return side === 'bid' ? rounded(at.reduce((a, b) => (b > a ? b : a)), true) : rounded(at.reduce((a, b) => (b < a ? b : a)), false);
}
/** To what a field shows: 2 places, or 4 where the amount is small; a bid up and an offer down, so that it still wins. */
function rounded(value: Micro, up: boolean): Micro {
  const step = value < 100_000n ? 100n : 10_000n;
  return asMicro(((value + (up ? step - 1n : 0n)) / step) * step);
}
/** For a field: no separators, and no zeros after the second place. */
export const plain = (value: Micro) => formatMoney(value).replaceAll(',', '').replace(/(\.\d\d\d*?)0+$/, '$1');
