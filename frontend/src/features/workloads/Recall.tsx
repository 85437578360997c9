import { useState } from 'react';
import { Button, toast } from '@/components/ui';
import { Decide } from '@/components/ui/Decide';
import { type Allocation, type Recalled, useWrite } from '@/lib/api';
import { formatBundle, formatQuantity } from '@/lib/money';
import { clock, serverNow, zone } from '@/lib/time';

/** Takes back all that a workload has lent as recallable for a slot, resource by resource. */
export function Recall({ allocation: a }: { allocation: Allocation }) {
  const z = zone.use();
  const [asking, setAsking] = useState(false);
  const write = useWrite<{ resource: string; slot: string }, Recalled>(['/allocations', '/instances', '/swaps']);
  const begun = () => Date.parse(a.slot) <= serverNow();
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
  const told = (resource: string, done: Recalled) => {
    // Of a slot that is still to come nobody has it yet, and nobody gives it up before.
    const from = begun() ? null : clock(a.slot, z);
    const others = formatQuantity(resource, done.quantity - done.from_idle);
    toast({
      tone: 'ok', title: from ? `${a.instance_name} has ${formatQuantity(resource, done.quantity)} again from ${from} on` : `${a.instance_name} has ${formatQuantity(resource, done.quantity)} again`,
      detail: done.from_idle === done.quantity ? 'Nobody has to give it up.' : from ? `${others} of it had been bought by others, who have that much less from ${from} on.` : `${others} of it was in use by others, who shrink now.`,
    });
  };
  const what = formatBundle(a.recallable);
  return (
    <>
      <Button size="sm" onClick={() => setAsking(true)}>Take back {what}</Button>
      <Decide open={asking} onClose={() => setAsking(false)} title={`Take back ${what}${begun() ? '' : ` from ${clock(a.slot, z)} on`}?`} text={`${begun() ? 'What was lent until now is paid for; for the rest of the slot nothing is earned, and nothing is owed.' : `The slot at ${clock(a.slot, z)} has not begun: for all of it nothing is earned, and nothing is owed.`} It can't be undone: to lend it again, place another offer.`} action="Take back" busy={write.isPending} onConfirm={() => run(resources)} />
    </>
  );
}
