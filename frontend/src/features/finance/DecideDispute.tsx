// Finance decides: how much of what is claimed is paid, and why.
import { type FormEvent, useState } from 'react';
import { Button, Field, Note, NumberField, toast } from '@/components/ui';
import { Dialog } from '@/components/ui/Dialog';
import { type Dispute, useWrite } from '@/lib/api';
import { formatExact, formFault, micro, trimmed } from '@/lib/money';
import { Trace } from './Trace';

export function DecideDispute({ of, name, onClose }: { of: Dispute; name: string; onClose: () => void }) {
  const [draft, setDraft] = useState({ note: trimmed(of.claimed), reason: '' });
  const write = useWrite<{ note: string; reason: string }, Dispute>(['/disputes', '/finance']);
  const typed = formFault(draft.note) ? null : micro(draft.note);
  const fault = typed !== null && (typed < 0n || typed > micro(of.claimed)) ? `From 0 to ${formatExact(micro(of.claimed))}` : undefined;
  const good = draft.reason.trim() !== '' && typed !== null && !fault;
  const rejects = typed === 0n;
  const send = (e: FormEvent) => {
    e.preventDefault();
    if (!good) return;
    write.mutate({ path: `/disputes/${of.id}/decide`, body: { note: draft.note, reason: draft.reason.trim() } }, {
      onSuccess: (d) => { toast({ tone: 'ok', title: d.state === 'rejected' ? 'The dispute is rejected' : `${name} is paid ${formatExact(micro(d.note))} cr` }); onClose(); },
    });
  };
  const problem = write.error;
  return (
    <Dialog open onClose={onClose} title={`Decide on the dispute of ${name}?`} text={<>“{of.reason}” It claims {formatExact(micro(of.claimed))} cr, which are set aside. What is decided stays.</>}>
      <div className="mb-3"><Trace of={of} /></div>
      <form className="col g12" onSubmit={send} aria-label="Decision">
        <NumberField label="Paid to the member" unit="cr" value={draft.note} onChange={(note) => setDraft((d) => ({ ...d, note }))} error={fault ?? problem?.field('/note')} help="0 rejects it; what is not paid goes back to the account for the exchange’s risks" />
        <Field label="Reason, the member will read it" value={draft.reason} maxLength={200} onChange={(reason) => setDraft((d) => ({ ...d, reason }))} error={problem?.field('/reason')} required />
        {problem && <div role="alert"><Note tone="bad">{problem.said}</Note></div>}
        <div className="row g8"><span className="sp" /><Button onClick={onClose}>Go back</Button><Button type="submit" kind={rejects ? 'danger' : 'primary'} disabled={!good} busy={write.isPending}>{rejects ? 'Reject it' : 'Pay the note'}</Button></div>
      </form>
    </Dialog>
  );
}
