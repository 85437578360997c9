// Why an order did or did not win, with numbers, and what would have.
import { Link } from '@tanstack/react-router';
import { CopyId, Panel, ResourceView, Side, State } from '@/components/ui';
import { type Explain, type Order, useMay, useResource } from '@/lib/api';
import { formatBundle, formatCount, formatMoney } from '@/lib/money';
import { Changes } from './Changes';
import { GapRuler } from './GapRuler';
import { isOpen, perSlot, poolsOf, reasonText, slotsOf } from './order';
import { OrderActions } from './OrderActions';

function Head({ explain, slots, side }: { explain: Explain; slots: number; side: Order['side'] }) {
  if (explain.shortfall && Number(explain.shortfall) > 0) return <>{side === 'bid' ? 'Short by' : 'Asks too much by'} {formatMoney(perSlot(explain.shortfall, slots))} cr per slot</>;
  return <>{(explain.reason ? reasonText(explain.reason, side) : explain.status.replaceAll('_', ' ')).replace(/^./, (c) => c.toUpperCase())}</>;
}

export function WhyPanel({ order, slotSeconds, onReplaced }: { order: Order; slotSeconds: number; onReplaced: (id: string) => void }) {
  const explain = useResource<Explain>(`/${order.side}s/${order.id}/explain`);
  const slots = slotsOf(order, slotSeconds);
  const actable = useMay('orders:write') && isOpen(order);
  return (
    <Panel title={<><Side side={order.side} /> {poolsOf(order)[0]}, {formatBundle(order.resources)}</>} tools={<span className="s11"><CopyId id={order.id} /></span>}>
      <ResourceView of={explain} rows={6}>
        {(e) => (
          <>
            <div className="pad col g8">
              <div className="row g6">
                <State of={order.status} /><span className="sp" />
                {e.round && <Link className="s11" to="/rounds/$number" params={{ number: String(e.round) }}>Round {formatCount(e.round)}</Link>}
              </div>
              <h3 className="text-18 font-semibold" style={{ color: 'var(--text)' }} title={e.reason ? `In the API: ${e.reason}` : undefined}><Head explain={e} slots={slots} side={order.side} /></h3>
              <p className="s12 t2">{order.side === 'offer' && e.reason === 'OUT_OF_MONEY' ? 'You asked for more than the round’s price would have paid.' : e.sentence}</p>
              {e.price_faced && <GapRuler side={order.side} limit={perSlot(e.limit, slots)} price={perSlot(e.price_faced, slots)} wins={e.minimum_winning_limit ? perSlot(e.minimum_winning_limit.value, slots) : null} quality={e.minimum_winning_limit?.quality} />}
            </div>
            {actable && e.changes.length > 0 && <Changes order={order} explain={e} slots={slots} onReplaced={onReplaced} />}
            {actable && <OrderActions order={order} slots={slots} onReplaced={onReplaced} />}
          </>
        )}
      </ResourceView>
    </Panel>
  );
}
