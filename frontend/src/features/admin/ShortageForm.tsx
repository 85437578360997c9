// What a missing unit costs in a pool. The operator's supply is then dearer the likelier it will be missed;
// without it the reserve prices alone count.
import { type FormEvent, useState } from 'react';
import { Button, Note, NumberField, Panel, toast } from '@/components/ui';
import { Changed } from '@/components/ui/Changed';
import { Decide } from '@/components/ui/Decide';
import { type Pool, useWrite } from '@/lib/api';
import { useEdit } from '@/lib/edit';
import { unitOf } from '@/lib/money';
import { type Costs, costsOf, faultOf, say, wireOf } from './shortage';

export function ShortageForm({ pool }: { pool: Pool }) {
  const before = costsOf(pool);
  const edit = useEdit<Costs>(before, pool.settings_version);
  const [asking, setAsking] = useState(false);
  const write = useWrite<{ shortage_cost: Costs }, Pool>(['/pools']);
  const costs = edit.value;
  const same = JSON.stringify(wireOf(costs)) === JSON.stringify(wireOf(before));
  const refusedField = pool.resources.some(({ resource }) => write.error?.field(`/shortage_cost/${resource}`));
  const good = Object.entries(costs).every(([resource, text]) => !faultOf(resource, text));
  const submit = (e: FormEvent) => { e.preventDefault(); setAsking(true); };
  const send = () => write.mutate({ path: `/pools/${pool.slug}/shortage_cost`, method: 'PUT', body: { shortage_cost: wireOf(costs) }, ifMatch: edit.ifMatch }, {
    onSuccess: () => { toast({ tone: 'ok', title: `Shortages of ${pool.slug} are priced anew`, detail: say(pool, costs) }); edit.reset(); },
    onSettled: () => setAsking(false),
  });
  if (pool.two_person_approval) {
    return (
      <Panel title={`Price of a shortage, ${pool.slug}`}>
        <p className="pad s12 t2">In force: {say(pool, before)}. It can’t be changed here: prices of this market need two people, and a second one can’t approve this setting yet. Schedule reserve prices instead.</p>
      </Panel>
    );
  }
  return (
    <Panel title={`Price of a shortage, ${pool.slug}`}>
      <form className="pad col g12" onSubmit={submit} aria-label="Price of a shortage">
        {pool.resources.map(({ resource }) => (
          <NumberField key={resource} label={`A missing ${unitOf(resource).one} of ${unitOf(resource).label} costs`} unit={`cr/${unitOf(resource).one}·slot`} value={costs[resource] ?? ''}
            onChange={(text) => edit.set({ ...costs, [resource]: text })} error={faultOf(resource, costs[resource] ?? '') ?? write.error?.field(`/shortage_cost/${resource}`)} />
        ))}
        <Changed what="the settings of the pool" stale={edit.stale} error={write.error} onKeep={() => { edit.rebase(); write.reset(); }} onDrop={() => { edit.reset(); write.reset(); }} />
        {write.error && write.error.status !== 412 && !refusedField && <div role="alert"><Note tone="bad">{write.error.said}</Note></div>}
        <div className="row g8 wrap">
          <Button type="submit" kind="primary" disabled={!good || same} busy={write.isPending}>Set the price of a shortage…</Button>
          {edit.edited && !same && <Button onClick={edit.reset}>Back to what is in force</Button>}
        </div>
        <p className="help">The last of the operator’s supply then costs its reserve price and this much times the chance that it will be missed. Empty: reserve prices alone. It takes effect in the next round, and as long as fewer than 24 forecast errors are known reserve prices count alone.</p>
      </form>
      <Decide open={asking} onClose={() => setAsking(false)} title={`Price shortages of ${pool.slug} anew?`} action="Set it" keep="Go back" busy={write.isPending} onConfirm={send}
        text={<>In force: <b>{say(pool, before)}</b>.<br />From the next round on: <b>{say(pool, costs)}</b>.</>} />
    </Panel>
  );
}
