import type { ApplicationProfile, Hint, HintBody } from '../lib/api/objects.ts';
import { ago, iso, START } from './clock.ts';
import { instances, nodes } from './swaps.ts';

const GENOMICS = 'par_01KAB6Q0ZX3F4QGENOM';
const hint = (n: number, more: Partial<Hint>): Hint => ({
  id: `hnt_01KAB6Q0ZX3F4QHINT0${n}`, participant: GENOMICS, instance: instances[0]?.id ?? '', expected_demand: {}, avoid_nodes: [], starts_at: ago(600), expires_at: iso(START + 3_600_000), source: null, created_at: ago(600), withdrawn_at: null, ...more,
});
/** Newest first: two in force for the first workload, and one each that is over, withdrawn, or of another. */
export const hints: Hint[] = [
  hint(1, { expected_demand: { cpu_milli: 24_000, mem_mib: 65_536 }, source: 'campaign calendar' }),
  hint(2, { avoid_nodes: [nodes[1].id], starts_at: iso(START + 1_800_000) }),
  hint(3, { expected_demand: { cpu_milli: 60_000 }, source: 'last week', expires_at: ago(60) }),
  hint(4, { expected_demand: { cpu_milli: 61_000 }, source: 'a mistake', withdrawn_at: ago(30) }),
  hint(5, { expected_demand: { cpu_milli: 62_000 }, source: 'of another', instance: instances[1]?.id ?? '' }),
];
export function makeHint(body: unknown): Hint {
  const made = hint(hints.length + 1, { starts_at: iso(Date.now()), created_at: iso(Date.now()), ...(body as HintBody) });
  hints.unshift(made);
  return made;
}
export const profiles: ApplicationProfile[] = [
  { id: 'prf_01KAB6Q0ZX3F4QPROF01', participant: GENOMICS, name: 'variant calling', version: 2, instances: [instances[0]?.id ?? ''], typical: { cpu_milli: 12_000, mem_mib: 32_768 }, peak: { cpu_milli: 40_000, mem_mib: 65_536 }, created_at: ago(80_000), updated_at: ago(3_000) },
];
