// A person may belong to several participants; a session is for one of them and can go on for another.
import { useState } from 'react';
import { Icon } from '@/components/ui/Icon';
import { Note } from '@/components/ui/Note';
import { actFor, asProblem, type Me, type Problem } from '@/lib/api';

type Membership = Me['memberships'][number];
const isCurrent = (me: Me, m: Membership) => m.participant.id === me.participant.id && m.role === me.role;

/** One a participant: a session names the participant and gets the first role there. */
export const choices = (me: Me): Membership[] => {
  const first = new Map<string, Membership>();
  for (const m of me.memberships) if (!first.has(m.participant.id) || isCurrent(me, m)) first.set(m.participant.id, m);
  return [...first.values()].sort((a, b) => a.participant.name.localeCompare(b.participant.name));
};

/** Everything on screen belongs to the other participant: begin anew, with nothing kept. */
const restart = () => location.assign('/');

export function Memberships({ me, done = restart }: { me: Me; done?: () => void }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const list = choices(me);
  if (list.length < 2) return null;
  const go = async (to: Membership) => {
    setBusy(true);
    setProblem(null);
    try {
      await actFor(to.participant.id);
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
            <button key={m.participant.id} type="button" className="btn" style={{ justifyContent: 'flex-start' }} aria-pressed={here} disabled={here || busy} onClick={() => void go(m)}>
              {here && <Icon name="check" size={14} />}<span className="trunc">{m.participant.name}</span><span className="sp" /><span className="s11">{here ? 'now' : m.role}</span>
            </button>
          );
        })}
      </div>
      {problem && <div role="alert"><Note tone="bad">{problem.said}</Note></div>}
    </div>
  );
}
