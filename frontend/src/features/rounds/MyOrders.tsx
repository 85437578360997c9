import { useQuery } from '@tanstack/react-query';
import { Badge, type Column, DataTable, PageLink, Panel, ResourceView, Side } from '@/components/ui';
import { get, isPlatform, type Order, type Outcome, type Resource, useMay, useMe } from '@/lib/api';
import { formatMoney, nearestMicro } from '@/lib/money';
import { awardOf, isResale, type Mine, mineOf, sideOf } from './mine';

/** The outcome names the pool of what won. Of the others the order does, asked for when its row is in sight; it never changes. */
function PoolOf({ row }: { row: Mine }) {
  const order = useQuery({
    queryKey: ['order of a round', row.id], enabled: row.pool === null && !isResale(row.id), staleTime: Number.POSITIVE_INFINITY,
    queryFn: ({ signal }) => get<Order>(`/${sideOf(row.id)}s/${row.id}`, undefined, signal),
  });
  if (row.pool === null && isResale(row.id)) return <span className="t3">a resale</span>;
  return <>{row.pool ?? order.data?.pools.map((p) => p.pool).join(', ')}</>;
}

function Money({ row: { money, won } }: { row: Mine }) {
  if (!money || nearestMicro(money) === 0n) return <>–</>;
  const text = formatMoney(nearestMicro(money));
  return won ? <>{text}</> : <span title="What it would have been at the prices of the round">would be {text}</span>;
}

const columns: Column<Mine>[] = [
  { id: 'order', head: 'Order', cell: (r) => <><Side side={sideOf(r.id)} /> {isResale(r.id) ? <span className="id" title={`What award ${awardOf(r.id)} gave, offered again`}>{awardOf(r.id).slice(-6)}</span> : <PageLink className="id" to="/bids" search={{ order: r.id }}>{r.id.slice(-6)}</PageLink>}</>, value: (r) => r.id },
  { id: 'pool', head: 'Pool', cell: (r) => <b><PoolOf row={r} /></b> },
  { id: 'money', head: 'Pays or gets, cr', right: true, cell: (r) => <Money row={r} />, value: (r) => (r.money && r.won ? Number(nearestMicro(r.money)) / 1e6 : null) },
  { id: 'outcome', head: 'Outcome', cell: (r) => <Badge tone={r.won ? 'ok' : 'warn'} icon={r.won ? 'check' : 'cross'}>{r.word}</Badge>, value: (r) => r.word },
];

/** Who trades gets only own rows from the server, so they need no list of orders beside them. */
export function MyOrders({ of }: { of: Resource<Outcome> }) {
  const trades = useMay('orders:write');
  const all = isPlatform(useMe());
  if (!trades || all) return null;
  return (
    <Panel title="Your orders in this round">
      <ResourceView of={of} rows={4} missing={{ fact: 'This round has no outcome.' }} empty={(o) => mineOf(o).length === 0 && { fact: 'None of your orders was in this round.' }}>
        {(o) => <DataTable label="Your orders" columns={columns} rows={mineOf(o)} rowKey={(r) => r.id} muted={(r) => !r.won} />}
      </ResourceView>
    </Panel>
  );
}
