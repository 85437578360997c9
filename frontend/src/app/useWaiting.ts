// How much waits for the reader's word, by the page that decides it.
import { may, useMe, useOpenDisputes, useWaitingMoves, useWaitingProposals } from '@/lib/api';
import { formatCount } from '@/lib/money';

export function useWaiting(): Record<string, number> {
  const me = useMe();
  return { '/admin/pricing': useWaitingProposals(may(me, 'pricing:write') && !!me), '/swaps': useWaitingMoves(may(me, 'swaps:approve') && !!me), '/finance': useOpenDisputes(may(me, 'finance:platform') && !!me) };
}
/** For who does not see the figure. */
export const waitText = (count: number, page?: string): string => `${formatCount(count)} ${count === 1 ? 'waits' : 'wait'} for ${page === '/finance' ? 'a decision' : 'approval'}`;
