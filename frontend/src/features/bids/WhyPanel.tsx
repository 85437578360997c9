// Why an order did or did not win, with numbers, and what would have.
import { Link } from '@tanstack/react-router';
import { CopyId, Panel, ResourceView, Said, Side } from '@/components/ui';
import { type Explain, type Order, type Round, useMay, useMe, useResource } from '@/lib/api';
import { formatBundle, formatCount, formatMoney } from '@/lib/money';
import { Changes } from './Changes';
import { GapRuler } from './GapRuler';
import { groundsText } from './grounds';
import { nextText } from './next';
import { OrderState } from './OrderState';
import { isOpen, poolsOf, slotsOf, terms } from './order';
import { OrderActions } from './OrderActions';
import { headOf, type Left, leftOver, nothingTraded, reserveOf, rulerOf, sentenceOf, shortOf, untraded, upToDate } from './why';
import { WonPanel } from './WonPanel';

/** What its round sold nothing of, and whether what there was to sell was left over: the round says it, the order does not. */
function useLeft(order: Order, e: Explain): Left {
  const round = useResource<Round>(e.round && e.price_faced ? `/rounds/${e.round}` : null).data;
  const prices = round && round.number === e.round ? round.prices : [];
  return { none: untraded(order, prices), free: leftOver(order, prices), from: reserveOf(order, prices) };
}

function Head({ explain, slots, order, left }: { explain: Explain; slots: number; order: Order; left: Left }) {
  const short = shortOf(explain, order.side, slots, !nothingTraded(order, left.none));
  // To what would have won; the sentence below says how far the limit is from the price.
  const change = short && `${formatMoney(short.perSlot)} cr per slot ${order.side === 'bid' ? 'more' : 'less'}`;
  if (short) return <>{short.exact ? `${change} would have won` : `At least about ${change} was needed`}</>;
  return <>{(explain.reason ? headOf(order, explain.reason, left) : explain.status.replaceAll('_', ' ')).replace(/^./, (c) => c.toUpperCase())}</>;
}

/** Why, in short, in words and drawn. */
function Reason({ explain: e, order, slots, mine }: { explain: Explain; order: Order; slots: number; mine: boolean }) {
  const left = useLeft(order, e);
  const ruler = rulerOf(order, e, slots, left.none);
  const grounds = groundsText(order);
  const next = e.reason && isOpen(order) ? nextText(e.reason, order.side) : null;
  return (
    <>
      <h3 className="text-18 font-semibold" style={{ color: 'var(--text)' }} title={e.reason ? `In the API: ${e.reason}` : undefined}><Head explain={e} slots={slots} order={order} left={left} /></h3>
      <p className="s12 t2"><Said text={sentenceOf(order, e, { mine, ...left })} /></p>
      {next && <p className="s12 t2"><b>What to do:</b> {next}</p>}
      {grounds && <p className="s12 t3">Why this order: <Said text={grounds} /></p>}
      {terms(order).map((said) => <p key={said} className="s12 t3">{said}</p>)}
      {ruler && <GapRuler side={order.side} mine={mine} {...ruler} />}
    </>
  );
}

export function WhyPanel({ order, slotSeconds, onReplaced }: { order: Order; slotSeconds: number; onReplaced: (id: string) => void }) {
  const explain = useResource<Explain>(`/${order.side}s/${order.id}/explain`);
  const slots = slotsOf(order, slotSeconds);
  const mine = useMe()?.participant.id === order.participant;
  const actable = useMay('orders:write') && isOpen(order);
  return (
    <Panel title={<><Side side={order.side} /> {poolsOf(order)[0]}, {formatBundle(order.resources)}</>} tools={<span className="s11"><CopyId id={order.id} /></span>}>
      <ResourceView of={explain} rows={6}>
        {(read) => {
          const e = upToDate(order, read);
          return <>
            <div className="pad col g8">
              <div className="row g6">
                <OrderState order={order} /><span className="sp" />
                {!!e.round && <Link className="s11" to="/rounds/$number" params={{ number: String(e.round) }}>Round {formatCount(e.round)}</Link>}
              </div>
              <Reason explain={e} order={order} slots={slots} mine={mine} />
            </div>
            <WonPanel order={order} />
            {actable && e.changes.length > 0 && <Changes order={order} explain={e} slots={slots} onReplaced={onReplaced} />}
            {actable && <OrderActions order={order} slots={slots} onReplaced={onReplaced} />}
          </>;
        }}
      </ResourceView>
    </Panel>
  );
}
