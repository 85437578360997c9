// The state of the stream, for the dot in the top bar and for greying out what is old.
import { type QueryClient, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { identityOf } from '../api/acting';
import { isPlatform, meQuery } from '../api/me';
import type { Me } from '../api/objects';
import { Problem } from '../api/problem';
import { store } from '../store';
import { serverNow, serverSays, useNow } from '../time';
import { fanOut } from './fanout';
import { connect, quietAfter, type Status } from './stream';

interface Live { status: Status; at: number }
export const live = store<Live>({ status: 'connecting', at: serverNow() });

const STALE_SECONDS = 5;
const TOO_MANY = 429;

/** Whose events a page of somebody may get, besides public ones; null for all. */
export const ownOf = (me: Me | undefined): string | null => (!me || isPlatform(me) ? null : me.participant.id);
export const isForeign = (event: { participant: string | null }, own: string | null) => own !== null && event.participant !== null && event.participant !== own;

/** What failed while the server was away is asked for again; a refusal would be the same one. */
export function askAgain(client: QueryClient): void {
  const refused = (e: unknown) => e instanceof Problem && e.status >= 400 && e.status < 500 && e.status !== TOO_MANY;
  void client.refetchQueries({ type: 'active', predicate: (q) => q.state.status === 'error' && !refused(q.state.error) });
}

export function useLiveStream(me: Me | undefined) {
  const client = useQueryClient();
  const [who, own, quiet] = [identityOf(me), ownOf(me), quietAfter(me?.market.round_seconds)];
  useEffect(() => {
    if (!who || typeof EventSource === 'undefined') return;
    const out = fanOut(client);
    const askWho = () => client.fetchQuery({ ...meQuery, staleTime: 0 });
    return connect({
      event: (event) => {
        // A browser opens the stream again by itself, for whom the session is by then.
        if (isForeign(event, own)) return void askWho().catch(() => undefined);
        if (event.created_at) serverSays(event.created_at);
        out.push(event);
      },
      refetch: () => void client.invalidateQueries(),
      revive: askWho,
      // While reconnecting, `at` stays at the last sign of life, so the age is that of the data.
      status: (status) => {
        const back = status === 'live' && live.get().status !== 'live';
        live.set({ status, at: status === 'live' ? serverNow() : live.get().at });
        if (back) askAgain(client);
      },
    }, undefined, quiet);
  }, [client, who, own, quiet]);
}

export function useLive(): { status: Status | 'stale'; ageSeconds: number } {
  const { status, at } = live.use();
  const ageSeconds = Math.max(0, Math.round((useNow() - at) / 1000));
  return { status: status === 'reconnecting' && ageSeconds >= STALE_SECONDS ? 'stale' : status, ageSeconds };
}

/** Calls back whenever the stream is there again. */
export function useBack(then: () => void): void {
  const { status } = live.use();
  const before = useRef(status);
  useEffect(() => {
    const back = status === 'live' && before.current !== 'live';
    before.current = status;
    if (back) then();
  }, [status]);
}
