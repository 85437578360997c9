import { Link } from '@tanstack/react-router';
import { Badge, Panel, ResourceView, ScrollBox, Side } from '@/components/ui';
import { type List, type Order, type Outcome, type Resource, useMay, useResource } from '@/lib/api';
import { formatMoney, nearestMicro } from '@/lib/money';

/** My rows of the outcome; everybody's are only for those who audit. */
export function MyOrders({ of }: { of: Resource<Outcome> }) {
  const trades = useMay('orders:write');
  const bids = useResource<List<Order>>(trades ? '/bids' : null, { limit: 500 }).data?.data ?? [];
  const offers = useResource<List<Order>>(trades ? '/offers' : null, { limit: 500 }).data?.data ?? [];
  const mine = new Map([...bids, ...offers].map((o) => [o.id, o]));
  if (!trades) return null;
  return (
    <Panel title="Your orders in this round">
      <ResourceView of={of} rows={4} missing={{ fact: 'This round has no outcome.' }} empty={(o) => ![...o.awards, ...o.refused].some((x) => mine.has(x.order)) && { fact: 'None of your orders was in this round.' }}>
        {(o) => (
          <ScrollBox label="Your orders: rows"><table className="t mk">
            <thead><tr><th scope="col">Order</th><th scope="col">Pool</th><th scope="col" className="r">Pays or gets, cr</th><th scope="col">Outcome</th></tr></thead>
            <tbody>
              {[...o.awards.map((a) => ({ id: a.order, money: a.money, won: true, word: nearestMicro(a.fill) >= 1_000_000n ? 'Filled' : 'Partly filled' })), ...o.refused.map((r) => ({ id: r.order, money: r.price, won: false, word: 'Not filled' }))]
                .filter((r) => mine.has(r.id)).map((r) => {
                  const order = mine.get(r.id) as Order;
                  return (
                    <tr key={r.id} className={r.won ? '' : 'mut'}>
                      <td><Side side={order.side} /> <Link className="id" to="/bids" search={{ order: r.id } as never}>{r.id.slice(-6)}</Link></td>
                      <td className="b">{order.pools[0]?.pool}</td>
                      <td className="r">{!r.money || nearestMicro(r.money) === 0n ? '–' : r.won ? formatMoney(nearestMicro(r.money)) : <span title="What it would have been at the prices of the round">would be {formatMoney(nearestMicro(r.money))}</span>}</td>
                      <td><Badge tone={r.won ? 'ok' : 'warn'} icon={r.won ? 'check' : 'cross'}>{r.word}</Badge></td>
                    </tr>
                  );
                })}
            </tbody>
          </table></ScrollBox>
        )}
      </ResourceView>
    </Panel>
  );
}
