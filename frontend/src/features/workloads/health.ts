// Which workload needs a hand first: one that failed, then the one most likely to run short.
import type { Instance, Pulse } from '@/lib/api';

export const RISKY = 0.3;
export const isFaulty = (i: Instance) => i.state === 'faulty' || !!i.fault;

export interface Risky { instance: Instance; risk: number }
/** The most likely to run short first. */
export const riskiest = (all: Instance[], pulses: Record<string, Pulse>): Risky[] =>
  all.filter((i) => i.state === 'running').map((instance) => ({ instance, risk: pulses[instance.id]?.risk ?? 0 })).filter((r) => r.risk >= RISKY).sort((a, b) => b.risk - a.risk);
