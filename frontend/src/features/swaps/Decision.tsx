// Stopping a swap, for operators: before the fence it is aborted, after it it is rolled back.
import { useState } from 'react';
import { Button, toast } from '@/components/ui';
import { Decide } from '@/components/ui/Decide';
import { type Swap, useMay, useWrite } from '@/lib/api';
import { ended, nameOf, ROLLS_BACK } from './swap';

const STOP = { action: 'Stop the swap', text: 'The shadow is dropped and the target released. The workload runs on where it is; what was bought for it is settled as not delivered.' };
const BACK = { action: 'Roll back', text: 'The source starts again under a new epoch. What was written since the cutover is copied back first.' };

export function Decision({ swap }: { swap: Swap }) {
  const [asking, setAsking] = useState(false);
  const write = useWrite<{ reason: string }, Swap>(['/swaps', '/swap_history', '/instances']);
  const allowed = useMay('swaps:approve');
  if (!allowed || ended(swap) || swap.cancel_requested) return null;
  const say = ROLLS_BACK.includes(swap.state) ? BACK : STOP;
  const run = (reason: string) => write.mutate({ path: `/swaps/${swap.id}/cancel`, body: { reason } }, {
    onSuccess: () => toast({ tone: 'ok', title: `${say.action}: asked for`, detail: nameOf(swap) }),
    onError: (p) => toast({ tone: 'bad', title: 'Not done', detail: p.said }),
    onSettled: () => setAsking(false),
  });
  return (
    <>
      <Button kind="danger" size="lg" onClick={() => setAsking(true)}>{say.action}, with reason</Button>
      <Decide open={asking} onClose={() => setAsking(false)} title={`${say.action} of ${nameOf(swap)}?`} text={say.text} action={say.action} keep="Let it run" danger reason busy={write.isPending} onConfirm={run} />
    </>
  );
}
