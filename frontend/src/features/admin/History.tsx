import { type Column, DataTable, Panel, State, When } from '@/components/ui';
import { type Me, type NamedReservePrice, type Pool, useMe } from '@/lib/api';
import { unitOf } from '@/lib/money';
import { useNow } from '@/lib/time';
import { say, standing } from './schedule';

const who = (me: Me | undefined, id: string | null, name: string | null) => (id === null ? 'the start' : id === me?.user.id ? me.user.name : (name ?? `admin ${id.slice(-6)}`));
/** Of one that never was in force, as another counts for the same moment, the end says nothing. */
const lasts = (r: NamedReservePrice): r is NamedReservePrice & { in_force_until: string } => r.in_force_until !== null && r.in_force_until > r.effective_at;
const columns = (me: Me | undefined, state: (r: NamedReservePrice) => { state: string; word?: string }): Column<NamedReservePrice>[] => [
  { id: 'resource', head: 'Resource', cell: (r) => unitOf(r.resource).label, value: (r) => r.resource },
  { id: 'price', head: 'Steps: share of the supply at cr/unit·slot', cell: (r) => say(r.resource, r.steps), value: (r) => say(r.resource, r.steps) },
  { id: 'from', head: 'From', cell: (r) => <When at={r.effective_at} style="moment" />, value: (r) => r.effective_at },
  { id: 'until', head: 'Until', cell: (r) => (lasts(r) ? <When at={r.in_force_until} style="moment" /> : <span className="t3">–</span>), value: (r) => (lasts(r) ? r.in_force_until : '') },
  { id: 'state', head: 'State', cell: (r) => { const s = state(r); return <State of={s.state} word={s.word} />; }, value: (r) => state(r).word ?? r.state },
  { id: 'by', head: 'Set or proposed by', cell: (r) => <>{who(me, r.created_by, r.created_by_name)} <span className="t3"><When at={r.created_at} style="moment" /></span></>, value: (r) => `${who(me, r.created_by, r.created_by_name)}, ${r.created_at}` },
  { id: 'decided', head: 'Decided by', cell: (r) => (r.decision ? <span title={r.decision.reason ?? undefined}>{who(me, r.decision.by, r.decided_by_name)} <span className="t3"><When at={r.decision.at} style="moment" /></span>{r.decision.reason && <span className="t3">: {r.decision.reason}</span>}</span> : <span className="t3">{r.state === 'pending' ? 'nobody yet' : 'not needed'}</span>), value: (r) => (r.decision ? `${who(me, r.decision.by, r.decided_by_name)}, ${r.decision.at}${r.decision.reason ? `: ${r.decision.reason}` : ''}` : '') },
];

/** Every schedule of a pool, and what has become of it. */
export function History({ pool, list }: { pool: Pool; list: NamedReservePrice[] }) {
  const me = useMe();
  const now = useNow();
  return (
    <Panel title={`History, ${pool.slug}`}>
      <DataTable label="History of reserve prices" columns={columns(me, (r) => standing(list, r, now))} rows={list} rowKey={(r) => r.id} initialSort={{ id: 'from', desc: true }} csvName={`${pool.slug}-reserve-history`} />
    </Panel>
  );
}
