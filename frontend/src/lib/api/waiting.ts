// What waits for a second person: reserve prices that somebody has proposed, and moves that a pool wants approved. Read once
// and again when an event says that it has changed (`live/fanout`), not with every round as most of what is of a pool.
import { useQuery } from '@tanstack/react-query';
import { call, get } from './client';
import { useMe } from './me';
import { MOST } from './list';
import type { Dispute, List, NamedReservePrice, Pool, Swap } from './objects';
import { asProblem } from './problem';
import type { Resource } from './resource';

/** First elements of their keys: what events and writes name. */
export const SCHEDULES = 'schedules of all pools';
export const WAITING_MOVES = 'moves that wait';
export const OPEN_DISPUTES = 'disputes that wait';

/** A pool's schedules with the ETag that they were read with: a change is made to what is on the screen. */
export interface Schedules { list: NamedReservePrice[]; etag: string }
export interface Proposal extends Schedules { pool: string; of: NamedReservePrice }

async function schedulesOfAll(signal: AbortSignal): Promise<Record<string, Schedules>> {
  const { data: pools } = await get<List<Pool>>('/pools', undefined, signal);
  // The operator has no supply of what is recallable, so no price of it.
  const own = pools.filter((p) => !p.recallable_of);
  const read = await Promise.allSettled(own.map(async ({ slug }) => {
    const { data, etag } = await call<List<NamedReservePrice>>('GET', `/pools/${slug}/reserve_prices`, { signal });
    return [slug, { list: data.data, etag: etag ?? '' }] as const;
  }));
  // One pool that can't be read takes nothing from the others; where none can, it says why.
  const failed = read.find((r) => r.status === 'rejected');
  if (failed && read.every((r) => r.status === 'rejected')) throw failed.reason;
  return Object.fromEntries(read.flatMap((r) => (r.status === 'fulfilled' ? [r.value] : [])));
}

/** Reserve prices of every pool, by its slug. */
export function useSchedules(enabled = true): Resource<Record<string, Schedules>> {
  const result = useQuery({ queryKey: [SCHEDULES], enabled, queryFn: ({ signal }) => schedulesOfAll(signal) });
  return {
    data: result.data, problem: result.error && result.data === undefined ? asProblem(result.error) : null, loading: result.isPending && enabled,
    stale: result.isError && result.data !== undefined, updatedAt: result.dataUpdatedAt, retry: () => void result.refetch(),
  };
}

/** Those that wait for a second person, of all pools; what takes effect first comes first. */
export const proposalsOf = (schedules: Record<string, Schedules> | undefined): Proposal[] =>
  Object.entries(schedules ?? {}).flatMap(([pool, read]) => read.list.filter((s) => s.state === 'pending').map((of) => ({ pool, of, ...read })))
    .sort((a, b) => a.of.effective_at.localeCompare(b.of.effective_at) || a.of.id.localeCompare(b.of.id));

/** Whether a move waits for an answer: not one whose answer, or end, is only still to be carried out. */
export const isAsked = (s: Pick<Swap, 'state' | 'approval' | 'cancel_requested'>): boolean =>
  s.state === 'awaiting_approval' && !!s.approval && !s.approval.answer && !s.approval.withdrawn && !s.cancel_requested;

/** How many moves wait for an operator. */
export const useWaitingMoves = (enabled: boolean): number => useQuery({
  queryKey: [WAITING_MOVES], enabled, queryFn: async ({ signal }) => (await get<List<Swap>>('/swaps', { status: 'awaiting_approval', limit: MOST }, signal)).data.filter(isAsked).length,
}).data ?? 0;

/** How many disputes wait for finance. */
export const useOpenDisputes = (enabled: boolean): number => useQuery({
  queryKey: [OPEN_DISPUTES], enabled, queryFn: async ({ signal }) => (await get<List<Dispute>>('/disputes', { status: 'open', limit: MOST }, signal)).data.length,
}).data ?? 0;

/** How many proposals wait that are not the reader's own: those somebody else has to decide. */
export function useWaitingProposals(enabled: boolean): number {
  const me = useMe()?.user.id;
  return proposalsOf(useSchedules(enabled).data).filter((p) => p.of.created_by !== me).length;
}
