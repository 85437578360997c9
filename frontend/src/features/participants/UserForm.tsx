import { type FormEvent, useState } from 'react';
import { Button, Field, Note, Select } from '@/components/ui';
import { type FullParticipant, type Role, type useWrite } from '@/lib/api';
import { bodyOf, type Draft, faultsOf, makePassword, roleText, rolesOf, sendable } from './user';

export interface Made { email: string; password: string }
/** The page holds it: with the form a password would be gone that nobody has seen. */
export type MakeUser = ReturnType<typeof useWrite<ReturnType<typeof bodyOf>, unknown>>;
interface Props { participant: FullParticipant; write: MakeUser; onMade: (made: Made) => void; onClose: () => void }

/** A user with one role in this participant. */
export function UserForm({ participant: p, write, onMade, onClose }: Props) {
  const roles = rolesOf(p);
  const [draft, setDraft] = useState<Draft>({ email: '', name: '', password: '', role: roles[0] as Role });
  const faults = faultsOf(draft);
  const set = (part: Partial<Draft>) => setDraft((d) => ({ ...d, ...part }));
  const submit = (e: FormEvent) => {
    e.preventDefault();
    const body = bodyOf(draft, p.id);
    if (sendable(draft)) write.mutate({ path: '/users', body }, { onSuccess: () => onMade({ email: body.email, password: body.password }) });
  };
  const problem = write.error;
  const role = problem?.field('/memberships/0/role') ?? problem?.field('/memberships/0/participant');
  const atField = problem?.field('/email') ?? problem?.field('/name') ?? problem?.field('/password') ?? role;
  return (
    <form className="pad col g12 border-t border-border" onSubmit={submit} aria-label="New user">
      <Field label="E-mail" type="text" inputMode="email" value={draft.email} onChange={(email) => set({ email })} error={faults.email ?? problem?.field('/email')} />
      <Field label="Name" value={draft.name} onChange={(name) => set({ name })} error={faults.name ?? problem?.field('/name')} />
      <Select label="Role" value={draft.role} onChange={(r) => set({ role: r as Role })} options={roles.map((value) => ({ value, label: value }))} error={role} help={roleText(draft.role)} />
      <Field label="Initial password" value={draft.password} onChange={(password) => set({ password })} error={faults.password ?? problem?.field('/password')} help="You hand it over yourself. In this version nobody can change it later" unit={<Button size="sm" kind="quiet" onClick={() => set({ password: makePassword() })}>Make one up</Button>} />
      {problem && !atField && <div role="alert"><Note tone="bad">{problem.said}</Note></div>}
      <div className="row g8 wrap">
        <Button type="submit" kind="primary" disabled={!sendable(draft)} busy={write.isPending}>Make the user</Button>
        <Button disabled={write.isPending} onClick={onClose}>Cancel</Button>
      </div>
      <p className="help">A user with roles in several participants is made by API, all at once: roles can’t be added to a user later.</p>
    </form>
  );
}
