// A destructive or final action: says what happens, asks for a reason that others will read.
import { type FormEvent, type ReactNode, useState } from 'react';
import { Button } from './Button';
import { Dialog } from './Dialog';
import { Field } from './Field';

interface Props {
  open: boolean; onClose: () => void; title: string; text: ReactNode; action: string; keep?: string;
  danger?: boolean; reason?: boolean | 'optional'; busy?: boolean; /** Not yet: what it asks about is not known. */ disabled?: boolean; onConfirm: (reason: string) => void;
}

export function Decide({ open, onClose, title, text, action, keep = 'Keep', danger, reason, busy, disabled, onConfirm }: Props) {
  const [why, setWhy] = useState('');
  // React hands a portal's events to the component around it: an outer form must not submit too.
  const submit = (e: FormEvent) => { e.preventDefault(); e.stopPropagation(); if (!disabled) onConfirm(why.trim()); };
  return (
    <Dialog open={open} onClose={onClose} title={title} text={text}>
      <form onSubmit={submit}>
        {reason && <Field label={reason === 'optional' ? 'Reason, others will read it; may be empty' : 'Reason, others will read it'} value={why} onChange={setWhy} required={reason === true} />}
        <div className="row g8 mt-4">
          <span className="s11 t3">Esc keeps it as it is</span>
          <span className="sp" />
          <Button onClick={onClose}>{keep}</Button>
          <Button type="submit" kind={danger ? 'danger' : 'primary'} busy={busy} disabled={disabled || (reason === true && why.trim() === '')}>{action}</Button>
        </div>
      </form>
    </Dialog>
  );
}
