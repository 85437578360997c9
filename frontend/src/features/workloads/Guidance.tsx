// What others know of a workload's near future, and where its forecasts started: priors, which never command.
import { useState } from 'react';
import { Button, type Column, DataTable, NodeName, Panel, ResourceView, When } from '@/components/ui';
import { type ApplicationProfile, combine, type Hint, type Instance, isPlatform, type Listed, useAll, useMay, useMe, useParticipantNames } from '@/lib/api';
import { formatBundle, formatCount } from '@/lib/money';
import { useNow } from '@/lib/time';
import { inForce, profilesOf } from './guidance';
import { HintForm } from './HintForm';
import { WithdrawHint } from './WithdrawHint';

/** What it raises, and what it keeps the workload off. */
function Says({ hint: { expected_demand: needs, avoid_nodes: nodes } }: { hint: Hint }) {
  const raises = Object.keys(needs).length > 0;
  return (
    <>
      {raises && <>It will need at least <b className="m">{formatBundle(needs)}</b></>}
      {nodes.length > 0 && <>{raises ? '; its moves avoid ' : 'Its moves avoid '}{nodes.map((id, n) => <span key={id}>{n > 0 && ', '}<NodeName id={id} /></span>)}</>}
    </>
  );
}

function Hints({ hints, withdraws }: { hints: Hint[]; withdraws: boolean }) {
  const now = useNow();
  const names = useParticipantNames();
  const platform = isPlatform(useMe());
  const columns: Column<Hint>[] = [
    { id: 'says', head: 'What it says', cell: (h) => <span className="block whitespace-normal"><Says hint={h} /></span>, value: (h) => [formatBundle(h.expected_demand), ...h.avoid_nodes].join(', ') },
    { id: 'from', head: 'From', extra: true, cell: (h) => (Date.parse(h.starts_at) <= now ? 'now' : <When at={h.starts_at} style="day" />), value: (h) => h.starts_at },
    { id: 'until', head: 'Until', cell: (h) => <When at={h.expires_at} style="day" />, value: (h) => h.expires_at },
    { id: 'who', head: 'Who says so', extra: 'phone', cell: (h) => <span className="block whitespace-normal">{h.source ?? <span className="t3">{platform ? '' : 'your participant, '}nobody is named</span>}{platform && <span className="t3"> for {names.get(h.participant) ?? h.participant}</span>}</span>, value: (h) => h.source },
  ];
  if (withdraws) columns.push({ id: 'withdraw', head: <span className="sr-only">Withdraw</span>, right: true, cell: (h) => <WithdrawHint hint={h} /> });
  return <DataTable label="Hints in force" columns={columns} rows={hints} rowKey={(h) => h.id} dense />;
}

function Profile({ of: p }: { of: ApplicationProfile }) {
  return (
    <p className="s12 t2">Its forecasts start from the profile <b className="m">{p.name}</b>, version {formatCount(p.version)} of <When at={p.updated_at} style="day" />: typically {formatBundle(p.typical)}, at its peak {formatBundle(p.peak)}. What is measured counts more with every sample.</p>
  );
}

const NONE = 'Who knows more of its near future than its forecast does can say so by a hint: what it will need at least, or which nodes its moves should avoid.';

export function Guidance({ instance }: { instance: Instance }) {
  const [giving, setGiving] = useState(false);
  const now = useNow();
  const own = useMe()?.participant.id === instance.participant;
  const may = useMay('profiles:write') && own;
  const of = combine<{ hints: Listed<Hint>; profiles: Listed<ApplicationProfile> }>({ hints: useAll('/allocation_hints'), profiles: useAll('/application_profiles') });
  return (
    <Panel title="Hints and profile" note="what others know of it" tools={may && <Button size="sm" onClick={() => setGiving(true)}>Give a hint…</Button>}>
      <ResourceView of={of} rows={2}>
        {({ hints, profiles }) => {
          const [mine, starts] = [inForce(hints.rows, instance.id, now), profilesOf(profiles.rows, instance.id)];
          return (
            <>
              {mine.length > 0 && <Hints hints={mine} withdraws={may} />}
              <div className="pad col g8">
                {mine.length === 0 && <p className="s12 t2"><b className="m">No hint is in force.</b> {NONE}</p>}
                {hints.cut && <p className="s12 t2">Looked for among the newest {formatCount(hints.rows.length)} hints; there are older ones.</p>}
                {starts.map((p) => <Profile key={p.id} of={p} />)}
                {starts.length === 0 && <p className="s12 t3">No application profile names it: its forecasts started with what was measured.{profiles.cut && ` Looked for among the newest ${formatCount(profiles.rows.length)}.`}</p>}
              </div>
            </>
          );
        }}
      </ResourceView>
      {giving && <HintForm instance={instance} onClose={() => setGiving(false)} />}
    </Panel>
  );
}
