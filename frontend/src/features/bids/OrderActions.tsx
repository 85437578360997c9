import { type FormEvent, useState } from 'react';
import { Button, NumberField, toast } from '@/components/ui';
import { Decide } from '@/components/ui/Decide';
import { type Order, useWrite } from '@/lib/api';
import { asMicro, decimal, formatMoney, micro, readMicro, trimmed } from '@/lib/money';
import { perSlot } from './order';
import { useReplace } from './useReplace';

export function OrderActions({ order, slots, onReplaced }: { order: Order; slots: number; onReplaced: (id: string) => void }) {
  const [limit, setLimit] = useState(() => trimmed(decimal(perSlot(order.remaining_limit, slots), 6)));
  const [asking, setAsking] = useState(false);
  const replace = useReplace(order, slots, onReplaced);
  const write = useWrite<undefined, Order>(['/bids', '/offers', '/balance']);
  const { value: amount, fault } = readMicro(limit);
  const good = amount !== null && amount > 0n;
  const save = (e: FormEvent) => { e.preventDefault(); if (good) replace.run(decimal(asMicro(amount * BigInt(slots)), 6)); };
  const cancel = () => write.mutate({ path: `/${order.side}s/${order.id}`, method: 'DELETE' }, {
    onSuccess: (now) => toast({ tone: 'ok', title: `Order ${order.id.slice(-6)} is ${now.status === 'pending_cancel' ? 'cancelled after this round' : 'cancelled'}` }),
    onError: (p) => toast({ tone: 'bad', title: p.unsure ? 'No word whether the order is cancelled' : 'Order not cancelled', detail: p.said }),
    onSettled: () => setAsking(false),
  });
  const text = `The rest of it leaves the book and up to ${formatMoney(micro(order.hold))} cr of its hold come back. What it has won stays yours.`;
  return (
    <form className="pad row g8 items-start border-t border-border" onSubmit={save}>
      <NumberField label={order.remaining_limit === order.limit ? 'Limit' : 'Limit for the rest'} unit="cr/slot" value={limit} onChange={setLimit} className="sp" error={fault ?? (amount === 0n ? 'More than 0' : undefined)} />
      <Button type="submit" className="mt-[20px]" disabled={!good} busy={replace.busy}>Set limit</Button>
      <Button kind="danger" className="mt-[20px]" onClick={() => setAsking(true)}>Cancel order</Button>
      <Decide open={asking} onClose={() => setAsking(false)} title={`Cancel order ${order.id.slice(-6)}?`} text={text} action="Cancel order" danger busy={write.isPending} onConfirm={cancel} />
    </form>
  );
}
