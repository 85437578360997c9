// What a move has to gain: with it rounds move a workload only where they are worth more by a share of what is moved.
import type { FormEvent } from 'react';
import { Button, Note, NumberField, Panel, toast } from '@/components/ui';
import { Changed } from '@/components/ui/Changed';
import { type Pool, useWrite } from '@/lib/api';
import { useEdit } from '@/lib/edit';

const MOST_PERCENT = 1000;
const faultOf = (text: string) => (/^\d+(\.\d{1,4})?$/.test(text.trim()) && Number(text) <= MOST_PERCENT ? undefined : `A percentage from 0 to ${MOST_PERCENT}, with four decimals at most`);
/** "0.1" is "10". */
const percentOf = (share: string) => String(Number((Number(share) * 100).toFixed(4)));
const shareOf = (percent: string) => (Number(percent) / 100).toFixed(6);
const say = (share: string) => (Number(share) === 0 ? 'any gain is enough' : `${percentOf(share)} % of what is moved`);

export function GainForm({ pool }: { pool: Pool }) {
  const edit = useEdit(percentOf(pool.least_move_gain), pool.settings_version);
  const write = useWrite<{ least_move_gain: string }, Pool>(['/pools']);
  const text = edit.value;
  const fault = faultOf(text);
  const same = !fault && Number(shareOf(text)) === Number(pool.least_move_gain);
  const submit = (e: FormEvent) => {
    e.preventDefault();
    const least_move_gain = shareOf(text);
    write.mutate({ path: `/pools/${pool.slug}/least_move_gain`, method: 'PUT', body: { least_move_gain }, ifMatch: edit.ifMatch }, {
      onSuccess: () => { toast({ tone: 'ok', title: `A move from a node of ${pool.slug} has to gain: ${say(least_move_gain)}` }); edit.reset(); },
    });
  };
  const field = write.error?.field('/least_move_gain');
  return (
    <Panel title={`Least gain of a move, ${pool.slug}`}>
      <form className="pad col g12" onSubmit={submit} aria-label="Least gain of a move">
        <NumberField label="A round moves a workload only if it is worth more by" unit="% of what is moved" value={text} onChange={edit.set} error={fault ?? field} />
        <Changed what="the settings of the pool" stale={edit.stale} error={write.error} onKeep={() => { edit.rebase(); write.reset(); }} onDrop={() => { edit.reset(); write.reset(); }} />
        {write.error && write.error.status !== 412 && !field && <div role="alert"><Note tone="bad">{write.error.said}</Note></div>}
        <div className="row g8 wrap">
          <Button type="submit" kind="primary" disabled={!!fault || same} busy={write.isPending}>Set the least gain</Button>
          {edit.edited && !same && <Button onClick={edit.reset}>Back to what is in force</Button>}
        </div>
        <p className="help">In force: {say(pool.least_move_gain)}. What is moved is the workload’s baseline in the slots of the bid that wants the move, at reference prices. Nobody is paid it; it keeps programs from being moved for next to nothing. Its owner’s move fee comes on top, and moves that are planned stay.</p>
      </form>
    </Panel>
  );
}
