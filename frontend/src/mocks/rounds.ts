import { iso, roundNow, ROUND, START, slotAt } from './clock.ts';
import { pools } from './pools.ts';
import type { Outcome, Round, RoundExternality } from '../lib/api/objects.ts';

/** Every seventh round ran out of time: it holds, and is not proved best. */
const unproved = (number: number) => number % 7 === 3;

export function round(number: number): Round {
  const at = START - (948_212 - number) * ROUND;
  return {
    id: `rnd_01KAB6Q0ZX3F${number}`, number, state: number >= roundNow() ? 'executing' : 'settled', sealed_at: iso(at), awarded_at: iso(at + 62), settled_at: null, first_slot: slotAt(1), last_slot: slotAt(6),
    orders: 14_208, awards: 10_086, root: `blake3:77c2${number.toString(16)}a91e04d6b8`, previous_root: `blake3:77c2${(number - 1).toString(16)}a91e04d6b8`, seed: number.toString(16), void_reason: null, open_slots: [],
    certificate: {
      verified: true, quality: unproved(number) ? 'fallback' : 'optimal', welfare: '184226.408117', bound: unproved(number) ? '184302.341000' : '184226.408117', limited_by: unproved(number) ? 'SOLVER_FALLBACK' : null, gap: unproved(number) ? '0.000412' : '0', cuts: unproved(number) ? 12 : 0, input_hash: `blake3:4be190c7f00d${number.toString(16)}55d2`, result_hash: `blake3:a07f3312beef${number.toString(16)}c9e8`,
    },
    prices: pools.flatMap((p) => p.resources.flatMap((r) => (r.price ? [{ pool: p.slug, resource: r.resource, slot: slotAt(1), price: r.price.price, low: r.price.low, high: r.price.high, set_by: r.price.set_by, volume: r.volume, supply: r.capacity, reserve: r.reserve }] : []))),
  };
}
export const rounds = (limit: number) => Array.from({ length: Math.min(limit, 40) }, (_, i) => round(roundNow() - i));
export const externality = (number: number): RoundExternality => ({
  round: number,
  price_to_externality: { winners: 10_086, looked_at: 16, paid: '1475.340000', externality: '1372.410000', ratio: '1.075', least: '1.000', greatest: '1.412' },
  no_externality: null,
});
const COUNTS: [string, number][] = [['OUT_OF_MONEY', 34], ['MARGINAL_PRORATA', 14], ['FROZEN_HOLD_TIME', 4], ['FLOOR_PROTECTED', 3], ['PARADOXICAL', 1]];
export const result = (number: number): Outcome => ({
  format: 'headroom.outcome/1', bound: unproved(number) ? '184302.341000' : '184226.408117',
  awards: [['7K2PQ4', '795.660000'], ['7K2H81', '392.460000'], ['7K2A05', '287.220000']].map(([end, money]) => ({ order: `bid_01KAB6Q0ZX3F4QW8${end}`, alternative: 0, fill: '1', money: money as string, quantities: [['fra1-gp', 'cpu_milli', 1, 32_000]] })),
  refused: COUNTS.flatMap(([reason, n]) => Array.from({ length: n }, (_, i) => ({ order: i === 0 && reason === 'OUT_OF_MONEY' ? 'bid_01KAB6Q0ZX3F4QW87K2M9X' : `bid_01KAB6Q0ZX3F4QW8${reason.slice(0, 3)}${100 + i}`, reason, price: '574.464000', shortfall: '16.464000' }))).concat({ order: 'awd_01KAB6Q0ZX3F4QW8RESALE', reason: 'OUT_OF_MONEY', price: '1.000000', shortfall: '0.100000' }),
});
