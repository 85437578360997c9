// How many workloads may go to another node of a pool for one slot. Without a bound rounds move whoever is worth it.
import type { FormEvent } from 'react';
import { Button, Note, NumberField, Panel, toast } from '@/components/ui';
import { Changed } from '@/components/ui/Changed';
import { type Pool, useWrite } from '@/lib/api';
import { useEdit } from '@/lib/edit';

const MOST = 100_000;
const faultOf = (text: string) => (text.trim() === '' || (/^\d+$/.test(text.trim()) && Number(text) <= MOST) ? undefined : `A whole number up to ${MOST}, or nothing`);
const say = (bound: number | null) => (bound === null ? 'no bound' : bound === 0 ? 'nobody is moved' : `${bound} a slot at most`);

export function MovesForm({ pool }: { pool: Pool }) {
  const before = pool.moves_at_once === null ? '' : String(pool.moves_at_once);
  const edit = useEdit(before, pool.settings_version);
  const write = useWrite<{ moves_at_once: number | null }, Pool>(['/pools']);
  const text = edit.value;
  const bound = text.trim() === '' ? null : Number(text);
  const same = bound === pool.moves_at_once;
  const submit = (e: FormEvent) => {
    e.preventDefault();
    write.mutate({ path: `/pools/${pool.slug}/moves_at_once`, method: 'PUT', body: { moves_at_once: bound }, ifMatch: edit.ifMatch }, {
      onSuccess: () => { toast({ tone: 'ok', title: `Moves in ${pool.slug}: ${say(bound)}` }); edit.reset(); },
    });
  };
  const field = write.error?.field('/moves_at_once');
  return (
    <Panel title={`Moves at once, ${pool.slug}`}>
      <form className="pad col g12" onSubmit={submit} aria-label="Moves at once">
        <NumberField label="Workloads that go to another node for one slot, at most" unit="moves" value={text} onChange={edit.set} error={faultOf(text) ?? field} />
        <Changed what="the settings of the pool" stale={edit.stale} error={write.error} onKeep={() => { edit.rebase(); write.reset(); }} onDrop={() => { edit.reset(); write.reset(); }} />
        {write.error && write.error.status !== 412 && !field && <div role="alert"><Note tone="bad">{write.error.said}</Note></div>}
        <div className="row g8 wrap">
          <Button type="submit" kind="primary" disabled={!!faultOf(text) || same} busy={write.isPending}>Set the bound</Button>
          {edit.edited && !same && <Button onClick={edit.reset}>Back to what is in force</Button>}
        </div>
        <p className="help">In force: {say(pool.moves_at_once)}. Empty: no bound, 0: nobody is moved. Where more could move, those do with whom the round is worth most; the others’ bids are for their own node. Moves that are planned stay, and who goes to another pool does not count.</p>
      </form>
    </Panel>
  );
}
