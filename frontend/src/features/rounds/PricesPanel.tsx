import { useState } from 'react';
import { Button, CopyId, type Column, DataTable, Panel, Price } from '@/components/ui';
import type { RoundExternality, RoundPrice } from '@/lib/api';
import { formatCount, formatPrice, formatRough, unitOf, unitPrice } from '@/lib/money';
import { clock, zone } from '@/lib/time';
import { Externality } from './Externality';

const KIND: Record<string, string> = { bid: '▲ Bid', offer: '▼ Offer', reserve: '= Reserve price', arc: '→ Another pool’s price', cap: '⊤ Price cap', none: '– Nobody' };

function Setter({ by }: { by: string }) {
  const [kind = 'none', id = ''] = by.split(':');
  return <>{KIND[kind] ?? kind} {id.includes('_') ? <span className="t3"><CopyId id={id} /></span> : id && <span className="t3">{kind === 'reserve' ? `step ${Number(id) + 1}` : id}</span>}</>;
}

/** So many that were not traded are in nobody's way; more are shown when somebody asks. */
const FEW_UNTRADED = 8;
const traded = (p: RoundPrice) => p.volume > 0;

const keyOf = (p: { pool: string; node?: string | null; resource: string; slot: string }) => `${p.pool}/${p.node ?? ''}/${p.resource}/${p.slot}`;

export function PricesPanel({ prices, externality }: { prices: RoundPrice[]; externality?: RoundExternality }) {
  const others = externality?.price_to_externality;
  const z = zone.use();
  const range = (p: RoundPrice) => (p.low === p.high ? 'one price' : `${formatPrice(unitPrice(p.resource, p.low))}–${formatPrice(unitPrice(p.resource, p.high))}`);
  const columns: Column<RoundPrice>[] = [
    { id: 'pool', head: 'Pool', cell: (p) => <><span className="b">{p.pool}</span>{p.node && <> <span className="t3"><CopyId id={p.node} /></span></>}</>, value: (p) => (p.node ? `${p.pool} ${p.node}` : p.pool) },
    { id: 'resource', head: 'Resource', cell: (p) => `${unitOf(p.resource).label}, ${unitOf(p.resource).many}`, value: (p) => p.resource },
    { id: 'slot', head: 'Slot', cell: (p) => clock(p.slot, z), value: (p) => p.slot },
    { id: 'price', head: 'Price, cr/unit·slot', right: true, cell: (p) => <span className={p.volume === 0 ? 't3' : 'big'}><Price value={p.price} resource={p.resource} /></span>, value: (p) => p.price },
    { id: 'range', head: 'Possible range', help: 'Every price in it supports the same allocation; the lowest is published.', right: true, extra: true, cell: (p) => <span className="t3">{range(p)}</span>, value: range },
    { id: 'set', head: 'Set by', cell: (p) => (p.volume === 0 ? <span className="t3" title="It parts the best bid from the cheapest offer">not traded</span> : <Setter by={p.set_by} />), value: (p) => (p.volume === 0 ? 'not traded' : p.set_by) },
    { id: 'volume', extra: 'phone', head: 'Cleared', right: true, cell: (p) => formatRough(p.resource, p.volume), value: (p) => p.volume },
  ];
  const [asked, ask] = useState(false);
  const untraded = prices.filter((p) => !traded(p));
  const many = untraded.length > FEW_UNTRADED;
  const rows = [...prices.filter(traded), ...(asked || !many ? untraded : [])];
  const fold = many && <Button size="sm" kind="quiet" aria-expanded={asked} onClick={() => ask(!asked)}>{asked ? 'Hide' : 'Show'} {formatCount(untraded.length)} that were not traded</Button>;
  return (
    <Panel title="Who set each price" footer={others ? <Externality of={others} /> : undefined}>
      <DataTable label="Prices of the round" columns={columns} rows={rows} rowKey={keyOf} csvName="round-prices" height={420} footer={fold} empty="Nothing was traded in this round." />
    </Panel>
  );
}
