import { chance, dec, iso, ROUND, roundNow, SLOT, SLOT_NOW, START, ago, slotAt } from './clock.ts';
import type { Book, Pool, PricePoint } from '../lib/api/objects.ts';

// slug, place, tier, price per core, reserve per core, cores, used %, change over an hour %, memory price per GiB
const ROWS: [string, string, string, number, number, number, number, number, number][] = [
  ['hel1-gp', 'Helsinki', 'general_purpose', 0.812, 0.6, 1784, 61, -1.4, 0.056],
  ['mad1-gp', 'Madrid', 'general_purpose', 0.9475, 0.72, 1024, 70, 0, 0.058],
  ['ams1-gp', 'Amsterdam', 'general_purpose', 1.1015, 0.85, 1280, 79, 1.1, 0.06],
  ['fra1-gp', 'Frankfurt', 'general_purpose', 1.248, 0.9, 1344, 91, 3.4, 0.062],
  ['vie1-hp', 'Vienna', 'high_performance', 1.884, 1.4, 640, 84, 2.2, 0.08],
  ['fra1-hp', 'Frankfurt', 'high_performance', 2.106, 1.5, 640, 94, 4.8, 0.085],
  ['waw1-lp', 'Warsaw', 'low_priority', 0.334, 0.2, 1024, 49, -2, 0.02],
  ['ams1-lp', 'Amsterdam', 'low_priority', 0.4125, 0.4125, 1024, 58, -0.6, 0.024],
  ['waw1-gp', 'Warsaw', 'general_purpose', 0.769, 0.6, 1152, 83, 0.3, 0.05],
  ['par1-gp', 'Paris', 'general_purpose', 0, 0.7, 896, 0, 0, 0],
];
const SETTER: Record<string, string> = { 'fra1-gp': 'bid:bid_01KAB6Q0ZX3F7K2B3R', 'hel1-gp': 'offer:off_01KAB6Q0ZX3F7JX0R8', 'ams1-lp': 'reserve:0' };
const perUnit = (price: number, per: number) => dec(price / per, 9);

/** A pool that prices shortages: the last of its supply costs several times its reserve price. */
const scarce = (free: number, floor: number, per: number) => ({
  shortage_cost: perUnit(floor * 4, per), recorded_at: ago(20),
  steps: ([[0.6, 0.4, 0.01], [0.2, 0.2, 0.05], [0.1, 0.1, 0.1], [0.1, 0, 0.5]] as const).map(([share, left, odds]) => ({
    quantity: Math.round(free * share), remaining: Math.round(free * left), reserve: perUnit(floor, per), price: perUnit(floor * (1 + 4 * odds), per), chance: odds,
  })),
});

export const pools: Pool[] = ROWS.map(([slug, pop, tier, price, reserve, cores, used, , memory], i) => {
  const halted = slug === 'par1-gp';
  const one = (resource: string, value: number, floor: number, capacity: number, per: number) => ({
    resource, capacity: capacity * per, free: Math.round(capacity * per * (1 - used / 100)), reserve: perUnit(floor, per), schedulable: capacity * per, price_band: perUnit(Math.max(value, floor) * 3, per), reference: perUnit(Math.max(value, floor), per),
    volume: Math.round(capacity * per * (used / 100)), utilisation: used / 100, scarcity: slug === 'fra1-gp' ? scarce(capacity * per * (1 - used / 100), floor, per) : null,
    price: halted ? null : { price: perUnit(value, per), slot: slotAt(1), round: 948_212, set_by: SETTER[slug] ?? 'bid:bid_01KAB6Q0ZX3F7K1YV8' },
  });
  return {
    slug, id: `poo_01KAB6Q0ZX3F${1000 + i}`, next_slot: slotAt(1), gate_closes_at: slotAt(1), reserve_version: 7, recallable_of: null, two_person_approval: true, moves_at_once: i === 0 ? 4 : null, move_approval: slug === 'fra1-hp', settings_version: 3, name: `${pop}, ${tier.replace('_', ' ')}`, pop, tier, nodes: Math.round(cores / 64),
    resources: [one('cpu_milli', price, reserve, cores, 1000), one('mem_mib', memory, memory || 0.05, cores * 4, 1024)],
    safe_state: { without_rounds_since: halted ? slotAt(-11) : null, slots_rolled: halted ? 12 : 0, last_rolled: halted ? slotAt(0) : null, prices: [{ resource: 'cpu_milli', price: perUnit(price || reserve, 1000), basis: 'hour', slots: 312 }] },
    halted: halted ? { by: 'M. Achterberg', at: ago(3720), reason: 'cooling alarm in hall 2' } : null,
  };
});

export function prices(slug: string, resource: string, limit: number): PricePoint[] {
  const row = ROWS.find((r) => r[0] === slug);
  if (!row || slug === 'par1-gp') return [];
  const [, , , price, reserve, cores, used, hour, memory] = row;
  const per = resource === 'mem_mib' ? 1024 : 1000;
  const [now, floor] = resource === 'mem_mib' ? [memory, memory * 0.8] : [price, reserve];
  const random = chance(slug.length * 7919 + slug.charCodeAt(0) + cores);
  const n = Math.min(limit, 288);
  return Array.from({ length: n }, (_, i) => {
    const back = n - 1 - i;
    const wave = 1 + 0.22 * Math.sin((i / 37) * Math.PI) * Math.min(1, back / 10) - (hour / 100) * Math.min(1, back / 12);
    const value = back === 0 ? now : Math.max(floor, now * wave * (1 + (random() - 0.5) * 0.04));
    return {
      slot: iso(SLOT_NOW - (back - 1) * SLOT), round: 948_212 - back * 30, price: perUnit(value, per), low: perUnit(value, per), high: perUnit(value * 1.004, per),
      volume: Math.round(cores * per * (used / 100) * (0.75 + 0.25 * Math.min(1.1, value / now))), set_by: value <= floor ? 'reserve:0' : i % 5 === 0 ? 'offer:off_01KAB6Q0ZX3F7JW2T6' : 'bid:bid_01KAB6Q0ZX3F7K2B3R',
      reserve: perUnit(i < n / 5 ? floor * 0.944 : floor, per), cleared_at: iso(START - back * ROUND),
    };
  });
}

const BIDS: [number, number, boolean?][] = [[2.62, 60], [2.45, 90], [2.2, 120], [2.05, 64], [1.92, 150], [1.8, 110], [1.66, 96], [1.55, 140], [1.44, 120], [1.41, 32, true], [1.36, 100], [1.29, 90], [1.248, 140], [1.19, 110], [1.08, 130], [0.97, 48]];
const OFFERS: [number, number][] = [[0.35, 120], [0.52, 180], [0.66, 140], [0.78, 110], [0.9, 480], [0.98, 80], [1.07, 60], [1.16, 50], [1.31, 60], [1.52, 80], [1.75, 70], [2.1, 60]];
export function book(slug: string, resource: string): Book {
  const pool = pools.find((p) => p.slug === slug);
  const price = pool?.resources.find((r) => r.resource === resource)?.price;
  const per = resource === 'mem_mib' ? 1024 : 1000;
  const scale = price ? (Number(price.price) * per) / 1.248 : 1;
  return {
    round: roundNow(), pool: slug, resource, slot: slotAt(1), price: price?.price ?? null, quantity: 1220 * per,
    bids: BIDS.map(([p, q, mine]) => ({ price: perUnit(p * scale, per), quantity: q * per, mine: !!mine, kind: 'bid' })),
    offers: OFFERS.map(([p, q]) => ({ price: perUnit(p * scale, per), quantity: q * per, mine: false, kind: p === 0.9 ? 'reserve' : 'offer' })),
  };
}

export const reservePrices = (slug: string) => pools.find((p) => p.slug === slug)?.resources.flatMap((r, i) => [
  { id: `rsv_${slug}_${i}b`, pool: slug, resource: r.resource, steps: [{ share: '0.800000', price: r.reserve ?? '0' }, { share: '0.200000', price: dec(Number(r.reserve ?? 0) * 1.5, 9) }], effective_at: ago(7200), created_by: 'usr_01KAB6Q0ZX3F4Qadmin', created_at: ago(90_000), state: 'scheduled', decision: { by: 'usr_01KAB6Q0ZX3F4Qother', at: ago(80_000), reason: null }, in_force_until: null, created_by_name: 'Ruth Adeyemi', decided_by_name: 'Hanna Brandt' },
  ...(i === 0 ? [
    { id: `rsv_${slug}_${i}c`, pool: slug, resource: r.resource, steps: [{ share: '1.000000', price: dec(Number(r.reserve ?? 0) * 1.2, 9) }], effective_at: ago(-7200), created_by: 'usr_01KAB6Q0ZX3F4Qother', created_at: ago(600), state: 'pending', decision: null, in_force_until: null, created_by_name: 'Hanna Brandt', decided_by_name: null },
    { id: `rsv_${slug}_${i}d`, pool: slug, resource: r.resource, steps: [{ share: '1.000000', price: dec(Number(r.reserve ?? 0) * 3, 9) }], effective_at: ago(3600), created_by: 'usr_01KAB6Q0ZX3F4Qadmin', created_at: ago(9000), state: 'rejected', decision: { by: 'usr_01KAB6Q0ZX3F4Qother', at: ago(8000), reason: 'Prices everybody out at night.' }, in_force_until: null, created_by_name: 'Ruth Adeyemi', decided_by_name: 'Hanna Brandt' },
  ] : []),
  { id: `rsv_${slug}_${i}a`, pool: slug, resource: r.resource, steps: [{ share: '1.000000', price: dec(Number(r.reserve ?? 0) * 0.944, 9) }], effective_at: ago(2_600_000), created_by: null, created_at: ago(2_700_000), state: 'scheduled', decision: null, in_force_until: ago(7200), created_by_name: null, decided_by_name: null },
]) ?? [];
