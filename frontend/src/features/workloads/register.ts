import { readQuantity, type Typed } from '@/lib/money';
import { faultOf, wire } from './strategy';

export interface Draft { name: string; module: string; arguments: string; pool: string; baseCores: string; baseGib: string; floorCores: string; floorGib: string; mostCores: string; mostGib: string;
  /** Whether it lends what it will not need, and the least that a core is lent for: nothing typed is the pool's reserve price. */
  lends: boolean; least: string;
}
export type Faults = Partial<Record<keyof Draft, string>>;

const read = (d: Draft) => {
  const cores = (text: string) => readQuantity('cpu_milli', text);
  const gib = (text: string) => readQuantity('mem_mib', text);
  return { baseCores: cores(d.baseCores), floorCores: cores(d.floorCores), mostCores: cores(d.mostCores), baseGib: gib(d.baseGib), floorGib: gib(d.floorGib), mostGib: gib(d.mostGib) };
};

export function faultsOf(d: Draft): Faults {
  const q = read(d);
  const missing = (t: Typed<number>) => t.fault ?? (t.value === null ? 'How much?' : undefined);
  const most = (a: Typed<number>, b: Typed<number>) => missing(a) ?? ((a.value ?? 0) > (b.value ?? Infinity) ? 'At most the baseline' : undefined);
  const least = (a: Typed<number>, b: Typed<number>) => missing(a) ?? ((a.value ?? 0) < (b.value ?? 0) ? 'At least the baseline' : undefined);
  return {
    name: d.name.trim() ? undefined : 'A name', module: d.module ? undefined : 'A module',
    baseCores: missing(q.baseCores), baseGib: missing(q.baseGib),
    floorCores: most(q.floorCores, q.baseCores), floorGib: most(q.floorGib, q.baseGib),
    mostCores: least(q.mostCores, q.baseCores), mostGib: least(q.mostGib, q.baseGib),
    least: d.lends ? faultOf(d.least) : undefined,
  };
}

/** Words apart by blanks, as a shell has them: in double quotes blanks belong to a word, after a backslash a quote or another backslash does. */
export function wordsOf(text: string): string[] {
  const parts = text.match(/(?:"(?:\\.|[^"\\])*"?|\\.|[^\s"\\]|\\$)+/gs) ?? [];
  return parts.map((part) => part.replace(/\\(.)|"/gs, (_, escaped: string | undefined) => escaped ?? ''));
}

/** A word as it would be typed there. */
export const typed = (word: string) => {
  const escaped = word.replace(/["\\]/g, '\\$&');
  return word === '' || /\s/.test(word) ? `"${escaped}"` : escaped;
};

/** What is said of lending: nothing where it lends as workloads do by themselves. */
function lendingOf(d: Draft) {
  if (!d.lends) return { strategy: { auto_offer: null } };
  const minimum_price = wire({ cpu_milli: d.least });
  return Object.keys(minimum_price).length > 0 ? { strategy: { auto_offer: { minimum_price } } } : {};
}

/** `command` is the name of a command, where one was chosen in place of a module. */
export function bodyOf(d: Draft, command?: string) {
  const q = read(d);
  const both = (cpu: Typed<number>, mem: Typed<number>) => ({ cpu_milli: cpu.value ?? 0, mem_mib: mem.value ?? 0 });
  return {
    name: d.name.trim(), ...(command === undefined ? { module: d.module } : { command: [command, ...wordsOf(d.arguments)] }), pool: d.pool,
    baseline: both(q.baseCores, q.baseGib), floor: both(q.floorCores, q.floorGib), limit: both(q.mostCores, q.mostGib), ...lendingOf(d),
  };
}
