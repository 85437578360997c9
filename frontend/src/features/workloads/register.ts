export interface Draft {
  name: string; driver: string; module: string; command: string; pool: string;
  baseCores: string; baseGib: string; floorCores: string; floorGib: string; atEnd: string;
}
export type Faults = Partial<Record<keyof Draft, string>>;

export function faultsOf(d: Draft): Faults {
  const over = (floor: string, base: string) => (Number(floor) > Number(base) ? 'At most the baseline' : undefined);
  return {
    name: d.name.trim() ? undefined : 'A name',
    module: d.driver === 'wasm' && !d.module ? 'A module' : undefined,
    command: d.driver !== 'wasm' && !d.command.trim() ? 'A command' : undefined,
    floorCores: over(d.floorCores, d.baseCores), floorGib: over(d.floorGib, d.baseGib),
  };
}

export function bodyOf(d: Draft, toBase: (resource: string, n: number) => number) {
  const both = (cores: string, gib: string) => ({ cpu_milli: toBase('cpu_milli', Number(cores) || 0), mem_mib: toBase('mem_mib', Number(gib) || 0) });
  const baseline = both(d.baseCores, d.baseGib);
  return {
    name: d.name.trim(), driver: d.driver, pool: d.pool, at_end: d.atEnd, baseline, floor: both(d.floorCores, d.floorGib),
    ...(d.driver === 'wasm' ? { module: d.module } : { command: d.command.trim() }),
  };
}
