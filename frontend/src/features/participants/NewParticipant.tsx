import { type FormEvent, useState } from 'react';
import { Button, Field, Note, Panel, toast } from '@/components/ui';
import { type FullParticipant, useWrite } from '@/lib/api';
import { AllowanceFields } from './AllowanceFields';
import { AT_FIRST, type Body, bodyOf, type Typed } from './allowance';

interface Props { names: string[]; onMade: (id: string) => void; onClose: () => void }

export function NewParticipant({ names, onMade, onClose }: Props) {
  const [name, setName] = useState('');
  const [typed, setTyped] = useState<Typed>({});
  const write = useWrite<Body & { name: string }, FullParticipant>(['/participants']);
  const body = bodyOf(AT_FIRST, typed);
  const taken = names.some((n) => n.toLowerCase() === name.trim().toLowerCase()) ? 'Another participant has this name; people tell them apart by it' : [...name].length > 100 ? 'At most 100 characters' : undefined;
  const submit = (e: FormEvent) => {
    e.preventDefault();
    if (!body || taken || name.trim() === '') return;
    write.mutate({ path: '/participants', body: { name: name.trim(), ...body } }, {
      onSuccess: (made) => { toast({ tone: 'ok', title: `${made.name} takes part`, detail: 'It needs a user and credits next.' }); onMade(made.id); },
    });
  };
  const atField = write.error?.body.errors?.some((e) => e.pointer !== '');
  return (
    <Panel title="New participant">
      <form className="pad col g12" onSubmit={submit} aria-label="New participant">
        <Field label="Name" value={name} onChange={setName} error={taken ?? write.error?.field('/name')} help="The operator’s people see it, and its own members. It can’t be changed, and a participant can’t be removed" />
        <AllowanceFields now={AT_FIRST} typed={typed} problem={write.error} onChange={setTyped} />
        {write.error && !atField && <div role="alert"><Note tone="bad">{write.error.said}</Note></div>}
        <div className="row g8 wrap">
          <Button type="submit" kind="primary" disabled={!body || !!taken || name.trim() === ''} busy={write.isPending}>Make the participant</Button>
          <Button onClick={onClose}>Cancel</Button>
        </div>
      </form>
    </Panel>
  );
}
