// Processes of the nodes' hosts, and adopting one.
import type { Adoption, FullNode, Instance, RunningProcess } from '../lib/api/objects.ts';
import { ago } from './clock.ts';
import { fullNodes } from './members.ts';
import { refuse, type Reply } from './reply.ts';
import { instances } from './swaps.ts';
import { participants } from './users.ts';

const process = (pid: number, command: string, cpu_milli: number, mean_cpu_milli: number, more: Partial<RunningProcess> = {}): RunningProcess => {
  const baseline = (Math.floor((Math.max(cpu_milli, mean_cpu_milli) * 1.25) / 50) + 1) * 50;
  return { pid, command, user: 1000, running_seconds: 90_000, descendants: 0, cpu_milli, mean_cpu_milli, mem_mib: 96, proposed: { baseline: { cpu_milli: baseline }, floor: { cpu_milli: baseline / 2 } }, ...more };
};
export const processes: RunningProcess[] = [
  process(4242, '/usr/lib/postgresql/16/bin/postgres -D /var/lib/postgresql/16/main -c config_file=/etc/postgresql/16/main/postgresql.conf', 1240, 610, { descendants: 7, mem_mib: 2150, user: 114 }),
  process(977, 'nginx: master process /usr/sbin/nginx -g daemon on;', 85, 40, { descendants: 4, mem_mib: 48, user: 0 }),
  process(15_311, 'python3 /srv/thumbnails/serve.py --port 9000', 300, 280, { running_seconds: 700, workload: fullNodes[0]?.workloads?.[0]?.id }),
];

/** The host of one node lets nobody limit processes. */
const UNABLE = fullNodes[1]?.id;
const unable = (node: FullNode) => refuse(409, 'driver_unavailable', 'Conflict', `No process of ${node.name} can be adopted: no control group can be made (/sys/fs/cgroup: Permission denied): run headroom as root, or as a service with Delegate=yes.`);

export function listProcesses(node: FullNode): Reply {
  return node.id === UNABLE ? unable(node) : { status: 200, body: { object: 'list', data: node.state === 'up' ? processes : [], has_more: false, next_cursor: null } };
}

const refuseAt = (pointer: string, code: string, detail: string) => refuse(422, code, 'Unprocessable Content', detail, [{ pointer, code, detail }]);

export function adopt(node: FullNode, body: unknown): Reply {
  const asked = body as Adoption;
  const found = processes.find((p) => p.pid === asked.pid);
  const owner = participants.find((p) => p.id === asked.participant);
  if (node.id === UNABLE) return unable(node);
  if (!found) return refuseAt('/pid', 'process_not_found', `No process of this host has the number ${asked.pid}. GET /v1/nodes/${node.id}/processes lists them.`);
  if (found.workload) return refuse(409, 'process_adopted', 'Conflict', `Process ${asked.pid}, or one that it has started, belongs to the workload ${found.workload} already.`);
  if (!owner) return refuse(404, 'not_found', 'Not found', 'There is no such participant.');
  const [baseline = 0, quota = 0] = [asked.baseline.cpu_milli, owner.quota.cpu_milli];
  if (baseline > quota) return refuseAt('/baseline/cpu_milli', 'quota_exceeded', `The quota is ${quota} cpu_milli, 0 cpu_milli are in use, ${baseline} cpu_milli were asked for. Ask an admin for more quota.`);
  const made: Instance = {
    ...(instances[0] as Instance), id: `ins_01KAB6Q0ZX3F4QADOPT${instances.length}`, participant: asked.participant, name: asked.name, driver: 'linux', module: 'mod_01KAB6Q0ZX3F4QPROCES', pool: node.pool, node: node.id, class: asked.class, state: 'running', created_at: ago(0),
    process: { pid: asked.pid, started_ticks: 81_200, boot: '4f7c', command: found.command },
    baseline: asked.baseline, floor: asked.floor, limit: asked.limit ?? { cpu_milli: node.capacity.cpu_milli ?? 0 }, in_force: asked.baseline,
    strategy: { auto_bid: null, auto_offer: asked.strategy ? null : { minimum_price: {}, at_least_reserve_price: true } },
  };
  instances.push(made);
  found.workload = made.id;
  node.workloads?.push({ id: made.id, name: made.name, participant: made.participant, in_force: made.in_force });
  return { status: 201, body: made };
}
