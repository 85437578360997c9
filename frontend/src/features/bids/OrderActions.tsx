import { type FormEvent, useState } from 'react';
import { Button, NumberField, toast } from '@/components/ui';
import { Decide } from '@/components/ui/Decide';
import { type Order, useWrite } from '@/lib/api';
import { asMicro, decimal, formatMoney, micro, tryMicro } from '@/lib/money';
import { perSlot } from './order';

export function OrderActions({ order, slots }: { order: Order; slots: number }) {
  const [limit, setLimit] = useState(() => formatMoney(perSlot(order.limit, slots)).replaceAll(',', ''));
  const [asking, setAsking] = useState(false);
  const path = `/${order.side}s/${order.id}`;
  const write = useWrite<{ limit: string } | undefined, Order>(['/bids', '/offers', '/balance']);
  const amount = tryMicro(limit);
  const save = (e: FormEvent) => {
    e.preventDefault();
    if (amount === null) return;
    write.mutate({ path, method: 'PATCH', body: { limit: decimal(asMicro(amount * BigInt(slots)), 6) }, keyed: true }, {
      onSuccess: () => toast({ tone: 'ok', title: `Limit is now ${formatMoney(amount)} cr a slot` }),
      onError: (p) => toast({ tone: 'bad', title: 'Limit not changed', detail: p.said }),
    });
  };
  const cancel = () => write.mutate({ path, method: 'DELETE' }, {
    onSuccess: () => toast({ tone: 'ok', title: `Order ${order.id.slice(-6)} is cancelled` }),
    onError: (p) => toast({ tone: 'bad', title: 'Order not cancelled', detail: p.said }),
    onSettled: () => setAsking(false),
  });
  return (
    <form className="pad row g8 items-end border-t border-border" onSubmit={save}>
      <NumberField label="Limit" unit="cr/slot" value={limit} onChange={setLimit} className="sp" />
      <Button type="submit" disabled={amount === null || amount <= 0n} busy={write.isPending}>Set limit</Button>
      <Button kind="danger" onClick={() => setAsking(true)}>Cancel order</Button>
      <Decide open={asking} onClose={() => setAsking(false)} title={`Cancel order ${order.id.slice(-6)}?`} text={`The rest of it leaves the book and up to ${formatMoney(micro(order.hold))} cr of its hold come back. What it has won stays yours.`} action="Cancel order" danger busy={write.isPending} onConfirm={cancel} />
    </form>
  );
}
