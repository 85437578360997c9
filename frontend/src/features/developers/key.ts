// What an API key is, in words, and what is sent to make one. Pure, so that it is tested without a page.
import type { ApiKey } from '@/lib/api';

/** What each scope lets its key do; a newer server may have more of them. */
const SCOPES: Record<string, string> = {
  'market:read': 'see pools, prices, rounds and nodes', 'orders:read': 'see orders, projects and what they won', 'orders:write': 'place, change and cancel orders; set projects',
  'strategies:write': 'set what is bid and lent automatically', 'allocations:read': 'see workloads and what they have', 'swaps:read': 'see swaps and why they are made', 'swaps:write': 'ask for swaps and stop them',
  'swaps:approve': 'approve and reject moves', 'nodes:work': 'run the agent of the host that the key is named after', 'forecasts:read': 'see forecasts', 'finance:read': 'see balance, statements and deliveries', 'finance:platform': 'see everybody’s balances and statements',
  'workloads:write': 'register, stop and restart workloads', 'profiles:write': 'give hints and application profiles', 'keys:read': 'list API keys', 'keys:write': 'make and revoke API keys', 'audit:read': 'see who has changed what',
  'pricing:write': 'set reserve prices', 'admin:write': 'change pools, nodes, participants, users, quotas and credits; halt pools', 'operations:write': 'stop anybody’s workloads',
};
export const scopeText = (scope: string): string => SCOPES[scope] ?? '';
export const onlyReads = (scopes: string[]) => scopes.every((s) => s.endsWith(':read') || s === 'finance:platform');

export type KeyState = 'works' | 'expired' | 'revoked';
export function stateOf(key: ApiKey, now: number): KeyState {
  if (key.revoked_at) return 'revoked';
  return key.expires_at && Date.parse(key.expires_at) <= now ? 'expired' : 'works';
}

/** What ends with a key: what was made with it, and with those, as far as it still works. */
export function descendants(key: ApiKey, all: ApiKey[], now: number): ApiKey[] {
  const made = all.filter((k) => k.made_by === key.id);
  return [...made.filter((k) => stateOf(k, now) === 'works'), ...made.flatMap((k) => descendants(k, all, now))];
}

const DAY = 86_400_000;
/** In days; nothing for a key that works until it is revoked. */
export const TERMS = [['90', 'In 90 days'], ['30', 'In 30 days'], ['7', 'In 7 days'], ['1', 'In 24 hours'], ['365', 'In a year'], ['', 'Never: until it is revoked']] as const;

export interface Draft { name: string; scopes: string[]; days: string }
/** As the server has it. */
export const LONGEST_NAME = 100;
export const nameFault = (name: string) => ([...name].length > LONGEST_NAME ? `At most ${LONGEST_NAME} characters` : undefined);
export const sendable = (d: Draft) => d.name.trim() !== '' && !nameFault(d.name) && d.scopes.length > 0;
export const bodyOf = (d: Draft, now: number) => ({ name: d.name.trim(), scopes: d.scopes, expires_at: d.days === '' ? null : new Date(now + Number(d.days) * DAY).toISOString() });

/** A first request that every key may make: the answer names what it may do. */
export const curlOf = (origin: string, secret: string) => `curl -s -H 'Authorization: Bearer ${secret}' ${origin}/v1/me`;
