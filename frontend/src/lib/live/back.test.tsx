// When the stream is there again, so is the server: what failed meanwhile is asked for again, and nobody has to press a button.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, render, screen, waitFor } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Failed } from '@/app/Failed';
import { ResourceView } from '@/components/ui';
import { useResource } from '@/lib/api';
import { NotLoaded } from '@/lib/lazyPart';
import { me, people } from '@/mocks/users';
import { live, useLiveStream } from '.';

vi.mock('@tanstack/react-router', () => ({ Link: () => null }));
const sources: FakeSource[] = [];
class FakeSource extends EventTarget {
  onopen: (() => void) | null = null;
  onerror: (() => void) | null = null;
  readyState = 0;
  close = vi.fn();
  constructor() { super(); sources.push(this); }
}
const [realFetch, realSource] = [globalThis.fetch, globalThis.EventSource];
let status = 0;
let asked = 0;
beforeEach(() => {
  globalThis.EventSource = FakeSource as unknown as typeof EventSource;
  [status, asked] = [0, 0];
  globalThis.fetch = (async () => {
    asked += 1;
    if (status === 0) throw new TypeError('Failed to fetch');
    return new Response(JSON.stringify(status === 200 ? { name: 'there' } : { title: 'refused' }), { status });
  }) as typeof fetch;
});
afterEach(() => { cleanup(); globalThis.fetch = realFetch; globalThis.EventSource = realSource; sources.length = 0; });

function Thing() {
  useLiveStream(me(people[0] as (typeof people)[number]));
  const of = useResource<{ name: string }>('/thing');
  return <ResourceView of={of}>{(d) => <p>{d.name}</p>}</ResourceView>;
}
const show = () => render(<QueryClientProvider client={new QueryClient({ defaultOptions: { queries: { retry: false, staleTime: 60_000 } } })}><Thing /></QueryClientProvider>);

it('what could not be read is read', async () => {
  show();
  const [source] = sources;
  source?.onopen?.();
  source?.onerror?.();
  await screen.findByText('The server cannot be reached');
  status = 200;
  source?.onopen?.();
  await screen.findByText('there');
});
it('what was refused is not asked for again', async () => {
  status = 404;
  show();
  await screen.findByText('refused');
  const before = asked;
  sources[0]?.onerror?.();
  sources[0]?.onopen?.();
  await waitFor(() => expect(live.get().status).toBe('live'));
  expect(asked).toBe(before);
});
it('a page whose code could not be loaded is loaded', async () => {
  live.set({ status: 'reconnecting', at: 0 });
  const reset = vi.fn();
  const tryAgain = vi.fn();
  render(<Failed error={new NotLoaded(tryAgain, false, undefined)} reset={reset} />);
  expect(reset).not.toHaveBeenCalled();
  live.set({ status: 'live', at: 0 });
  await waitFor(() => expect([tryAgain.mock.calls.length, reset.mock.calls.length]).toEqual([1, 1]));
});
