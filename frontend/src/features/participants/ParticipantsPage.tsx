import { useState } from 'react';
import { Button, Page, Panel } from '@/components/ui';
import { Leaving } from '@/components/ui/Leaving';
import { combine, type FinanceSummary, type FullParticipant, type List, type UserRecord, useResource, useWrite } from '@/lib/api';
import { formatCount } from '@/lib/money';
import { useParam } from '@/lib/url';
import { hasOf } from './money';
import { NewParticipant } from './NewParticipant';
import { NewPassword } from './NewPassword';
import { ParticipantPanel } from './ParticipantPanel';
import { ParticipantTable } from './ParticipantTable';
import type { bodyOf } from './user';
import type { Made } from './UserForm';

function Answer({ all }: { all: FullParticipant[] }) {
  const trading = all.filter((p) => !p.platform).length;
  return <><b>{formatCount(trading)}</b> {trading === 1 ? 'participant trades' : 'participants trade'}.</>;
}

/** Who takes part, who acts for them, and what may they have? */
export default function ParticipantsPage() {
  const [chosen, choose] = useParam('participant');
  const [making, make] = useParam('new');
  const [made, setMade] = useState<Made | null>(null);
  const write = useWrite<ReturnType<typeof bodyOf>, unknown>(['/users']);
  const participants = useResource<List<FullParticipant>>('/participants');
  const of = combine<{ participants: List<FullParticipant>; users: List<UserRecord> }>({ participants, users: useResource<List<UserRecord>>('/users') });
  // Balances are a help here: without them the page works.
  const accounts = useResource<FinanceSummary>('/finance/summary').data?.accounts;
  const all = of.data?.participants.data ?? [];
  const selected = all.find((p) => p.id === chosen);
  const add = <Button kind="primary" icon="plus" disabled={write.isPending} onClick={() => { choose(null); make('1'); }}>New participant</Button>;
  return (
    <Page title="Participants" of={of} actions={add} answer={() => <Answer all={all} />}
      empty={() => all.length === 0 && !making && { fact: 'Nobody takes part yet.', hint: 'A participant has users who act for it, a quota that bounds its workloads, and credits to buy with.', action: add }}>
      {(d) => (
        <div className={selected || making || made ? 'split wide' : ''}>
          <Leaving loses={!!made || write.isPending} what="the password" text="The initial password is shown on this page alone; without it the user can’t sign in." />
          <Panel><ParticipantTable rows={all} users={d.users.data} accounts={accounts} selected={selected?.id} narrow={!!selected || making !== '' || !!made} onSelect={(p) => { if (write.isPending) return; make(null); choose(p.id); }} /></Panel>
          {(selected || making || made) && (
            <div className="grid content-start">
              {made && <NewPassword made={made} onDone={() => setMade(null)} />}
              {making && <NewParticipant names={all.map((p) => p.name)} onMade={(id) => { make(null); choose(id); }} onClose={() => make(null)} />}
              {selected && !making && <ParticipantPanel key={selected.id} participant={selected} users={d.users.data} has={accounts && hasOf(accounts, selected.id)} making={{ write, held: !!made, onMade: (m) => { setMade(m); write.reset(); } }} read={{ at: participants.updatedAt, failed: participants.stale }} onAsk={participants.retry} />}
            </div>
          )}
        </div>
      )}
    </Page>
  );
}
