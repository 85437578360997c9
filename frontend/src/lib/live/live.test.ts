// @vitest-environment jsdom
import { QueryClient } from '@tanstack/react-query';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { fanOut } from './fanout';
import { connect, type LiveEvent, quietAfter, RETRY_MS } from './stream';

class FakeSource extends EventTarget {
  onopen: (() => void) | null = null;
  onmessage: ((m: MessageEvent) => void) | null = null;
  onerror: (() => void) | null = null;
  readyState = 1;
  close = vi.fn();
  send(event: Partial<LiveEvent> & { type: string }) { this.raw(JSON.stringify({ previous: 0, created_at: '', participant: null, object: '', data: {}, ...event })); }
  raw(data: string) { this.onmessage?.(new MessageEvent('message', { data })); }
}
function open(quiet?: number) {
  const source = new FakeSource();
  const handlers = { event: vi.fn(), refetch: vi.fn(), status: vi.fn(), revive: vi.fn(() => Promise.resolve()) };
  const opened: string[] = [];
  const close = connect(handlers, (url) => { opened.push(url); return source as unknown as EventSource; }, quiet);
  return { source, handlers, opened, close };
}

describe('stream', () => {
  it('passes events on in order and sees no gap where there is none', () => {
    const { source, handlers } = open();
    source.send({ type: 'round.awarded', id: 1000 });
    source.send({ type: 'pool.changed', id: 2000, previous: 1000 });
    expect(handlers.event).toHaveBeenCalledTimes(2);
    expect(handlers.refetch).not.toHaveBeenCalled();
  });
  it('fetches everything again after a gap, once', () => {
    const { source, handlers } = open();
    source.send({ type: 'round.awarded', id: 1000 });
    source.send({ type: 'order.filled', id: 4000, previous: 3000 });
    source.send({ type: 'order.filled', id: 5000, previous: 4000 });
    expect(handlers.refetch.mock.calls).toEqual([['gap']]);
  });
  it('drops repeats after a reconnect', () => {
    const { source, handlers } = open();
    source.send({ type: 'round.awarded', id: 2000 });
    source.send({ type: 'round.awarded', id: 1000 });
    expect(handlers.event).toHaveBeenCalledTimes(1);
  });
  it('renews the session and goes on where it was when the browser gave up', async () => {
    vi.useFakeTimers();
    const { source, handlers, opened, close } = open();
    source.send({ type: 'round.awarded', id: 7000 });
    source.readyState = 2;
    source.onerror?.();
    await vi.advanceTimersByTimeAsync(RETRY_MS);
    expect(handlers.revive).toHaveBeenCalledOnce();
    expect(opened).toHaveLength(2);
    expect(opened[1]).toContain('after=7000');
    close();
    vi.useRealTimers();
  });
  it('goes on at once, and unseen, when the token that opened it has expired', async () => {
    vi.useFakeTimers();
    const { source, handlers, opened, close } = open();
    source.onopen?.();
    source.send({ type: 'round.awarded', id: 7000 });
    source.dispatchEvent(new MessageEvent('end', { data: '{"code":"token_expired"}', lastEventId: '7000' }));
    expect(source.close).toHaveBeenCalledOnce();
    await vi.advanceTimersByTimeAsync(0);
    expect(handlers.revive).toHaveBeenCalledOnce();
    expect(opened).toHaveLength(2);
    expect(opened[1]).toContain('after=7000');
    source.onopen?.();
    await vi.advanceTimersByTimeAsync(2 * RETRY_MS);
    source.send({ type: 'round.awarded', id: 8000, previous: 7000 });
    expect(handlers.status).not.toHaveBeenCalledWith('reconnecting');
    expect(handlers.refetch).not.toHaveBeenCalled();
    expect(handlers.event).toHaveBeenCalledTimes(2);
    close();
    vi.useRealTimers();
  });
  it('misses nothing after the end of a stream that had no event, and says so if the next one does not come', async () => {
    vi.useFakeTimers();
    const { source, handlers, opened, close } = open();
    source.dispatchEvent(new MessageEvent('end', { data: '{"code":"token_expired"}', lastEventId: '5000' }));
    await vi.advanceTimersByTimeAsync(RETRY_MS);
    expect(opened[1]).toContain('after=5000');
    expect(handlers.status).toHaveBeenLastCalledWith('reconnecting');
    source.send({ type: 'round.awarded', id: 6000, previous: 5000 });
    expect(handlers.refetch).not.toHaveBeenCalled();
    close();
    vi.useRealTimers();
  });
  it('starts over on reset, and is not disturbed by nonsense', () => {
    const { source, handlers } = open();
    source.send({ type: 'round.awarded', id: 9000 });
    source.dispatchEvent(new MessageEvent('reset', { data: '' }));
    source.raw('nonsense');
    source.send({ type: 'round.awarded', id: 100, previous: 50 });
    expect(handlers.refetch.mock.calls).toEqual([['reset']]);
    expect(handlers.event).toHaveBeenCalledTimes(2);
  });
});

describe('a server that hangs', () => {
  const QUIET = 30_000;
  beforeEach(() => { vi.useFakeTimers(); });
  afterEach(() => { vi.useRealTimers(); });
  const calm = async (ms: number) => { await vi.advanceTimersByTimeAsync(ms); };

  it('is noticed by its silence: what is shown is old, and the stream is opened anew until it is there', async () => {
    const { source, handlers, opened, close } = open(QUIET);
    source.onopen?.();
    source.send({ type: 'round.awarded', id: 7000 });
    await calm(QUIET);
    expect([opened.length, handlers.status.mock.lastCall]).toEqual([1, ['live']]);
    await calm(6000 + RETRY_MS);
    expect(opened).toHaveLength(2);
    expect(opened[1]).toContain('after=7000');
    expect(source.close).toHaveBeenCalledOnce();
    expect(handlers.status).toHaveBeenLastCalledWith('reconnecting');
    await calm(QUIET + 6000);
    expect(opened).toHaveLength(3);
    source.onopen?.();
    expect(handlers.status).toHaveBeenLastCalledWith('live');
    // From an event on: what was missed comes with it.
    expect(handlers.refetch).not.toHaveBeenCalled();
    close();
    await calm(10 * QUIET);
    expect(opened).toHaveLength(3);
  });
  it('is told from a market in which nothing happens: that one answers, and nobody sees that it was asked', async () => {
    const { source, handlers, opened, close } = open(QUIET);
    source.onopen?.();
    source.send({ type: 'round.awarded', id: 7000 });
    for (let [second, known] = [0, 1]; second < 200; second += 1) {
      await calm(1000);
      if (opened.length > known) source.onopen?.();
      known = opened.length;
    }
    expect(opened).toHaveLength(6);
    expect(handlers.status).not.toHaveBeenCalledWith('reconnecting');
    expect(handlers.refetch).not.toHaveBeenCalled();
    close();
  });
  it('of which nothing was heard yet is read again when the stream is opened anew: what came in between has no id to go on from', async () => {
    const { source, handlers, opened, close } = open(QUIET);
    source.onopen?.();
    await calm(QUIET + 6000);
    source.onopen?.();
    expect([opened.length, handlers.refetch.mock.calls, handlers.status.mock.lastCall]).toEqual([2, [['gap']], ['live']]);
    close();
  });
  it('that never said anything is read again whole once it is back: no id says what was missed', async () => {
    const { source, handlers, close } = open(QUIET);
    source.onopen?.();
    await calm(QUIET + 6000 + RETRY_MS);
    source.onopen?.();
    expect(handlers.refetch.mock.calls).toEqual([['gap']]);
    close();
  });
  it('is looked for at once when the tab is seen again, or the network is back', async () => {
    const { source, opened, close } = open(QUIET);
    source.onopen?.();
    const now = Date.now();
    document.dispatchEvent(new Event('visibilitychange'));
    expect(opened).toHaveLength(1);
    vi.setSystemTime(now + 8 * 3_600_000);
    document.dispatchEvent(new Event('visibilitychange'));
    expect(opened).toHaveLength(2);
    source.onopen?.();
    window.dispatchEvent(new Event('online'));
    expect(opened).toHaveLength(3);
    close();
  });
  it('does not open a second stream when the renewal of the session that hung with it comes through', async () => {
    const { source, handlers, opened, close } = open(QUIET);
    let renew = () => {};
    handlers.revive.mockImplementationOnce(() => new Promise<void>((done) => { renew = done; }));
    source.dispatchEvent(new MessageEvent('end', { data: '{}', lastEventId: '5000' }));
    await calm(QUIET + 6000);
    expect(opened).toHaveLength(2);
    renew();
    await calm(0);
    expect(opened).toHaveLength(2);
    close();
  });
  it('is given three rounds, and half a minute at least', () => {
    expect([undefined, 10, 60].map(quietAfter)).toEqual([30_000, 30_000, 180_000]);
  });
});

describe('fan-out', () => {
  it('applies a burst once: one invalidation a path, whole objects written directly', () => {
    const client = new QueryClient();
    const spy = vi.spyOn(client, 'invalidateQueries');
    client.setQueryData(['/balance'], { available: '1.000000', currency: 'CRD' });
    const out = fanOut(client);
    for (let i = 1; i <= 50; i += 1) out.push({ id: i, previous: i - 1, type: 'order.filled', created_at: '', participant: 'par_1', object: 'order', data: {} });
    out.push({ id: 51, previous: 50, type: 'balance.changed', created_at: '', participant: 'par_1', object: 'balance', data: { available: '2.000000' } });
    out.flush();
    expect(spy).toHaveBeenCalledTimes(1);
    expect(client.getQueryData(['/balance'])).toEqual({ available: '2.000000', currency: 'CRD' });
  });
});
