import { Link } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { Button, Note, NumberField, Panel, ResourceView, toast } from '@/components/ui';
import { type DrawBody, type Drawables, type Drawn, type Instance, useMe, useResource, useWrite } from '@/lib/api';
import { formatMoney, formatPrice, formatQuantity, shown, unitOf, unitPrice } from '@/lib/money';
import { clock, useNow, zone } from '@/lib/time';
import { mostCost, type Offer, offersOf, readTake, reasonsOf, secondsLeft } from './draw';

/** What is free changes with every swap on the node, also with those of others, of which no event tells. */
const REFRESH_MILLIS = 10_000;

const perUnit = (resource: string, price: string) => `${formatPrice(unitPrice(resource, price))} cr a ${unitOf(resource).one} and slot`;

interface OfferProps { instance: Instance; offer: Offer; text: string; busy: boolean; onText: (text: string) => void; onTake: (quantity: number) => void }

function OfferForm({ instance, offer: o, text, busy, onText, onTake }: OfferProps) {
  const z = zone.use();
  const slot = useMe()?.market.slot_seconds ?? 300;
  const seconds = secondsLeft(o.until, useNow());
  const { label, many } = unitOf(o.resource);
  const { value, fault } = readTake(o, text, instance);
  const most = (quantity: number) => `${formatMoney(mostCost(o.price, quantity, seconds, slot))} cr`;
  const submit = (e: FormEvent) => { e.preventDefault(); if (value !== null && !busy) onTake(value); };
  return (
    <form className="col g8" onSubmit={submit} aria-label={`Take more ${label}`}>
      <dl className="kv">
        <dt>{label}, free now</dt><dd><b>{formatQuantity(o.resource, o.quantity)}</b> until {clock(o.until, z)}</dd>
        <dt>Price</dt><dd>{perUnit(o.resource, o.price)}</dd>
        <dt>All of it until then</dt><dd>at most {most(o.quantity)}</dd>
      </dl>
      <div className="row g8 items-start">
        <NumberField label={`Take, ${label}`} unit={many} value={text} onChange={onText} error={fault} className="sp" help={value === null ? undefined : `At most ${most(value)} until ${clock(o.until, z)}`} />
        <Button className="mt-[20px]" onClick={() => onText(String(shown(o.resource, o.quantity)))}>All that is free</Button>
        <Button type="submit" className="mt-[20px]" disabled={value === null} busy={busy}>Take it</Button>
      </div>
    </form>
  );
}

/** Takes at once, for the rest of the slot, what nobody has bought on the workload's node. */
export function Draw({ instance }: { instance: Instance }) {
  const z = zone.use();
  const now = useNow();
  const path = `/instances/${instance.id}/draws`;
  const of = useResource<Drawables>(path, undefined, REFRESH_MILLIS);
  // Here and not in the forms: an offer that is gone for a moment must not take with it what was typed, or why it was refused.
  const [texts, setTexts] = useState<Record<string, string>>({});
  const write = useWrite<DrawBody, Drawn>(['/instances', '/allocations', '/bids', '/awards', '/swaps', '/balance']);
  const type = (resource: string, text: string) => { setTexts((t) => ({ ...t, [resource]: text })); if (write.error) write.reset(); };
  // Nobody pays more than was on the page: what has become dearer meanwhile is refused, and shown with its new price.
  const take = ({ resource, price }: Offer, quantity: number) => write.mutate({ path, body: { resource, quantity, highest_price: price }, keyed: true }, {
    onSuccess: (done) => {
      setTexts((t) => ({ ...t, [resource]: '' }));
      const less = done.quantity < quantity ? ` No more of the ${formatQuantity(resource, quantity)} was free.` : '';
      toast({ tone: 'ok', title: `${instance.name} has taken ${formatQuantity(resource, done.quantity)} until ${clock(done.until, z)}`, detail: `At ${perUnit(resource, done.price)}; it is in force within seconds.${less}` });
    },
  });
  return (
    <Panel title="Take more now" note="what nobody has bought on its node">
      <ResourceView of={of} rows={2}>
        {(d) => {
          const offers = offersOf(d.data, now);
          const reasons = reasonsOf(d.data, offers);
          const named = d.data.length > 1 && (offers.length > 0 || reasons.length > 1);
          return (
            <div className="pad col g12">
              {offers.map((o) => <OfferForm key={o.resource} instance={instance} offer={o} text={texts[o.resource] ?? ''} busy={write.isPending} onText={(text) => type(o.resource, text)} onTake={(quantity) => take(o, quantity)} />)}
              {offers.length === 0 && <Note tone="acc"><b>Nothing can be had now.</b></Note>}
              {reasons.map(({ labels, reason }) => <p key={reason} className="s12 t2">{named && <b>{labels}: </b>}{reason}</p>)}
              {write.error && <div role="alert"><Note tone="bad"><b>Not taken:</b> {write.error.said}</Note></div>}
              {offers.length > 0
                ? <p className="help">It ends with the slot. You pay for the time in which it is there; the price of the whole slot is set aside until then. Less of it may cost less a unit.</p>
                : <p className="s12"><Link className="underline" to="/pools/$slug" params={{ slug: instance.pool }}>Bid for the slots that come</Link></p>}
            </div>
          );
        }}
      </ResourceView>
    </Panel>
  );
}
