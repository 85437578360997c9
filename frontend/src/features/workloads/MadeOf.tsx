import { jobOf, podOf, processOf, vmOf } from '@/lib/adopted';
import { type ClusterPod, type HostProcess, type Instance, type List, type Module, type SlurmJob, type VirtualMachine, useResource } from '@/lib/api';
import { formatQuantity } from '@/lib/money';
import { driverName } from './health';
import { typed } from './register';

/** What a workload runs: its module or command, or the process, job, pod or machine that was adopted. */
export function MadeOf({ instance }: { instance: Instance }) {
  const [process, job, pod, machine] = [processOf(instance), jobOf(instance), podOf(instance), vmOf(instance)];
  return (
    <>
      <dt>Driver</dt><dd>{driverName(instance)}</dd>
      {process && <Process of={process} />}
      {job && <Job of={job} />}
      {pod && <Pod of={pod} />}
      {machine && <Machine of={machine} />}
      {!instance.adopted && <Program instance={instance} />}
    </>
  );
}

function Process({ of }: { of: HostProcess }) {
  return (
    <>
      <dt>Process</dt><dd>{of.pid}</dd>
      <dt>Command</dt>
      <dd className="said">
        {of.command}
        <p className="help">It stays on its host: its bids win only while its own node has room. Its memory is measured, not limited.</p>
      </dd>
    </>
  );
}

function Job({ of }: { of: SlurmJob }) {
  return (
    <>
      <dt>Job</dt><dd className="said">{of.job}, {of.name}</dd>
      <dt>Cluster</dt><dd className="said">{of.cluster}</dd>
      <dt>One of its nodes</dt>
      <dd className="said">
        {formatQuantity('cpu_milli', of.node_cpu_milli)}
        <p className="help">It stays on its cluster, and grows and shrinks by whole nodes. It lends nothing.</p>
      </dd>
    </>
  );
}

function Pod({ of }: { of: ClusterPod }) {
  return (
    <>
      <dt>Pod</dt><dd className="said">{of.namespace}/{of.name}</dd>
      <dt>Container</dt>
      <dd className="said">
        {of.container}
        <p className="help">It stays on its node: its bids win only while its own node has room. Its memory is measured, not limited.</p>
      </dd>
    </>
  );
}

function Machine({ of }: { of: VirtualMachine }) {
  return (
    <>
      <dt>Machine</dt><dd className="said">{of.name}, process {of.process.pid}</dd>
      <dt>Its vCPUs</dt>
      <dd className="said">
        {of.vcpus}
        <p className="help">They stay; the CPU time that they get is limited. It stays on its host: its bids win only while its own node has room. Its memory is measured, not limited.</p>
      </dd>
    </>
  );
}

/** By its name, a command with its arguments. */
function Program({ instance }: { instance: Instance }) {
  const module = useResource<List<Module>>('/modules').data?.data.find((m) => m.id === instance.module);
  if (!module) return null;
  const command = module.kind === 'command';
  return (
    <>
      <dt>{command ? 'Command' : 'Module'}</dt>
      <dd>
        {[module.name, ...(instance.arguments ?? []).map(typed)].join(' ')}
        {module.available === false && <p className="help">Its program is not there now: the workload stands still, what it had won is credited, and it goes on once the operator has put the program back.</p>}
      </dd>
    </>
  );
}
