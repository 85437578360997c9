import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { ApiKey } from '@/lib/api';
import { bodyOf, curlOf, descendants, onlyReads, scopeText, sendable, stateOf } from './key';

const NOW = Date.parse('2026-11-25T12:00:00Z');
const key = (id: string, more: Partial<ApiKey> = {}): ApiKey =>
  ({ id, participant: 'par_1', name: id, role: 'tenant', scopes: ['market:read'], prefix: 'xk_live_12', created_at: '2026-11-01T00:00:00Z', expires_at: null, revoked_at: null, made_by: null, last_used_at: null, ...more });

it('says of every scope that there is what it lets a key do', () => {
  const scopes = new Set(readFileSync('../docs/roles.md', 'utf8').match(/`[a-z]+:[a-z]+`/g)?.map((s) => s.slice(1, -1)));
  expect(scopes.size).toBeGreaterThan(10);
  for (const scope of scopes) expect(scopeText(scope), scope).not.toBe('');
  expect(scopeText('of:a newer server')).toBe('');
  expect([onlyReads(['market:read', 'finance:platform']), onlyReads(['market:read', 'swaps:approve'])]).toEqual([true, false]);
});
it('works until it has ended or was revoked, whichever was first', () => {
  expect(stateOf(key('a'), NOW)).toBe('works');
  expect(stateOf(key('a', { expires_at: '2026-11-25T12:00:00Z' }), NOW)).toBe('expired');
  expect(stateOf(key('a', { expires_at: '2026-11-25T12:00:01Z' }), NOW)).toBe('works');
  expect(stateOf(key('a', { expires_at: '2026-11-20T00:00:00Z', revoked_at: '2026-11-19T00:00:00Z' }), NOW)).toBe('revoked');
});
it('takes with it what was made with it, also by way of a key that has ended itself', () => {
  const all = [key('a'), key('b', { made_by: 'a', expires_at: '2026-11-20T00:00:00Z' }), key('c', { made_by: 'b' }), key('d', { made_by: 'a', revoked_at: '2026-11-20T00:00:00Z' }), key('e')];
  expect(descendants(all[0] as ApiKey, all, NOW).map((k) => k.id)).toEqual(['c']);
});
it('sends the scopes that were chosen and the moment at which it ends', () => {
  const draft = { name: ' nightly ', scopes: ['market:read'], days: '30' };
  expect(bodyOf(draft, NOW)).toEqual({ name: 'nightly', scopes: ['market:read'], expires_at: '2026-12-25T12:00:00.000Z' });
  expect(bodyOf({ ...draft, days: '' }, NOW).expires_at).toBeNull();
  expect([draft, { ...draft, name: ' ' }, { ...draft, scopes: [] }, { ...draft, name: 'x'.repeat(101) }].map(sendable)).toEqual([true, false, false, false]);
  expect(curlOf('https://market.example', 'xk_live_1')).toBe("curl -s -H 'Authorization: Bearer xk_live_1' https://market.example/v1/me");
});
