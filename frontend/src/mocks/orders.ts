import { ago, dec, slotAt } from './clock.ts';
import type { Award, Explain, Order, Quantities } from '../lib/api/objects.ts';

// end of id, side, pool, cores, GiB (an offer is of one resource in one slot), first slot, slots, limit per slot, filled cores, status, reason, age in s, all or none
type Row = [string, 'bid' | 'offer', string, number, number, number, number, number, number, string, string | null, number, boolean?];
const ROWS: Row[] = [
  ['7K2RA1', 'bid', 'waw1-gp', 32, 128, 1, 6, 36, 0, 'open', null, 5],
  ['7K2A05', 'bid', 'fra1-gp', 32, 128, 1, 6, 53.06, 32, 'filled', null, 11],
  ['7K2H81', 'bid', 'vie1-hp', 32, 64, 1, 6, 68, 32, 'filled', null, 12],
  ['7K2PQ4', 'bid', 'hel1-gp', 128, 512, 1, 12, 142, 128, 'filled', null, 14],
  ['7K1Z0C', 'bid', 'fra1-gp', 96, 384, 0, 3, 150, 72, 'partially_filled', 'TIE', 540],
  ['7K2M9X', 'bid', 'fra1-gp', 64, 256, 1, 6, 93, 0, 'open', 'OUT_OF_MONEY', 720],
  ['7K1T9N', 'bid', 'mad1-gp', 64, 256, 1, 6, 78, 0, 'open', null, 840],
  ['7K1Q8D', 'bid', 'hel1-gp', 256, 1024, 1, 6, 280, 0, 'open', 'BLOCK', 960, true],
  ['7K1X5E', 'offer', 'fra1-hp', 48, 0, 3, 1, 96, 48, 'filled', null, 1260],
  ['7K1P5H', 'offer', 'fra1-gp', 48, 0, 1, 1, 48, 24, 'partially_filled', 'FLOOR_PROTECTED', 1380],
  ['7K1W2A', 'bid', 'ams1-gp', 64, 256, -3, 6, 92, 64, 'filled', null, 1860],
  ['7K0Y7V', 'bid', 'fra1-gp', 32, 128, -3, 6, 54, 32, 'filled', null, 1980],
  ['7K0V4S', 'bid', 'waw1-gp', 64, 256, -3, 6, 70, 0, 'canceled', null, 1990],
  ['7K0K6B', 'bid', 'fra1-hp', 64, 256, -6, 6, 150, 0, 'expired', 'NO_HOST', 2880, true],
  ['7K1R3J', 'bid', 'par1-gp', 32, 128, 3, 12, 44, 0, 'open', 'HALTED', 3700],
  ['7JZW1P', 'bid', 'vie1-hp', 512, 1024, -9, 24, 1020, 0, 'canceled', 'HALTED', 3900],
];

export const orders: Order[] = ROWS.map(([end, side, pool, cores, gib, first, slots, limit, filled, status, reason, age, block]) => {
  const part = filled / cores;
  const of = (c: number, g: number): Quantities => ({ cpu_milli: c * 1000, ...(gib > 0 && { mem_mib: Math.round(g * 1024) }) });
  return {
    id: `${side === 'bid' ? 'bid' : 'off'}_01KAB6Q0ZX3F4QW8${end}`, side, status, participant: 'par_01KAB6Q0ZX3F4QGENOM', instance: null,
    window: { start_at: slotAt(first), end_at: slotAt(first + slots) }, replicas: 1, resources: of(cores, gib),
    pools: [{ pool, adder: '0.000000' }, ...(pool === 'fra1-gp' && side === 'bid' ? [{ pool: 'ams1-gp', adder: '1.900000' }] : [])], assurance: 'firm',
    limit: dec(limit * slots, 6), min_fill: block ? '1' : '0', time_in_force: 'gtc', expires_at: null, latest_start_at: null, resell: 'own_limit', project: end === '7K1Z0C' ? 'variant-calling' : null, no_displacement: false, min_run_slots: 0, class: 'standard',
    remaining: of(cores - filled, gib * (1 - part)), remaining_replicas: part === 1 ? 0 : 1,
    remaining_limit: dec(limit * slots * (1 - part), 6), hold: dec(limit * slots * (1 - part), 6), awarded: dec(limit * slots * part * 0.94, 6), awards: [], origin: age === 1260 ? 'auto_offer' : 'manual',
    ...(age === 1260 ? { grounds: { rule: 'auto_offer', strategy_version: 3, forecast: { model: 'online-experts', seen_until: ago(age + 5) }, inputs: { cpu_milli: { baseline: 96_000, needed: 48_000, floor: 24_000, price: '0.000500000' } } } } : {}),
    created_at: ago(age), updated_at: ago(age),
    closed_reason: status === 'canceled' || status === 'expired' ? reason : null,
    last_reason: reason && status !== 'canceled' ? { reason, round: 948_212, price_faced: reason === 'OUT_OF_MONEY' ? '574.464000' : null, shortfall: reason === 'OUT_OF_MONEY' ? '16.464000' : null } : null,
  };
});

const SENTENCE: Record<string, string> = {
  OUT_OF_MONEY: 'Your limit leaves 1.2051 cr per core. Bids for 1,312 cores stood at 1.2480 or more; there were 1,220 cores to give. No one who offered less than you got any.',
  TIE: 'At its limit 72 of the 96 cores were to be had.',
  BLOCK: 'It asks for all 256 cores or none, and 201 can be had in this window.',
  FLOOR_PROTECTED: '24 of the 48 cores are kept for the SLA floor of the lending workload.',
  HALTED: 'The pool is halted since 09:12. The order is kept and its hold is unchanged.',
  NO_HOST: 'No node had room for all of it.',
};
export function explain(order: Order): Explain {
  const reason = order.last_reason?.reason ?? order.closed_reason ?? null;
  const short = reason === 'OUT_OF_MONEY';
  return {
    order: order.id, status: order.status, reason, round: order.last_reason?.round ?? null, limit: order.remaining_limit, price_faced: order.last_reason?.price_faced ?? null, shortfall: order.last_reason?.shortfall ?? null,
    sentence: (reason && SENTENCE[reason]) ?? (order.status === 'filled' ? 'It won all that it asked for.' : 'No round has looked at it yet; the next one will.'),
    minimum_winning_limit: short ? { value: '578.496000', quality: 'bound' } : null, maximum_winning_limit: null,
    binding_node: reason === 'NO_HOST' ? 'fra1-hp-03' : short ? 'fra1-gp-14' : null, binding_resource: reason === 'NO_HOST' || short ? 'cpu_milli' : null,
    changes: short ? [{ change: 'Raise the limit', limit: '578.496000', helps: true }, { change: 'Let ams1-gp stand in', limit: null, helps: true }, { change: 'Ask for fewer cores', limit: null, helps: false }] : [],
  };
}

/** Fills of the past hours, as the price chart marks them: slots back and cores. */
const FILLS: [back: number, cores: number][] = [[22, 64], [17, 32], [7, 96], [2, 32]];
export const awards: Award[] = FILLS.map(([back, cores]) => ({
  id: `awd_01KAB6Q0ZX3F${back}`, round: 948_212 - back * 30, kind: 'bought', side: 'bid', order: orders[1]?.id ?? '', participant: 'par_01KAB6Q0ZX3F4QGENOM', instance: null, money: '47.870000', created_at: ago(back * 300),
  lines: [{ pool: 'fra1-gp', resource: 'cpu_milli', slot: slotAt(-back), quantity: cores * 1000, price: '0.001248000', money: '47.870000', resold: 0, settled: true }],
}));
