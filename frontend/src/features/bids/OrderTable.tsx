import { Age, type Column, DataTable, Short, Side } from '@/components/ui';
import { type Order, useMe, useParticipantNames } from '@/lib/api';
import { formatCount, formatExact, formatMoney, micro } from '@/lib/money';
import { clock, zone } from '@/lib/time';
import { Placed, PlacedLegend } from './Placed';
import { OrderState, orderStateName } from './OrderState';
import type { Group } from './useOrders';
import { bundle, fill, isOpen, originText, partText, perSlot, PLACED, poolsOf, slotsOf, whyText } from './order';

function Filled({ order }: { order: Order }) {
  const { done, all, unit } = fill(order);
  if (done === 0) return <span className="t3">0</span>;
  return <span title={`${formatCount(done)} of ${formatCount(all)} ${unit}`}>{partText(done, all)}</span>;
}

/** Under its state, where there is no room for a column of reasons; a phone says it of the order that is touched. */
function StateAndWhy({ order, why }: { order: Order; why: string }) {
  return (
    <span className="col py-1" style={{ alignItems: 'flex-start' }}>
      <OrderState order={order} />
      {order.status !== 'filled' && <span className="wide-hide phone-hide s11 t3" style={{ whiteSpace: 'normal', maxWidth: 148 }}>{why}</span>}
    </span>
  );
}

/** The API can't filter by who placed them: of how many loaded ones these are. */
interface Filter { said: string; loaded: number }

/** The open ones are all there, or as many as are ever read; of the others there may be older ones. */
function moreOf({ rows, cut, older, busy }: Group, name: string, of: Filter | null) {
  const waiting = rows.filter(isOpen).length;
  const note = of ? `${of.said}: ${formatCount(rows.length)} among the ${formatCount(of.loaded)} orders that are loaded; there are older ones.` : name === 'all' && waiting > 0 ? `The newest ${formatCount(rows.length - waiting)} that have ended are shown, and ${formatCount(waiting)} open ones; there are older ones.` : undefined;
  return { cut, older, busy, note };
}

/** Beside a panel, all columns are to fit at 1440 px. */
const TIGHT = 'max(92px, 6.2vw)';

export interface TableProps { group: Group; /** How many orders the filter `by` looked through. */ loaded: number; by: string; name: string; slotSeconds: number; selected?: string; /** Whether a panel takes a part of the width. */ beside: boolean; /** Its rows as they come, not by age. */ asGiven?: boolean; onSelect: (o: Order) => void }

export function OrderTable({ group, loaded, by, name, slotSeconds, selected, beside, asGiven, onSelect }: TableProps) {
  const { rows } = group;
  const z = zone.use();
  const names = useParticipantNames();
  const me = useMe()?.participant.id;
  const owner = (o: Order) => names.get(o.participant) ?? o.participant.slice(-6);
  const limit = (o: Order) => perSlot(o.limit, slotsOf(o, slotSeconds));
  const most = beside ? TIGHT : undefined;
  const filter = PLACED.slice(1).find((p) => p.value === by);
  const of = filter ? { said: filter.label, loaded } : null;
  const why = (o: Order) => whyText(o, o.participant === me);
  // What a round refused of an order that was filled later is over.
  const code = (o: Order) => (o.status === 'filled' ? '' : (o.closed_reason ?? o.last_reason?.reason ?? ''));
  const columns: Column<Order>[] = [
    // The button is how the keyboard selects a row; a click anywhere on the row does the same.
    { id: 'order', head: 'Order', cell: (o) => <button type="button" className="linkish" style={{ color: 'inherit' }} onClick={(e) => { e.stopPropagation(); onSelect(o); }}><Side side={o.side} /> <span className="id">{o.id.slice(-6)}</span> <Placed origin={o.origin} /></button>, value: (o) => o.id, csv: [{ head: 'Side', of: (o) => o.side }, { head: 'Order', of: (o) => o.id }, { head: 'Placed', of: (o) => originText(o) || 'by hand' }] },
    { id: 'pool', head: 'Pool', cell: (o) => <span className="b row g4"><Short text={poolsOf(o)[0] ?? ''} most={most} />{o.pools.length > 1 && <span className="t3">+{o.pools.length - 1}</span>}</span>, value: (o) => poolsOf(o).join(' ') },
    ...(new Set(rows.map((o) => o.participant)).size > 1 ? [{ id: 'who', head: 'Participant', cell: (o: Order) => <Short text={owner(o)} most={most} />, value: owner }] : []),
    { id: 'bundle', extra: 'phone', head: 'Bundle', cell: (o) => <Short text={bundle(o)} most={most} />, value: bundle },
    ...(rows.some((o) => o.project) ? [{ id: 'project', head: 'Project', extra: true as const, cell: (o: Order) => o.project ?? '', value: (o: Order) => o.project ?? '' }] : []),
    { id: 'window', head: 'Window', extra: true, cell: (o) => `${clock(o.window.start_at, z)}–${clock(o.window.end_at, z)}`, value: (o) => o.window.start_at, csv: [{ head: 'Window from', of: (o) => o.window.start_at }, { head: 'Window to', of: (o) => o.window.end_at }] },
    { id: 'limit', head: 'Limit, cr/slot', name: 'Limit, cr per slot', right: true, cell: (o) => <span className="m" title={`${formatExact(micro(o.limit))} cr for the whole order`}>{formatMoney(limit(o))}</span>, value: (o) => formatMoney(limit(o)), csv: [{ head: 'Limit, cr per slot', of: (o) => formatExact(limit(o)) }, { head: 'Limit of the whole order, cr', of: (o) => formatExact(micro(o.limit)) }] },
    { id: 'filled', extra: 'phone', head: 'Filled', right: true, cell: (o) => <Filled order={o} />, value: (o) => fill(o).done, csv: [{ head: 'Filled', of: (o) => fill(o).done }, { head: 'Filled of', of: (o) => fill(o).all }, { head: 'Unit of what is filled', of: (o) => fill(o).unit }] },
    { id: 'state', head: 'State', cell: (o) => <StateAndWhy order={o} why={why(o)} />, value: (o) => o.status, csv: orderStateName },
    { id: 'why', head: 'Why', extra: true, rest: true, wraps: true, cell: (o) => <span className="t3">{why(o)}</span>, value: code, csv: [{ head: 'Why', of: why }, { head: 'Reason code', of: code }] },
    { id: 'age', extra: 'phone', head: 'Age', right: true, cell: (o) => <span className="t3"><Age at={o.created_at} /></span>, value: (o) => o.created_at, csvHead: 'Placed at' },
  ];
  return (
    <DataTable label="Orders" columns={columns} rows={rows} rowKey={(o) => o.id} selected={selected} onSelect={onSelect} initialSort={asGiven ? undefined : { id: 'age', desc: true }} height={640} csvName={name === 'all' ? 'orders' : `orders-${name}`} more={moreOf(group, name, of)} empty={of ? `${of.said}: none of the ${formatCount(loaded)} that are loaded.` : name === 'open' ? 'No order waits.' : undefined}
      muted={(o) => ['canceled', 'expired', 'rejected', 'replaced'].includes(o.status)} footer={<><span>Limit: cr per slot for the whole bundle</span><PlacedLegend orders={rows} /></>} />
  );
}
