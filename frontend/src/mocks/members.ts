// What an admin does with participants, users and nodes.
import type { FullNode, FullParticipant, Role, UserRecord } from '../lib/api/objects.ts';
import { ago, iso } from './clock.ts';
import { summary } from './finance.ts';
import { nodes } from './swaps.ts';
import { me, participants, people } from './users.ts';

export const users: UserRecord[] = people.map((p) => { const who = me(p); return { ...who.user, memberships: who.memberships }; });

const nameOf = (id: string) => participants.find((p) => p.id === id)?.name ?? '';
export function makeUser(body: unknown): UserRecord {
  const asked = body as { email: string; name: string; memberships: { participant: string; role: Role }[] };
  const made = { id: `usr_01KAB6Q0ZX3F4QNEW${users.length}`, email: asked.email, name: asked.name, memberships: asked.memberships.map((m) => ({ participant: { id: m.participant, name: nameOf(m.participant) }, role: m.role })) };
  users.push(made);
  return made;
}

type Allowance = Partial<Pick<FullParticipant, 'quota' | 'instance_limit' | 'highest_class'>>;
export function makeParticipant(body: unknown): FullParticipant {
  const asked = body as { name: string } & Allowance;
  const made = { id: `par_01KAB6Q0ZX3F4QNEW${participants.length}`, platform: false, created_at: iso(Date.now()), name: asked.name, quota: asked.quota ?? {}, instance_limit: asked.instance_limit ?? 64, highest_class: asked.highest_class ?? 'standard' };
  participants.push(made);
  return made;
}
/** As the server: a resource that is left out becomes 0. */
export const setQuota = (p: FullParticipant, body: unknown) => Object.assign(p, body as Allowance);

/** A grant moves what is available; too much taken back is refused, with what there is. */
export function grant(participant: string, body: unknown) {
  const { amount } = body as { amount: string };
  const account = summary.accounts.find((a) => a.participant === participant && a.account.endsWith('/available'));
  const left = Number(account?.balance ?? 0) + Number(amount);
  if (left < 0) return null;
  if (account) account.balance = left.toFixed(6);
  return { participant, currency: 'credits', available: left.toFixed(6), held: '0.000000' };
}

export const fullNodes: FullNode[] = [
  ...nodes.map((n, i) => ({ ...n, capacity: { cpu_milli: 64_000, mem_mib: 262_144 }, state: 'up', created_at: ago(900_000), in_force: { cpu_milli: 1500 * (i + 1), mem_mib: 2048 }, workloads: [{ id: `ins_01KAB6Q0ZX3F4Q${i}`, name: `web-${i}`, participant: 'par_1', in_force: { cpu_milli: 1500 * (i + 1), mem_mib: 2048 } }] })),
  { id: 'nod_01KAB6Q0ZX3F4QCORDON1', name: 'fra1-gp-15', pool: 'fra1-gp', capacity: { cpu_milli: 64_000, mem_mib: 262_144 }, state: 'cordoned', created_at: ago(800_000) },
];
export function makeNode(body: unknown): FullNode {
  const made = { ...(body as Pick<FullNode, 'name' | 'pool' | 'capacity'>), id: `nod_01KAB6Q0ZX3F4QNEW${fullNodes.length}`, state: 'up', created_at: iso(Date.now()) };
  fullNodes.push(made);
  return made;
}
