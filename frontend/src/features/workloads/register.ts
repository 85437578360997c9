export interface Draft { name: string; module: string; pool: string; baseCores: string; baseGib: string; floorCores: string; floorGib: string; mostCores: string }
export type Faults = Partial<Record<keyof Draft, string>>;

export function faultsOf(d: Draft): Faults {
  const over = (floor: string, base: string) => (Number(floor) > Number(base) ? 'At most the baseline' : undefined);
  return {
    name: d.name.trim() ? undefined : 'A name', module: d.module ? undefined : 'A module',
    floorCores: over(d.floorCores, d.baseCores), floorGib: over(d.floorGib, d.baseGib),
    mostCores: Number(d.mostCores) < Number(d.baseCores) ? 'At least the baseline' : undefined,
  };
}

export function bodyOf(d: Draft, toBase: (resource: string, n: number) => number) {
  const both = (cores: string, gib: string) => ({ cpu_milli: toBase('cpu_milli', Number(cores) || 0), mem_mib: toBase('mem_mib', Number(gib) || 0) });
  return {
    name: d.name.trim(), driver: 'wasm', module: d.module, pool: d.pool,
    baseline: both(d.baseCores, d.baseGib), floor: both(d.floorCores, d.floorGib), limit: both(d.mostCores, d.baseGib),
  };
}
