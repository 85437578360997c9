// What an order has won: from which rounds, at which prices, for how much in all.
import { Link } from '@tanstack/react-router';
import { type Award, type List, type Order, useResource } from '@/lib/api';
import { formatCount, formatMoney, formatPrice, formatQuantity, micro, unitOf, unitPrice } from '@/lib/money';
import { clock, zone } from '@/lib/time';

/** As many as the list gives at once; of older ones the sum is known all the same. */
const NEWEST = 500;

export function WonPanel({ order }: { order: Order }) {
  const z = zone.use();
  const known = useResource<List<Award>>(order.awards.length > 0 ? '/awards' : null, { limit: NEWEST }).data?.data;
  if (order.awards.length === 0) return null;
  const awards = (known ?? []).filter((a) => order.awards.includes(a.id));
  const bid = order.side === 'bid';
  return (
    <div className="border-t border-border">
      <div className="row px-3 pt-2 g8"><b className="lab">{bid ? 'Won' : 'Lent'}</b><span className="sp" /><Link className="s11" to="/finance">Finance</Link></div>
      <dl className="kv pad">
        {awards.flatMap((a) => a.lines.map((l) => (
          <div key={`${a.id}/${l.pool}/${l.resource}/${l.slot}`} className="contents">
            <dt>{formatQuantity(l.resource, l.quantity)}, {clock(l.slot, z)}{a.round > 0 && <> · <Link to="/rounds/$number" params={{ number: String(a.round) }}>round {formatCount(a.round)}</Link></>}</dt>
            <dd>{formatPrice(unitPrice(l.resource, l.price))} cr a {unitOf(l.resource).one}: {formatMoney(micro(l.money))} cr</dd>
          </div>
        )))}
        <dt className="sum">{bid ? 'Cost, before credits for what is not delivered' : 'Brings, if it is delivered'}</dt><dd className="sum">{formatMoney(micro(order.awarded))} cr</dd>
      </dl>
    </div>
  );
}
