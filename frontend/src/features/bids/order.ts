// Reading an order: per slot where people think per slot, whole where the API means whole.
import type { Order, OrderBody, Quantities } from '@/lib/api';
import { asMicro, divRound, formatPercent, formatShort, micro, type Micro, shown, unitOf } from '@/lib/money';

export const OPEN = ['open', 'partially_filled', 'pending_cancel', 'pending_replace'];
/** Over, and not because it won all of it. */
export const ENDED = ['canceled', 'expired', 'replaced'];
export const isOpen = (o: Order) => OPEN.includes(o.status);
export const slotsOf = (o: { window: Order['window'] }, slotSeconds: number) =>
  Math.max(1, Math.round((Date.parse(o.window.end_at) - Date.parse(o.window.start_at)) / (slotSeconds * 1000)));

/** Reasons that a better price alone takes away. */
export const BY_PRICE = ['OUT_OF_MONEY', 'TIE'];
/** An automatic order that only a price keeps: a strategy placed it at what it is worth, so it waits, and no person need look at it. */
export const isCalm = (o: Order) => isOpen(o) && BY[o.origin] === 'auto' && (!o.last_reason || BY_PRICE.includes(o.last_reason.reason));

/** The orders that want a look: open, not won in their last round, and not merely waiting for a price. */
export const stuckOf = (orders: Order[]) => orders.filter((o) => isOpen(o) && o.last_reason && !isCalm(o));
/** The first of them: one that another limit would help, if there is one. */
export const firstStuck = (orders: Order[]) => {
  const stuck = stuckOf(orders);
  return stuck.find((o) => o.last_reason?.reason === 'OUT_OF_MONEY') ?? stuck[0];
};

/** Money of the whole order → per slot. */
export const perSlot = (whole: string, slots: number): Micro => asMicro(divRound(micro(whole), BigInt(slots)));
export const poolsOf = (o: Order) => o.pools.map((p) => p.pool);
export const bundle = (o: Order) => formatShort(o.resources) + (o.replicas > 1 ? ` × ${o.replicas}` : '') + (Number(o.min_fill) === 1 ? ', all or none' : '');

/** What a bid says of its window and its workload beside the bundle. */
export const terms = (o: Order) => [
  o.min_run_slots > 0 && `Takes any run of at least ${o.min_run_slots} ${o.min_run_slots === 1 ? 'slot' : 'slots in a row'} of its window, at its part of the limit.`,
  o.no_displacement && 'Its workload is not moved for it.',
  o.assurance === 'recallable' && (o.side === 'bid' ? 'Its lender may take it back in the middle of a slot.' : 'It may be taken back in the middle of a slot.'),
].filter((said) => said !== false);

/** Who placed it, where that was not a person; origins of later versions are shown as they are. */
const ORIGINS: Record<string, string> = { manual: '', auto_bid: 'automatic', auto_offer: 'automatic', draw: 'taken at once' };
export const originText = (o: Pick<Order, 'origin'>): string => ORIGINS[o.origin] ?? String(o.origin).replaceAll('_', ' ');

/** By whom an order was placed, as the page filters by it: the API has no such filter. */
export const PLACED = [{ value: 'all', label: 'Placed by everybody' }, { value: 'hand', label: 'Placed by hand' }, { value: 'auto', label: 'Placed automatically' }, { value: 'draw', label: 'Taken at once' }];
const BY: Record<string, string> = { manual: 'hand', auto_bid: 'auto', auto_offer: 'auto', draw: 'draw' };
export const isPlaced = (o: Pick<Order, 'origin'>, by: string): boolean => !PLACED.slice(1).some((p) => p.value === by) || BY[o.origin] === by;

/** The resource that names the size of an order in a table: cpu, else its first. */
export const mainResource = (q: Quantities) => ('cpu_milli' in q ? 'cpu_milli' : (Object.keys(q)[0] ?? 'cpu_milli'));
export function fill(o: Order): { done: number; all: number; unit: string } {
  const r = mainResource(o.resources);
  const all = (o.resources[r] ?? 0) * o.replicas;
  const rest = o.status === 'filled' ? 0 : (o.remaining[r] ?? 0) * o.remaining_replicas;
  return { done: shown(r, all - rest), all: shown(r, all), unit: unitOf(r).short };
}

/** How much of it was won, in a few digits: all is only what is all, and something is never nothing. */
export const partText = (done: number, all: number): string => (done > 0 && done * 100 < all ? `<${formatPercent(0.01)}` : formatPercent(Math.floor((done / all) * 100 + 1e-9) / 100));

/** The body that replaces an order: what it still asks for, at another limit. A replacement is a new order. */
export const replacement = (o: Order, limit: string): OrderBody => ({
  instance: o.instance, window: o.window, latest_start_at: o.latest_start_at, replicas: o.remaining_replicas, resources: o.remaining, pools: o.pools, assurance: o.assurance,
  limit, min_fill: o.min_fill, time_in_force: o.time_in_force, expires_at: o.expires_at, resell: o.resell, project: o.project, no_displacement: o.no_displacement, min_run_slots: o.min_run_slots, class: o.class,
});

const REASONS: Record<string, string> = {
  HALTED: 'pool halted, order kept', SELF_TRADE: 'it would have met an own order', LEAVES_NODE: 'its workload leaves the node before', TOOK_BACK: 'taken back twice for this slot', INELIGIBLE: 'could not be taken in', NO_VACATE_PATH: 'needs a proven way to give memory back',
  FROZEN_HOLD_TIME: 'its workload can’t be moved now', WORKLOAD_AWAY: 'waits until its workload is home', RELOCATING: 'its workload gets another pool', RELOCATED: 'its workload has another pool now', NEEDED_AT_HOME: 'its workload is needed at home', TOO_MANY_AWARDS: 'too many unsettled awards', FLOOR_PROTECTED: 'kept for an SLA floor',
  THRASH_LIMIT: 'too much change in one slot', INTERRUPTED: 'price beyond the band, no awards', OUT_OF_MONEY: 'limit under the price', TIE: 'nothing to be had at its limit',
  NO_ROOM: 'less left than a lot takes', NO_HOST: 'no node has room for a replica', BLOCK: 'its minimum could not win', ROUND_FULL: 'round full, goes first next time', ABOVE_INSTANCE_LIMIT: 'could pass its workload’s limit',
  USER: 'cancelled by its owner', NOT_FILLED_IN_ITS_ROUND: 'not filled in its one round', FORECAST_CHANGED: 'its forecast changed', INSTANCE_STOPPED: 'its workload was stopped', INSTANCE_FAILED: 'its workload failed',
};
/** What reads the other way round for somebody who lends. */
const OFFER_REASONS: Record<string, string> = { OUT_OF_MONEY: 'asks for more than the price', TIE: 'nobody to buy at its limit', NO_ROOM: 'less demand than it offers' };
/** Codes that have words of their own; the tests compare them with those of the server. */
export const KNOWN = Object.keys(REASONS);
/** One phrase for a list; the sentence with numbers comes from `explain`. An unknown code reads as its own words. */
export function reasonText(code: string, side: Order['side'] = 'bid'): string {
  const key = code.toUpperCase();
  return (side === 'offer' ? OFFER_REASONS[key] : undefined) ?? REASONS[key] ?? code.toLowerCase().replaceAll('_', ' ');
}

/** Why the last round did not give all of it. At the price exactly one comes after the other; who holds nothing got none, perhaps because nobody trades there. */
export function missText(o: Order, reason: string): string {
  if (reason === 'TIE' && o.status === 'partially_filled') return 'at the price, no more was left';
  if (reason === 'NO_HOST' && micro(o.awarded) > 0n) return 'no node has room for the rest';
  // Who asks for one of it has never heard of replicas.
  if (reason === 'NO_HOST' && o.replicas === 1) return 'no node has room for it';
  return reasonText(reason, o.side);
}

/** `mine`: whether the order is the reader's own. */
export function whyText(o: Order, mine = false): string {
  // No round has looked at what was taken at once.
  if (o.status === 'filled' && o.origin === 'draw') return '';
  if (o.status === 'filled') return o.side === 'bid' ? 'won' : 'lent';
  if (mine && o.closed_reason === 'user') return 'cancelled by you';
  if (o.closed_reason) return reasonText(o.closed_reason, o.side);
  if (o.last_reason && isCalm(o)) return `waits for a ${o.side === 'bid' ? 'lower' : 'higher'} price`;
  if (o.last_reason) return missText(o, o.last_reason.reason);
  return isOpen(o) ? 'counts in the next round' : '';
}
