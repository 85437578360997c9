// The ticket's fields and the order they make. Pure, so that the arithmetic is tested without a page.
import type { Market, OrderBody, Preview } from '@/lib/api';
import { asMicro, decimal, divRound, formatMoney, type Micro, tryMicro, toBase } from '@/lib/money';
import { perSlot } from './order';

export interface Fields {
  side: 'bid' | 'offer'; cores: string; gib: string; start: number; slots: string; limit: string; allOrNone: boolean; instance: string;
  /** The limit is the ticket's own proposal: it follows the preview until somebody sets it. */
  proposed: boolean;
}
export interface Faults { cores?: string; gib?: string; slots?: string; limit?: string; instance?: string }

export function check(f: Fields, market: Market, startIndex: number): Faults {
  const faults: Faults = {};
  if (!(Number(f.cores) > 0) && !(Number(f.gib) > 0)) faults.cores = 'Ask for cores, memory or both';
  if (!Number.isInteger(Number(f.slots)) || Number(f.slots) < 1) faults.slots = 'At least one whole slot';
  else if (startIndex + Number(f.slots) > market.horizon_slots) faults.slots = `Only ${market.horizon_slots} slots are open`;
  const limit = tryMicro(f.limit);
  if (limit === null) faults.limit = f.limit.trim() ? 'An amount like 104.00' : undefined;
  else if (limit <= 0n) faults.limit = 'More than 0';
  if (f.side === 'offer' && !f.instance) faults.instance = 'Which workload lends?';
  return faults;
}

/** null until every field is good: nothing half-typed is sent, not even to the preview. */
export function orderOf(f: Fields, pool: string, market: Market, startIndex: number): OrderBody | null {
  const limit = tryMicro(f.limit);
  if (limit === null || Object.values(check(f, market, startIndex)).some(Boolean)) return null;
  const slots = Number(f.slots);
  const resources: Record<string, number> = {};
  if (Number(f.cores) > 0) resources.cpu_milli = toBase('cpu_milli', Number(f.cores));
  if (Number(f.gib) > 0) resources.mem_mib = toBase('mem_mib', Number(f.gib));
  const at = (n: number) => new Date(f.start + n * market.slot_seconds * 1000).toISOString().replace('.000Z', 'Z');
  return {
    instance: f.instance || null, window: { start_at: at(0), end_at: at(slots) }, replicas: 1, resources, pools: [{ pool, adder: '0.000000' }],
    assurance: 'firm', limit: decimal(asMicro(limit * BigInt(slots)), 6), min_fill: f.allOrNone ? '1' : '0',
    time_in_force: 'gtc', expires_at: null, latest_start_at: null, resell: 'own_limit', project: null, class: 'standard',
  };
}

export interface Chance { probability: number; limit: Micro }

/**
 * Limits per slot by chance to fill. The server gives the limits that would have been enough for a
 * bid in that share of the latest slots; an offer fills in the others, where the price was higher.
 */
export function chancesOf(side: Fields['side'], preview: Preview | undefined, slots: number): Chance[] {
  const list = (preview?.chances ?? []).map((c) => ({ probability: side === 'bid' ? c.probability : 1 - c.probability, limit: perSlot(c.limit, slots) }));
  // Where prices stood still several chances have one limit: the best of them is true, the others confuse.
  return list.filter((c, i) => !list.some((d, k) => d.limit === c.limit && (d.probability > c.probability || (d.probability === c.probability && k < i))));
}

/** A tenth better than what is expected, and for a bid at least what won in 80 % of the latest slots. */
export function suggested(side: Fields['side'], preview: Preview, slots: number): Micro | null {
  const expected = perSlot(preview.expected, slots);
  if (side === 'offer') return expected > 0n ? asMicro(divRound(expected * 9n, 10n)) : null;
  const often = preview.chances.find((c) => c.probability >= 0.8);
  const most = [asMicro(divRound(expected * 11n, 10n)), ...(often ? [perSlot(often.limit, slots)] : [])].reduce((a, b) => (b > a ? b : a));
  return most > 0n ? roundUp(most) : null;
}
/** To what a field shows: 2 places, or 4 where the amount is small; up, so that it still wins. */
function roundUp(value: Micro): Micro {
  const step = value < 100_000n ? 100n : 10_000n;
  return asMicro(((value + step - 1n) / step) * step);
}
export const plain = (value: Micro) => formatMoney(value).replaceAll(',', '');
