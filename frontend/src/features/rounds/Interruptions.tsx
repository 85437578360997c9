import { type Column, DataTable, Panel, Price } from '@/components/ui';
import type { Interruption } from '@/lib/api';
import { unitOf } from '@/lib/money';
import { clock, zone } from '@/lib/time';

/** Where a price would have been too far from the usual one: what it would have been, and how far it may be. */
export function Interruptions({ of }: { of: Interruption[] }) {
  const z = zone.use();
  if (of.length === 0) return null;
  const columns: Column<Interruption>[] = [
    { id: 'pool', head: 'Pool', cell: (i) => <b>{i.pool}</b>, value: (i) => i.pool },
    { id: 'resource', head: 'Resource', cell: (i) => `${unitOf(i.resource).label}, ${unitOf(i.resource).many}`, value: (i) => i.resource },
    { id: 'slot', head: 'Slot', cell: (i) => clock(i.slot, z), value: (i) => i.slot },
    { id: 'price', head: 'Price would have been', right: true, cell: (i) => <span className="big"><Price value={i.price} resource={i.resource} /></span>, value: (i) => i.price },
    { id: 'band', head: 'Band, at most', help: 'Three times the reference price. In a slot’s last round there is no band.', right: true, cell: (i) => <Price value={i.band} resource={i.resource} />, value: (i) => i.band },
  ];
  return (
    <Panel title="Volatility interruption" note="cr/unit·slot">
      <p className="pad s12 t2 border-b border-border">The price of what stands below would have been over its band, three times the usual price. So this round awarded nothing of it, nor of what is cleared together with it. The orders stay as they are; the next round decides without the band.</p>
      <DataTable label="Volatility interruptions" columns={columns} rows={of} rowKey={(i) => `${i.pool}/${i.resource}/${i.slot}`} />
    </Panel>
  );
}
