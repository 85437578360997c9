import { useState } from 'react';
import { Button, toast } from '@/components/ui';
import { Decide } from '@/components/ui/Decide';
import { type Hint, RISKS, useWrite } from '@/lib/api';
import { formatBundle } from '@/lib/money';

export function WithdrawHint({ hint }: { hint: Hint }) {
  const [asking, setAsking] = useState(false);
  const write = useWrite<undefined, Hint>(['/allocation_hints', '/prediction', RISKS]);
  const run = () => write.mutate({ path: `/allocation_hints/${hint.id}`, method: 'DELETE' }, {
    onSuccess: () => toast({ tone: 'ok', title: 'The hint is withdrawn' }),
    onError: (p) => toast({ tone: 'bad', title: p.unsure ? 'Not known whether it is withdrawn' : 'Not withdrawn', detail: p.said }),
    onSettled: () => setAsking(false),
  });
  const needs = Object.keys(hint.expected_demand).length > 0 && `of at least ${formatBundle(hint.expected_demand)}`;
  return (
    <>
      <Button size="sm" onClick={() => setAsking(true)}>Withdraw…</Button>
      <Decide open={asking} onClose={() => setAsking(false)} title={`Withdraw the hint ${needs || 'about nodes to avoid'}?`} text="The next forecast and the next round go without it. Orders that were placed because of it stay. It can’t be taken up again: give another one." action="Withdraw it" danger busy={write.isPending} onConfirm={run} />
    </>
  );
}
