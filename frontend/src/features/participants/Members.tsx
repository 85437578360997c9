import { useState } from 'react';
import { Button, Panel } from '@/components/ui';
import type { FullParticipant, UserRecord } from '@/lib/api';
import { membersOf } from './user';
import { type Made, type MakeUser, UserForm } from './UserForm';

/** `held`: a password is still shown, which no other may replace. */
export interface Making { write: MakeUser; held: boolean; onMade: (made: Made) => void }

/** Who may sign in for a participant, and as what. */
export function Members({ participant: p, users, making: { write, held, onMade } }: { participant: FullParticipant; users: UserRecord[]; making: Making }) {
  const [adding, setAdding] = useState(false);
  const members = membersOf(users, p.id);
  return (
    <Panel title="Users" tools={!adding && <Button size="sm" icon="plus" disabled={held || write.isPending} title={held ? 'First hand over the password that is shown' : undefined} onClick={() => { write.reset(); setAdding(true); }}>New user</Button>}>
      {members.length === 0 && <p className="pad s12 t3">Nobody can sign in for it yet.</p>}
      <ul className="pad col g6 s12" aria-label="Users">
        {members.map(({ user, role }) => (
          <li key={user.id} className="row g8"><span className="trunc"><b className="m">{user.name}</b> <span className="t3">{user.email}</span></span><span className="sp" /><span>{role}</span></li>
        ))}
      </ul>
      {adding && !held && <UserForm participant={p} write={write} onMade={(m) => { onMade(m); setAdding(false); }} onClose={() => setAdding(false)} />}
    </Panel>
  );
}
