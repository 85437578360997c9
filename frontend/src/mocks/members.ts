// What an admin does with participants, users and nodes.
import type { Agent, FullNode, FullParticipant, LeavingNode, NodeWorkload, Role, UserRecord } from '../lib/api/objects.ts';
import { ago, iso, slotAt } from './clock.ts';
import { summary } from './finance.ts';
import { nodes, swaps } from './swaps.ts';
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

const there = (end: string, name: string, cores: number, leaving?: LeavingNode): NodeWorkload => ({ id: `ins_01KAB6Q0ZX3F4Q${end}`, name, participant: 'par_01KAB6Q0ZX3F4QGENOM', in_force: { cpu_milli: cores * 1000 }, ...(leaving && { leaving }) });
const host = (end: string, name: string, cores: number, agent: Partial<Agent>, workloads: NodeWorkload[] = []): FullNode => ({
  id: `nod_01KAB6Q0ZX3F4Q${end}`, name, pool: 'hel1-gp', capacity: { cpu_milli: cores * 1000 }, properties: { agent: 1 }, state: 'up', created_at: ago(700_000), workloads, in_force: workloads.length > 0 ? { cpu_milli: workloads.reduce((sum, w) => sum + (w.in_force.cpu_milli ?? 0), 0) } : {},
  agent: { version: '0.2.0', driver: 'linux', silent_seconds: 1, is_silent: false, workloads: workloads.length, ...agent },
});
export const fullNodes: FullNode[] = [
  ...nodes.map((n, i) => ({ ...n, capacity: { cpu_milli: 64_000, mem_mib: 262_144 }, state: 'up', created_at: ago(900_000), in_force: { cpu_milli: 1500 * (i + 1), mem_mib: 2048 }, workloads: [{ id: `ins_01KAB6Q0ZX3F4Q${i}`, name: `web-${i}`, participant: 'par_1', in_force: { cpu_milli: 1500 * (i + 1), mem_mib: 2048 } }] })),
  { id: 'nod_01KAB6Q0ZX3F4QCORDON1', name: 'fra1-gp-15', pool: 'fra1-gp', capacity: { cpu_milli: 64_000, mem_mib: 262_144 }, state: 'cordoned', created_at: ago(800_000) },
  {
    id: 'nod_01KAB6Q0ZX3F4QDRAIN01', name: 'fra1-hp-04', pool: 'fra1-hp', capacity: { cpu_milli: 64_000, mem_mib: 262_144 }, state: 'draining', created_at: ago(800_000), in_force: { cpu_milli: 30_000, mem_mib: 8192 },
    workloads: [
      there('VARC07', 'variant-caller-07', 16, { step: 'moving', reason: 'moving', detail: 'A swap takes it away now.', swap: swaps[0]?.id }),
      there('RNASQ2', 'rna-seq-02', 10, { step: 'waiting', reason: 'won_here', detail: 'It has won capacity on this node, and moves after the last of those slots.', until: slotAt(3) }),
      there('COUNT3', 'counter-03', 4, { step: 'blocked', reason: 'no_room', detail: 'No other node of the pool has room for its baseline. Add a node, or uncordon one.' }),
    ],
  },
  host('HOST01', 'host-1', 8, { services: ['shop', 'web'], host: { cpu_milli: 8000, busy_milli: 6240, memory_kib: 33_554_432, available_kib: 9_437_184, read_kib_per_second: 120, written_kib_per_second: 480, received_kib_per_second: 900, sent_kib_per_second: 1500, cpu_waits_permille: 253, io_waits_permille: 12 } }, [there('H1', 'orders-db', 2)]),
  host('HOST02', 'host-2', 8, { silent_seconds: 95, is_silent: true }),
  host('HOST03', 'host-3', 8, { unavailable: 'no control group can be made (/sys/fs/cgroup: Permission denied): run headroom as root' }),
  host('KUBE01', 'worker-1', 16, { driver: 'kubernetes' }, [there('ORDERS', 'orders-db', 1)]),
  host('QEMU01', 'machines-1', 16, { driver: 'qemu' }, [there('MAIL01', 'mail', 1)]),
  host('SLURM1', 'cluster-1', 64, { driver: 'slurm', silent_seconds: 3 }, [there('WEEKLY', 'weekly-report', 4)]),
];
/** A draining node says of each workload how far it is with leaving; other nodes do not. */
export function setNodeState(n: FullNode, verb: string) {
  const state = { cordon: 'cordoned', drain: 'draining' }[verb] ?? 'up';
  const leaving: LeavingNode | undefined = state === 'draining' ? { step: 'waiting', reason: 'next_slots', detail: 'It moves with one of the next slots.' } : undefined;
  return Object.assign(n, { state, workloads: n.workloads?.map((w) => ({ ...w, leaving })) });
}
export function makeNode(body: unknown): FullNode {
  const made = { ...(body as Pick<FullNode, 'name' | 'pool' | 'capacity'>), id: `nod_01KAB6Q0ZX3F4QNEW${fullNodes.length}`, state: 'up', created_at: iso(Date.now()) };
  fullNodes.push(made);
  return made;
}
