import { Link } from '@tanstack/react-router';
import { Button, Page, Panel, Select } from '@/components/ui';
import { Tabs } from '@/components/ui/Tabs';
import { countOf, type Order, useMay, useMe } from '@/lib/api';
import { useParam } from '@/lib/url';
import { Answer } from './Answer';
import { ChosenOrder } from './ChosenOrder';
import { isPlaced, PLACED } from './order';
import { OrderTable } from './OrderTable';
import { type Group, type Groups, useOrders } from './useOrders';
import { parted } from './waiting';
import { WaitingRows } from './WaitingRows';

const TABS: { id: keyof Groups; label: string }[] = [{ id: 'open', label: 'Open' }, { id: 'filled', label: 'Filled' }, { id: 'closed', label: 'Closed' }, { id: 'all', label: 'All' }];
const placed = (group: Group, by: string): Group => ({ ...group, rows: group.rows.filter((o) => isPlaced(o, by)) });

/** Why not, and what now? */
export default function OrdersPage() {
  const me = useMe();
  const [show, setShow] = useParam('show', 'open');
  const [by, setBy] = useParam('by', 'all');
  const [chosen, choose] = useParam('order');
  const of = useOrders();
  const slot = me?.market.slot_seconds ?? 300;
  // The panel acts on the order of the address: one that the page chose by itself would change under the hand with a round.
  const selected = chosen ? of.data?.all.rows.find((o) => o.id === chosen) : undefined;
  const trades = useMay('orders:write');
  const newBid = trades && <Link className="btn p" to="/pools">New bid <span className="kbd" style={{ background: 'none', borderColor: 'currentColor', color: 'inherit' }}>B</span></Link>;
  const select = (o: Order) => choose(o.id);
  return (
    <Page title="Orders" of={of} actions={newBid} answer={(d) => <Answer open={d.open} filled={d.filled} choose={choose} />}
      empty={(d) => d.all.rows.length === 0 && !chosen && { fact: 'No orders yet.', hint: 'A bid says how much, when, and at most for how much. You pay the clearing price.', action: newBid }}>
      {(d) => (
        <div className={chosen ? 'split wide' : ''}>
          <Panel>
            <Tabs label="Orders" value={show} onChange={setShow} tabs={TABS.map(({ id, label }) => {
              const group = placed(d[id], by);
              const { listed, waiting } = id === 'open' && by === 'all' ? parted(group.rows) : { listed: group.rows, waiting: [] };
              const table = { slotSeconds: slot, selected: chosen || undefined, beside: !!chosen, onSelect: select };
              const body = (
                <>
                  {(listed.length > 0 || waiting.length === 0) && <OrderTable {...table} group={{ ...group, rows: listed }} loaded={d[id].rows.length} by={by} name={id} asGiven={id === 'open'} />}
                  <WaitingRows {...table} waiting={waiting} />
                </>
              );
              return { id, label, count: countOf(group), body };
            })} tools={<span className="row g8 wrap">
              {chosen && <Button size="sm" kind="quiet" onClick={() => choose(null)}>Clear selection</Button>}
              <Select label="Placed by" hideLabel value={by} onChange={setBy} options={PLACED} />
            </span>} />
          </Panel>
          <ChosenOrder chosen={chosen} selected={selected} slotSeconds={slot} choose={choose} />
        </div>
      )}
    </Page>
  );
}
