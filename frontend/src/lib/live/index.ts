// The state of the stream, for the dot in the top bar and for greying out what is old.
import { useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { get } from '../api/client';
import { store } from '../store';
import { serverNow, serverSays, useNow } from '../time';
import { fanOut } from './fanout';
import { connect, type Status } from './stream';

interface Live { status: Status; at: number }
export const live = store<Live>({ status: 'connecting', at: serverNow() });

const STALE_SECONDS = 5;

export function useLiveStream(enabled: boolean) {
  const client = useQueryClient();
  useEffect(() => {
    if (!enabled || typeof EventSource === 'undefined') return;
    const out = fanOut(client);
    return connect({
      event: (event) => {
        if (event.created_at) serverSays(event.created_at);
        out.push(event);
      },
      refetch: () => void client.invalidateQueries(),
      revive: () => get('/me'),
      // While reconnecting, `at` stays at the last sign of life, so the age is that of the data.
      status: (status) => live.set({ status, at: status === 'live' ? serverNow() : live.get().at }),
    });
  }, [client, enabled]);
}

export function useLive(): { status: Status | 'stale'; ageSeconds: number } {
  const { status, at } = live.use();
  const ageSeconds = Math.max(0, Math.round((useNow() - at) / 1000));
  return { status: status === 'reconnecting' && ageSeconds >= STALE_SECONDS ? 'stale' : status, ageSeconds };
}
