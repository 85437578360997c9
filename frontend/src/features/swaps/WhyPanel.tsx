// Why a workload is resized or moved, and what its owner pays and is paid for it.
import { Link } from '@tanstack/react-router';
import { Empty, Panel, ResourceView, ScrollBox } from '@/components/ui';
import { type SwapCause, type SwapExplain, type Swap, useResource } from '@/lib/api';
import { formatMoney, formatQuantity, formatterFor, micro } from '@/lib/money';
import { causeText, moneyText } from './why';

function Order({ cause }: { cause: SwapCause }) {
  if (!cause.order) return <span className="t3">–</span>;
  return <Link className="id" to="/bids" search={{ order: cause.order } as never}>{cause.order.slice(-6)}</Link>;
}

function Total({ explain: e }: { explain: SwapExplain }) {
  const [pays, paid] = [micro(e.pays), micro(e.is_paid)];
  if (pays === 0n && paid === 0n) return null;
  return <p className="pad s12 t2">For this slot {pays > 0n && <>its owner pays <b>{formatMoney(pays)} cr</b></>}{pays > 0n && paid > 0n && ' and '}{paid > 0n && <>{pays === 0n && 'its owner '}is paid <b>{formatMoney(paid)} cr</b></>}. What was not there is taken off when the slot is settled.</p>;
}

export function WhyPanel({ swap }: { swap: Swap }) {
  const of = useResource<SwapExplain>(`/swaps/${swap.id}/explain`);
  return (
    <Panel title="Why">
      <ResourceView of={of} rows={3}>
        {(e) => (e.because.length === 0
          ? <Empty fact="Nothing that was won or lent asks for it" hint="Its baseline changed, or it takes up again what it should have." />
          : <>
            <ScrollBox label="Why: rows"><table className="t mk">
              <thead><tr><th scope="col">Reason</th><th scope="col">Capacity</th><th scope="col">Order</th><th scope="col" className="r">Credits</th></tr></thead>
              <tbody>
                {e.because.map((cause) => (
                  <tr key={`${cause.kind} ${cause.pool} ${cause.resource}`}>
                    <td>{causeText(cause, swap)}</td>
                    <td>{formatQuantity(cause.resource, cause.quantity)}</td>
                    <td><Order cause={cause} /></td>
                    <td className="r">{moneyText(cause, formatterFor(e.because.map((c) => micro(c.money))))}</td>
                  </tr>
                ))}
              </tbody>
            </table></ScrollBox>
            <Total explain={e} />
          </>)}
      </ResourceView>
    </Panel>
  );
}
