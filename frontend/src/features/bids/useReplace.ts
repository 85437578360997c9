// A new limit: one PATCH that releases the old hold and takes the new one. The answer is a new order,
// or the old one waiting for the sealed round.
import { toast } from '@/components/ui';
import { type Order, type OrderBody, useWrite } from '@/lib/api';
import { formatMoney } from '@/lib/money';
import { perSlot, replacement } from './order';

export function useReplace(order: Order, slots: number, onReplaced: (id: string) => void) {
  const write = useWrite<OrderBody, Order>(['/bids', '/offers', '/balance']);
  const run = (limit: string) => write.mutate({ path: `/${order.side}s/${order.id}`, method: 'PATCH', body: replacement(order, limit), keyed: true }, {
    onSuccess: (now) => {
      toast({ tone: 'ok', title: `Limit is now ${formatMoney(perSlot(limit, slots))} cr a slot`, detail: now.status === 'pending_replace' ? 'It takes effect after the round that is being cleared.' : undefined });
      onReplaced(now.id);
    },
    onError: (p) => toast({ tone: 'bad', title: p.unsure ? 'No word whether the limit is changed' : 'Limit not changed', detail: p.said }),
  });
  return { run, busy: write.isPending };
}
