// Proposals that wait for a second person, of all pools: others approve or reject, the author may withdraw.
import { useState } from 'react';
import { Button, Note, Panel, toast, When } from '@/components/ui';
import { Decide } from '@/components/ui/Decide';
import { type Proposal, SCHEDULES, useMay, useMe, useWrite } from '@/lib/api';
import { unitOf } from '@/lib/money';
import { moment, serverNow, zone } from '@/lib/time';
import { inForce, say } from './schedule';

type Verdict = 'approve' | 'reject' | 'withdraw';
const VERB: Record<Verdict, string> = { approve: 'Approve', reject: 'Reject', withdraw: 'Withdraw' };
const DONE: Record<Verdict, string> = { approve: 'approved', reject: 'rejected', withdraw: 'withdrawn' };
interface Choice { proposal: Proposal; verdict: Verdict }

function Item({ proposal, onDecide }: { proposal: Proposal; onDecide: (verdict: Verdict) => void }) {
  const { pool, of } = proposal;
  const may = useMay('pricing:write');
  const own = useMe()?.user.id === of.created_by;
  const late = Date.parse(of.effective_at) <= serverNow();
  const z = zone.use();
  const about = `${pool}, ${unitOf(of.resource).label}`;
  const button = (verdict: Verdict) => <Button kind={verdict === 'reject' ? 'danger' : undefined} disabled={verdict === 'approve' && late} onClick={() => onDecide(verdict)} aria-label={`${VERB[verdict]} ${about}, from ${moment(of.effective_at, z)}…`}>{VERB[verdict]}…</Button>;
  return (
    <li className="pad row g8 wrap border-b border-border">
      <span className="col g4 sp" style={{ minWidth: 'min(100%, 300px)' }}>
        <span className="s12"><b>{about}</b>: {say(of.resource, of.steps)}, for slots from <When at={of.effective_at} style="moment" /> on</span>
        <span className="s11 t3">Proposed by {own ? 'you' : (of.created_by_name ?? 'somebody')}, <When at={of.created_at} style="moment" />{own && '. Somebody else has to approve it.'}</span>
        {late && <Note tone="warn">It was to take effect already: it can be {own ? 'withdrawn' : 'rejected'}, no longer approved.</Note>}
      </span>
      {may && (own ? button('withdraw') : <>{button('approve')}{button('reject')}</>)}
    </li>
  );
}

/** `If-Match` is the list from which the decision was opened: it is about what was read. */
export function Proposals({ waiting }: { waiting: Proposal[] }) {
  const [choice, choose] = useState<Choice | null>(null);
  const write = useWrite<{ reason: string } | undefined, unknown>(['/pools', SCHEDULES]);
  if (waiting.length === 0 && !choice) return null;
  const close = () => { choose(null); write.reset(); };
  const decide = (reason: string) => {
    if (!choice) return;
    const { proposal: { pool, of, etag }, verdict } = choice;
    write.mutate({ path: `/pools/${pool}/reserve_prices/${of.id}/${verdict}`, body: verdict === 'reject' ? { reason } : undefined, ifMatch: etag }, {
      onSuccess: () => { toast({ tone: 'ok', title: `Proposal for ${pool} ${DONE[verdict]}`, detail: `${unitOf(of.resource).label}: ${say(of.resource, of.steps)}` }); choose(null); },
    });
  };
  const asked = choice?.proposal;
  const replaced = asked && inForce(asked.list, asked.of.resource, Date.parse(asked.of.effective_at));
  return (
    <Panel title="Waiting for a second person" note="of all pools">
      <ul className="col" aria-label="Proposals">
        {waiting.map((p) => <Item key={p.of.id} proposal={p} onDecide={(verdict) => choose({ proposal: p, verdict })} />)}
      </ul>
      {choice && asked && (
        <Decide open onClose={close} busy={write.isPending} onConfirm={decide} keep="Go back" danger={choice.verdict !== 'approve'} reason={choice.verdict === 'reject'}
          title={`${VERB[choice.verdict]} this reserve price of ${unitOf(asked.of.resource).label} in ${asked.pool}?`}
          action={`${VERB[choice.verdict]} it`}
          text={<>{choice.verdict === 'approve' && <>In force for slots before <When at={asked.of.effective_at} style="moment" />: <b>{replaced ? say(replaced.resource, replaced.steps) : 'none'}</b>.<br /></>}Proposed for slots from <When at={asked.of.effective_at} style="moment" /> on: <b>{say(asked.of.resource, asked.of.steps)}</b>, in credits a {unitOf(asked.of.resource).one} and slot.
            {write.error && <span role="alert" className="bad"><br />{write.error.said}{write.error.status === 412 && ' The list has been read again: go back, look at it, then decide.'}</span>}</>} />
      )}
    </Panel>
  );
}
