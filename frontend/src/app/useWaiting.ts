// How much waits for the reader's word, by the page that decides it.
import { may, useMe, useWaitingMoves, useWaitingProposals } from '@/lib/api';
import { formatCount } from '@/lib/money';

export function useWaiting(): Record<string, number> {
  const me = useMe();
  return { '/admin/pricing': useWaitingProposals(may(me, 'pricing:write') && !!me), '/swaps': useWaitingMoves(may(me, 'swaps:approve') && !!me) };
}
/** For who does not see the figure. */
export const waitText = (count: number): string => `${formatCount(count)} ${count === 1 ? 'waits' : 'wait'} for approval`;
