// A browser opens the stream again by itself, and by then the session may be another's.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, renderHook, waitFor } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { useLiveStream } from '.';
import { me, people } from '@/mocks/users';
import type { Me } from '../api/objects';

const sources: FakeSource[] = [];
class FakeSource extends EventTarget {
  onmessage: ((m: MessageEvent) => void) | null = null;
  close = vi.fn();
  constructor() { super(); sources.push(this); }
  send(participant: string | null, available: string, id: number) {
    this.onmessage?.(new MessageEvent('message', { data: JSON.stringify({ id, previous: id - 1, type: 'balance.changed', created_at: '', participant, object: 'balance', data: { available } }) }));
  }
}
const person = (role: string) => me(people.find((p) => p.role === role) as (typeof people)[number]);
const asked: string[] = [];
const [realFetch, realSource] = [globalThis.fetch, globalThis.EventSource];
beforeEach(() => {
  globalThis.EventSource = FakeSource as unknown as typeof EventSource;
  globalThis.fetch = (async (path: string) => { asked.push(path); return new Response(JSON.stringify(person('bidder'))); }) as typeof fetch;
});
afterEach(() => { cleanup(); globalThis.fetch = realFetch; globalThis.EventSource = realSource; sources.length = 0; asked.length = 0; });

function listen(as: Me) {
  const client = new QueryClient();
  client.setQueryData(['/balance'], { available: '1.000000' });
  renderHook(() => useLiveStream(as), { wrapper: ({ children }) => <QueryClientProvider client={client}>{children}</QueryClientProvider> });
  return { source: sources[0] as FakeSource, available: () => client.getQueryData<{ available: string }>(['/balance'])?.available };
}

it('another participant’s event is not taken in, but makes the page ask who it is', async () => {
  const own = person('bidder');
  const { source, available } = listen(own);
  source.send('par_other', '999.000000', 1);
  await waitFor(() => expect(asked).toEqual(['/v1/me']));
  source.send(own.participant.id, '2.000000', 2);
  await waitFor(() => expect(available()).toBe('2.000000'));
});

it('those who see all participants get all events', async () => {
  const { source, available } = listen(person('admin'));
  source.send('par_other', '3.000000', 1);
  await waitFor(() => expect(available()).toBe('3.000000'));
  expect(asked).toEqual([]);
});
