import { afterEach, expect, it, vi } from 'vitest';
import { isReachable } from './reachable';

vi.unmock('@/lib/reachable');
const real = globalThis.fetch;
afterEach(() => { globalThis.fetch = real; });

it('is reachable where somebody answers, not where only a proxy says that nobody does', async () => {
  const answers = (status: number) => { globalThis.fetch = (async () => new Response(null, { status })) as typeof fetch; return isReachable(); };
  expect([await answers(200), await answers(404), await answers(502)]).toEqual([true, true, false]);
  globalThis.fetch = (async () => { throw new TypeError('Failed to fetch'); }) as typeof fetch;
  expect(await isReachable()).toBe(false);
});
