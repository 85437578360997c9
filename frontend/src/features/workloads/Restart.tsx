import { Button, toast } from '@/components/ui';
import { type Instance, useWrite } from '@/lib/api';

/** Runs a stopped or failed workload again, from its beginning; one that is to stop when its swap has ended goes on. */
export function Restart({ instance, size }: { instance: Instance; size?: 'sm' }) {
  const write = useWrite<object, Instance>(['/instances']);
  const run = () => write.mutate({ path: `/instances/${instance.id}/restart`, body: {} }, {
    onSuccess: () => toast({ tone: 'ok', title: instance.stop_requested ? `${instance.name} goes on` : `${instance.name} starts anew, at its first input` }),
    onError: (p) => toast({ tone: 'bad', title: 'Not restarted', detail: p.said }),
  });
  return <Button icon="undo" size={size} onClick={run} busy={write.isPending}>{instance.stop_requested ? 'Do not stop' : 'Restart'}</Button>;
}
