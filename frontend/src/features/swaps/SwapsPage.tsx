import { Link } from '@tanstack/react-router';
import { Age, type Column, DataTable, Page, Panel, Place, State } from '@/components/ui';
import { type List, type Swap, useNodeName, useResource } from '@/lib/api';
import { formatBytes, formatCount } from '@/lib/money';
import { Now } from './Now';
import { METHODS, nameOf, pauseText, reasonText, refusedByShadow, stateWord } from './swap';

const columns = (nodeName: (id: string) => string): Column<Swap>[] => [
  { id: 'workload', head: 'Workload', cell: (s) => <Link className="b" to="/swaps/$id" params={{ id: s.id }}>{nameOf(s)}</Link>, value: nameOf },
  { id: 'method', extra: 'phone', head: 'Method', cell: (s) => METHODS[s.method] ?? s.method, value: (s) => s.method },
  { id: 'from', head: 'From', extra: true, cell: (s) => <Place pool={s.pool_from} node={s.node_from} />, value: (s) => `${s.pool_from} ${nodeName(s.node_from)}` },
  { id: 'to', head: 'To', cell: (s) => <Place pool={s.pool_to} node={s.node_to} />, value: (s) => `${s.pool_to} ${nodeName(s.node_to)}` },
  { id: 'state', head: 'State', cell: (s) => <State of={s.state} word={stateWord(s)} />, value: (s) => s.state },
  { id: 'diff', extra: 'phone', head: 'Differences', right: true, cell: (s) => (s.positions_compared ? <span className={s.difference_count ? 'bad m' : ''}>{formatCount(s.difference_count)} at {formatCount(s.positions_compared)} inputs</span> : <span className="t3">no shadow run</span>), value: (s) => s.difference_count },
  { id: 'pause', extra: 'phone', head: 'Pause', right: true, cell: (s) => <span className={s.downtime_micros ? '' : 't3'}>{pauseText(s)}</span>, value: (s) => s.downtime_micros },
  { id: 'bytes', head: 'Moved', right: true, extra: true, cell: (s) => (s.bytes ? formatBytes(s.bytes) : '–'), value: (s) => s.bytes },
  { id: 'reason', head: 'Reason', extra: true, cell: (s) => <span className="t3">{reasonText(s)}</span>, value: (s) => s.reason },
  { id: 'age', head: 'Age', right: true, cell: (s) => <span className="t3"><Age at={s.created_at} /></span>, value: (s) => s.created_at },
];

export default function SwapsPage() {
  const of = useResource<List<Swap>>('/swaps', { limit: 500 });
  const nodeName = useNodeName();
  return (
    <Page title="Swaps" of={of} answer={(d) => {
      const waiting = d.data.filter((s) => s.state === 'awaiting_approval').length;
      const refused = d.data.filter(refusedByShadow).length;
      return <>{waiting ? <><b>{waiting} waits for approval.</b> </> : <><b>{formatCount(d.data.filter((s) => s.state === 'done').length)} of {formatCount(d.data.length)}</b> are done; nothing waits for a person. </>}{refused > 0 && <>The shadow run refused <b>{refused} of {d.data.length}</b>: their workloads stayed where they were.</>}</>;
    }} empty={(d) => d.data.length === 0 && { fact: 'No workload has been resized or moved yet.', hint: 'Swaps follow from awards: the first comes with the first won bid.' }}>
      {(d) => <>
        <Now swaps={d.data} />
        <Panel title="All swaps"><DataTable label="Swaps" columns={columns(nodeName)} rows={d.data} rowKey={(s) => s.id} csvName="swaps" initialSort={{ id: 'age', desc: true }} muted={(s) => s.state === 'rejected' || s.state === 'expired'} /></Panel>
      </>}
    </Page>
  );
}
