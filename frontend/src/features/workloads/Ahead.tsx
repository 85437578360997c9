import { type Column, DataTable, Panel, ResourceView } from '@/components/ui';
import { type Allocation, type Instance, type List, useMay, useResource } from '@/lib/api';
import { formatBundle, formatCount, shown } from '@/lib/money';
import { clock, zone } from '@/lib/time';
import { partsText, useAwardsAhead } from './parts';
import { Recall } from './Recall';

const cpu = (q: Record<string, number>) => shown('cpu_milli', q.cpu_milli ?? 0);

/** What has been won or lent for the coming slots, as awarded so far. */
export function Ahead({ instance }: { instance: Instance }) {
  const z = zone.use();
  const of = useResource<List<Allocation>>('/allocations');
  const mayTrade = useMay('orders:write');
  const awards = useAwardsAhead();
  const missing = (a: Allocation) => Object.keys(a.missed).length > 0;
  const change = (a: Allocation) => cpu(a.limits) - cpu(a.baseline);
  const net = (c: number) => (c > 0 ? `▲ ${formatCount(c)} more` : `▼ ${formatCount(-c)} less`);
  const columns: Column<Allocation>[] = [
    { id: 'slot', head: 'Slot', cell: (a) => clock(a.slot, z), value: (a) => a.slot },
    { id: 'limits', head: 'It will have', cell: (a) => formatBundle(a.limits), value: (a) => formatBundle(a.limits) },
    { id: 'change', head: 'To the baseline, cores', right: true, cell: (a) => { const said = missing(a) ? null : partsText(a, awards); const c = change(a); return said ?? (c === 0 ? <span className="t3">as always</span> : net(c)); }, value: change },
  ];
  if ((of.data?.data ?? []).some((a) => a.instance === instance.id && missing(a)))
    columns.push({ id: 'missed', head: 'Won, and credited', cell: (a) => missing(a) && <span title="It was won on another node, and the move there has failed or was refused: it is not there, and not charged.">{formatBundle(a.missed)}</span>, value: (a) => (missing(a) ? formatBundle(a.missed) : '') });
  const mine = (all: Allocation[]) => all.filter((a) => a.instance === instance.id);
  const lends = mine(of.data?.data ?? []).some((a) => Object.values(a.recallable).some((q) => q > 0));
  if (lends && mayTrade) columns.push({ id: 'recall', head: 'May be taken back', cell: (a) => <Recall allocation={a} />, value: (a) => formatBundle(a.recallable) });
  return (
    <Panel title="The coming slots">
      <ResourceView of={of} rows={3}>
        {(d) => <DataTable label="Coming slots" columns={columns} rows={mine(d.data)} rowKey={(a) => a.slot} csvName={`${instance.name}-slots`} dense />}
      </ResourceView>
    </Panel>
  );
}
