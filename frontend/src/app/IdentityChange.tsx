// Says that another tab has changed for whom this browser acts, and offers the way back.
import { useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { Button } from '@/components/ui/Button';
import { Dialog } from '@/components/ui/Dialog';
import { Icon } from '@/components/ui/Icon';
import { Note } from '@/components/ui/Note';
import { asProblem, type Me, type Problem } from '@/lib/api';
import { type Change, change, goBack, goOn } from './identity';

/** The participant says who it is, unless somebody else has signed in. */
function named({ from, to }: Change): [string, string] {
  const name = (me: Me) => (from.user.id === to.user.id ? me.participant.name : `${me.user.name} (${me.participant.name})`);
  return [name(from), name(to)];
}

export default function IdentityChange() {
  const now = change.use();
  const client = useQueryClient();
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  if (!now) return null;
  const [from, to] = named(now);
  const close = () => { setProblem(null); change.set(null); };
  const run = (what: Promise<void>) => {
    setBusy(true);
    setProblem(null);
    void what.catch((error: unknown) => setProblem(asProblem(error))).finally(() => setBusy(false));
  };
  const returns = now.from.user.id === now.to.user.id;
  const back = returns
    ? <Button kind={now.refused ? 'primary' : undefined} busy={busy} onClick={() => run(goBack(client, now.from))}>Go back to {from}</Button>
    : <Link className="btn" to="/login" onClick={close}>Sign in again</Link>;
  const fault = problem && <Note tone="bad">{problem.said}</Note>;
  if (now.refused) {
    return (
      <Dialog open onClose={close} title="Not done">
        <div role="alert" className="col g8 s12 t2">
          <p>It was meant for <b className="m">{from}</b>, but another tab of this browser acts for <b className="m">{to}</b> now. So nothing was placed or changed, for neither of them.</p>
          {fault}
        </div>
        <div className="row g8 wrap mt-4"><span className="sp" /><Button busy={busy} onClick={() => run(goOn(client))}>Go on as {to}</Button>{back}</div>
      </Dialog>
    );
  }
  return (
    <div className="changed" role="alert">
      <Icon name="info" size={14} />
      <p>Another tab acts for <b className="m">{to}</b> now, so this page shows {to} as well and no longer {from}.</p>
      <span className="row g8">{back}<Button kind="quiet" onClick={close}>Close</Button></span>
      {fault}
    </div>
  );
}
