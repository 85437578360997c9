import { Link } from '@tanstack/react-router';
import { Button, Page, Panel } from '@/components/ui';
import { Tabs } from '@/components/ui/Tabs';
import { countOf, useMay, useMe } from '@/lib/api';
import { useParam } from '@/lib/url';
import { Answer } from './Answer';
import { AskedOrder } from './AskedOrder';
import { firstStuck } from './order';
import { OrderTable } from './OrderTable';
import { type Groups, useOrders } from './useOrders';
import { WhyPanel } from './WhyPanel';

const TABS: { id: keyof Groups; label: string }[] = [{ id: 'open', label: 'Open' }, { id: 'filled', label: 'Filled' }, { id: 'closed', label: 'Closed' }, { id: 'all', label: 'All' }];

/** Why not, and what now? */
export default function OrdersPage() {
  const me = useMe();
  const [show, setShow] = useParam('show', 'all');
  const [chosen, choose] = useParam('order');
  const of = useOrders();
  const slot = me?.market.slot_seconds ?? 300;
  // Whoever asks for an order by its id gets that one or none.
  const selected = of.data && (chosen ? of.data.all.rows.find((o) => o.id === chosen) : firstStuck(of.data.open.rows));
  const trades = useMay('orders:write');
  const newBid = trades && <Link className="btn p" to="/pools">New bid <span className="kbd" style={{ background: 'none', borderColor: 'currentColor', color: 'inherit' }}>B</span></Link>;
  return (
    <Page title="Orders" of={of} actions={newBid} answer={(d) => <Answer open={d.open} filled={d.filled} />}
      empty={(d) => d.all.rows.length === 0 && !chosen && { fact: 'No orders yet.', hint: 'A bid says how much, when, and at most for how much. You pay the clearing price.', action: newBid }}>
      {(d) => (
        <div className={selected || chosen ? 'split wide' : ''}>
          <Panel>
            <Tabs label="Orders" value={show} onChange={setShow} tabs={TABS.map(({ id, label }) => (
              { id, label, count: countOf(d[id]), body: <OrderTable group={d[id]} name={id} slotSeconds={slot} selected={chosen || selected?.id} beside={!!(selected || chosen)} onSelect={(o) => choose(o.id)} /> }
            ))} tools={chosen ? <Button size="sm" kind="quiet" onClick={() => choose(null)}>Clear selection</Button> : undefined} />
          </Panel>
          {selected ? <WhyPanel key={selected.id} order={selected} slotSeconds={slot} onReplaced={choose} />
            : chosen && <AskedOrder key={chosen} id={chosen} slotSeconds={slot} onReplaced={choose} />}
        </div>
      )}
    </Page>
  );
}
