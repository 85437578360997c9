import { type HostProcess, type Instance, type List, type Module, useResource } from '@/lib/api';
import { driverName } from './health';
import { typed } from './register';

/** What a workload runs: its module or command, or the process that was adopted. */
export function MadeOf({ instance }: { instance: Instance }) {
  return (
    <>
      <dt>Driver</dt><dd>{driverName(instance)}</dd>
      {instance.process ? <Process of={instance.process} /> : <Program instance={instance} />}
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
