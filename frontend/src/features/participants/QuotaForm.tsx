import { type FormEvent, useState } from 'react';
import { Button, Note, Panel, toast } from '@/components/ui';
import { Decide } from '@/components/ui/Decide';
import { type FullParticipant, useWrite } from '@/lib/api';
import { AllowanceFields } from './AllowanceFields';
import { type Body, bodyOf, type Change, changesOf, type Typed } from './allowance';

const LESS = 'What is in use stays: a lower quota stops new workloads, not running ones; running workloads of a class that goes have the new highest one, and open orders keep theirs.';
function Changes({ changes }: { changes: Change[] }) {
  return <>{changes.map((c) => <span key={c.what} style={{ display: 'block' }}>{c.what}: {c.from} → <b className="m">{c.to}</b></span>)}{changes.some((c) => c.less) && <span style={{ display: 'block' }} className="mt-2">{LESS}</span>}</>;
}

interface Props { participant: FullParticipant; read: { at: number; failed: boolean }; onAsk: () => void }

/** There are no versions of a quota: when it asks, what is in force is read again (`onAsk`), and what was not typed follows it. */
export function QuotaForm({ participant: p, read, onAsk }: Props) {
  const [typed, setTyped] = useState<Typed>({});
  /** When what was there at the question had been read: nothing is set before a later reading. */
  const [asking, setAsking] = useState<number | null>(null);
  const write = useWrite<Body, FullParticipant>(['/participants']);
  const body = bodyOf(p, typed);
  const changes = body ? changesOf(p, body) : [];
  const ask = (e: FormEvent) => { e.preventDefault(); onAsk(); setAsking(read.at); };
  const known = asking !== null && asking !== read.at;
  const save = () => body && write.mutate({ path: `/participants/${p.id}/quota`, method: 'PUT', body }, {
    onSuccess: () => { toast({ tone: 'ok', title: `Quota of ${p.name} is set` }); setTyped({}); },
    onSettled: () => setAsking(null),
  });
  const atField = write.error?.body.errors?.some((e) => e.pointer !== '');
  return (
    <Panel title="Quota">
      <form className="pad col g12" onSubmit={ask} aria-label="Quota">
        <AllowanceFields now={p} typed={typed} problem={write.error} onChange={(t) => { setTyped(t); if (write.error) write.reset(); }} />
        {write.error && !atField && <div role="alert"><Note tone="bad">{write.error.said}</Note></div>}
        <div className="row g8 wrap">
          <Button type="submit" kind="primary" disabled={changes.length === 0}>Set the quota…</Button>
          {Object.keys(typed).length > 0 && <Button onClick={() => { setTyped({}); write.reset(); }}>Back to what is in force</Button>}
        </div>
      </form>
      <Decide open={asking !== null} onClose={() => setAsking(null)} title={`Change the quota of ${p.name}?`} text={<><Changes changes={changes} />{!known && <span className="mt-2" style={{ display: 'block' }}>{read.failed ? 'What is in force can’t be read now, so nothing can be set: go back and try again.' : 'Reading what is in force…'}</span>}{known && changes.length === 0 && 'All of it is in force already.'}</>} action="Set it" keep="Go back" busy={write.isPending} disabled={!known || changes.length === 0} onConfirm={save} />
    </Panel>
  );
}
