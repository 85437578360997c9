// What runs on the nodes already, processes or machines of a host, jobs of a cluster or pods of a Kubernetes node, and adopting one.
import type { Adopted, Adoption, RunningJob, RunningPod, RunningProcess, RunningVm } from '../lib/api/adoption.ts';
import type { FullNode, Instance } from '../lib/api/objects.ts';
import { ago } from './clock.ts';
import { fullNodes } from './members.ts';
import { refuse, type Reply } from './reply.ts';
import { instances } from './swaps.ts';
import { participants } from './users.ts';

const process = (pid: number, command: string, cpu_milli: number, mean_cpu_milli: number, more: Partial<RunningProcess> = {}): RunningProcess => {
  const baseline = (Math.floor((Math.max(cpu_milli, mean_cpu_milli) * 1.25) / 50) + 1) * 50;
  return { kind: 'process', pid, command, user: 1000, running_seconds: 90_000, descendants: 0, cpu_milli, mean_cpu_milli, mem_mib: 96, proposed: { baseline: { cpu_milli: baseline }, floor: { cpu_milli: baseline / 2 } }, ...more };
};
export const processes: RunningProcess[] = [
  process(4242, '/usr/lib/postgresql/16/bin/postgres -D /var/lib/postgresql/16/main -c config_file=/etc/postgresql/16/main/postgresql.conf', 1240, 610, { descendants: 7, mem_mib: 2150, user: 114 }),
  process(977, 'nginx: master process /usr/sbin/nginx -g daemon on;', 85, 40, { descendants: 4, mem_mib: 48, user: 0 }),
  process(15_311, 'python3 /srv/thumbnails/serve.py --port 9000', 300, 280, { running_seconds: 700, workload: fullNodes[0]?.workloads?.[0]?.id }),
];

const NODE_CPU = 4000;
const job = (number: number, name: string, user: string, nodes: number, more: Partial<RunningJob> = {}): RunningJob => {
  const all = { cpu_milli: nodes * NODE_CPU };
  return { kind: 'slurm_job', job: number, name, partition: 'batch', user, running_seconds: 5400, nodes, node_cpu_milli: NODE_CPU, proposed: { baseline: all, floor: all }, ...more };
};
export const jobs: RunningJob[] = [
  job(4711, 'align-genomes', 'ines', 4, { left_seconds: 79_200 }),
  job(4698, 'train-model', 'jonas', 2, { running_seconds: 40_000, refused: 'it was started with --exclusive=user, so that its nodes cannot be changed' }),
  job(4650, 'weekly-report', 'tomas', 1, { running_seconds: 90_000, left_seconds: 1500, workload: fullNodes.find((n) => n.agent?.driver === 'slurm')?.workloads?.[0]?.id }),
];

const pod = (name: string, owner: string, limit: number | undefined, cpu_milli: number | undefined, more: Partial<RunningPod> = {}): RunningPod => {
  const baseline = Math.min(limit ?? 10, cpu_milli === undefined ? Infinity : (Math.floor((cpu_milli * 1.25) / 50) + 1) * 50);
  return { kind: 'pod', namespace: 'shop', pod: name, container: 'app', uid: `7d1c-${name}`, owner, service: 'Burstable', request_milli: limit && limit / 2, limit_milli: limit, cpu_milli, mem_mib: 180, running_seconds: 90_000, proposed: { baseline: { cpu_milli: baseline }, floor: { cpu_milli: baseline / 2 } }, ...more };
};
export const pods: RunningPod[] = [
  pod('checkout-7f9c4d-x2x8z', 'Deployment checkout', 1000, 620),
  pod('orders-db-0', 'StatefulSet orders-db', 2000, 410, { container: 'postgres', workload: fullNodes.find((n) => n.agent?.driver === 'kubernetes')?.workloads?.[0]?.id }),
  pod('orders-db-0', 'StatefulSet orders-db', 100, undefined, { container: 'exporter', refused: 'its container postgres is the workload orders-db' }),
  pod('log-shipper-9kqzt', 'DaemonSet log-shipper', 200, 15, { refused: 'it serves its node for the DaemonSet log-shipper' }),
  pod('thumbnails-6b8f5-ptw4c', 'Deployment thumbnails', undefined, 30, { refused: 'its container app has no CPU limit; set one, and a request' }),
];

const machine = (vm: string, vcpus: number, cpu_milli: number, more: Partial<RunningVm> = {}): RunningVm => {
  const baseline = (Math.floor((cpu_milli * 1.25) / 50) + 1) * 50;
  return { kind: 'vm', vm, pid: 5000 + cpu_milli, user: 107, running_seconds: 90_000, status: 'running', vcpus, is_kvm: true, memory_mib: vcpus * 2048, balloon_mib: vcpus * 2048, cpu_milli, mean_cpu_milli: cpu_milli, mem_mib: vcpus * 1900, proposed: { baseline: { cpu_milli: baseline }, floor: { cpu_milli: baseline / 2 } }, ...more };
};
export const machines: RunningVm[] = [
  machine('build-runner', 4, 2100),
  machine('mail', 2, 320, { workload: fullNodes.find((n) => n.agent?.driver === 'qemu')?.workloads?.[0]?.id }),
  machine('legacy-erp', 0, 90, { status: '', is_kvm: false, memory_mib: 0, balloon_mib: undefined, refused: '/run/machines/legacy-erp.qmp is in use: QEMU serves one client at a time, so give Headroom a socket of its own (a second -qmp)' }),
];

/** The host of one node lets nobody limit processes. */
const UNABLE = fullNodes[1]?.id;
/** Why nothing on a node can be adopted. */
function whyNot(node: FullNode): string | undefined {
  if (node.id === UNABLE) return 'no control group can be made (/sys/fs/cgroup: Permission denied): run headroom as root';
  if (node.properties?.agent !== 1) return undefined;
  return node.agent?.unavailable ?? (node.agent && !node.agent.is_silent ? undefined : 'its agent does not list it in time');
}
const unable = (node: FullNode, reason: string) => refuse(409, 'driver_unavailable', 'Conflict', `Nothing on ${node.name} can be adopted: ${reason}.`);
const runningOn = (node: FullNode) => (node.agent?.driver === 'slurm' ? jobs : node.agent?.driver === 'kubernetes' ? pods : node.agent?.driver === 'qemu' ? machines : node.state === 'up' ? processes : []);

export function listCandidates(node: FullNode): Reply {
  const reason = whyNot(node);
  if (reason) return unable(node, reason);
  return { status: 200, body: { object: 'list', data: runningOn(node), has_more: false, next_cursor: null } };
}

const refuseAt = (pointer: string, code: string, detail: string) => refuse(422, code, 'Unprocessable Content', detail, [{ pointer, code, detail }]);
const namedPod = ({ namespace, pod: name, uid, container }: RunningPod): Adopted => ({ kind: 'pod', namespace, name, uid, container });
const processAt = (pid: number, command: string) => ({ pid, started_ticks: 81_200, boot: '4f7c', command });
const namedVm = (of: RunningVm): Adopted => ({ kind: 'vm', name: of.vm, vcpus: of.vcpus, process: processAt(of.pid, 'qemu-system-x86_64') });
const adoptedOf = (of: RunningProcess | RunningJob): Adopted => (of.kind === 'process'
  ? { kind: 'process', ...processAt(of.pid, of.command) }
  : { kind: 'slurm_job', cluster: 'linux', job: of.job, submitted_at: 1_790_000_000, name: of.name, node_cpu_milli: of.node_cpu_milli });

export function adopt(node: FullNode, body: unknown): Reply {
  const asked = body as Adoption;
  const [what, number, pointer] = asked.vm !== undefined ? ['virtual machine', asked.vm, '/vm'] : asked.pod !== undefined ? ['pod', asked.pod, '/pod'] : asked.job === undefined ? ['process', asked.pid, '/pid'] : ['job', asked.job, '/job'];
  const found = asked.vm !== undefined ? machines.find((v) => v.vm === asked.vm) : asked.pod !== undefined ? pods.find((p) => p.pod === asked.pod && p.container === asked.container) : asked.job === undefined ? processes.find((p) => p.pid === asked.pid) : jobs.find((j) => j.job === asked.job);
  const owner = participants.find((p) => p.id === asked.participant);
  const reason = whyNot(node);
  if (reason) return unable(node, reason);
  if ([asked.job, asked.pid, asked.pod, asked.vm].filter((one) => one !== undefined).length !== 1) return refuseAt('/pid', 'one_of_two', 'Give one of four: the number of a process in pid, of a job in job, the name of a pod in pod, or of a virtual machine in vm.');
  if (!found) return refuseAt(String(pointer), 'candidate_not_found', `No ${what} of ${node.name} that can be adopted has the number ${number}. GET /v1/nodes/${node.id}/candidates lists them.`);
  if (found.workload) return refuse(409, 'already_adopted', 'Conflict', `The ${what} ${number}, or what it has started, belongs to the workload ${found.workload} already.`);
  if (found.kind === 'pod' && found.refused) return refuseAt('/pod', 'pod_not_adoptable', `Pod ${found.pod} cannot be adopted: ${found.refused}.`);
  if (found.kind === 'vm' && found.refused) return refuseAt('/vm', 'vm_not_adoptable', `Virtual machine ${found.vm} cannot be adopted: ${found.refused}.`);
  if (found.kind === 'slurm_job' && found.refused) return refuseAt('/job', 'job_not_adoptable', `Job ${number} cannot be adopted: ${found.refused}.`);
  if (!owner) return refuse(404, 'not_found', 'Not found', 'There is no such participant.');
  const [baseline = 0, quota = 0] = [asked.baseline.cpu_milli, owner.quota.cpu_milli];
  if (baseline > quota) return refuseAt('/baseline/cpu_milli', 'quota_exceeded', `The quota is ${quota} cpu_milli, 0 cpu_milli are in use, ${baseline} cpu_milli were asked for. Ask an admin for more quota.`);
  const made: Instance = {
    ...(instances[0] as Instance), id: `ins_01KAB6Q0ZX3F4QADOPT${instances.length}`, participant: asked.participant, name: asked.name, driver: { process: 'linux', slurm_job: 'slurm', pod: 'kubernetes', vm: 'qemu' }[found.kind], module: 'mod_01KAB6Q0ZX3F4QPROCES', pool: node.pool, node: node.id, class: asked.class, state: 'running', created_at: ago(0),
    adopted: found.kind === 'pod' ? namedPod(found) : found.kind === 'vm' ? namedVm(found) : adoptedOf(found),
    baseline: asked.baseline, floor: asked.floor, limit: asked.limit ?? { cpu_milli: node.capacity.cpu_milli ?? 0 }, in_force: asked.baseline,
    strategy: { auto_bid: null, auto_offer: asked.strategy || found.kind === 'slurm_job' ? null : { minimum_price: {}, at_least_reserve_price: true } },
  };
  instances.push(made);
  found.workload = made.id;
  node.workloads?.push({ id: made.id, name: made.name, participant: made.participant, in_force: made.in_force });
  return { status: 201, body: made };
}
