import { State } from '@/components/ui';
import type { Order } from '@/lib/api';
import { isOpen } from './order';

/** One word for a state wherever an order is shown: open, and a round has not given it anything, is "not filled". */
export function OrderState({ order: o }: { order: Order }) {
  return isOpen(o) && o.last_reason && o.status === 'open' ? <State of="infeasible" word="Not filled" /> : <State of={o.status} />;
}
