import type { ApiKey, NewApiKey, Role } from '../lib/api/objects.ts';
import { ago, iso, START } from './clock.ts';
import { me, type Person } from './users.ts';

const GENOMICS = 'par_01KAB6Q0ZX3F4QGENOM';
const OPERATOR = 'par_01KAB6Q0ZX3F4QOPERA';
const key = (end: string, participant: string, name: string, role: Role, scopes: string[], more: Partial<ApiKey> = {}): ApiKey =>
  ({ id: `key_01KAB6Q0ZX3F4Q${end}`, participant, name, role, scopes, prefix: `xk_test_${end.toLowerCase()}00`, created_at: ago(400_000), expires_at: null, revoked_at: null, made_by: null, last_used_at: ago(7200), ...more });

export const keys: ApiKey[] = [
  key('NIGHT1', GENOMICS, 'nightly', 'tenant', ['market:read', 'orders:read', 'orders:write', 'keys:read', 'keys:write'], { expires_at: iso(START + 20 * 86_400_000) }),
  key('CHILD1', GENOMICS, 'nightly, one run', 'tenant', ['market:read'], { made_by: 'key_01KAB6Q0ZX3F4QNIGHT1', created_at: ago(3600) }),
  key('DASHB1', GENOMICS, 'dashboard', 'tenant', ['market:read', 'orders:read', 'finance:read']),
  key('OLDER1', GENOMICS, 'spring trial', 'tenant', ['market:read'], { created_at: ago(9_000_000), expires_at: ago(900_000) }),
  key('LEAKED', GENOMICS, 'leaked', 'tenant', ['market:read', 'orders:write'], { revoked_at: ago(70_000) }),
  key('SETUP1', OPERATOR, 'setup', 'admin', ['market:read', 'admin:write']),
];

const participantOf = (person: Person) => me(person).participant.id;
/** An admin sees everybody's, others their participant's. */
export const keysOf = (person: Person) => keys.filter((k) => person.role === 'admin' || k.participant === participantOf(person));

export function makeKey(person: Person, body: unknown): NewApiKey {
  const asked = body as { name: string; scopes?: string[]; expires_at?: string | null };
  const end = `MADE${keys.length}`;
  const made = key(end, participantOf(person), asked.name, person.role, asked.scopes ?? me(person).scopes, { created_at: iso(Date.now()), expires_at: asked.expires_at ?? null });
  keys.push(made);
  return { ...made, secret: `${made.prefix}5d41402abc4b2a76b9719d911017c592ae2f1b7c9d3e4f50` };
}

/** With all that were made with it. */
export function revokeKey(id: string | undefined): ApiKey | undefined {
  const gone = keys.find((k) => k.id === id);
  for (const k of keys) if (k.id === id || (id && k.made_by === id)) k.revoked_at ??= iso(Date.now());
  return gone;
}
