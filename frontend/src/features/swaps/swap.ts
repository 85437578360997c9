import type { Bar } from '@/components/charts/Gantt';
import type { Phase, Place, Swap } from '@/lib/api';

export const LABELS: Record<string, string> = {
  planned: 'Assess', awaiting_approval: 'Approval', reserved: 'Reserve target', snapshot: 'Snapshot', transferred: 'Transfer', shadow: 'Mirror, compare', fenced: 'Fence source',
  activated: 'Activate', verified: 'Verify', released: 'Release source', done: 'Done', aborted: 'Aborted', rolled_back: 'Rollback', failed: 'Failed', rejected: 'Rejected', expired: 'Expired', infeasible: 'Not possible',
};
const BAD = ['aborted', 'failed', 'rolled_back', 'rejected', 'expired', 'infeasible'];
export const ENDED = [...BAD, 'done'];
/** From FENCED on the source is stopped, so only then is there something to roll back. */
export const ROLLS_BACK = ['fenced', 'activated', 'verified'];

export const placeText = (p: Place | null | undefined) => (p ? [p.pool, p.node].filter(Boolean).join(' / ') : '–');
export const nameOf = (s: Swap) => s.instance_name ?? s.instance.slice(-8);
export const refusedByShadow = (s: Swap) => s.state === 'aborted' && (s.differences.count > 0 || s.reason === 'shadow_mismatch');

/** The phase in which a swap ended badly is the one that failed. */
export function barsOf(s: Swap): Bar[] {
  const time = (t: string | null) => (t === null ? null : Date.parse(t));
  const started = s.phases.filter((p) => p.started_at !== null);
  const last = started.at(-1);
  const kind = (p: Phase): Bar['kind'] => {
    if (p.started_at === null) return 'planned';
    if (p === last && BAD.includes(s.state)) return 'failed';
    return p.ended_at === null && !ENDED.includes(s.state) ? 'running' : 'done';
  };
  return s.phases.map((p) => ({ label: LABELS[p.state] ?? p.state, start: time(p.started_at), end: time(p.ended_at), detail: p.detail, kind: kind(p) }));
}
