// Approve, reject, roll back: for operators, each with its consequence in words.
import { useState } from 'react';
import { Button, toast } from '@/components/ui';
import { Decide } from '@/components/ui/Decide';
import { hasRole, type Swap, useMe, useWrite } from '@/lib/api';
import { nameOf, ROLLS_BACK } from './swap';

type Act = 'approve' | 'reject' | 'rollback';
const SAY: Record<Act, { title: string; action: string; done: string; text: string }> = {
  approve: { title: 'Approve and cut over', action: 'Approve and cut over', done: 'Approved: the cutover begins', text: 'The source stops, the last changes move, the target takes over. The source is kept until it is verified, and taken back if it is not.' },
  reject: { title: 'Reject this swap', action: 'Reject', done: 'Rejected', text: 'The shadow is dropped and the target released. The workload runs on where it is; what was bought for it is settled as not delivered.' },
  rollback: { title: 'Roll back', action: 'Roll back', done: 'Rolling back', text: 'The source starts again under a new epoch. What was written since the cutover is copied back first.' },
};

export function Decision({ swap }: { swap: Swap }) {
  const me = useMe();
  const [act, setAct] = useState<Act | null>(null);
  const write = useWrite<{ reason?: string }, Swap>(['/swaps', '/swap_history', '/instances']);
  if (!hasRole(me, ['operator', 'admin'])) return null;
  const waits = swap.state === 'awaiting_approval';
  const say = act && SAY[act];
  const run = (reason: string) => act && write.mutate({ path: `/swaps/${swap.id}/${act}`, body: reason ? { reason } : {}, keyed: true }, {
    onSuccess: () => toast({ tone: 'ok', title: SAY[act].done, detail: nameOf(swap) }),
    onError: (p) => toast({ tone: 'bad', title: 'Not done', detail: p.said }),
    onSettled: () => setAct(null),
  });
  return (
    <span className="row g8">
      {waits && <Button kind="danger" size="lg" onClick={() => setAct('reject')}>Reject, with reason</Button>}
      {waits && <Button kind="primary" size="lg" icon="check" onClick={() => setAct('approve')}>Approve and cut over</Button>}
      {ROLLS_BACK.includes(swap.state) && <Button kind="danger" size="lg" icon="undo" onClick={() => setAct('rollback')}>Roll back</Button>}
      {act && say && <Decide open onClose={() => setAct(null)} title={`${say.title}: ${nameOf(swap)}?`} text={say.text} action={say.action} danger={act !== 'approve'} reason={act !== 'approve'} busy={write.isPending} onConfirm={run} />}
    </span>
  );
}
