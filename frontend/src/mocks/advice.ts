// A recommendation with all its parts.
import type { PopOption, Recommendation } from '../lib/api/objects.ts';
import { slotAt } from './clock.ts';

const pool = (slug: string, rank: number, total: string, reason: string | null): PopOption => ({
  pool: slug, pop: slug.slice(0, 4), tier: 'general_purpose', rank, selected: rank === 1, need_price: total,
  migration: { method: rank === 1 ? 'resize' : 'checkpoint', bytes: 0, downtime_micros: 0, failures_per_million: 0, learned_from_moves: 0, cost: '0.000000' },
  distance: 0, distance_cost: '0.000000', total, resource_optimization_score: rank === 1 ? '7.488000' : null, can_be_carried_out: reason === null, reason,
});

export const recommendation = (id: string): Recommendation => ({
  instance_id: id, recommendation: 'grow', reason: 'the forecast exceeds what is in force',
  why: ['In the next open slots (1) the 90 % quantile of its demand misses 6000 base units as it is and 0 as recommended: 22.464000 credits at the SLA rate, then 0.000000.'],
  risk: { cpu_milli: 0.42 }, change: { cpu_milli: 6000 }, expected_cost: '7.488000',
  quantities: [{ slot: slotAt(2), resource: 'cpu_milli', planned: 12000, demand: 18000, recommended: 18000, moves: false, limited_by: null }],
  waste: { before: '0.000000', after: '0.000000' }, sla_violation: { before: '22.464000', after: '0.000000' }, resource_optimization_score: '7.488000',
  pools: [pool('fra1-gp', 1, '22.464000', null), pool('ams1-gp', 2, '24.100000', 'carried_whole')],
  shaping: [], steps: [{ slot: slotAt(2), side: 'bid', resources: { cpu_milli: 6000 }, expected_cost: '7.488000' }], orders: [], placed: [],
});
