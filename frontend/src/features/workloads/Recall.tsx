import { useState } from 'react';
import { Button, toast } from '@/components/ui';
import { Decide } from '@/components/ui/Decide';
import { type Allocation, type Recalled, useWrite } from '@/lib/api';
import { formatBundle, formatQuantity } from '@/lib/money';
import { clock, zone } from '@/lib/time';

/** Takes back all that a workload has lent as recallable for a slot, resource by resource. */
export function Recall({ allocation: a }: { allocation: Allocation }) {
  const z = zone.use();
  const [asking, setAsking] = useState(false);
  const write = useWrite<{ resource: string; slot: string }, Recalled>(['/allocations', '/instances', '/swaps']);
  const resources = Object.entries(a.recallable).filter(([, q]) => q > 0).map(([r]) => r);
  if (resources.length === 0) return <span className="t3">none</span>;
  const run = (names: string[]) => {
    const [resource, ...rest] = names;
    if (resource === undefined) return setAsking(false);
    write.mutate({ path: `/instances/${a.instance}/recall`, body: { resource, slot: a.slot }, keyed: true }, {
      onSuccess: (done) => { told(resource, done); run(rest); },
      onError: (p) => { toast({ tone: 'bad', title: 'Not taken back', detail: p.said }); setAsking(false); },
    });
  };
  const told = (resource: string, done: Recalled) => toast({
    tone: 'ok', title: `${a.instance_name} has ${formatQuantity(resource, done.quantity)} again`,
    detail: done.from_idle === done.quantity ? 'Nobody had to give it up.' : `${formatQuantity(resource, done.quantity - done.from_idle)} of it was in use by others, who shrink now.`,
  });
  const what = formatBundle(a.recallable);
  return (
    <>
      <Button size="sm" onClick={() => setAsking(true)}>Take back {what}</Button>
      <Decide open={asking} onClose={() => setAsking(false)} title={`Take back ${what} from ${clock(a.slot, z)} on?`} text="What was lent until then is paid for; for the rest of the slot nothing is earned, and nothing is owed. It can't be undone: to lend it again, place another offer." action="Take back" busy={write.isPending} onConfirm={() => run(resources)} />
    </>
  );
}
