import { balance } from './users.ts';
import { dec, roundNow, SLOT } from './clock.ts';
import { orders } from './orders.ts';
import { pools } from './pools.ts';
import { projects } from './projects.ts';
import type { Order, OrderBody, Preview } from '../lib/api/objects.ts';

/** A logistic curve around what the bundle costs now: enough to develop the ticket against. */
export function preview(body: unknown): Preview {
  const order = body as OrderBody;
  const pool = pools.find((p) => p.slug === order.pools[0]?.pool);
  const slots = Math.max(1, (Date.parse(order.window.end_at) - Date.parse(order.window.start_at)) / 300_000);
  const perSlot = Object.entries(order.resources).reduce((sum, [r, q]) => sum + q * Number(pool?.resources.find((x) => x.resource === r)?.price?.price ?? 0), 0);
  const expected = perSlot * slots * order.replicas * 1.023;
  const limit = Number(order.limit);
  const chanceAt = (p: number) => expected * (1 + 0.022 * Math.log(p / (1 - p)));
  return {
    hold: dec(limit, 6), slots, expected: dec(expected, 6), basis: 'recent_slots', basis_slots: 120, last_cost: dec(expected, 6), expected_low: dec(expected * 0.931, 6), expected_high: dec(expected * 1.069, 6),
    fill_probability: expected > 0 ? 1 / (1 + Math.exp(-(limit / expected - 1) / 0.022)) : 0, project_left: projects.find((p) => p.name === order.project)?.left ?? null, available_after: dec(Number(balance.available) - limit, 6), round: roundNow() + 1, currency: 'credits', fee: '0.000000', gate_closes_at: order.window.start_at,
    chances: [0.5, 0.8, 0.95, 0.99].map((probability) => ({ probability, limit: dec(chanceAt(probability), 6) })),
    warnings: pool && (pool.resources[0]?.utilisation ?? 0) > 0.9 ? ['Demand passes capacity in this window with 40 % chance.'] : [],
  };
}

/** What the server takes as an offer: one resource in one slot, and any part of it. */
export function isOneOffer(body: unknown): boolean {
  const order = body as OrderBody;
  return Object.keys(order.resources).length === 1 && Date.parse(order.window.end_at) - Date.parse(order.window.start_at) === SLOT && order.replicas === 1 && Number(order.min_fill) === 0 && order.pools.length === 1;
}

let made = 0;
export function place(side: 'bid' | 'offer', body: unknown): Order {
  const order = body as OrderBody;
  made += 1;
  const placed: Order = { ...order, id: `${side === 'bid' ? 'bid' : 'off'}_01KAB6Q0ZX3F4QW87NEW${String(made).padStart(2, '0')}`, side, status: 'open', participant: 'par_01KAB6Q0ZX3F4QGENOM', remaining: order.resources, remaining_replicas: 1, remaining_limit: order.limit, hold: order.limit, awarded: '0.000000', awards: [], origin: 'manual', closed_reason: null, created_at: new Date().toISOString(), updated_at: new Date().toISOString(), last_reason: null };
  orders.unshift(placed);
  return placed;
}
