import { Button } from '@/components/ui';
import { Dialog } from '@/components/ui/Dialog';
import type { Order } from '@/lib/api';
import { usePhone } from '@/lib/usePhone';
import { AskedOrder } from './AskedOrder';
import { WhyPanel } from './WhyPanel';

interface Props { chosen: string; selected: Order | undefined; slotSeconds: number; choose: (id: string | null) => void }

/** What is said of an order: beside the list; on a phone, where it would lie far below a list that scrolls by itself, over it. */
export function ChosenOrder({ chosen, selected, slotSeconds, choose }: Props) {
  const phone = usePhone();
  const body = selected ? <WhyPanel key={selected.id} order={selected} slotSeconds={slotSeconds} onReplaced={choose} />
    : chosen && <AskedOrder key={chosen} id={chosen} slotSeconds={slotSeconds} onReplaced={choose} />;
  if (!phone || !chosen) return body || null;
  const close = () => choose(null);
  return (
    <Dialog open sheet onClose={close} title={`Order ${chosen.slice(-6)}`}>
      {body}
      <div className="row mt-2"><Button size="lg" icon="undo" onClick={close}>Back to the orders</Button></div>
    </Dialog>
  );
}
