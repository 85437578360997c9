import type { PriceInParts, PriceToExternality } from '@/lib/api';
import { formatCount, formatMoney, formatPrice, micro, unitPrice } from '@/lib/money';

/** What a price may consist of, from what its supply asks upwards. */
const PARTS = [
  { of: 'base', word: 'asked', means: 'what its dearest source asks for: a step of the reserve price, or a lender', colour: 'var(--text-3)' },
  { of: 'transfer', word: 'for the way', means: 'what ways from other pools charge', colour: 'var(--s1)' },
  { of: 'congestion', word: 'as the way is full', means: 'what a way that is used to its limit earns', colour: 'var(--warn)' },
  { of: 'scarcity', word: 'scarcity', means: 'beyond what anybody asks for, as there is no more of it', colour: 'var(--accent)' },
] as const;

const partsOf = (p: PriceInParts) => PARTS.map((part) => ({ ...part, value: Number(p[part.of]) })).filter((part) => part.value > 0);

/** The parts in words: "0.1000 asked + 0.0440 scarcity". */
export const partsText = (p: PriceInParts) => partsOf(p).map((part) => `${formatPrice(unitPrice(p.resource, p[part.of]))} ${part.word}`).join(' + ') || 'nothing';

export function PriceParts({ of: p }: { of: PriceInParts | undefined }) {
  if (!p) return <span className="t3">–</span>;
  const [parts, whole] = [partsOf(p), Number(p.price)];
  let from = 0;
  const bars = parts.map((part) => {
    const [left, width] = [from, (100 * part.value) / whole];
    from += width;
    return <i key={part.of} style={{ left: `${left}%`, width: `${width}%`, background: part.colour, borderRadius: 0 }} />;
  });
  return (
    <span className="col g4" title={parts.map((part) => `${part.word}: ${part.means}`).join('\n')}>
      <span className="bar" aria-hidden="true">{bars}</span>
      <span className="s11 t2 nw">{partsText(p)}</span>
    </span>
  );
}

/** How far the prices are from what would make it best for everybody to bid what something is worth. */
export function Externality({ of: e }: { of: PriceToExternality }) {
  const one = e.looked_at === 1;
  const whom = e.looked_at < e.winners ? `${formatCount(e.looked_at)} of the ${formatCount(e.winners)} winning bids, chosen by the seed,` : one ? 'the winning bid' : `the ${formatCount(e.winners)} winning bids`;
  const verb = one ? 'pays' : 'pay';
  if (e.ratio === null && e.paid === null) return <span>Price ÷ externality: not told of so few winning bids, as it would say what others have bid.</span>;
  if (e.ratio === null) return <span>Price ÷ externality: {whom} {verb} {formatMoney(micro(e.paid ?? '0'))} cr, and nobody would be better off without.</span>;
  const told = e.paid === null || e.externality === null
    ? <>That is what {whom} {verb}, beside what their winning costs all others, the operator among them.</>
    : <>Together {whom} {verb} {formatMoney(micro(e.paid))} cr; what their winning costs all others, the operator among them, is {formatMoney(micro(e.externality))} cr{e.least !== null && e.greatest !== null && e.least !== e.greatest && <> (a single bid: {e.least} to {e.greatest})</>}.</>;
  return <span>Price ÷ externality: <b>{e.ratio}</b>. {told} The nearer to 1, the less there is in bidding under what something is worth.</span>;
}
