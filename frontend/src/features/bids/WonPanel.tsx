// What an order has won: from which rounds, at which prices, for how much in all; and what was delivered of it.
import { Link } from '@tanstack/react-router';
import { Note, PageLink } from '@/components/ui';
import { type Award, causeWords, isPlatform, type List, type Order, type Receipt, useAll, useMay, useMe, useResource } from '@/lib/api';
import { asMicro, formatCount, formatMoney, formatPrice, formatQuantity, micro, unitOf, unitPrice } from '@/lib/money';
import { clock, zone } from '@/lib/time';
import { type Delivered, deliveredOf, deliveredText, fellShort, outcomeOf, outcomeText, receiptsFrom } from './delivered';
import { awardsWhile, linesOf, type WonLine } from './won';

function Line({ line: l, z, delivered: d }: { line: WonLine; z: ReturnType<typeof zone.use>; delivered: Delivered | null }) {
  const from = l.round > 0 ? <Link to="/rounds/$number" params={{ number: String(l.round) }}>round {formatCount(l.round)}</Link> : 'taken at once';
  return (
    <tr>
      <td>{clock(l.slot, z)}</td>
      <td className="py-1">{formatQuantity(l.resource, l.quantity)}<span className="t3 block s11">{from}</span>{d && <span className={`block s11 ${fellShort(l.quantity, d) ? 'warn' : 't3'}`} title={d.cause ? causeWords(d.cause) : undefined}>{deliveredText(l.resource, l.quantity, d)}</span>}</td>
      <td className="r">{formatPrice(unitPrice(l.resource, l.price))}<span className="t3 block s11">a {unitOf(l.resource).one}</span></td>
      <td className="r m">{formatMoney(micro(l.money))}</td>
    </tr>
  );
}

export function WonPanel({ order }: { order: Order }) {
  const z = zone.use();
  const platform = isPlatform(useMe());
  const mayReceipts = useMay('finance:read');
  const of = useAll<Award>(order.awards.length > 0 ? '/awards' : null, awardsWhile(order));
  const receipts = useResource<List<Receipt>>(order.awards.length > 0 && mayReceipts ? '/receipts' : null, receiptsFrom(order)).data?.data ?? [];
  if (order.awards.length === 0) return null;
  const outcome = outcomeOf(order, receipts);
  const lines = linesOf(order, of.data?.rows ?? []);
  const bid = order.side === 'bid';
  const absent = of.data ? order.awards.length - new Set(lines.map((l) => l.award)).size : 0;
  const said = outcomeText(outcome, lines.length, order.side);
  const [word, sum] = bid ? ['Won', 'Cost; what is not delivered is credited'] : ['Lent', 'Paid for it, as far as it is delivered'];
  return (
    <div className="border-t border-border">
      <div className="row px-3 pt-2 g8"><h3 className="s12 b">{word}</h3><span className="sp" />{mayReceipts && <PageLink className="s11" to="/finance" search={platform ? { participant: order.participant } : {}}>{platform ? 'Statement' : 'Receipts and statement'}</PageLink>}</div>
      {said && <div className="pad"><Note tone={outcome.short > 0 ? 'warn' : 'ok'}>{said}</Note></div>}
      {of.problem && <div className="pad"><Note tone="bad">{of.problem.said}</Note></div>}
      <table className="t mk" aria-label={bid ? 'What it won' : 'What it lent'}>
        <thead><tr><th scope="col">Slot</th><th scope="col">Amount</th><th scope="col" className="r">Price, cr</th><th scope="col" className="r">In all, cr</th></tr></thead>
        <tbody>
          {lines.map((l) => <Line key={l.key} line={l} z={z} delivered={deliveredOf(l, receipts)} />)}
          {absent > 0 && <tr><td colSpan={4} className="t3">{formatCount(absent)} {absent === 1 ? 'award is' : 'awards are'} not in the list; the sum has {absent === 1 ? 'it' : 'them'}.</td></tr>}
          {of.loading && <tr><td colSpan={4} className="t3">Loading…</td></tr>}
          <tr><td colSpan={3}>{bid && outcome.credited > 0n ? 'Cost' : sum}</td><td className="r b">{formatMoney(micro(order.awarded))}</td></tr>
          {bid && outcome.credited > 0n && <>
            <tr><td colSpan={3}>Credited, as it was not there</td><td className="r">{formatMoney(asMicro(-outcome.credited))}</td></tr>
            <tr><td colSpan={3}>{outcome.settled < lines.length ? 'Left, what is still to be settled with it' : 'Paid for what was delivered'}</td><td className="r b">{formatMoney(asMicro(micro(order.awarded) - outcome.credited))}</td></tr>
          </>}
        </tbody>
      </table>
    </div>
  );
}
