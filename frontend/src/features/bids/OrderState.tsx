import { State, stateName } from '@/components/ui';
import type { Order } from '@/lib/api';
import { isCalm, isOpen } from './order';

const NOT_FILLED = 'Not filled';
const isMissed = (o: Order) => isOpen(o) && !!o.last_reason && o.status === 'open' && !isCalm(o);

/** One word for a state wherever an order is shown: open, and a round has not given it anything, is "not filled". */
export function OrderState({ order: o }: { order: Order }) {
  return isMissed(o) ? <State of="infeasible" word={NOT_FILLED} /> : <State of={o.status} />;
}
/** The same for a file. */
export const orderStateName = (o: Order): string => (isMissed(o) ? NOT_FILLED : stateName(o.status));
