import { useState } from 'react';
import { Button, Note, Panel } from '@/components/ui';
import { CopyText } from '@/components/ui/CopyText';
import type { FullParticipant, UserRecord } from '@/lib/api';
import { membersOf } from './user';
import { UserForm } from './UserForm';

/** Who may sign in for a participant, and as what. */
export function Members({ participant: p, users }: { participant: FullParticipant; users: UserRecord[] }) {
  const [adding, setAdding] = useState(false);
  const [made, setMade] = useState<{ email: string; password: string } | null>(null);
  const members = membersOf(users, p.id);
  return (
    <Panel title="Users" tools={!adding && <Button size="sm" icon="plus" onClick={() => { setMade(null); setAdding(true); }}>New user</Button>}>
      {members.length === 0 && <p className="pad s12 t3">Nobody can sign in for it yet.</p>}
      <ul className="pad col g6 s12" aria-label="Users">
        {members.map(({ user, role }) => (
          <li key={user.id} className="row g8"><span className="trunc"><b className="m">{user.name}</b> <span className="t3">{user.email}</span></span><span className="sp" /><span>{role}</span></li>
        ))}
      </ul>
      {made && (
        <div className="pad col g12 border-t border-border" role="status">
          <Note tone="warn">The password is shown this once. Hand it over on a way that only its owner reads.</Note>
          <CopyText label={`For ${made.email}`} name="the password" text={made.password} rows={1} />
          <div><Button onClick={() => setMade(null)}>I have handed it over</Button></div>
        </div>
      )}
      {adding && <UserForm participant={p} onMade={(m) => { setMade(m); setAdding(false); }} onClose={() => setAdding(false)} />}
    </Panel>
  );
}
