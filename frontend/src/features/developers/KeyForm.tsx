import { type FormEvent, useState } from 'react';
import { Button, Field, Note, Panel, Select } from '@/components/ui';
import { type NewApiKey, useMe, type useWrite } from '@/lib/api';
import { full, serverNow, zone } from '@/lib/time';
import { bodyOf, type Draft, nameFault, onlyReads, sendable, TERMS } from './key';
import { Scopes } from './Scopes';

/** Its page holds it: the secret is in the answer alone, and must be shown whatever has become of the form. */
export type MakeKey = ReturnType<typeof useWrite<ReturnType<typeof bodyOf>, NewApiKey>>;

/** It opens with what can only read: whoever wants more says so. */
export function KeyForm({ write, onMade, onClose }: { write: MakeKey; onMade: (key: NewApiKey) => void; onClose: () => void }) {
  const mine = useMe()?.scopes ?? [];
  const z = zone.use();
  const [draft, setDraft] = useState<Draft>({ name: '', scopes: mine.filter((s) => onlyReads([s])), days: TERMS[0][0] });
  const set = (part: Partial<Draft>) => setDraft((d) => ({ ...d, ...part }));
  const submit = (e: FormEvent) => {
    e.preventDefault();
    if (sendable(draft)) write.mutate({ path: '/api_keys', body: bodyOf(draft, serverNow()) }, { onSuccess: onMade });
  };
  const problem = write.error;
  const scopeFault = problem?.body.errors?.find((e) => e.pointer.startsWith('/scopes'))?.detail;
  const atField = problem?.field('/name') ?? problem?.field('/expires_at') ?? scopeFault;
  const ends = bodyOf(draft, serverNow()).expires_at;
  return (
    <Panel title="New API key">
      <form className="pad col g12" onSubmit={submit} aria-label="New API key">
        <Field label="Name" value={draft.name} onChange={(name) => set({ name })} error={nameFault(draft.name) ?? problem?.field('/name')} help="What will use it, so that you know later which one to revoke" />
        <Select label="Ends" value={draft.days} onChange={(days) => set({ days })} options={TERMS.map(([value, label]) => ({ value, label }))} error={problem?.field('/expires_at')} help={ends ? full(ends, z) : 'A key that ends by itself does no harm when it is forgotten'} />
        <Scopes all={mine} chosen={draft.scopes} onChange={(scopes) => set({ scopes })} error={scopeFault} />
        {problem && !atField && <div role="alert"><Note tone="bad">{problem.said}{problem.unsure && ' If the list has a key of this name, its secret is lost: revoke it and make another one.'}</Note></div>}
        <div className="row g8 wrap">
          <Button type="submit" kind="primary" disabled={!sendable(draft)} busy={write.isPending}>Make the key</Button>
          <Button disabled={write.isPending} onClick={onClose}>Cancel</Button>
        </div>
        <p className="help">It acts for your participant as you do, within what is chosen here, also when you are signed out. All keys of a participant share its limits of requests, and 64 of them can work at once.</p>
      </form>
    </Panel>
  );
}
