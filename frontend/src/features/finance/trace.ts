import type { Swap } from '@/lib/api';
import { formatCount } from '@/lib/money';

/** Those that were not done first, as they may be what a dispute is about; then by time. */
export const undoneFirst = (swaps: Swap[]): Swap[] =>
  [...swaps].sort((a, b) => Number(a.state === 'done') - Number(b.state === 'done') || a.created_at.localeCompare(b.created_at));

/** How many of them came about, in a sentence. */
export function done(swaps: Swap[]): string {
  const of = swaps.filter((s) => s.state === 'done').length;
  const all = `${formatCount(swaps.length)} ${swaps.length === 1 ? 'resize or move' : 'resizes and moves'} of the workload for this slot`;
  if (swaps.length === 1) return `${all}, ${of === 1 ? 'done' : 'not done'}.`;
  return of === swaps.length ? `${all}, all done.` : `${all}, ${formatCount(swaps.length - of)} of them not done.`;
}
