import { PageLink } from '@/components/ui';
import type { Order } from '@/lib/api';
import { formatCount } from '@/lib/money';
import { isOpen } from './order';

/** What an order has to do with its parent, with the way to it. */
export function ParentLine({ order: o }: { order: Order }) {
  if (!o.parent) return null;
  const to = <PageLink className="id underline" to="/bids" search={{ order: o.parent }}>{o.parent.slice(-6)}</PageLink>;
  if (o.parent_won_in) return <p className="s12 t3">Its parent {to} won in round {formatCount(o.parent_won_in)}: it needs it no more.</p>;
  return <p className="s12 t3">{isOpen(o) ? 'Wins only together with' : 'Was to win only together with'} {to} or after it.</p>;
}
