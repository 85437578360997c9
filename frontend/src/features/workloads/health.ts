// Which workload needs a hand first: one that failed, then the one most likely to run short.
import type { Instance, Pulse } from '@/lib/api';

export const RISKY = 0.3;
export const isFaulty = (i: Instance) => i.state === 'failed' || i.state === 'faulty' || !!i.fault;

/** Its state as people see it: one that failed, or stands still. */
export const condition = (i: Instance) => (isFaulty(i) ? 'faulty' : i.suspended ? 'suspended' : i.state);

/** Which one is shown until somebody chooses: one that needs a hand, else one that runs. */
export const firstShown = (all: Instance[]) => all.find(isFaulty) ?? all.find((i) => condition(i) === 'running') ?? all[0];

export interface Risky { instance: Instance; risk: number }
/** The most likely to run short first. */
export const riskiest = (all: Instance[], pulses: Record<string, Pulse>): Risky[] =>
  all.filter((i) => condition(i) === 'running').map((instance) => ({ instance, risk: pulses[instance.id]?.risk ?? 0 })).filter((r) => r.risk >= RISKY).sort((a, b) => b.risk - a.risk);
