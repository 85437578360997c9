// What is known of a workload's way of giving memory back, in words.
import type { Instance } from '@/lib/api';

export interface Standing { tone: 'ok' | 'warn' | 'bad' | 'acc'; title: string; detail: string | null; at: string | null }

export function standing({ at_end, shown_at_end, drill, state, suspended }: Pick<Instance, 'at_end' | 'shown_at_end' | 'drill' | 'state' | 'suspended'>): Standing {
  const failed = drill?.ended_at && !drill.passed;
  if (at_end === 'stop') return failed ? { tone: 'acc', title: 'The last drill failed', detail: drill.detail, at: drill.ended_at } : { tone: 'acc', title: 'Nothing to show', detail: null, at: null };
  if (failed) return { tone: 'bad', title: 'Not shown: its bids for memory wait', detail: drill.detail, at: drill.ended_at };
  if (shown_at_end === at_end) return { tone: 'ok', title: 'Shown', detail: drill?.detail ?? null, at: drill?.ended_at ?? null };
  if (suspended) return { tone: 'warn', title: 'Nothing runs that could be drilled', detail: 'The drill is made when it goes on.', at: null };
  const detail = state === 'running' ? 'The drill is made as soon as its program holds some memory.' : 'The drill is made when it runs.';
  return { tone: 'warn', title: 'Not shown yet: its bids for memory wait', detail, at: null };
}
