import { CopyId, PageLink, Panel, When } from '@/components/ui';
import type { FullParticipant, UserRecord } from '@/lib/api';
import { formatMoney } from '@/lib/money';
import { GrantForm } from './GrantForm';
import { type Making, Members } from './Members';
import type { Has } from './money';
import { QuotaForm } from './QuotaForm';

interface Props { participant: FullParticipant; users: UserRecord[]; has: Has | undefined; making: Making; /** When the participants were read, and whether the last attempt failed. */ read: { at: number; failed: boolean }; onAsk: () => void }

/** One participant: who is in it, what it may have, what it has. The operator's own does not trade. */
export function ParticipantPanel({ participant: p, users, has, making, read, onAsk }: Props) {
  return (
    <div className="grid content-start">
      <Panel title={p.name}>
        <dl className="kv pad">
          <dt>Id</dt><dd><CopyId id={p.id} /></dd>
          <dt>Made</dt><dd><When at={p.created_at} style="day" /></dd>
          {p.platform ? <><dt>Kind</dt><dd className="said">the operator’s own: it does not trade, so it has no quota and no credits</dd></> : (
            <>
              <dt>Available</dt><dd>{has ? `${formatMoney(has.available)} cr` : 'not known'}</dd>
              <dt>Held for orders</dt><dd>{has ? `${formatMoney(has.held)} cr` : 'not known'}</dd>
              <dt>Movements</dt><dd><PageLink to="/finance" search={{ participant: p.id }}>Statement</PageLink></dd>
            </>
          )}
        </dl>
      </Panel>
      <Members participant={p} users={users} making={making} />
      {!p.platform && <QuotaForm participant={p} read={read} onAsk={onAsk} />}
      {!p.platform && <GrantForm participant={p} has={has} />}
    </div>
  );
}
