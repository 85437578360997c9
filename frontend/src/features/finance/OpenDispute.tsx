// "This receipt is wrong": what is wrong with it and how much is wanted back.
import { type FormEvent, useState } from 'react';
import { Button, Field, Note, NumberField, toast, When } from '@/components/ui';
import { Dialog } from '@/components/ui/Dialog';
import { type Dispute, type Receipt, useWrite } from '@/lib/api';
import { decimal, formatExact, formFault, micro, trimmed } from '@/lib/money';
import { atStake } from './dispute';

export function OpenDispute({ of, onClose }: { of: Receipt; onClose: () => void }) {
  const most = atStake(of);
  const [draft, setDraft] = useState({ reason: '', claimed: trimmed(decimal(most, 6)) });
  const write = useWrite<{ receipt: string; reason: string; claimed: string }, Dispute>(['/disputes']);
  const typed = formFault(draft.claimed) ? null : micro(draft.claimed);
  const fault = typed !== null && (typed <= 0n || typed > most) ? `More than 0, and at most ${formatExact(most)}` : undefined;
  const good = draft.reason.trim() !== '' && typed !== null && !fault;
  const send = (e: FormEvent) => {
    e.preventDefault();
    if (!good) return;
    write.mutate({ path: '/disputes', keyed: true, body: { receipt: of.id, reason: draft.reason.trim(), claimed: draft.claimed } }, {
      onSuccess: () => { toast({ tone: 'ok', title: 'The receipt is disputed', detail: 'Finance decides; what you claim is set aside until then.' }); onClose(); },
    });
  };
  const problem = write.error;
  return (
    <Dialog open onClose={onClose} title="Dispute this receipt?" text={<>Slot <When at={of.slot} style="day" />{of.round > 0 && <>, round {of.round}</>}. Finance reads it with the round’s certificate and the moves of the workload, and decides. Until then what you claim is set aside.</>}>
      <form className="col g12" onSubmit={send} aria-label="Dispute">
        <Field label="What is wrong; finance will read it" value={draft.reason} maxLength={200} onChange={(reason) => setDraft((d) => ({ ...d, reason }))} error={problem?.field('/reason')} required />
        <NumberField label="Claimed" unit="cr" value={draft.claimed} onChange={(claimed) => setDraft((d) => ({ ...d, claimed }))} error={fault ?? problem?.field('/claimed')} help={`Up to ${formatExact(most)} cr: ${of.side === 'bid' ? 'what it cost for good, and what was missing' : 'what is missing to all that was awarded'}`} />
        {problem && <div role="alert"><Note tone="bad">{problem.said}</Note></div>}
        <div className="row g8"><span className="sp" /><Button onClick={onClose}>Go back</Button><Button type="submit" kind="primary" disabled={!good} busy={write.isPending}>Dispute it</Button></div>
      </form>
    </Dialog>
  );
}
