import { Age, type Column, DataTable, PageLink, Panel, Place, ResourceView, Segmented, Short, State } from '@/components/ui';
import { type Swap, useNodeName, useSought } from '@/lib/api';
import { formatBytes, formatCount } from '@/lib/money';
import { useParam } from '@/lib/url';
import { FILTERS, METHODS, nameOf, noneText, pauseText, reasonText, stateWord } from './swap';

const columns = (nodeName: (id: string) => string): Column<Swap>[] => [
  { id: 'workload', head: 'Workload', cell: (s) => <PageLink className="b" to="/swaps/$id" params={{ id: s.id }}><Short text={nameOf(s)} most="min(240px, 36vw)" /></PageLink>, value: nameOf },
  { id: 'method', extra: 'phone', head: 'Method', cell: (s) => METHODS[s.method] ?? s.method, value: (s) => s.method },
  { id: 'from', head: 'From', extra: true, cell: (s) => <Place pool={s.pool_from} node={s.node_from} />, value: (s) => `${s.pool_from} ${nodeName(s.node_from)}` },
  { id: 'to', extra: 'phone', head: 'To', cell: (s) => <Place pool={s.pool_to} node={s.node_to} />, value: (s) => `${s.pool_to} ${nodeName(s.node_to)}` },
  { id: 'state', head: 'State', cell: (s) => <State of={s.state} word={stateWord(s)} />, value: (s) => s.state },
  { id: 'diff', extra: 'phone', head: 'Differences', right: true, cell: (s) => (s.positions_compared ? <span className={s.difference_count ? 'bad m' : ''}>{formatCount(s.difference_count)} at {formatCount(s.positions_compared)} {s.positions_compared === 1 ? 'input' : 'inputs'}</span> : <span className="t3">no shadow run</span>), value: (s) => s.difference_count },
  { id: 'pause', extra: 'phone', head: 'Pause', right: true, cell: (s) => <span className={s.downtime_micros ? '' : 't3'}>{pauseText(s)}</span>, value: (s) => s.downtime_micros },
  { id: 'bytes', head: 'Moved', right: true, extra: true, cell: (s) => (s.bytes ? formatBytes(s.bytes) : '–'), value: (s) => s.bytes },
  { id: 'reason', head: 'Reason', extra: true, rest: true, cell: (s) => <span className="t3" title={reasonText(s)}>{reasonText(s)}</span>, value: (s) => s.reason, csv: [{ head: 'Reason', of: reasonText }, { head: 'Reason code', of: (s) => s.reason }] },
  { id: 'age', head: 'Age', right: true, cell: (s) => <span className="t3"><Age at={s.created_at} /></span>, value: (s) => s.created_at },
];

/** The swaps that are asked for, newest first; what the API can't filter by is looked for among all of them, from the newest on. */
export function SwapTable() {
  const nodeName = useNodeName();
  const [show, setShow] = useParam('show', 'all');
  const filter = FILTERS.find((f) => f.value === show) ?? FILTERS[0];
  const only = filter?.only;
  const of = useSought<Swap>('/swaps', filter?.states && { status: filter.states.join() }, only);
  return (
    <Panel>
      <div className="px-3 py-1 border-b border-border [&>.seg]:flex-wrap [&>.seg]:h-auto"><Segmented label="Which swaps" value={filter?.value ?? 'all'} options={FILTERS} onChange={setShow} /></div>
      <ResourceView of={of} rows={8}>
        {({ rows, cut }) => (
          <DataTable label="Swaps" columns={columns(nodeName)} rows={rows} rowKey={(s) => s.id} csvName={show === 'all' ? 'swaps' : `swaps-${show}`} initialSort={{ id: 'age', desc: true }} muted={(s) => s.state === 'rejected' || s.state === 'expired'}
            empty={only && <span role="status">{noneText(filter, of.looked, of.looking, cut)}</span>}
            more={{ cut: cut && !of.looking, older: of.older, busy: of.busy, note: only && `${formatCount(rows.length)} among the newest ${formatCount(of.looked)} ${filter?.states ? 'that were aborted' : 'swaps'}; there are older ones.` }} />
        )}
      </ResourceView>
    </Panel>
  );
}
