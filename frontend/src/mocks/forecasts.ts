import { iso, list, SLOT, SLOT_NOW, ago, START } from './clock.ts';
import { pools } from './pools.ts';
import { instances } from './swaps.ts';
import type { Instance, List, Prediction, Sample, SeriesForecast } from '../lib/api/objects.ts';

const SHARE: Record<string, [used: number, risk: number]> = { 'variant-caller-07': [1.31, 0.42], 'rna-seq-02': [0.74, 0.06], 'counter-03': [0.5, 0.11], 'nightly-report': [0, 0] };
const used = (of: Instance, resource: string) => (of.baseline[resource] ?? 0) * (resource === 'mem_mib' ? 0.63 : (SHARE[of.name]?.[0] ?? 0.5));

export function prediction(query: URLSearchParams): Prediction {
  const own = instances.find((i) => i.id === query.get('instance_id'));
  const pool = pools.find((p) => p.slug === query.get('pool'));
  const only = query.get('resource');
  const series = ['cpu_milli', 'mem_mib'].filter((r) => !only || r === only).map((resource) => {
    const base = own ? used(own, resource) : (pool?.resources.find((r) => r.resource === resource)?.volume ?? 0);
    const points = [1, 2, 3, 4, 5, 6].map((h) => {
      const mid = base * (1 + 0.012 * h);
      const width = base * 0.022 * Math.sqrt(h);
      return { horizon_slots: h, minutes: h * 5, slot: iso(SLOT_NOW + h * SLOT), mean: mid, variance: width * width, risk: own ? (SHARE[own.name]?.[1] ?? 0) : null, coverage_80: 0.803, coverage_95: 0.948,
        quantiles: { '0.025': mid - 2.1 * width, '0.1': mid - 1.3 * width, '0.5': mid, '0.9': mid + 1.5 * width, '0.975': mid + 2.6 * width } };
    });
    return { resource, issued_at: ago(40), capacity: base, points };
  });
  return { instance_id: own?.id ?? null, pool: pool?.slug ?? null, model: 'online-experts', series };
}
export const accuracy: List<SeriesForecast> = list(['cpu_milli', 'mem_mib'].map((resource, r) => ({
  instance: 'ins_01KAB6Q0ZX3F4QVARC07', resource, model: 'online-experts', issued_at: ago(40), samples: 41_208, rejected_samples: 0, points: [],
  accuracy: [1, 3, 6].map((h, i) => ({ horizon_slots: h, scored: 41_208 - h * 120, coverage_80: 0.803 - 0.006 * i - 0.01 * r, coverage_95: 0.949 - 0.004 * i, mean_pinball: 310 + 50 * i, mean_absolute_error: 640 + 90 * i })),
})));
export function metrics(of: Instance): List<Sample> {
  return list(Array.from({ length: 60 }, (_, i) => {
    const usage = { cpu_milli: Math.round(used(of, 'cpu_milli') * (0.72 + 0.28 * Math.sin(i / 9) ** 2)), mem_mib: Math.round(used(of, 'mem_mib') * (0.9 + i / 600)) };
    return {
      at: iso(START - (59 - i) * 60_000), instance: of.id, node: of.node, usage, demand: usage, censored: [], throttled_millis: 0, input_lag: 0, bytes_in: 0, bytes_out: 0, host_calls: 0, steps: 0,
      limits: { cpu_milli: i > 38 ? (of.in_force.cpu_milli ?? 0) : (of.baseline.cpu_milli ?? 0), mem_mib: of.in_force.mem_mib ?? 0 },
    };
  }));
}
