import { type FormEvent, useState } from 'react';
import { Button, Note, NumberField, Panel, toast } from '@/components/ui';
import { Switch } from '@/components/ui/Switch';
import { type Instance, type Strategy, useWrite } from '@/lib/api';
import { unitOf } from '@/lib/money';
import { faultOf, feeFault, type Form, formOf, mostFault, sendable, strategyOf } from './strategy';

function Prices({ label, values, on, set }: { label: string; values: Record<string, string>; on: boolean; set: (values: Record<string, string>) => void }) {
  return (
    <div className="halves" style={{ gap: 8 }}>
      {Object.entries(values).map(([r, value]) => (
        <NumberField key={r} label={`${label}, ${unitOf(r).label}`} unit={`cr/${unitOf(r).one}`} value={value} onChange={(v) => set({ ...values, [r]: v })} error={faultOf(value)} disabled={!on} />
      ))}
    </div>
  );
}

/** Standing orders of a workload: buy when its forecast asks for more, lend what it will not need. */
export function StrategyForm({ instance }: { instance: Instance }) {
  const [form, setForm] = useState<Form>(() => formOf(instance.strategy, Object.keys(instance.baseline)));
  const write = useWrite<Strategy, unknown>(['/instances']);
  const change = (part: Partial<Form>) => setForm((f) => ({ ...f, ...part }));
  const good = sendable(form);
  const save = (e: FormEvent) => {
    e.preventDefault();
    if (!good) return;
    write.mutate({ path: `/instances/${instance.id}/strategy`, method: 'PUT', body: strategyOf(form, instance.strategy), keyed: true }, {
      onSuccess: () => toast({ tone: 'ok', title: `Strategy of ${instance.name} saved` }),
    });
  };
  return (
    <Panel title="Strategy" note="acts with every round, at most at these values">
      <form className="pad col g12" onSubmit={save}>
        <Switch label="Bid when the forecast asks for more" on={form.bid} onChange={(bid) => change({ bid })} />
        <Prices label="A slot short costs" values={form.cost} on={form.bid} set={(cost) => change({ cost })} />
        <Switch label="Lend what it will not need" on={form.offer} onChange={(offer) => change({ offer })} />
        <Prices label="Take at least" values={form.least} on={form.offer} set={(least) => change({ least })} />
        <div className="halves" style={{ gap: 8 }}>
          {Object.entries(form.most).map(([r, value]) => (
            <NumberField key={r} label={`Change at most, ${unitOf(r).label}`} unit={unitOf(r).many} value={value} onChange={(v) => change({ most: { ...form.most, [r]: v } })} error={mostFault(r, value)} help="What rounds may add or take of it in a slot; empty is no limit." />
          ))}
        </div>
        <NumberField label="Moving it costs you" unit="cr" value={form.fee} onChange={(fee) => change({ fee })} error={feeFault(form.fee)} help="A bid that needs another node wins only at a price so much under its limit." />
        {write.error && <div role="alert"><Note tone="bad">{write.error.said}</Note></div>}
        <Button type="submit" busy={write.isPending} disabled={!good}>Save strategy</Button>
      </form>
    </Panel>
  );
}
