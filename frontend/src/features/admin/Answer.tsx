import { formatCount } from '@/lib/money';

/** `priced`: products that have been traded; `binding`: those of them whose last price the reserve price set. */
export function Answer({ priced, binding }: { priced: number; binding: number }) {
  if (priced === 0) return <>No product has been traded yet.</>;
  if (priced === 1) return <>{binding === 1 ? 'The reserve price' : 'A bid or an offer'} set the last price of the <b>one</b> product that has been traded.</>;
  const all = <>all <b>{formatCount(priced)}</b> products that have been traded</>;
  if (binding === priced) return <>The reserve price set the last price of {all}.</>;
  if (binding === 0) return <>Bids and offers set the last prices of {all}; the reserve price set none.</>;
  return <>Of the <b>{formatCount(priced)}</b> products that have been traded the reserve price set the last price of <b>{formatCount(binding)}</b>; bids and offers set the others.</>;
}
