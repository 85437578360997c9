import { Button, toast } from '@/components/ui';
import { type Instance, useWrite } from '@/lib/api';

/** Runs a stopped or failed workload again, from its beginning. */
export function Restart({ instance, size }: { instance: Instance; size?: 'sm' }) {
  const write = useWrite<object, Instance>(['/instances']);
  const run = () => write.mutate({ path: `/instances/${instance.id}/restart`, body: {} }, {
    onSuccess: () => toast({ tone: 'ok', title: `${instance.name} starts anew, at its first input` }),
    onError: (p) => toast({ tone: 'bad', title: 'Not restarted', detail: p.said }),
  });
  return <Button icon="undo" size={size} onClick={run} busy={write.isPending}>Restart</Button>;
}
