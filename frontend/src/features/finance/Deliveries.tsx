import { Link } from '@tanstack/react-router';
import { Button, type Column, type CsvPart, DataTable, Ledger, PageLink, Panel, When } from '@/components/ui';
import { Empty } from '@/components/ui/states';
import { type Dispute, type Receipt, useMay, useNewest } from '@/lib/api';
import { exactPrice, formatCount, formatQuantity, micro, RESOURCES, shown, unitOf } from '@/lib/money';
import { serverNow } from '@/lib/time';
import type { Period } from './period';
import { useState } from 'react';
import { disputable, disputeOf, standing } from './dispute';
import { OpenDispute } from './OpenDispute';
import { causeText, type Delivery, deliveriesOf, shortOf, summaryOf } from './deliveries';

/** In a file each resource has a column of its own, in its unit: cores and GiB under one head could not be added up. */
const each = (resources: string[], head: (resource: string) => string, of: (d: Delivery) => number | string): CsvPart<Delivery>[] =>
  resources.map((r) => ({ head: head(r), of: (d) => (d.resource === r ? of(d) : null) }));
const amountHead = (what: string) => (r: string) => `${what} ${unitOf(r).label}, ${unitOf(r).many}`;

const columnsFor = (resources: string[], dispute: Column<Delivery>): Column<Delivery>[] => [
  { id: 'slot', head: 'Slot', cell: (d) => <span className="t3"><When at={d.slot} style="day" /></span>, value: (d) => d.slot },
  { id: 'what', head: 'What', cell: (d) => d.what, value: (d) => d.what },
  { id: 'order', head: 'Order', extra: true, cell: (d) => <PageLink className="id" to="/bids" search={{ order: d.order }}>{d.order.slice(-6)}</PageLink>, value: (d) => d.order },
  { id: 'round', head: 'Round', right: true, extra: true, cell: (d) => (d.round ? <Link to="/rounds/$number" params={{ number: String(d.round) }}>{formatCount(d.round)}</Link> : <span className="t3" title="No round: it went on at the administered price, or was taken at once in the slot itself">none</span>), value: (d) => d.round, csv: (d) => d.round || null },
  { id: 'resource', head: 'Resource', extra: 'phone', cell: (d) => unitOf(d.resource).label, value: (d) => d.resource, csv: (d) => unitOf(d.resource).label },
  { id: 'awarded', head: 'Awarded', right: true, extra: 'phone', cell: (d) => formatQuantity(d.resource, d.awarded), value: (d) => d.awarded, csv: each(resources, amountHead('Awarded'), (d) => shown(d.resource, d.awarded)) },
  { id: 'delivered', head: 'Delivered', right: true, cell: (d) => <span className={shortOf(d) ? 'warn b' : ''}>{formatQuantity(d.resource, d.delivered)}</span>, value: (d) => d.delivered, csv: each(resources, amountHead('Delivered'), (d) => shown(d.resource, d.delivered)) },
  { id: 'price', head: 'Price', right: true, extra: true, cell: (d) => `${exactPrice(d.resource, d.price)} / ${unitOf(d.resource).one}`, value: (d) => d.price, csv: each(resources, (r) => `Price of ${unitOf(r).label}, cr/${unitOf(r).one}·slot`, (d) => exactPrice(d.resource, d.price)) },
  { id: 'amount', head: 'Amount, cr', right: true, cell: (d) => <Ledger value={d.amount} />, value: (d) => d.amount },
  { id: 'compensation', head: 'Compensation, cr', right: true, extra: true, cell: (d) => (micro(d.compensation) === 0n ? '–' : <Ledger value={d.compensation} />), value: (d) => d.compensation },
  { id: 'cause', head: 'Why less', extra: 'phone', cell: (d) => <span className="t2">{causeText(d)}</span>, value: (d) => causeText(d) },
  dispute,
];

interface Props { asked: Period; /** Of which time the statement beside it is. */ from: string; to: string }

/** What was there of everything that was bought and lent, slot by slot, and why where it was less: of what was settled in the period. */
export function Deliveries({ asked, from, to }: Props) {
  const of = useNewest<Receipt>('/receipts', { 'created[gte]': asked.from, 'created[lt]': asked.to });
  const disputes = useNewest<Dispute>('/disputes').data?.rows ?? [];
  const writes = useMay('orders:write');
  const [disputing, dispute] = useState<Receipt | null>(null);
  if (!of.data) return null;
  const within = (r: Receipt) => Date.parse(r.recorded_at) >= Date.parse(from) && Date.parse(r.recorded_at) < Date.parse(to);
  const receipts = of.data.rows.filter(within);
  // Once one of them is from before the period, none that is older is of it.
  const cut = of.data.cut && receipts.length === of.data.rows.length;
  const rows = deliveriesOf(receipts);
  const byId = new Map(receipts.map((r) => [r.id, r]));
  const stands = (d: Delivery) => { const of = disputeOf(disputes, d.receipt); return of ? standing(of) : ''; };
  const column: Column<Delivery> = {
    id: 'dispute', head: 'Dispute', extra: true, value: stands,
    cell: (d) => {
      const receipt = byId.get(d.receipt);
      if (stands(d)) return <span className="t2">{stands(d)}</span>;
      return receipt && writes && d.first && disputable(receipt, disputes, serverNow()) ? <Button onClick={() => dispute(receipt)}>Dispute…</Button> : null;
    },
  };
  return (
    <Panel title="Deliveries" note={rows.length === 0 ? undefined : `${cut ? 'of those shown ' : ''}${summaryOf(rows)}`}>
      {disputing && <OpenDispute of={disputing} onClose={() => dispute(null)} />}
      {rows.length === 0
        ? <Empty fact="Nothing was settled in this period." hint="A slot is settled five seconds after it has ended." />
        : <DataTable label="Deliveries" columns={columnsFor(RESOURCES.filter((r) => rows.some((d) => d.resource === r)), column)} rows={rows} rowKey={(d) => d.key} csvName="deliveries" initialSort={{ id: 'slot', desc: true }} more={{ cut, older: of.older, busy: of.busy }} />}
    </Panel>
  );
}
