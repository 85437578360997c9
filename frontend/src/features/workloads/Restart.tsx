import { Button, toast } from '@/components/ui';
import { type Instance, useWrite } from '@/lib/api';

/** Runs a stopped or failed workload again, from its beginning; one that is to stop when its swap has ended goes on. A process runs anyway, and is limited again. */
export function Restart({ instance, size }: { instance: Instance; size?: 'sm' }) {
  const write = useWrite<object, Instance>(['/instances']);
  const run = () => write.mutate({ path: `/instances/${instance.id}/restart`, body: {} }, {
    onSuccess: () => toast({ tone: 'ok', title: instance.stop_requested ? `${instance.name} goes on` : instance.process ? `${instance.name} is held to its baseline again` : `${instance.name} starts anew, at its first input` }),
    onError: (p) => toast({ tone: 'bad', title: instance.process ? 'Not limited' : 'Not restarted', detail: p.said }),
  });
  return <Button icon="undo" size={size} onClick={run} busy={write.isPending}>{instance.stop_requested ? 'Do not stop' : instance.process ? 'Limit again' : 'Restart'}</Button>;
}
