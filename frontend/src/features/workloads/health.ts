// Which workload needs a hand first: one that failed, then one that waits for CPU now, then the one most likely to run short.
import { jobOf, podOf, processOf, vmOf } from '@/lib/adopted';
import { type Instance, MOST_PULSES, type Pulse } from '@/lib/api';
import { formatCount } from '@/lib/money';

export const RISKY = 0.3;
export const isFaulty = (i: Instance) => i.state === 'failed' || i.state === 'faulty' || !!i.fault;

/** What runs it, as people call it. */
export const driverName = (i: Instance) => (processOf(i) ? 'process' : jobOf(i) ? 'Slurm job' : podOf(i) ? 'Kubernetes pod' : vmOf(i) ? 'virtual machine' : i.driver);
/** Its state as people see it: one that failed, or stands still. */
export const condition = (i: Instance) => (isFaulty(i) ? 'faulty' : i.suspended ? 'suspended' : i.state);

/** In thousandths of the time: who waited for its allowance for less of it does not need more. The server goes by the same (`backend/market/src/workload/need.rs`). */
export const THROTTLED_MILLIS = 100;
/** A program that is throttled and keeps up all the same lacks nothing: only where inputs wait somebody waits for it. */
export const LEAST_BEHIND = 1;
/** How many inputs wait while it waits for CPU now; null where it does not, or that is not known. */
export function behind(i: Instance, pulse: Pulse | undefined): number | null {
  const sample = condition(i) === 'running' ? pulse?.sample : undefined;
  return sample && sample.throttled_millis >= THROTTLED_MILLIS && sample.input_lag >= LEAST_BEHIND ? sample.input_lag : null;
}
/** What its badge says: one that runs and waits for CPU is not well. */
export const stateShown = (i: Instance, waiting: number | null): string => (waiting === null ? condition(i) : 'starved');
export const behindText = (inputs: number): string => `${formatCount(inputs)} ${inputs === 1 ? 'input' : 'inputs'} behind`;

export interface Starved { instance: Instance; behind: number }
/** Those that wait for CPU now, the furthest behind first. */
export const starved = (all: Instance[], pulses: Record<string, Pulse>): Starved[] =>
  all.flatMap((instance) => { const inputs = behind(instance, pulses[instance.id]); return inputs === null ? [] : [{ instance, behind: inputs }]; }).sort((a, b) => b.behind - a.behind);

/** Which one is shown until somebody chooses: one that needs a hand, else one that runs. */
export const firstShown = (all: Instance[], pulses: Record<string, Pulse>) => all.find(isFaulty) ?? starved(all, pulses)[0]?.instance ?? all.find((i) => condition(i) === 'running') ?? all[0];

export interface Risky { instance: Instance; risk: number }
/** The most likely to run short first. */
export const riskiest = (all: Instance[], pulses: Record<string, Pulse>): Risky[] =>
  all.filter((i) => condition(i) === 'running').map((instance) => ({ instance, risk: pulses[instance.id]?.risk ?? 0 })).filter((r) => r.risk >= RISKY).sort((a, b) => b.risk - a.risk);

/** The running workloads whose risk is known. */
export const counted = (all: Instance[], pulses: Record<string, Pulse>): number => all.filter((i) => condition(i) === 'running' && pulses[i.id]?.risk != null).length;
/** Of which running workloads it is not known whether they run short, and why: a headline that leaves some out says so. Empty where it knows all. */
export function notCounted(all: Instance[], pulses: Record<string, Pulse>): string[] {
  const of = all.filter((i) => condition(i) === 'running').map((i) => pulses[i.id]).filter((p) => p !== undefined && p.risk === null) as Pulse[];
  const count = (unknown: Pulse['unknown']['risk']) => of.filter((p) => p.unknown.risk === unknown).length;
  const [beyond, coming, failed, none] = [count('beyond'), count('coming'), count('failed'), count(null)];
  return [
    coming > 0 && `${formatCount(coming)} still being read`,
    none > 0 && `${formatCount(none)} without a forecast yet`,
    failed > 0 && `${formatCount(failed)} that could not be read`,
    beyond > 0 && `${formatCount(beyond)} after the first ${formatCount(MOST_PULSES)}`,
  ].filter((said) => said !== false);
}

const WHY = { beyond: `Read of the first ${MOST_PULSES} that run only; choose it to see its own`, coming: 'Being read', failed: 'It could not be read; it is tried again' };
const NONE = { sample: 'Nothing was measured in the last minute', risk: 'There is no forecast yet' };
/** Instead of a figure: what stands in its place, and why it is not there. One that does not run has none. */
export function unknownText(pulse: Pulse | undefined, what: 'sample' | 'risk'): { mark: string; why: string } {
  if (!pulse) return { mark: '–', why: 'It does not run' };
  const unknown = pulse.unknown[what];
  return unknown ? { mark: unknown === 'coming' ? '…' : '?', why: WHY[unknown] } : { mark: '–', why: NONE[what] };
}
