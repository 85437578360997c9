// What may be adopted: as it is listed, found and adopted. What is typed, what is wrong with it, and what is sent.
import { nodesText } from '@/lib/adopted';
import type { Adoption, Candidate, Instance, Problem, RunningJob, RunningPod, RunningVm } from '@/lib/api';
import { formatCount, formatQuantity, readQuantity, readWhole, shown, type Typed } from '@/lib/money';

/** As many as one answer lists. */
export const MOST_LISTED = 200;
const LONGEST_NAME = 100;
/** The least that a kernel can hold a process to. */
const LEAST_CPU = 10;

/** A job of a cluster. */
export const isJob = (c: Candidate): c is RunningJob => c.kind === 'slurm_job';
/** A container of a pod. */
export const isPod = (c: Candidate): c is RunningPod => c.kind === 'pod';
/** A virtual machine; what is none of these is a process. */
export const isVm = (c: Candidate): c is RunningVm => c.kind === 'vm';
/** The number of a process or a job; the container of a pod, of which there may be several. */
const numberOf = (c: Candidate): number | string => (isJob(c) ? c.job : isPod(c) ? c.container : c.pid);
/** What it is called in a cluster or on its host, or the command line. */
const calledOf = (c: Candidate): string => (isJob(c) ? c.name : isPod(c) ? c.pod : isVm(c) ? c.vm : c.command);
export const keyOfCandidate = (c: Candidate): string => `${c.kind} ${numberOf(c)} ${calledOf(c)}`;
/** "postgres, process 4242" */
export function titleOf(c: Candidate): string {
  if (isPod(c)) return `${c.container}, pod ${c.pod}`;
  if (isVm(c)) return `${c.vm}, virtual machine`;
  return isJob(c) ? `${c.name}, job ${c.job}` : `${programOf(c.command)}, process ${c.pid}`;
}
/** Why it cannot be adopted, where that is known of it. */
export const refusalOf = (c: Candidate): string | null | undefined => (c.kind === 'process' ? undefined : c.refused);
/** Whether a workload was made of it. */
export function isMadeOf({ adopted }: Pick<Instance, 'adopted'>, c: Candidate): boolean {
  if (adopted?.kind === 'pod') return isPod(c) && adopted.uid === c.uid && adopted.container === c.container;
  if (adopted?.kind === 'vm') return isVm(c) && adopted.name === c.vm && adopted.process.pid === c.pid;
  return adopted?.kind === c.kind && (adopted.kind === 'slurm_job' ? adopted.job : adopted.pid) === numberOf(c);
}

/** The program of a command line, without its folder: `-bash` is a shell that somebody signed in with, `nginx:` one that names itself. */
export function programOf(command: string): string {
  const [first = ''] = command.trim().split(/\s+/);
  const base = first.split('/').filter(Boolean).at(-1) ?? '';
  return [...base.replace(/^-/, '').replace(/:$/, '')].slice(0, LONGEST_NAME).join('');
}

/** Those with every word in what they are called, or whose number begins with it. */
export function matching(all: Candidate[], text: string): Candidate[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const said = (c: Candidate) => (isJob(c) ? [c.name, c.partition, c.user] : isPod(c) ? [c.pod, c.container, c.owner] : [calledOf(c)]).join(' ').toLowerCase();
  return all.filter((c) => words.every((w) => said(c).includes(w) || String(numberOf(c)).startsWith(w)));
}

export interface Draft { name: string; participant: string; baseline: string; floor: string; limit: string; class: string; lends: boolean }
type Field = Exclude<keyof Draft, 'lends'>;

const cores = (base: number | undefined) => String(shown('cpu_milli', base ?? 0));
/** A Deployment's pods have names that nobody chose: theirs is the better one. */
const nameOfPod = (c: RunningPod): string => c.owner?.split(' ').at(-1) ?? c.pod;
/** As it stands in a field: whole nodes of a job, cores of a process. */
const textOf = (c: Candidate, base: number | undefined) => (isJob(c) ? String(Math.round((base ?? 0) / c.node_cpu_milli)) : cores(base));
export const firstOf = (c: Candidate): Draft => ({
  name: [...(isJob(c) ? c.name : isPod(c) ? nameOfPod(c) : isVm(c) ? c.vm : programOf(c.command))].slice(0, LONGEST_NAME).join(''), participant: '', baseline: textOf(c, c.proposed.baseline.cpu_milli), floor: textOf(c, c.proposed.floor.cpu_milli), limit: '', class: 'standard', lends: !isJob(c),
});

/** In thousandths of a core, whatever its field counts in. */
function read(c: Candidate, text: string): Typed<number> {
  if (!isJob(c)) return readQuantity('cpu_milli', text);
  const { value, fault } = readWhole(text);
  return { value: value === null ? null : value * c.node_cpu_milli, fault };
}
/** "16 cores" for 4 nodes; nothing while that is no number, and of a process. */
export function inCores(c: Candidate, text: string): string | undefined {
  const { value } = read(c, text);
  return isJob(c) && value !== null ? formatQuantity('cpu_milli', value) : undefined;
}
function tooLittle(c: Candidate, value: number): string | undefined {
  if (isJob(c)) return value < c.node_cpu_milli ? 'At least one node' : undefined;
  return value < LEAST_CPU ? `At least ${cores(LEAST_CPU)} cores: the kernel can’t hold it to less` : undefined;
}

/** What is wrong with what was typed. An owner that is still missing is no fault. */
export function faultsOf(c: Candidate, d: Draft): Partial<Record<Field, string>> {
  const [baseline, floor, limit] = [read(c, d.baseline), read(c, d.floor), read(c, d.limit)];
  const most = baseline.value ?? Infinity;
  const ofFloor = () => {
    if (floor.value === null) return 'How much?';
    return tooLittle(c, floor.value) ?? (floor.value > most ? 'At most the baseline' : undefined);
  };
  const ofBaseline = () => (baseline.value === null ? 'How much?' : isJob(c) ? tooLittle(c, baseline.value) : undefined);
  return {
    name: d.name.trim() === '' ? 'A name' : [...d.name].length > LONGEST_NAME ? `At most ${LONGEST_NAME} characters` : undefined,
    baseline: baseline.fault ?? ofBaseline(),
    floor: floor.fault ?? ofFloor(),
    limit: limit.fault ?? (limit.value !== null && limit.value < (baseline.value ?? 0) ? 'At least the baseline' : undefined),
  };
}

/** What names it to the server. */
const namedBy = (c: Candidate) => (isJob(c) ? { job: c.job } : isPod(c) ? { pod: c.pod, container: c.container } : isVm(c) ? { vm: c.vm } : { pid: c.pid });
/** What is sent; null while something is missing or wrong. A job lends nothing, so nothing is said of that. */
export function bodyOf(c: Candidate, d: Draft): Adoption | null {
  const [baseline, floor, limit] = [read(c, d.baseline).value, read(c, d.floor).value, read(c, d.limit).value];
  if (d.participant === '' || baseline === null || floor === null || Object.values(faultsOf(c, d)).some(Boolean)) return null;
  return {
    ...namedBy(c), participant: d.participant, name: d.name.trim(), class: d.class,
    baseline: { cpu_milli: baseline }, floor: { cpu_milli: floor },
    ...(limit === null ? {} : { limit: { cpu_milli: limit } }),
    ...(isJob(c) || d.lends ? {} : { strategy: { auto_offer: null } }),
  };
}

/** As much as the node has of it, in what its field counts in. */
export function allText(c: Candidate, capacity: number | undefined): string {
  return isJob(c) ? `all ${nodesText(Math.max(c.nodes, Math.floor((capacity ?? 0) / c.node_cpu_milli)))}` : isVm(c) ? 'all of its vCPUs' : 'all of the node';
}
/** Why it is not adopted, as a sentence. */
export const refusedText = (reason: string): string => `Not adoptable: ${reason.replace(/\.$/, '')}.`;
/** Time until a job's limit, as coarse as people say it. */
export function leftText(seconds: number | null | undefined): string {
  if (seconds == null) return 'no limit';
  const minutes = Math.floor(seconds / 60);
  return minutes < 120 ? `in ${formatCount(minutes)} min` : `in ${formatCount(Math.floor(minutes / 60))} h`;
}

const FIELDS: Field[] = ['name', 'participant', 'baseline', 'floor', 'limit', 'class'];
const pointersOf = (field: Field) => [`/${field}`, `/${field}/cpu_milli`];
/** What the server says of one field. */
export const saidAt = (problem: Problem | null, field: Field): string | undefined => pointersOf(field).map((pointer) => problem?.field(pointer)).find(Boolean);
/** Why nothing on a host can be adopted, as a sentence that does not say again that it can’t be. */
export function whyNot(detail = ''): string {
  const reason = detail.replace(/^(?:Nothing|No process) [^:]*can be adopted[^:]*: /, '');
  return reason.replace(/^./, (first) => first.toUpperCase());
}
/** Whether all that it says stands at a field. */
export const isAtField = (problem: Problem): boolean => FIELDS.some((field) => saidAt(problem, field));
/** The workload that it is already, where the server names it. */
export const adoptedAs = ({ body }: Problem): string | undefined => (body.code === 'already_adopted' ? /\bins_[0-9a-z]+/i.exec(body.detail ?? '')?.[0] : undefined);
