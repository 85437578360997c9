import { useState } from 'react';
import { Button, Page, Panel, Segmented } from '@/components/ui';
import { Leaving } from '@/components/ui/Leaving';
import { type ApiKey, type List, type NewApiKey, useMay, useMe, useParticipantNames, useResource, useWrite } from '@/lib/api';
import { formatCount } from '@/lib/money';
import { useNow } from '@/lib/time';
import { useParam } from '@/lib/url';
import { FirstSteps } from './FirstSteps';
import { type bodyOf, stateOf } from './key';
import { KeyForm } from './KeyForm';
import { KeyPanel } from './KeyPanel';
import { KeyTable } from './KeyTable';
import { NewSecret } from './NewSecret';

const PURPOSE = 'With a key a program does what you do on these pages, within the scopes that you give it.';

/** Which programs act for us, and what may they do? */
export default function DevelopersPage() {
  const [chosen, choose] = useParam('key');
  const [making, make] = useParam('new');
  const [shown, show] = useParam('show', 'working');
  const [made, setMade] = useState<NewApiKey | null>(null);
  const write = useWrite<ReturnType<typeof bodyOf>, NewApiKey>(['/api_keys']);
  const me = useMe();
  const now = useNow();
  const names = useParticipantNames();
  const mayMake = useMay('keys:write');
  const of = useResource<List<ApiKey>>('/api_keys');
  const all = of.data?.data ?? [];
  const working = all.filter((k) => stateOf(k, now) === 'works');
  const rows = shown === 'all' ? all : working;
  const selected = all.find((k) => k.id === chosen);
  const owner = (k: ApiKey) => names.get(k.participant) ?? (k.participant === me?.participant.id ? me.participant.name : `…${k.participant.slice(-6)}`);
  const add = mayMake && <Button kind="primary" icon="plus" disabled={!!made || write.isPending} title={made ? 'First put the secret that is shown where you need it' : undefined} onClick={() => { choose(null); make('1'); }}>New API key</Button>;
  const keep = (key: NewApiKey) => { setMade(key); write.reset(); make(null); };
  // It stays while an answer is under way or was a refusal, and no secret is made while one is still shown.
  const form = mayMake && !made && (making !== '' || write.isPending || write.isError);
  const leave = () => { write.reset(); make(null); };
  const select = (k: ApiKey) => { if (write.isPending) return; leave(); choose(k.id); };
  return (
    <Page title="Developers" of={of} actions={add}
      answer={() => <><b>{formatCount(working.length)}</b> API {working.length === 1 ? 'key works' : 'keys work'}{mayMake ? '.' : `; members with the role tenant make and revoke them.`} <a href="/docs" style={{ textDecoration: 'underline' }}>All routes of the API</a></>}
      empty={() => all.length === 0 && !form && !made && { fact: 'There is no API key yet.', hint: <>{PURPOSE} {!mayMake && `Members with the role tenant can make one. `}<a href="/docs" style={{ textDecoration: 'underline' }}>What the API can do</a></>, action: add }}>
      {() => (
        <div className="split wide">
          <Leaving loses={!!made || write.isPending} what="the secret" text={made ? `The secret of ${made.name} is shown here and now alone. Without it the key is of no use: it can only be revoked.` : 'A key is being made: its secret comes with the answer, and is shown on this page alone. Without it the key is of no use.'} />
          <Panel title="API keys" tools={<Segmented label="Show" value={shown === 'all' ? 'all' : 'working'} options={[{ value: 'working', label: 'Working' }, { value: 'all', label: 'All' }]} onChange={show} />}>
            <KeyTable rows={rows} owner={owner} selected={selected?.id} onSelect={select} />
          </Panel>
          <div className="grid content-start">
            {made && <NewSecret made={made} onDone={() => setMade(null)} />}
            {form && <KeyForm write={write} onMade={keep} onClose={leave} />}
            {selected && !form && <KeyPanel apiKey={selected} all={all} owner={owner(selected)} />}
            {!selected && !form && <FirstSteps />}
          </div>
        </div>
      )}
    </Page>
  );
}
