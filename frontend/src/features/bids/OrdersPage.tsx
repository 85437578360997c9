import { Link } from '@tanstack/react-router';
import { Button, Page, Panel } from '@/components/ui';
import { Tabs } from '@/components/ui/Tabs';
import { combine, type List, type Order, useMay, useMe, useResource } from '@/lib/api';
import { useParam } from '@/lib/url';
import { Answer } from './Answer';
import { firstStuck, isOpen } from './order';
import { OrderTable } from './OrderTable';
import { WhyPanel } from './WhyPanel';

const GROUPS: { id: string; label: string; of: (o: Order) => boolean }[] = [
  { id: 'open', label: 'Open', of: isOpen },
  { id: 'filled', label: 'Filled', of: (o) => o.status === 'filled' },
  { id: 'closed', label: 'Closed', of: (o) => !isOpen(o) && o.status !== 'filled' },
  { id: 'all', label: 'All', of: () => true },
];

/** Why not, and what now? */
export default function OrdersPage() {
  const me = useMe();
  const [show, setShow] = useParam('show', 'all');
  const [chosen, choose] = useParam('order');
  const of = combine<{ bids: List<Order>; offers: List<Order> }>({ bids: useResource('/bids', { limit: 500 }), offers: useResource('/offers', { limit: 500 }) });
  const all = [...(of.data?.bids.data ?? []), ...(of.data?.offers.data ?? [])].sort((a, b) => b.created_at.localeCompare(a.created_at));
  const slot = me?.market.slot_seconds ?? 300;
  const selected = all.find((o) => o.id === chosen) ?? firstStuck(all);
  const trades = useMay('orders:write');
  const newBid = trades && <Link className="btn p" to="/pools">New bid <span className="kbd" style={{ background: 'none', borderColor: 'currentColor', color: 'inherit' }}>B</span></Link>;
  return (
    <Page title="Orders" of={of} actions={newBid} answer={() => <Answer orders={all} />}
      empty={() => all.length === 0 && { fact: 'No orders yet.', hint: 'A bid says how much, when, and at most for how much. You pay the clearing price.', action: newBid }}>
      {() => (
        <div className={selected ? 'split wide' : ''}>
          <Panel>
            <Tabs label="Orders" value={show} onChange={setShow} tabs={GROUPS.map((g) => {
              const rows = all.filter(g.of);
              return { id: g.id, label: g.label, count: rows.length, body: <OrderTable rows={rows} slotSeconds={slot} selected={selected?.id} onSelect={(o) => choose(o.id)} /> };
            })} tools={chosen ? <Button size="sm" kind="quiet" onClick={() => choose(null)}>Clear selection</Button> : undefined} />
          </Panel>
          {selected && <WhyPanel key={selected.id} order={selected} slotSeconds={slot} onReplaced={choose} />}
        </div>
      )}
    </Page>
  );
}
