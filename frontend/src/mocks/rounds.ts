import { dec, iso, roundNow, ROUND, START, slotAt } from './clock.ts';
import { pools } from './pools.ts';
import { nodes } from './swaps.ts';
import type { Interruption, NodePremium, Outcome, Round, RoundExternality } from '../lib/api/objects.ts';

/** A full node of fra1-gp: a core costs 0.22 more there, and a GiB 0.01. */
const premiums: NodePremium[] = ([['cpu_milli', 0.22, 1000], ['mem_mib', 0.01, 1024]] as const).map(([resource, premium, per]) => ({ pool: 'fra1-gp', node: nodes[0].id, resource, slot: slotAt(1), premium: dec(premium / per, 9) }));
/** Every eleventh round has a price beyond its band. */
const interruptions = (number: number): Interruption[] => (number % 11 === 4 ? [{ pool: 'vie1-hp', resource: 'cpu_milli', slot: slotAt(3), price: '0.007200000', band: '0.005652000' }] : []);
/** Every seventh round left bids with a minimum out: it holds, and is not proved best. */
const unproved = (number: number) => number % 7 === 3;

export function round(number: number): Round {
  const at = START - (948_212 - number) * ROUND;
  return {
    id: `rnd_01KAB6Q0ZX3F${number}`, number, state: number >= roundNow() ? 'executing' : 'settled', sealed_at: iso(at), awarded_at: iso(at + 62), settled_at: null, first_slot: slotAt(1), last_slot: slotAt(6),
    orders: 14_208, awards: 10_086, root: `blake3:77c2${number.toString(16)}a91e04d6b8`, previous_root: `blake3:77c2${(number - 1).toString(16)}a91e04d6b8`, void_reason: null, open_slots: [],
    certificate: {
      verified: true, quality: unproved(number) ? 'bounded' : 'optimal', welfare: '184226.408117000', bound: unproved(number) ? '184302.341000000' : '184226.408117000',
      gap: unproved(number) ? { total: '75.932883000', blocks: '60.500000000', hosts: '15.400000000', rounding: '0.032883000' } : { total: '0.000000000', blocks: '0.000000000', hosts: '0.000000000', rounding: '0.000000000' }, input_hash: `blake3:4be190c7f00d${number.toString(16)}55d2`, result_hash: `blake3:a07f3312beef${number.toString(16)}c9e8`,
    },
    prices: pools.flatMap((p) => p.resources.flatMap((r) => (r.price ? [{ pool: p.slug, resource: r.resource, slot: slotAt(1), price: r.price.price, set_by: r.price.set_by, volume: r.volume, supply: r.capacity, reserve: r.reserve }] : []))),
    premiums, interruptions: interruptions(number),
  };
}
export const rounds = (limit: number) => Array.from({ length: Math.min(limit, 40) }, (_, i) => round(roundNow() - i));
export const externality = (number: number): RoundExternality => ({
  round: number,
  price_to_externality: { winners: 10_086, looked_at: 16, paid: '1475.340000', externality: '1372.410000', ratio: '1.075', least: '1.000', greatest: '1.412' },
  no_externality: null,
});
const COUNTS: [string, number][] = [['OUT_OF_MONEY', 34], ['TIE', 14], ['FROZEN_HOLD_TIME', 4], ['FLOOR_PROTECTED', 3], ['BLOCK', 1]];
export const result = (): Outcome => ({
  format: 'headroom.outcome/2',
  awards: [['7K2PQ4', '795.660000'], ['7K2H81', '392.460000'], ['7K2A05', '287.220000']].map(([end, money]) => ({ order: `bid_01KAB6Q0ZX3F4QW8${end}`, alternative: 0, lots: 32_000, nodes: [], money: money as string, quantities: [['fra1-gp', 'cpu_milli', 1, 32_000]] })),
  refused: COUNTS.flatMap(([reason, n]) => Array.from({ length: n }, (_, i) => ({ order: i === 0 && reason === 'OUT_OF_MONEY' ? 'bid_01KAB6Q0ZX3F4QW87K2M9X' : `bid_01KAB6Q0ZX3F4QW8${reason.slice(0, 3)}${100 + i}`, reason, cost: '574.464000', shortfall: '16.464000' }))).concat({ order: 'awd_01KAB6Q0ZX3F4QW8RESALE', reason: 'OUT_OF_MONEY', cost: '1.000000', shortfall: '0.100000' }),
});
