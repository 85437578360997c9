import type { Order } from '@/lib/api';
import { firstStuck, isOpen, whyText } from './order';

export function Answer({ orders }: { orders: Order[] }) {
  const open = orders.filter(isOpen);
  const stuck = open.filter((o) => o.last_reason);
  const first = firstStuck(orders);
  if (open.length === 0) return <><b>Nothing waits.</b> {orders.filter((o) => o.status === 'filled').length} orders were filled.</>;
  if (!first) return <><b>{open.length} open</b>; nothing is known to stand in their way.</>;
  return <><b>{stuck.length} of {open.length}</b> open orders did not win all of it last round: <b>{first.id.slice(-6)}</b>, {whyText(first)}.</>;
}
