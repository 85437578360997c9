import { type FormEvent, useState } from 'react';
import { Button, NumberField, Panel, toast } from '@/components/ui';
import { Switch } from '@/components/ui/Switch';
import { type Instance, type Strategy, useWrite } from '@/lib/api';
import { asNano, decimal, divRound, formatPrice, parseDecimal, unitOf, unitPrice } from '@/lib/money';

const R = 'cpu_milli';
/** Per core on screen, per base unit on the wire. */
const toField = (price: string | null) => (price ? formatPrice(unitPrice(R, price)).replaceAll(',', '') : '');
function toWire(text: string): string | null {
  if (text.trim() === '') return null;
  return decimal(divRound(asNano(parseDecimal(text, 9)), BigInt(unitOf(R).per)), 9);
}

/** Standing orders of a workload: buy when its forecast asks for more, lend what it will not need. */
export function StrategyForm({ instance }: { instance: Instance }) {
  const s = instance.strategy;
  const [bid, setBid] = useState(s.auto_bid);
  const [offer, setOffer] = useState(s.auto_offer);
  const [max, setMax] = useState(toField(s.max_price));
  const [min, setMin] = useState(toField(s.min_price));
  const write = useWrite<Strategy, Strategy>(['/instances']);
  const save = (e: FormEvent) => {
    e.preventDefault();
    write.mutate({ path: `/instances/${instance.id}/strategy`, method: 'PUT', body: { auto_bid: bid, auto_offer: offer, max_price: toWire(max), min_price: toWire(min) } }, {
      onSuccess: () => toast({ tone: 'ok', title: `Strategy of ${instance.name} saved` }),
      onError: (p) => toast({ tone: 'bad', title: p.body.title, detail: p.body.detail }),
    });
  };
  return (
    <Panel title="Strategy" note="acts with every round">
      <form className="pad col g12" onSubmit={save}>
        <Switch label="Bid when the forecast asks for more" on={bid} onChange={setBid} />
        <NumberField label="Pay at most" unit="cr/core·slot" value={max} onChange={setMax} disabled={!bid} help="Empty: up to what a missed core costs its SLA" />
        <Switch label="Lend what it will not need" on={offer} onChange={setOffer} />
        <NumberField label="Take at least" unit="cr/core·slot" value={min} onChange={setMin} disabled={!offer} help="Never under its floor" />
        <Button type="submit" busy={write.isPending}>Save strategy</Button>
      </form>
    </Panel>
  );
}
