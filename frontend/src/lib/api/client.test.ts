import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { call, setCsrf, url, whenSignedOut } from './client';
import { Problem } from './problem';

const answers: Response[] = [];
const asked: { path: string; init: RequestInit }[] = [];
const real = globalThis.fetch;
beforeEach(() => {
  asked.length = 0;
  globalThis.fetch = (async (path: string, init: RequestInit) => { asked.push({ path, init }); return answers.shift() ?? new Response('{}'); }) as typeof fetch;
});
afterEach(() => { globalThis.fetch = real; answers.length = 0; });
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
