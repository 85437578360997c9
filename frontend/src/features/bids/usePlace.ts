// Place, say so, and offer the way back: undo is a cancel, for 5 s.
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { toast } from '@/components/ui';
import { asProblem, call, type Order, type OrderBody, type Problem, useWrite } from '@/lib/api';
import { formatMoney, micro } from '@/lib/money';

export interface Placing { run: (order: OrderBody) => void; busy: boolean; problem: Problem | null; /** Whether this is what was sent last. */ same: (order: OrderBody) => boolean }
/** Long enough for the second half of a double click and for a key that is pressed again, before anybody could mean a second order. */
const REST_MS = 1000;
const TOUCHED = ['/bids', '/offers', '/balance'];

/** `done`: also if the ticket is gone when the answer comes. */
export function usePlace(side: 'bid' | 'offer', done: () => void): Placing {
  const client = useQueryClient();
  const write = useWrite<OrderBody, Order>(TOUCHED);
  const [resting, rest] = useState(false);
  useEffect(() => {
    if (!resting) return;
    const timer = setTimeout(() => rest(false), REST_MS);
    return () => clearTimeout(timer);
  }, [resting]);
  const undo = async (order: Order) => {
    try {
      await call('DELETE', `/${side}s/${order.id}`);
      toast({ tone: 'ok', title: 'Undone: the order is cancelled and its hold released' });
    } catch (error) {
      const p = asProblem(error);
      toast({ tone: 'bad', title: p.unsure ? 'No word whether the order is cancelled' : 'Too late to undo', detail: p.said });
    }
    void client.invalidateQueries({ predicate: (q) => TOUCHED.some((t) => String(q.queryKey[0]).startsWith(t)) });
  };
  return {
    busy: write.isPending || resting,
    problem: write.error,
    same: (order) => JSON.stringify(order) === JSON.stringify(write.variables?.body),
    run: (order) => void write.mutateAsync({ path: `/${side}s`, body: order, keyed: true }).then((placed) => {
      rest(true);
      done();
      toast({
        tone: 'ok', title: `${side === 'bid' ? 'Bid' : 'Offer'} placed, ${formatMoney(micro(placed.hold))} cr held`,
        detail: 'It counts from the next round on.', action: { label: 'Undo', run: () => void undo(placed) },
      });
    }, () => { /* The ticket says it; without one what was typed is still there. */ }),
  };
}
