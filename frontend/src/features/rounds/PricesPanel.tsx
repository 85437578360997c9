import { useState } from 'react';
import { Button, CopyId, type Column, DataTable, NodeName, Panel, Price } from '@/components/ui';
import { type FullPlace, type NodePremium, placesOf, type RoundExternality, type RoundPrice } from '@/lib/api';
import { formatCount, formatRough, unitOf } from '@/lib/money';
import { clock, zone } from '@/lib/time';
import { Externality } from './Externality';

const KIND: Record<string, string> = { bid: '▲ Bid', offer: '▼ Offer', reserve: '= Reserve price', none: '– Nobody' };

function Setter({ by }: { by: string }) {
  const [kind = 'none', id = ''] = by.split(':');
  return <>{KIND[kind] ?? kind} {id.includes('_') ? <span className="t3"><CopyId id={id} /></span> : id && <span className="t3">{kind === 'reserve' ? `step ${Number(id) + 1}` : id}</span>}</>;
}

/** So many that were not traded are in nobody's way; more are shown when somebody asks. */
const FEW_UNTRADED = 8;

/** A product, or a full node of the product that stands above it. Both sort by the product, so that they stay together. */
interface Row { p: RoundPrice; full?: FullPlace }
const keyOf = ({ p, full }: Row) => `${p.pool}/${p.node ?? ''}/${p.resource}/${p.slot}/${full?.node ?? ''}`;

export function PricesPanel({ prices, premiums = [], externality }: { prices: RoundPrice[]; premiums?: NodePremium[]; externality?: RoundExternality }) {
  const others = externality?.price_to_externality;
  const z = zone.use();
  const columns: Column<Row>[] = [
    { id: 'pool', head: 'Pool', cell: ({ p, full }) => (full ? <span className="t2 pl-3">node <NodeName id={full.node} /> is full:</span> : <><span className="b">{p.pool}</span>{p.node && <> <span className="t3"><CopyId id={p.node} /></span></>}</>), value: ({ p }) => (p.node ? `${p.pool} ${p.node}` : p.pool), csv: ({ p, full }) => [p.pool, full?.node ?? p.node].filter(Boolean).join(' ') },
    { id: 'resource', head: 'Resource', cell: ({ p, full }) => (full ? '' : `${unitOf(p.resource).label}, ${unitOf(p.resource).many}`), value: ({ p }) => p.resource },
    { id: 'slot', head: 'Slot', cell: ({ p, full }) => (full ? '' : clock(p.slot, z)), value: ({ p }) => p.slot },
    { id: 'price', head: 'Price, cr/unit·slot', right: true, cell: ({ p, full }) => (full ? <>+ <Price value={full.premium} resource={p.resource} /> → <b><Price value={full.there} resource={p.resource} /></b></> : <span className={p.volume === 0 ? 't3' : 'big'}><Price value={p.price} resource={p.resource} /></span>), value: ({ p }) => p.price, csv: ({ p, full }) => full?.there ?? p.price },
    { id: 'set', head: 'Set by', cell: ({ p, full }) => (full ? <span className="t3">no room is left there</span> : p.volume === 0 ? <span className="t3" title="It parts the best bid from the cheapest offer">not traded</span> : <Setter by={p.set_by} />), value: ({ p }) => (p.volume === 0 ? 'not traded' : p.set_by), csv: ({ p, full }) => (full ? 'full node' : p.volume === 0 ? 'not traded' : p.set_by) },
    { id: 'volume', extra: 'phone', head: 'Cleared', right: true, cell: ({ p, full }) => (full ? '' : formatRough(p.resource, p.volume)), value: ({ p }) => p.volume, csv: ({ p, full }) => (full ? null : p.volume) },
  ];
  const [asked, ask] = useState(false);
  const all = prices.map((p) => ({ p, full: placesOf(p, premiums) }));
  // A full node is news, whether or not anything was traded.
  const [telling, untraded] = [all.filter(({ p, full }) => p.volume > 0 || full.length > 0), all.filter(({ p, full }) => p.volume === 0 && full.length === 0)];
  const many = untraded.length > FEW_UNTRADED;
  const rows: Row[] = [...telling, ...(asked || !many ? untraded : [])].flatMap(({ p, full }) => [{ p }, ...full.map((f) => ({ p, full: f }))]);
  const fold = many && <Button size="sm" kind="quiet" aria-expanded={asked} onClick={() => ask(!asked)}>{asked ? 'Hide' : 'Show'} {formatCount(untraded.length)} that were not traded</Button>;
  return (
    <Panel title="Who set each price" footer={others ? <Externality of={others} /> : undefined}>
      <DataTable label="Prices of the round" columns={columns} rows={rows} rowKey={keyOf} csvName="round-prices" height={420} footer={fold} empty="Nothing was traded in this round." />
    </Panel>
  );
}
