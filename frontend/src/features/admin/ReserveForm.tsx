import { useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { Button, Field, Note, NumberField, Panel, Select, toast } from '@/components/ui';
import { call, type Pool, resourceOf, useWrite } from '@/lib/api';
import { serverNow } from '@/lib/time';
import { decimal, divRound, formatPrice, parseDecimal, unitOf, unitPrice } from '@/lib/money';

interface Body { resource: string; price: string; effective_at: string }

/** `If-Match` guards against two admins: the second is told, not overruled. */
export function ReserveForm({ pool }: { pool: Pool }) {
  const [resource, setResource] = useState(pool.resources[0]?.resource ?? 'cpu_milli');
  const shownPrice = (r: string) => formatPrice(unitPrice(r, resourceOf(pool, r)?.reserve ?? '0')).replaceAll(',', '');
  const [price, setPrice] = useState(() => shownPrice(resource));
  const [from, setFrom] = useState(() => new Date(serverNow() + 120_000).toISOString().slice(0, 16));
  const etag = useQuery({ queryKey: [`/pools/${pool.slug}/reserve_prices`, 'etag'], queryFn: async () => (await call('GET', `/pools/${pool.slug}/reserve_prices`)).etag ?? '' });
  const write = useWrite<Body, unknown>(['/pools']);
  const unit = unitOf(resource);
  const valid = /^\d+(\.\d{1,6})?$/.test(price) && !Number.isNaN(Date.parse(`${from}Z`));
  const submit = (e: FormEvent) => {
    e.preventDefault();
    const body = { resource, price: decimal(divRound(parseDecimal(price, 9), BigInt(unit.per)), 9), effective_at: `${from}:00Z` };
    write.mutate({ path: `/pools/${pool.slug}/reserve_prices`, body, ifMatch: etag.data || undefined, keyed: true }, {
      onSuccess: () => toast({ tone: 'ok', title: `Reserve price of ${pool.slug} set`, detail: `${price} cr per ${unit.one} and slot from ${from.replace('T', ' ')} UTC` }),
    });
  };
  return (
    <Panel title={`New reserve price, ${pool.slug}`}>
      <form className="pad col g12" onSubmit={submit}>
        <Select label="Resource" value={resource} onChange={(r) => { setResource(r); setPrice(shownPrice(r)); }} options={pool.resources.map((r) => ({ value: r.resource, label: unitOf(r.resource).label }))} />
        <NumberField label="Price" unit={`cr/${unit.one}·slot`} value={price} onChange={setPrice} error={write.error?.field('/price')} />
        <Field label="In force from, UTC" type="datetime-local" value={from} onChange={setFrom} error={write.error?.field('/effective_at')} />
        {write.error && <div role="alert"><Note tone="bad">{write.error.said} {write.error.status === 412 && 'Somebody else changed it: look at the history, then try again.'}</Note></div>}
        <Button type="submit" kind="primary" disabled={!valid} busy={write.isPending}>Set {price || '…'} cr per {unit.one}</Button>
        <p className="help">The operator sells from this price up. Bids under it can still win from lenders.</p>
      </form>
    </Panel>
  );
}
