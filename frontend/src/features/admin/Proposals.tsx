// Proposals that wait for a second person: others approve or reject, the author may withdraw.
import { useState } from 'react';
import { Button, Note, Panel, toast, When } from '@/components/ui';
import { Decide } from '@/components/ui/Decide';
import { type NamedReservePrice, type Pool, useMay, useMe, useWrite } from '@/lib/api';
import { unitOf } from '@/lib/money';
import { serverNow } from '@/lib/time';
import { inForce, say } from './schedule';

type Verdict = 'approve' | 'reject' | 'withdraw';
const DONE: Record<Verdict, string> = { approve: 'approved', reject: 'rejected', withdraw: 'withdrawn' };
interface Props { pool: Pool; history: NamedReservePrice[]; etag: string }
interface Choice { of: NamedReservePrice; verdict: Verdict; etag: string }

/** `If-Match` is the list from which the decision was opened: it is about what was read. */
export function Proposals({ pool, history, etag }: Props) {
  const me = useMe();
  const may = useMay('pricing:write');
  const [choice, choose] = useState<Choice | null>(null);
  const write = useWrite<{ reason: string } | undefined, unknown>(['/pools']);
  const pending = history.filter((h) => h.state === 'pending');
  if (pending.length === 0) return null;
  const close = () => { choose(null); write.reset(); };
  const decide = (reason: string) => {
    if (!choice) return;
    const { of, verdict, etag: read } = choice;
    write.mutate({ path: `/pools/${pool.slug}/reserve_prices/${of.id}/${verdict}`, body: verdict === 'reject' ? { reason } : undefined, ifMatch: read }, {
      onSuccess: () => { toast({ tone: 'ok', title: `Proposal for ${pool.slug} ${DONE[verdict]}`, detail: `${unitOf(of.resource).label}: ${say(of.resource, of.steps)}` }); choose(null); },
    });
  };
  const replaced = choice && inForce(history, choice.of.resource, Date.parse(choice.of.effective_at));
  return (
    <Panel title={`Waiting for a second person, ${pool.slug}`}>
      <ul className="col" aria-label="Proposals">
        {pending.map((p) => {
          const own = p.created_by === me?.user.id;
          const late = Date.parse(p.effective_at) <= serverNow();
          return (
            <li key={p.id} className="pad col g8 border-b border-border">
              <span className="s12"><b>{unitOf(p.resource).label}</b>: {say(p.resource, p.steps)}, for slots from <When at={p.effective_at} style="day" /> on</span>
              <span className="s11 t3">Proposed by {own ? 'you' : (p.created_by_name ?? 'somebody')}, <When at={p.created_at} style="day" /></span>
              {late && <Note tone="warn">It was to take effect already: it can be {own ? 'withdrawn' : 'rejected'}, no longer approved.</Note>}
              {may && (
                <div className="row g8 wrap">
                  {own
                    ? <><Button onClick={() => choose({ of: p, verdict: 'withdraw', etag })}>Withdraw…</Button><span className="s11 t3">Somebody else has to approve it.</span></>
                    : <><Button disabled={late} onClick={() => choose({ of: p, verdict: 'approve', etag })}>Approve…</Button><Button kind="danger" onClick={() => choose({ of: p, verdict: 'reject', etag })}>Reject…</Button></>}
                </div>
              )}
            </li>
          );
        })}
      </ul>
      {choice && (
        <Decide open onClose={close} busy={write.isPending} onConfirm={decide} keep="Go back" danger={choice.verdict !== 'approve'} reason={choice.verdict === 'reject'}
          title={`${choice.verdict === 'approve' ? 'Approve' : choice.verdict === 'reject' ? 'Reject' : 'Withdraw'} this reserve price of ${unitOf(choice.of.resource).label} in ${pool.slug}?`}
          action={choice.verdict === 'approve' ? 'Approve it' : choice.verdict === 'reject' ? 'Reject it' : 'Withdraw it'}
          text={<>{choice.verdict === 'approve' && <>In force until then: <b>{replaced ? say(replaced.resource, replaced.steps) : 'none'}</b>.<br /></>}Proposed: <b>{say(choice.of.resource, choice.of.steps)}</b>, in credits a {unitOf(choice.of.resource).one} and slot.
            {write.error && <span role="alert" className="bad"><br />{write.error.said}{write.error.status === 412 && ' The list has been read again: go back, look at it, then decide.'}</span>}</>} />
      )}
    </Panel>
  );
}
