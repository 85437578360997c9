// Why a workload is resized or moved, and what its owner pays and is paid for it.
import { PageLink, Panel, ResourceView, Said, ScrollBox } from '@/components/ui';
import { type SwapCause, type SwapExplain, type Swap, useResource } from '@/lib/api';
import { formatCount, formatMoney, formatQuantity, micro } from '@/lib/money';
import { causeText, moneyText } from './why';

function Order({ cause }: { cause: SwapCause }) {
  if (!cause.order) return <span className="t3">{cause.orders > 1 ? `${formatCount(cause.orders)} orders` : '–'}</span>;
  return <PageLink className="id" to="/bids" search={{ order: cause.order }}>{cause.order.slice(-6)}</PageLink>;
}

function Total({ explain: e }: { explain: SwapExplain }) {
  if (e.pays === null || e.is_paid === null) return <p className="pad s12 t2">What it comes to is on the <PageLink className="underline" to="/finance">receipts</PageLink> of the slot.</p>;
  const [pays, paid] = [micro(e.pays), micro(e.is_paid)];
  if (pays === 0n && paid === 0n) return null;
  return <p className="pad s12 t2">For this slot its owner {pays > 0n && <>pays <b>{formatMoney(pays)} cr</b></>}{pays > 0n && paid > 0n && ' and '}{paid > 0n && <>is paid <b>{formatMoney(paid)} cr</b></>}, if all of it is delivered.</p>;
}

export function WhyPanel({ swap }: { swap: Swap }) {
  const of = useResource<SwapExplain>(`/swaps/${swap.id}/explain`);
  return (
    <Panel title="Why">
      <ResourceView of={of} rows={3}>
        {(e) => (e.because.length === 0
          ? <p className="pad s12 t2"><Said text={e.sentence} /></p>
          : <>
            <ScrollBox label="Why: rows"><table className="t mk">
              <thead><tr><th scope="col">Reason</th><th scope="col">Capacity</th><th scope="col">Order</th><th scope="col" className="r">Credits</th></tr></thead>
              <tbody>
                {e.because.map((cause) => (
                  <tr key={`${cause.kind} ${cause.pool} ${cause.resource}`}>
                    <td>{causeText(cause)}</td>
                    <td>{formatQuantity(cause.resource, cause.quantity)}</td>
                    <td><Order cause={cause} /></td>
                    <td className="r">{moneyText(cause)}</td>
                  </tr>
                ))}
              </tbody>
            </table></ScrollBox>
            {e.until_then && <p className="pad s12 t2"><Said text={e.until_then} /></p>}
            <Total explain={e} />
          </>)}
      </ResourceView>
    </Panel>
  );
}
