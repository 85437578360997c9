import { Button, toast } from '@/components/ui';
import { jobOf } from '@/lib/adopted';
import { type Instance, useWrite } from '@/lib/api';

/** What it is called, what it has done, and that it has not. A process or a job runs anyway. */
function wordsOf(i: Instance) {
  const [act, not] = jobOf(i) ? ['Adopt again', 'Not adopted'] : i.adopted ? ['Limit again', 'Not limited'] : ['Restart', 'Not restarted'];
  if (i.stop_requested) return { act: 'Do not stop', not, done: `${i.name} goes on` };
  return { act, not, done: jobOf(i) ? `${i.name} is a workload again, with the nodes of its baseline` : i.adopted ? `${i.name} is held to its baseline again` : `${i.name} starts anew, at its first input` };
}

/** Runs a stopped or failed workload again, from its beginning; one that is to stop when its swap has ended goes on. A process is limited again, a job gets its baseline. */
export function Restart({ instance, size }: { instance: Instance; size?: 'sm' }) {
  const write = useWrite<object, Instance>(['/instances']);
  const { act, not, done } = wordsOf(instance);
  const run = () => write.mutate({ path: `/instances/${instance.id}/restart`, body: {} }, {
    onSuccess: () => toast({ tone: 'ok', title: done }),
    onError: (p) => toast({ tone: 'bad', title: not, detail: p.said }),
  });
  return <Button icon="undo" size={size} onClick={run} busy={write.isPending}>{act}</Button>;
}
