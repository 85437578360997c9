import { type FormEvent, useState } from 'react';
import { Button, Field, Note, NumberField, Panel, Segmented, toast } from '@/components/ui';
import { Decide } from '@/components/ui/Decide';
import { type Balance, type FullParticipant, useWrite } from '@/lib/api';
import { asMicro, formatMoney, micro, readMicro } from '@/lib/money';
import { amountFault, type Has, type Way, wireAmount } from './money';

const LONGEST = 200;
const WAYS = [{ value: 'grant', label: 'Give' }, { value: 'back', label: 'Take back' }] as const;

/** Credits come from nowhere else; both ways stay in the ledger. */
export function GrantForm({ participant: p, has }: { participant: FullParticipant; has: Has | undefined }) {
  const [way, setWay] = useState<Way>('grant');
  const [text, setText] = useState('');
  const [reason, setReason] = useState('');
  const [asking, setAsking] = useState(false);
  /** No answer yet to what was sent: until there is one, only the same may be sent, which has the same key and counts once. */
  const [unsure, setUnsure] = useState(false);
  const write = useWrite<{ amount: string; reason?: string }, Balance>(['/participants', '/finance', '/statements']);
  const fault = amountFault(text, way, has?.available);
  const amount = readMicro(text).value;
  const long = reason.length > LONGEST ? `At most ${LONGEST} characters` : undefined;
  const good = amount !== null && !fault && !long;
  const submit = (e: FormEvent) => {
    e.preventDefault();
    if (unsure) send();
    else if (good) setAsking(true);
  };
  const send = () => {
    const why = reason.trim();
    write.mutate({ path: `/participants/${p.id}/grants`, body: { amount: wireAmount(text, way), ...(why === '' ? {} : { reason: why }) }, keyed: true }, {
      onSuccess: (now) => { toast({ tone: 'ok', title: `${p.name} has ${formatMoney(micro(now.available))} cr available now` }); setText(''); setReason(''); setUnsure(false); },
      // A fault after it says nothing about what was sent first; a refusal does.
      onError: (now) => setUnsure(now.unsure || (unsure && !now.final)),
      onSettled: () => setAsking(false),
    });
  };
  const after = has && amount !== null && !fault ? asMicro(has.available + (way === 'back' ? -amount : amount)) : null;
  const problem = write.error;
  const atField = problem?.field('/amount') ?? problem?.field('/reason');
  return (
    <Panel title="Credits" tools={<Segmented label="Which way" value={way} options={WAYS} disabled={unsure || write.isPending} onChange={(w) => { setWay(w); write.reset(); }} />}>
      <form className="pad col g12" onSubmit={submit} aria-label="Credits">
        <NumberField label={way === 'grant' ? 'Amount to grant' : 'Amount to take back'} unit="cr" value={text} onChange={setText} disabled={unsure || write.isPending} error={(unsure ? undefined : fault) ?? problem?.field('/amount')}
          help={has && `${formatMoney(has.available)} cr available${after === null ? '' : `, ${formatMoney(after)} cr then`}`} />
        <Field label="Reason, kept in the audit; may be empty" value={reason} onChange={setReason} disabled={unsure || write.isPending} error={long ?? problem?.field('/reason')} />
        {problem && !atField && <div role="alert"><Note tone="bad">{problem.said}{unsure && ' What was sent stays as it is here until that is known: leave this participant only after the answer.'}</Note></div>}
        <div><Button type="submit" kind={way === 'back' ? 'danger' : 'primary'} disabled={!good && !unsure} busy={write.isPending}>{unsure ? 'Send the same again' : good ? (way === 'grant' ? `Grant ${formatMoney(amount)} cr…` : `Take ${formatMoney(amount)} cr back…`) : way === 'grant' ? 'Grant' : 'Take it back'}</Button></div>
        {way === 'back' && <p className="help">What was granted by mistake, as far as it is still available. What is held for orders or spent stays.</p>}
      </form>
      {amount !== null && <Decide open={asking && good} onClose={() => { if (!write.isPending) setAsking(false); }} title={way === 'grant' ? `Grant ${formatMoney(amount)} cr to ${p.name}?` : `Take ${formatMoney(amount)} cr back from ${p.name}?`}
        text={has && after !== null ? <>Available: {formatMoney(has.available)} cr → <b className="m">{formatMoney(after)} cr</b>.</> : 'What it has now is not known, so neither is what it has then.'}
        action={way === 'grant' ? 'Grant it' : 'Take it'} keep="Go back" danger={way === 'back'} busy={write.isPending} onConfirm={send} />}
    </Panel>
  );
}
