// What a workload that stands still has to win to go on.
import type { Instance, Quantities } from '@/lib/api';

/** What it needs beyond its baseline. */
export function missing({ suspended, baseline }: Pick<Instance, 'suspended' | 'baseline'>): Quantities {
  const beyond = Object.entries(suspended?.needs ?? {}).map(([resource, needed]) => [resource, Math.max(0, needed - (baseline[resource as keyof Quantities] ?? 0))] as const);
  return Object.fromEntries(beyond.filter(([, n]) => n > 0)) as Quantities;
}
