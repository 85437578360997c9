import type { Bar } from '@/components/charts/Gantt';
import type { Pair, Phase, Swap } from '@/lib/api';
import { formatBytes, formatCount, formatDuration } from '@/lib/money';

export { reasonHere, reasonText } from './reasons';

export const LABELS: Record<string, string> = {
  planned: 'Assess', reserved: 'Reserve target', snapshot: 'Snapshot', transferred: 'Transfer', shadow: 'Mirror, compare', awaiting_approval: 'Approval', fenced: 'Fence source',
  activated: 'Activate', verified: 'Verify', released: 'Release source', done: 'Done', aborted: 'Aborted', rolled_back: 'Rollback', failed: 'Failed', rejected: 'Rejected', expired: 'Expired', infeasible: 'Not possible',
};
export const METHODS: Record<string, string> = { resize: 'Resize in place', checkpoint: 'Stop, copy, start', live: 'Live move', partition: 'Split' };
/** A person is asked only where a pool wants that, once the shadow run has passed; approved, the run goes on until its slot begins. */
const ASKED = ['planned', 'reserved', 'snapshot', 'transferred', 'shadow', 'awaiting_approval', 'fenced', 'activated', 'verified', 'released', 'done'];
const MOVE = ['planned', 'reserved', 'snapshot', 'transferred', 'shadow', 'fenced', 'activated', 'verified', 'released', 'done'];
const RESIZE = ['planned', 'reserved', 'activated', 'verified', 'done'];
const BAD = ['aborted', 'failed', 'rolled_back', 'rejected', 'expired', 'infeasible'];
/** From FENCED on the source is stopped, so only then is there something to roll back. */
export const ROLLS_BACK = ['fenced', 'activated', 'verified'];

/** A move that a person was asked about in time comes late where the answer comes after its slot has begun. */
export type Lateness = 'may come late' | 'was answered late' | null;
export function lateness(s: Pick<Swap, 'state' | 'slot' | 'approval' | 'ended_at'>, now: number): Lateness {
  const slot = Date.parse(s.slot);
  const asked = s.approval?.asked_at;
  if (!asked || Date.parse(asked) >= slot) return null;
  if (s.state === 'awaiting_approval') return now >= slot ? 'may come late' : null;
  const answer = s.approval?.answer;
  return answer?.verdict === 'approved' && Date.parse(answer.at) >= slot ? 'was answered late' : null;
}
/** Who pays for it. */
export const LATE_COSTS = 'what is not there from the beginning of the slot on is credited to who bought it, and who lends or sells it is paid by the exchange';

export const ended = (s: Swap) => s.ended_at !== null;
export const nameOf = (s: Swap) => s.instance_name || s.instance.slice(-8);
export const refusedByShadow = (s: Swap) => s.state === 'aborted' && (s.difference_count > 0 || s.reason === 'shadow_mismatch');
/** All that is known to differ is the state that it kept, not what it answered. */
export const onlyState = (s: Pick<Swap, 'differences' | 'difference_count'>) => s.differences.length === s.difference_count && s.differences.every((d) => d.field.startsWith('state'));
/** Nothing came of these; the API filters by state. */
export const UNDONE = ['infeasible', 'rejected', 'expired', 'aborted', 'rolled_back', 'failed'];
export const UNDER_WAY = ['planned', 'reserved', 'snapshot', 'transferred', 'shadow', 'awaiting_approval', 'fenced', 'activated', 'verified', 'released'];
/** `only`: what the API can't filter by, and the page does; `one`: what each of these was. */
export interface Filter { value: string; label: string; states?: string[]; only?: (s: Swap) => boolean; one?: string }
export const FILTERS: Filter[] = [
  { value: 'all', label: 'All' }, { value: 'approval', label: 'Awaiting approval', states: ['awaiting_approval'] }, { value: 'moves', label: 'Moves', only: (s) => s.method !== 'resize', one: 'was a move' }, { value: 'undone', label: 'Refused or failed', states: UNDONE },
  { value: 'shadow', label: 'Refused by the shadow run', states: ['aborted'], only: refusedByShadow, one: 'was refused by its shadow run' }, { value: 'now', label: 'Under way', states: UNDER_WAY },
];

/** Where a filter of the page finds none: among how many it has looked, and whether it looks on. */
export function noneText(filter: Filter | undefined, looked: number, looking: boolean, cut: boolean): string {
  const what = `swaps${filter?.states ? ' that were aborted' : ''}`;
  if (looking) return `None of the newest ${formatCount(looked)} ${what} ${filter?.one}; looking through older ones…`;
  return cut ? `None of the newest ${formatCount(looked)} ${what} ${filter?.one}; there are older ones.` : `None of all ${formatCount(looked)} ${what} ${filter?.one}.`;
}

/** What its badge says; none where the common word of the state is right. Under way it is the phase. */
export function stateWord(s: Swap): string | undefined {
  if (s.state === 'aborted') return refusedByShadow(s) ? undefined : 'Aborted';
  return ended(s) || s.state === 'awaiting_approval' ? undefined : LABELS[s.state];
}
/** A resize of 0 µs and a move that never fenced its source have none. */
export const pauseText = (s: Pick<Swap, 'downtime_micros'>): string => (s.downtime_micros ? formatDuration(s.downtime_micros / 1e6) : 'none');

/** The server counts whole KiB and always says "places"; what was sent is known to the byte. */
export function detailText(text: string | null, swap: Pick<Swap, 'bytes'>): string | undefined {
  return text?.replace(/^\d+ KiB sent/, swap.bytes > 0 ? `${formatBytes(swap.bytes)} sent` : '$&').replace(/\b0 KiB\b/, 'under 1 KiB').replace(/\b1 places\b/, '1 place');
}

/** "2 differences at 1 compared input": an output and the state may both differ at one. */
export const differencesText = (count: number) => `${formatCount(count)} ${count === 1 ? 'difference' : 'differences'}`;
export const comparedText = (compared: number) => `${formatCount(compared)} compared ${compared === 1 ? 'input' : 'inputs'}`;

/** The phase before a bad end is the one that failed; what is still to come is planned. */
export function barsOf(s: Swap): Bar[] {
  const real = s.phases.filter((p) => !BAD.includes(p.state));
  const last = real.at(-1);
  const kind = (p: Phase): Bar['kind'] => (p === last && BAD.includes(s.state) ? 'failed' : p.ended_at === null && !ended(s) ? 'running' : 'done');
  // A phase comes again where the process ended in the middle, and the shadow run goes on once it is approved.
  const nth = (p: Phase) => s.phases.filter((q) => q.state === p.state && s.phases.indexOf(q) <= s.phases.indexOf(p)).length;
  const again = (p: Phase) => (nth(p) === 1 ? '' : nth(p) === 2 ? ', again' : `, again (${nth(p)})`);
  const bars: Bar[] = s.phases.map((p) => ({
    label: (LABELS[p.state] ?? p.state) + again(p), start: Date.parse(p.started_at), end: p.ended_at === null ? (ended(s) ? Date.parse(p.started_at) : null) : Date.parse(p.ended_at),
    detail: detailText(p.detail, s), kind: BAD.includes(p.state) ? 'failed' : kind(p),
  }));
  if (ended(s)) return bars;
  const order = s.method === 'resize' ? RESIZE : s.approval && !s.approval.answer ? ASKED : MOVE;
  const reached = Math.max(order.indexOf(s.state), 0);
  return [...bars, ...order.slice(reached + 1).map((state): Bar => ({ label: LABELS[state] ?? state, start: null, end: null, kind: 'planned' }))];
}

const COUNTERPARTS: Record<string, string> = { operator: 'the operator’s supply', another_member: 'another member', own: 'a workload of your own' };
export const counterpartText = (p: Pick<Pair, 'counterpart'>) => COUNTERPARTS[p.counterpart] ?? p.counterpart.replaceAll('_', ' ');
/** It ended, and nothing came of it. */
export const undone = (s: Pick<Swap, 'state'>) => UNDONE.includes(s.state);
const RECENT_MILLIS = 3_600_000;
/** Whether it has come to nothing so lately that somebody should look. Nobody misses one that a newer plan came before. */
export const failedLately = (s: Swap, now: number) => undone(s) && s.reason !== 'superseded' && s.ended_at !== null && now - Date.parse(s.ended_at) < RECENT_MILLIS;
/** What became of a part of it, before the amount. */
export const gotText = (p: Pick<Pair, 'quantity'>, s: Pick<Swap, 'state'>): string => `${undone(s) ? 'would have ' : ''}${p.quantity > 0 ? (undone(s) ? 'got' : 'gets') : undone(s) ? 'given' : 'gives'}`;
/** From the operator's supply 1 means that the workload moves to it; what is resized stays where it is. */
export function distanceText(p: Pick<Pair, 'counterpart' | 'distance'>, s: Pick<Swap, 'state' | 'method' | 'ended_at'>): string {
  if (p.counterpart === 'operator') {
    if (s.method === 'resize') return 'in place';
    if (p.distance === 0) return 'on its node';
    return undone(s) ? 'on the node that it was to move to' : s.ended_at ? 'on the node that it moved to' : 'on the node it moves to';
  }
  return p.distance === 0 ? 'the same node' : p.distance <= 2 ? 'the same POP' : 'another POP';
}
