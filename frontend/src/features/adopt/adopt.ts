// A process as it is listed, found and adopted: what is typed, what is wrong with it, and what is sent.
import type { Adoption, Problem, RunningProcess } from '@/lib/api';
import { formatCount, readQuantity, shown } from '@/lib/money';

/** As many as one answer lists. */
export const MOST_LISTED = 200;
const LONGEST_NAME = 100;
/** The least that a kernel can hold a process to. */
const LEAST_CPU = 10;

/** The program of a command line, without its folder: `-bash` is a shell that somebody signed in with, `nginx:` one that names itself. */
export function programOf(command: string): string {
  const [first = ''] = command.trim().split(/\s+/);
  const base = first.split('/').filter(Boolean).at(-1) ?? '';
  return [...base.replace(/^-/, '').replace(/:$/, '')].slice(0, LONGEST_NAME).join('');
}

/** Those whose command has every word, or whose number begins with it. */
export function matching(all: RunningProcess[], text: string): RunningProcess[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return all.filter((p) => words.every((w) => p.command.toLowerCase().includes(w) || String(p.pid).startsWith(w)));
}

const counted = (n: number, one: string) => `${formatCount(n)} ${one}${n === 1 ? '' : 's'}`;
/** How long ago, in words. */
export function agoText(seconds: number): string {
  if (seconds < 5) return 'just now';
  if (seconds < 120) return `${counted(seconds, 'second')} ago`;
  const minutes = Math.floor(seconds / 60);
  return `${minutes < 120 ? counted(minutes, 'minute') : counted(Math.floor(minutes / 60), 'hour')} ago`;
}

export interface Draft { name: string; participant: string; baseline: string; floor: string; limit: string; class: string; lends: boolean }
type Field = Exclude<keyof Draft, 'lends'>;

const cores = (base: number | undefined) => String(shown('cpu_milli', base ?? 0));
export const firstOf = (p: RunningProcess): Draft => ({
  name: programOf(p.command), participant: '', baseline: cores(p.proposed.baseline.cpu_milli), floor: cores(p.proposed.floor.cpu_milli), limit: '', class: 'standard', lends: true,
});

const read = (text: string) => readQuantity('cpu_milli', text);
/** What is wrong with what was typed. An owner that is still missing is no fault. */
export function faultsOf(d: Draft): Partial<Record<Field, string>> {
  const [baseline, floor, limit] = [read(d.baseline), read(d.floor), read(d.limit)];
  const most = baseline.value ?? Infinity;
  const ofFloor = () => {
    if (floor.value === null) return 'How much?';
    if (floor.value < LEAST_CPU) return `At least ${cores(LEAST_CPU)} cores: the kernel can’t hold it to less`;
    return floor.value > most ? 'At most the baseline' : undefined;
  };
  return {
    name: d.name.trim() === '' ? 'A name' : [...d.name].length > LONGEST_NAME ? `At most ${LONGEST_NAME} characters` : undefined,
    baseline: baseline.fault ?? (baseline.value === null ? 'How much?' : undefined),
    floor: floor.fault ?? ofFloor(),
    limit: limit.fault ?? (limit.value !== null && limit.value < (baseline.value ?? 0) ? 'At least the baseline' : undefined),
  };
}

/** What is sent; null while something is missing or wrong. */
export function bodyOf(p: RunningProcess, d: Draft): Adoption | null {
  const [baseline, floor, limit] = [read(d.baseline).value, read(d.floor).value, read(d.limit).value];
  if (d.participant === '' || baseline === null || floor === null || Object.values(faultsOf(d)).some(Boolean)) return null;
  return {
    pid: p.pid, participant: d.participant, name: d.name.trim(), class: d.class,
    baseline: { cpu_milli: baseline }, floor: { cpu_milli: floor },
    ...(limit === null ? {} : { limit: { cpu_milli: limit } }),
    ...(d.lends ? {} : { strategy: { auto_offer: null } }),
  };
}

const FIELDS: Field[] = ['name', 'participant', 'baseline', 'floor', 'limit', 'class'];
const pointersOf = (field: Field) => [`/${field}`, `/${field}/cpu_milli`];
/** What the server says of one field. */
export const saidAt = (problem: Problem | null, field: Field): string | undefined => pointersOf(field).map((pointer) => problem?.field(pointer)).find(Boolean);
/** Why nothing on a host can be adopted, as a sentence that does not say again that it can’t be. */
export function whyNot(detail = ''): string {
  const reason = detail.replace(/^No process [^:]*can be adopted[^:]*: /, '');
  return reason.replace(/^./, (first) => first.toUpperCase());
}
/** Whether all that it says stands at a field. */
export const isAtField = (problem: Problem): boolean => FIELDS.some((field) => saidAt(problem, field));
/** The workload that the process is already, where the server names it. */
export const adoptedAs = ({ body }: Problem): string | undefined => (body.code === 'process_adopted' ? /\bins_[0-9a-z]+/i.exec(body.detail ?? '')?.[0] : undefined);
