// What operators decide about a swap: whether a move that waits may be made, and whether one under way is stopped
// (before the fence it is aborted, after it it is rolled back).
import { useState } from 'react';
import { Button, toast } from '@/components/ui';
import { Decide } from '@/components/ui/Decide';
import { isAsked, type Swap, useMay, useWrite, WAITING_MOVES } from '@/lib/api';
import { clock, useNow, zone } from '@/lib/time';
import { ended, LATE_COSTS, lateness, nameOf, ROLLS_BACK } from './swap';

type Act = 'approve' | 'reject' | 'cancel';
interface Say { act: Act; button: string; action: string; text: string; done: string; danger: boolean; reason: boolean | 'optional' }

const KEPT = 'What was bought for it is credited, and who lent it is paid, by the exchange.';
const APPROVE: Say = { act: 'approve', button: 'Approve…', action: 'Approve the move', done: 'Approved', danger: false, reason: 'optional', text: 'It is moved as soon as its slot has begun and there is room. Until then its shadow run goes on: if that differs, the move ends and the workload stays.' };
const REJECT: Say = { act: 'reject', button: 'Reject…', action: 'Reject the move', done: 'Rejected', danger: true, reason: true, text: `The copy is dropped. The workload stays where it is, and is moved for no bid in the next ten slots. ${KEPT}` };
const STOP: Say = { act: 'cancel', button: 'Stop the swap, with reason', action: 'Stop the swap', done: 'Stop the swap: asked for', danger: true, reason: true, text: 'The shadow is dropped and the target released. The workload runs on where it is; what was bought for it is settled as not delivered.' };
const BACK: Say = { act: 'cancel', button: 'Roll back, with reason', action: 'Roll back', done: 'Roll back: asked for', danger: true, reason: true, text: 'The source starts again under a new epoch. What was written since the cutover is copied back first.' };

export function Decision({ swap }: { swap: Swap }) {
  const [asking, setAsking] = useState<Say | null>(null);
  const write = useWrite<{ reason?: string }, Swap>(['/swaps', '/swap_history', '/instances', WAITING_MOVES]);
  const allowed = useMay('swaps:approve');
  const z = zone.use();
  const late = lateness(swap, useNow());
  if (!allowed || ended(swap) || swap.cancel_requested) return null;
  if (swap.state === 'awaiting_approval' && !isAsked(swap)) return null;
  const choices = isAsked(swap) ? [APPROVE, REJECT] : [ROLLS_BACK.includes(swap.state) ? BACK : STOP];
  const run = (reason: string) => asking && write.mutate({ path: `/swaps/${swap.id}/${asking.act}`, body: reason === '' ? {} : { reason } }, {
    onSuccess: () => toast({ tone: 'ok', title: asking.done, detail: nameOf(swap) }),
    onError: (p) => toast({ tone: 'bad', title: 'Not done', detail: p.said }),
    onSettled: () => setAsking(null),
  });
  return (
    <>
      {choices.map((say) => <Button key={say.button} kind={say.danger ? 'danger' : 'primary'} size="lg" onClick={() => setAsking(say)}>{say.button}</Button>)}
      {asking && <Decide open onClose={() => setAsking(null)} title={`${asking.action} of ${nameOf(swap)}?`} text={asking === APPROVE && late ? <><b>Its slot has begun at {clock(swap.slot, z)}.</b> Approved now it comes late: {LATE_COSTS}. {asking.text}</> : asking.text} action={asking.action} keep={asking.act === 'cancel' ? 'Let it run' : 'Go back'} danger={asking.danger} reason={asking.reason} busy={write.isPending} onConfirm={run} />}
    </>
  );
}
