// What a person is asked about a move: what for, until when, and what comes of it.
import type { Cutover, OneSwap, Swap } from '@/lib/api';
import { formatBytes, formatCount, formatDuration } from '@/lib/money';

/** What the move is for, in a word of the market. */
export function purposeText(s: Pick<Swap, 'causes' | 'pool_from' | 'pool_to'>): string {
  const has = (...kinds: string[]) => s.causes.some((c) => kinds.includes(c.kind));
  if (has('drained')) return 'its node is drained';
  if (has('relocated')) return `${s.pool_to} becomes its own pool, by a rule`;
  const wins = has('won', 'drawn', 'rolled');
  if (s.pool_from === s.pool_to) return wins ? 'room for what it won' : 'its place in this slot is there';
  return wins ? `it won its slot in ${s.pool_to}` : 'it comes home';
}

/** Who wants it: the owner by its bid, or the operator by a drain. */
export const askerText = (s: Pick<OneSwap, 'causes' | 'participant_name'>): string =>
  (s.causes.some((c) => c.kind === 'drained') ? 'the operator, by draining its node' : (s.participant_name ?? 'its owner'));

/** The time in which an answer still helps. */
export function leftText(answerBy: string, now: number): string {
  const seconds = Math.max(0, Math.ceil((Date.parse(answerBy) - now) / 1000));
  if (seconds === 0) return 'too late';
  const minutes = Math.floor(seconds / 60);
  return minutes === 0 ? `${seconds} s left` : `${minutes} min ${String(seconds % 60).padStart(2, '0')} s left`;
}
/** Little enough that it should be seen. */
export const isUrgent = (answerBy: string, now: number) => Date.parse(answerBy) - now < 15_000;

/** Of a few milliseconds a tenth counts. */
export const shortTime = (micros: number): string => (micros >= 1000 && micros < 10_000 ? `${(micros / 1000).toFixed(1)} ms` : formatDuration(micros / 1e6));
export const expectedPause = (c: Cutover | null | undefined): string => (c ? (c.pause_micros > 0 ? `about ${shortTime(c.pause_micros)}` : 'too short to measure') : 'not known');
export const learnedText = (c: Cutover): string =>
  (c.learned_from_moves === 0 ? 'no move has finished here yet: as a small program takes on one host' : `learned from the newest ${formatCount(c.learned_from_moves)} moves`);
export const lastBytes = (c: Cutover): string => `about ${formatBytes(c.bytes)}`;
