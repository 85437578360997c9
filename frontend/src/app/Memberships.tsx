// A person may belong to several participants; a session is for one of them. The API starts a session
// for another only with the password, so the menu asks for it.
import { type FormEvent, useState } from 'react';
import { Button } from '@/components/ui/Button';
import { Field } from '@/components/ui/Field';
import { Icon } from '@/components/ui/Icon';
import { Note } from '@/components/ui/Note';
import { asProblem, call, type Me, type Problem, type Session, setCsrf } from '@/lib/api';

type Membership = Me['memberships'][number];
const isCurrent = (me: Me, m: Membership) => m.participant.id === me.participant.id && m.role === me.role;

/** One a participant: signing in names the participant and gets the first role there. */
export const choices = (me: Me): Membership[] => {
  const first = new Map<string, Membership>();
  for (const m of me.memberships) if (!first.has(m.participant.id) || isCurrent(me, m)) first.set(m.participant.id, m);
  return [...first.values()].sort((a, b) => a.participant.name.localeCompare(b.participant.name));
};

/** Everything on screen belongs to the other participant: begin anew, with nothing kept. */
const restart = () => location.assign('/');

export function Memberships({ me, done = restart }: { me: Me; done?: () => void }) {
  const [to, setTo] = useState<Membership | null>(null);
  const [password, setPassword] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const list = choices(me);
  if (list.length < 2) return null;
  const submit = async (e: FormEvent) => {
    e.preventDefault();
    if (!to) return;
    setBusy(true);
    setProblem(null);
    try {
      const { data } = await call<Session>('POST', '/auth/login', { body: { email: me.user.email, password, participant: to.participant.id } });
      setCsrf(data.csrf_token);
      done();
    } catch (error) {
      setProblem(asProblem(error));
      setBusy(false);
    }
  };
  return (
    <div className="col g6">
      <span className="lab" id="memberships">Act for</span>
      <div className="col g4" role="group" aria-labelledby="memberships">
        {list.map((m) => {
          const here = isCurrent(me, m);
          return (
            <button key={m.participant.id} type="button" className={`btn ${to === m ? 'p' : ''}`} style={{ justifyContent: 'flex-start' }} aria-pressed={here} disabled={here} onClick={() => { setTo(m); setProblem(null); }}>
              {here && <Icon name="check" size={14} />}<span className="trunc">{m.participant.name}</span><span className="sp" /><span className="s11">{here ? 'now' : m.role}</span>
            </button>
          );
        })}
      </div>
      {to && (
        <form className="col g8 pt-1" onSubmit={(e) => void submit(e)}>
          <Field label={`Your password, to act for ${to.participant.name}`} type="password" autoComplete="current-password" required autoFocus value={password} onChange={setPassword} />
          {problem && <div role="alert"><Note tone="bad">{problem.said}</Note></div>}
          <Button type="submit" kind="primary" busy={busy} disabled={!password}>Switch</Button>
        </form>
      )}
    </div>
  );
}
