import { iso, SLOT, SLOT_NOW, ago, START } from './clock.ts';
import { pools } from './pools.ts';
import { instances } from './swaps.ts';
import type { Accuracy, Instance, Metrics, Prediction } from '../lib/api/draft.ts';

export function prediction(query: URLSearchParams): Prediction {
  const resource = query.get('resource') ?? 'cpu_milli';
  const pool = pools.find((p) => p.slug === query.get('pool'))?.resources.find((r) => r.resource === resource);
  const own = instances.find((i) => i.id === query.get('instance_id'));
  const base = own ? (own.usage?.[resource] ?? 0) : query.get('of') === 'price' ? Number(pool?.price?.price ?? 0) : (pool?.volume ?? 0);
  return {
    points: [1, 2, 3, 4, 5, 6].map((h) => {
      const mid = base * (1 + 0.012 * h);
      const width = base * 0.022 * Math.sqrt(h);
      return { horizon_slots: h, slot: iso(SLOT_NOW + h * SLOT), mean: mid, variance: width * width, quantiles: { '0.025': mid - 2.1 * width, '0.1': mid - 1.3 * width, '0.5': mid, '0.9': mid + 1.5 * width, '0.975': mid + 2.6 * width }, model: 'online+pooled', issued_at: ago(40), coverage: { '80': 0.803, '95': 0.948 } };
    }),
  };
}
export const accuracy: Accuracy = {
  data: ['cpu_milli', 'mem_mib'].flatMap((resource, r) => [1, 3, 6].map((h, i) => ({ resource, horizon_slots: h, model: 'online+pooled', count: 41_208 - h * 120, coverage: { '80': 0.803 - 0.006 * i - 0.01 * r, '95': 0.949 - 0.004 * i }, pinball: 0.31 + 0.05 * i + 0.02 * r, mase: 0.86 + 0.08 * i, drift: r === 1 && h === 6 }))),
};
export function metrics(of: Instance): Metrics {
  return {
    points: Array.from({ length: 60 }, (_, i) => ({
      at: iso(START - (59 - i) * 60_000),
      usage: { cpu_milli: Math.round((of.usage?.cpu_milli ?? 0) * (0.72 + 0.28 * Math.sin(i / 9) ** 2)), mem_mib: Math.round((of.usage?.mem_mib ?? 0) * (0.9 + i / 600)) },
      limits: { cpu_milli: i > 38 ? (of.in_force.cpu_milli ?? 0) : (of.baseline.cpu_milli ?? 0), mem_mib: of.in_force.mem_mib ?? 0 },
    })),
  };
}
