import { CopyId, Panel, When } from '@/components/ui';
import { type ApiKey, isPlatform, useMay, useMe } from '@/lib/api';
import { full, useNow, zone } from '@/lib/time';
import { descendants, scopeText, stateOf } from './key';
import { KeyBadge } from './KeyBadge';
import { RevokeKey } from './RevokeKey';

/** One key in whole. */
export function KeyPanel({ apiKey: k, all, owner }: { apiKey: ApiKey; all: ApiKey[]; owner: string }) {
  const now = useNow();
  const z = zone.use();
  const me = useMe();
  // Of the operator's people each role has its own keys; an admin revokes everybody's.
  const ofOthers = isPlatform(me) && me?.role !== 'admin' && me?.role !== k.role;
  const mayRevoke = useMay('keys:write') && !ofOthers;
  const parent = all.find((o) => o.id === k.made_by);
  return (
    <Panel title={k.name} tools={<KeyBadge state={stateOf(k, now)} />}>
      <dl className="kv pad">
        <dt>Id</dt><dd><CopyId id={k.id} /></dd>
        <dt>Acts for</dt><dd className="said">{owner}, as {k.role}</dd>
        <dt>Secret begins with</dt><dd className="id">{k.prefix}</dd>
        <dt>Made</dt><dd><When at={k.created_at} style="day" /></dd>
        <dt>Ends</dt><dd>{k.expires_at ? full(k.expires_at, z) : 'when it is revoked'}</dd>
        {k.revoked_at && <><dt>Revoked</dt><dd><When at={k.revoked_at} style="day" /></dd></>}
        {k.made_by && <><dt>Made with, and ends with</dt><dd className="said">{parent?.name ?? 'a key that is gone'}</dd></>}
      </dl>
      <ul className="pad col g4 s12" aria-label="What it may do">
        {k.scopes.map((s) => <li key={s}><span className="id">{s}</span> <span className="t3">{scopeText(s)}</span></li>)}
      </ul>
      {mayRevoke && stateOf(k, now) !== 'revoked' && <div className="pad"><RevokeKey apiKey={k} with={descendants(k, all, now)} /></div>}
    </Panel>
  );
}
