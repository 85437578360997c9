// The order of a link, whatever the list beside it holds. Mounted anew for each id, so that it never shows another one.
import { Panel, ResourceView } from '@/components/ui';
import { Empty } from '@/components/ui/states';
import { type Order, useResource } from '@/lib/api';
import { WhyPanel } from './WhyPanel';

const pathOf = (id: string): string | null => {
  const list = id.startsWith('bid_') ? '/bids' : id.startsWith('off_') ? '/offers' : null;
  return list && `${list}/${encodeURIComponent(id)}`;
};

export function AskedOrder({ id, slotSeconds, onReplaced }: { id: string; slotSeconds: number; onReplaced: (id: string) => void }) {
  const path = pathOf(id);
  const of = useResource<Order>(path);
  const missing = { fact: <span className="break-all">There is no order {id}.</span>, hint: 'It may be another participant’s, or the link is not whole.' };
  if (of.data) return <WhyPanel order={of.data} slotSeconds={slotSeconds} onReplaced={onReplaced} />;
  return (
    <Panel title="The order of this link">
      {path === null ? <Empty {...missing} /> : <ResourceView of={of} rows={6} missing={missing}>{() => null}</ResourceView>}
    </Panel>
  );
}
