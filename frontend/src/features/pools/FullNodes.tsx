import { type Column, DataTable, NodeName, Panel, Price, ResourceView } from '@/components/ui';
import { type FullPlace, fullPlaces, type List, type Pool, type Round, useResource } from '@/lib/api';
import { formatCount, unitOf } from '@/lib/money';
import { slotClock, useNow, zone } from '@/lib/time';

/** A round that is still being cleared, or void, has no prices: one before it has. */
const LOOKED = 5;
const lastOf = (list: List<Round> | undefined) => list?.data.find((r) => r.certificate !== null);

/** Where it costs more than the pool's price, and how much: nodes that the last round left without room. */
export function FullNodes({ pool }: { pool: Pool }) {
  const z = zone.use();
  const now = useNow();
  const of = useResource<List<Round>>('/rounds', { limit: LOOKED });
  const last = lastOf(of.data);
  const columns: Column<FullPlace>[] = [
    { id: 'node', head: 'Node', cell: (p) => <b><NodeName id={p.node} /></b>, value: (p) => p.node },
    { id: 'resource', head: 'Resource', cell: (p) => `${unitOf(p.resource).label}, ${unitOf(p.resource).many}`, value: (p) => p.resource },
    { id: 'slot', head: 'Slot', cell: (p) => slotClock(p.slot, now, z), value: (p) => p.slot },
    { id: 'price', head: 'Pool’s price', right: true, extra: 'phone', cell: (p) => <Price value={p.price} resource={p.resource} />, value: (p) => p.price },
    { id: 'premium', head: 'Premium', right: true, extra: 'phone', cell: (p) => <>+ <Price value={p.premium} resource={p.resource} /></>, value: (p) => p.premium },
    { id: 'there', head: 'It costs there', right: true, cell: (p) => <span className="big"><Price value={p.there} resource={p.resource} /></span>, value: (p) => p.there },
  ];
  return (
    <Panel title="Full nodes" note={last && `round ${formatCount(last.number)}, cr/unit·slot`} footer={last && fullPlaces(last, pool.slug).length > 0 && 'A bid there pays the premium on top of the pool’s price, and what is lent there earns it. Nodes that are not listed have room left.'}>
      <ResourceView of={of} rows={2}>
        {() => (!last ? <p className="pad s12 t3">No round has cleared yet.</p> : (
          <DataTable label="Full nodes" columns={columns} rows={fullPlaces(last, pool.slug)} rowKey={(p) => `${p.node}/${p.resource}/${p.slot}`} empty="No node is full: every node costs the pool’s price." />
        ))}
      </ResourceView>
    </Panel>
  );
}
