import type { PriceToExternality } from '@/lib/api';
import { formatCount, formatMoney, micro } from '@/lib/money';

/** How far the prices are from what would make it best for everybody to bid what something is worth. */
export function Externality({ of: e }: { of: PriceToExternality }) {
  const one = e.looked_at === 1;
  const whom = e.looked_at < e.winners ? `${formatCount(e.looked_at)} of the ${formatCount(e.winners)} winning bids, chosen by the book’s hash,` : one ? 'the winning bid' : `the ${formatCount(e.winners)} winning bids`;
  const verb = one ? 'pays' : 'pay';
  if (e.ratio === null && e.paid === null) return <span>Price ÷ externality: not told of so few winning bids, as it would say what others have bid.</span>;
  if (e.ratio === null) return <span>Price ÷ externality: {whom} {verb} {formatMoney(micro(e.paid ?? '0'))} cr, and nobody would be better off without.</span>;
  const told = e.paid === null || e.externality === null
    ? <>That is what {whom} {verb}, beside what their winning costs all others, the operator among them.</>
    : <>Together {whom} {verb} {formatMoney(micro(e.paid))} cr; what their winning costs all others, the operator among them, is {formatMoney(micro(e.externality))} cr{e.least !== null && e.greatest !== null && e.least !== e.greatest && <> (a single bid: {e.least} to {e.greatest})</>}.</>;
  return <span>Price ÷ externality: <b>{e.ratio}</b>. {told} The nearer to 1, the less there is in bidding under what something is worth.</span>;
}
