import { type Instance, type List, type Module, useResource } from '@/lib/api';
import { typed } from './register';

/** The module or command that a workload runs, by its name, a command with its arguments. */
export function MadeOf({ instance }: { instance: Instance }) {
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
