import { type FormEvent, useState } from 'react';
import { Button, Note, NumberField, toast } from '@/components/ui';
import { Dialog } from '@/components/ui/Dialog';
import { bundleText, jobOf, lotOf } from '@/lib/adopted';
import { type BaselineBody, type Instance, useWrite } from '@/lib/api';
import { shown, unitOf } from '@/lib/money';
import { bodyOf, faultOf, resourcesOf, textOf, type Typed, type Which } from './baseline';

const TEXT = 'The baseline is what it always has, within its participant’s quota; lending never takes it under the floor. Slots whose gate has closed keep what they were planned with.';
const FIELDS: [Which, string][] = [['baseline', 'Baseline'], ['floor', 'Floor']];

function BaselineForm({ instance, onClose }: { instance: Instance; onClose: () => void }) {
  const [typed, setTyped] = useState<Typed>({});
  const write = useWrite<BaselineBody, Instance>(['/instances', '/allocations', '/pools']);
  const body = bodyOf(instance, typed);
  const resources = resourcesOf(instance);
  const submit = (e: FormEvent) => {
    e.preventDefault();
    if (body) write.mutate({ path: `/instances/${instance.id}/baseline`, method: 'PUT', body }, { onSuccess: () => { toast({ tone: 'ok', title: `Baseline and floor of ${instance.name} are set` }); onClose(); } });
  };
  const problem = write.error;
  const pointers = FIELDS.flatMap(([which]) => resources.map((r) => `/${which}/${r}`));
  const atField = problem?.body.errors?.some((e) => pointers.includes(e.pointer));
  const of = (which: Which, r: string) => ({
    value: textOf(instance, typed, which, r), error: faultOf(instance, typed, which, r) ?? problem?.field(`/${which}/${r}`),
    help: typed[`${which}/${r}`] === undefined ? undefined : `Now ${bundleText(instance, { [r]: instance[which][r] ?? 0 })}`,
    onChange: (text: string) => { setTyped((t) => ({ ...t, [`${which}/${r}`]: text })); if (problem) write.reset(); },
  });
  return (
    <Dialog open onClose={onClose} title={`Baseline and floor of ${instance.name}`} text={TEXT}>
      <form className="col g12" onSubmit={submit} aria-label="Baseline and floor">
        <div className="halves">
          {resources.flatMap((r) => FIELDS.map(([which, label]) => <NumberField key={`${which}/${r}`} label={`${label}, ${unitOf(r).label}`} unit={unitOf(r).many} step={jobOf(instance) ? shown(r, lotOf(instance, r)) : 1} {...of(which, r)} />))}
        </div>
        {problem && !atField && <div role="alert"><Note tone="bad">{problem.said}</Note></div>}
        <div className="row g8"><span className="sp" /><Button onClick={onClose}>Cancel</Button><Button type="submit" kind="primary" disabled={!body} busy={write.isPending}>Set both</Button></div>
      </form>
    </Dialog>
  );
}

/** For an admin. */
export function SetBaseline({ instance }: { instance: Instance }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button size="sm" onClick={() => setOpen(true)}>Set baseline and floor…</Button>
      {open && <BaselineForm instance={instance} onClose={() => setOpen(false)} />}
    </>
  );
}
