import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { serverSays } from '../time';
import { asSaid, inWords, Problem, problemOf, untilLater } from './problem';

it('says what the server says in the names and units of the pages', () => {
  expect(asSaid('Pool `fra1-gp` is halted: a fan. 200 cpu_milli are held.')).toBe('Pool fra1-gp is halted: a fan. 0.2 cores are held.');
  expect(asSaid('It is changed by at most 512 mem_mib in a slot (max_swap): no more.')).toBe('It is changed by at most 0.5 GiB in a slot: no more.');
  expect(inWords('pool_halted', 'Pool `a` is halted.')).toBe('Pool a is halted.');
});
it('shows no raw moment: neither of a sentence, nor of a hint, nor at a field', () => {
  serverSays('2026-11-26T20:00:00Z');
  const said = 'It stays where it is until 2026-11-26T20:05:51.126556Z.';
  const problem = new Problem({ title: 'Conflict', status: 409, detail: said, hint: 'Ask again after 2026-11-26T20:06:00Z.', errors: [{ pointer: '/window', code: 'pinned', detail: said }] });
  expect(problem.said).toBe('It stays where it is until 26 Nov 20:05:51. Ask again after 26 Nov 20:06.');
  expect([problem.field('/window'), asSaid(said)]).toEqual(Array(2).fill('It stays where it is until 26 Nov 20:05:51.'));
});
it('says in words how long to wait, wherever the server names a header', async () => {
  const of = async (status: number, detail: string, after?: string) => (await problemOf(new Response(JSON.stringify({ title: 'Later', status, code: 'rate_limited', detail }), { status, headers: after ? { 'retry-after': after } : {} }))).said;
  expect(await of(429, 'Too many requests. Wait for the time in Retry-After; the header RateLimit says how much is left.', '12')).toBe('Too many requests. Try again in 12 seconds.');
  expect(await of(503, 'Too many people are signing in at this moment. Try again after the time in Retry-After.', '1')).toBe('Too many people are signing in at this moment. Try again in 1 second.');
  expect(await of(429, 'Several uploads of this participant are being checked. Upload one after the other, or wait for the time in Retry-After.', '3')).toBe('Several uploads of this participant are being checked. Upload one after the other. Try again in 3 seconds.');
  expect(await of(503, 'It takes nothing new. Tell its operator, and try again after the time in Retry-After.', '300')).toBe('It takes nothing new. Tell its operator. Try again in 5 minutes.');
  expect(await of(503, 'Down for work', undefined)).toBe('Down for work. Try again in a moment.');
  expect(await of(409, 'Another one is running.', '5')).toBe('Another one is running.');
  expect(untilLater('Busy.', 'Fri, 20 Nov 2026 10:00:30 GMT', Date.parse('2026-11-20T10:00:00Z'))).toBe('Busy. Try again in 30 seconds.');
});
it('knows every sentence of the server that names the header', () => {
  const files = ['app/limiter.rs', 'app/failure.rs', 'app/simulation.rs', 'app/exchange.rs', 'http/modules.rs'].map((f) => readFileSync(join(process.cwd(), '../backend/server/src', f), 'utf8'));
  const sentences = files.flatMap((text) => [...text.matchAll(/"([^"\n]*Retry-After[^"\n]*)"/g)].map((m) => m[1] as string));
  expect(sentences.length).toBeGreaterThan(5);
  for (const said of sentences) expect(untilLater(said, '7'), said).not.toMatch(/Retry-After|RateLimit/);
});
