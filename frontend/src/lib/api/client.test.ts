// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { me, people } from '@/mocks/users';
import { actAs, met, watchActing } from './acting';
import { call, setCsrf, url, whenSignedOut } from './client';
import type { Me } from './objects';
import { asProblem, Problem } from './problem';

const answers: Response[] = [];
const asked: { path: string; init: RequestInit }[] = [];
const real = globalThis.fetch;
beforeEach(() => {
  asked.length = 0;
  globalThis.fetch = (async (path: string, init: RequestInit) => { asked.push({ path, init }); return answers.shift() ?? new Response('{}'); }) as typeof fetch;
});
afterEach(() => { globalThis.fetch = real; answers.length = 0; document.cookie = 'headroom_csrf=; Max-Age=0'; actAs(null); watchActing(null); });
/** Tabs share cookies and locks; each has the module for itself. */
async function tabs(count: number, locks: boolean) {
  let last: Promise<unknown> = Promise.resolve();
  const request = (_name: string, task: () => Promise<unknown>) => (last = last.then(task, task));
  Object.defineProperty(navigator, 'locks', { value: locks ? { request } : undefined, configurable: true });
  const modules = [];
  for (let i = 0; i < count; i += 1) {
    vi.resetModules();
    modules.push(await import('./client'));
  }
  return modules;
}
/** A server that takes each refresh token once; the cookie goes along when the request is sent. */
function browser() {
  const state = { access: 0, refresh: 1, used: new Set<number>(), refreshes: 0 };
  const answer = async (path: string) => {
    const { access, refresh } = state;
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (!path.includes('/auth/refresh')) return json(access ? 200 : 401, { path, title: 'x' });
    state.refreshes += 1;
    if (state.used.has(refresh)) return json(401, { title: 'used twice' });
    state.used.add(refresh);
    Object.assign(state, { access: 1, refresh: refresh + 1 });
    document.cookie = `headroom_csrf=t${state.refreshes}`;
    return json(200, { csrf_token: 't' });
  };
  globalThis.fetch = ((path: string) => answer(path)) as typeof fetch;
  return state;
}
const json = (status: number, body: unknown) => new Response(JSON.stringify(body), { status });

describe('client', () => {
  it('leaves empty parameters out', () => expect(url('/bids', { limit: 5, status: '', x: null })).toBe('/v1/bids?limit=5'));
  it('sends the token and the key with writes only', async () => {
    setCsrf('t1');
    await call('POST', '/bids', { body: {}, idempotencyKey: 'k' });
    await call('GET', '/bids');
    expect(asked[0]?.init.headers).toMatchObject({ 'X-CSRF-Token': 't1', 'Idempotency-Key': 'k' });
    expect(asked[1]?.init.headers).not.toHaveProperty('X-CSRF-Token');
  });
  it('refreshes once for many requests that expired together', async () => {
    answers.push(json(401, { title: 'x' }), json(401, { title: 'x' }), json(200, { csrf_token: 't2' }), json(200, { a: 1 }), json(200, { a: 2 }));
    const both = await Promise.all([call('GET', '/pools'), call('GET', '/bids')]);
    expect(both.map((b) => b.data)).toEqual([{ a: 1 }, { a: 2 }]);
    expect(asked.filter((a) => a.path.endsWith('/auth/refresh'))).toHaveLength(1);
  });
  it('refreshes once for several tabs that expired together, time after time', async () => {
    const state = browser();
    const all = await tabs(4, true);
    for (const round of [1, 2, 3]) {
      state.access = 0;
      const got = await Promise.all(all.flatMap((tab) => [tab.call('GET', '/pools'), tab.call('GET', '/bids')]));
      expect(got).toHaveLength(8);
      expect(state.refreshes).toBe(round);
    }
  });
  it('waits with another participant until another tab has refreshed', async () => {
    const state = browser();
    const [first, second] = await tabs(2, true);
    const refused = first?.call('GET', '/pools');
    await new Promise((resolve) => setTimeout(resolve, 7));
    await Promise.all([refused, second?.actFor('par_2')]);
    expect([state.refreshes, state.used.size]).toEqual([2, 2]);
  });
  it('refreshes itself where what another tab renewed is over as well', async () => {
    const state = browser();
    const [tab] = await tabs(1, true);
    const slow = tab?.call('GET', '/pools');
    document.cookie = 'headroom_csrf=another-tab';
    await slow;
    expect(state.refreshes).toBe(1);
  });
  it('does without locks where the browser has none', async () => {
    const state = browser();
    const [tab] = await tabs(1, false);
    await tab?.call('GET', '/pools');
    expect(state.refreshes).toBe(1);
  });
  it('says that the session is over when the refresh fails', async () => {
    const out = vi.fn();
    whenSignedOut(out);
    answers.push(json(401, { title: 'x' }), json(401, { title: 'x' }));
    await expect(call('GET', '/pools')).rejects.toThrow(Problem);
    expect(out).toHaveBeenCalledOnce();
  });
  it('turns a problem document into a Problem, and HTML into one too', async () => {
    answers.push(json(422, { title: 'Refused', code: 'hold', errors: [{ pointer: '/limit', code: 'x', detail: 'too low' }], request_id: 'req_1' }), new Response('<html>', { status: 502, statusText: 'Bad Gateway' }));
    const refused = await call('POST', '/bids').catch((e: Problem) => e) as Problem;
    expect(refused.field('/limit')).toBe('too low');
    const gateway = await call('GET', '/bids').catch((e: Problem) => e) as Problem;
    expect(gateway.body).toMatchObject({ status: 502, title: 'Bad Gateway' });
  });
});

it('advice for who writes requests is not shown to who uses a page', () => {
  const detail = 'The workload has stopped or failed. Restart it first, or bid for a new replica (no `instance`).';
  const refused = new Problem({ title: 'Refused', status: 409, code: 'instance_not_running', detail, errors: [{ pointer: '/instance', code: 'instance_not_running', detail }] });
  for (const said of [refused.said, refused.field('/instance')]) expect(said).toMatch(/restart it first\. A bid without a workload buys capacity/);
});

describe('for whom the page acts', () => {
  const alice = me(people[0] as (typeof people)[number]);
  const bob = { ...alice, participant: { id: 'par_bob', name: 'bob' } };
  const watch = () => { const w = { other: vi.fn(() => true), refused: vi.fn(), told: vi.fn() }; watchActing(w); return w; };
  const named = () => asked.map((a) => (a.init.headers as Record<string, string>)['Headroom-Participant']);
  const refusal = () => json(409, { title: 'Conflict', code: 'acting_for_another' });

  it('is named with every request, but for those that ask who one is or sign in', async () => {
    await call('GET', '/bids');
    actAs(alice);
    await call('POST', '/bids', { body: {} });
    await call('GET', '/balance');
    await call('GET', '/me');
    await call('POST', '/auth/logout');
    expect(named()).toEqual([undefined, alice.participant.id, alice.participant.id, undefined, undefined]);
    expect(asked[1]?.init.headers).toMatchObject({ 'Headroom-User': alice.user.id });
  });
  it('stays whom a write was meant for, though the page goes over to another while the session is renewed', async () => {
    actAs(alice);
    answers.push(json(401, { title: 'x' }), json(200, { csrf_token: 't' }), refusal());
    const { refused } = watch();
    const placing = call('POST', '/bids', { body: {} });
    met(bob);
    await expect(placing).rejects.toThrow(Problem);
    expect(named()).toEqual([alice.participant.id, undefined, alice.participant.id]);
    expect(refused.mock.calls).toEqual([[alice, true]]);
  });
  it('a refusal says whether something was to be changed; other conflicts are none', async () => {
    const { refused } = watch();
    answers.push(refusal());
    await call('GET', '/bids').catch(() => undefined);
    actAs(alice);
    answers.push(refusal(), refusal(), json(409, { title: 'Conflict', code: 'order_replaced' }));
    await call('GET', '/bids').catch(() => undefined);
    await call('POST', '/bids/preview', { body: {} }).catch(() => undefined);
    await call('DELETE', '/bids/bid_1').catch(() => undefined);
    expect(refused.mock.calls).toEqual([[alice, false], [alice, false]]);
  });
  it('another answer to “who am I” is told once, the same one never', () => {
    const { other } = watch();
    met(alice);
    met({ ...alice, now: 'later' });
    met(bob);
    met(bob);
    expect((other.mock.calls as unknown as [Me, Me][]).map(([from, to]) => [from.participant.id, to.participant.id])).toEqual([[alice.participant.id, 'par_bob']]);
  });
});

describe('without an answer', () => {
  const said = async (method: string, path: string, options = {}) => {
    globalThis.fetch = (async () => { throw new TypeError('Failed to fetch'); }) as typeof fetch;
    return call(method, path, options).then(() => { throw new Error('answered'); }, asProblem);
  };
  it('a write is not said to have failed, and how to find out is', async () => {
    const keyed = await said('POST', '/bids', { idempotencyKey: 'k' });
    expect([keyed.unsure, keyed.said]).toEqual([true, expect.stringMatching(/whether this arrived is not known.*same key and counts once/)]);
    const plain = await said('DELETE', '/bids/bid_1');
    expect([plain.unsure, plain.said]).toEqual([true, expect.stringContaining('Look at how things stand')]);
  });
  it('what only reads or previews has placed nothing', async () => {
    for (const [method, path] of [['GET', '/bids'], ['POST', '/bids/preview'], ['POST', '/auth/refresh']] as const) expect((await said(method, path)).unsure).toBe(false);
    expect((await said('POST', '/bids/preview')).said).toContain('It has placed nothing');
  });
});
