// A new reserve price schedule: the steps of the one in force to start from, a picture of both, and
// a last look at what is replaced before it is sent.
import { type FormEvent, useState } from 'react';
import { Button, Field, Note, NumberField, Panel, Select, toast } from '@/components/ui';
import { Decide } from '@/components/ui/Decide';
import { type Pool, type ReservePrice, SCHEDULES, useWrite } from '@/lib/api';
import { unitOf } from '@/lib/money';
import { moment, useNow } from '@/lib/time';
import { check, coming, draftOf, inForce, sayDraft, sentTime, type StepDraft, timeFault, wireOf, withoutStep, withStep } from './schedule';
import { PoolField } from './PoolField';
import { SupplyCurve } from './SupplyCurve';
import { TakeBack } from './TakeBack';
import type { Simulation } from './useSimulation';

/** What is proposed as a start is so far ahead; where somebody else has to approve it first, far enough that they may be away. */
const SOON = 120_000;
const AFTER_APPROVAL = 3_600_000;
interface Body { resource: string; steps: ReservePrice['steps']; effective_at: string }
/** What was typed, by pool and resource: nobody finds it under another product, and it is there again with its own. */
export type Drafts = Record<string, StepDraft[] | null>;
interface Props { drafts: Drafts; setDrafts: (change: (drafts: Drafts) => Drafts) => void; pool: Pool; pools: Pool[]; onPool: (slug: string) => void; resource: string; onResource: (resource: string) => void; history: ReservePrice[]; etag: string; simulation: Simulation }
const ROUNDS = ['20', '60', '120', '240'].map((n) => ({ value: n, label: `the last ${n} rounds` }));

function Steps({ steps, set, faults, unit }: { steps: StepDraft[]; set: (steps: StepDraft[]) => void; faults: ReturnType<typeof check>; unit: string }) {
  const change = (index: number, part: Partial<StepDraft>) => set(steps.map((s, i) => (i === index ? { ...s, ...part } : s)));
  return (
    <fieldset className="col g8 border-0 p-0 m-0">
      <legend className="lab pb-1">Steps of the supply, cheapest first</legend>
      {steps.map((s, i) => (
        <div key={i} className="row g8 items-start">
          <NumberField label={`Share of step ${i + 1}`} hideLabel className="w-[118px]" unit="% of it" value={s.share} onChange={(share) => change(i, { share })} error={faults.steps[i]?.share} />
          <NumberField label={`Price of step ${i + 1}`} hideLabel className="sp" unit={`cr/${unit}·slot`} value={s.price} onChange={(price) => change(i, { price })} error={faults.steps[i]?.price} />
          <Button kind="quiet" icon="cross" disabled={steps.length === 1} onClick={() => set(withoutStep(steps, i))} aria-label={`Remove step ${i + 1}`} />
        </div>
      ))}
      <div className="row g8"><Button icon="plus" onClick={() => set(withStep(steps))}>Add a step</Button>{faults.total && <span className="help bad">{faults.total}</span>}</div>
    </fieldset>
  );
}

/** `If-Match` guards against two admins: the second is told, not overruled. */
export function ReserveForm({ drafts, setDrafts, pool, pools, onPool, resource, onResource, history, etag, simulation }: Props) {
  const [rounds, setRounds] = useState('60');
  const product = `${pool.slug} ${resource}`;
  const edited = drafts[product] ?? null;
  const setEdited = (steps: StepDraft[] | null) => setDrafts((d) => ({ ...d, [product]: steps }));
  const now = useNow();
  // Until somebody types a time it moves along: what was soon when the page was opened would soon be past.
  const [typed, setFrom] = useState<string | null>(null);
  const two = pool.two_person_approval;
  const from = typed ?? new Date(now + (two ? AFTER_APPROVAL : SOON)).toISOString().slice(0, 16);
  // The version that was on the screen when it was asked: what somebody else sets meanwhile is not replaced unseen.
  const [asking, setAsking] = useState<{ etag: string } | null>(null);
  const write = useWrite<Body, unknown>(['/pools', SCHEDULES]);
  const path = `/pools/${pool.slug}/reserve_prices`;
  const error = write.variables?.path === path && write.variables.body?.resource === resource ? write.error : null;
  const unit = unitOf(resource);
  const starts = Date.parse(`${from}Z`);
  const replaced = inForce(history, resource, Number.isNaN(starts) ? now : starts);
  const before = replaced ? draftOf(resource, replaced.steps) : [];
  const steps = edited ?? (before.length ? before : [{ share: '100', price: '1' }]);
  const faults = check(steps);
  const when = timeFault(from, now);
  const later = coming(history, resource, Number.isNaN(starts) ? now : starts);
  const same = JSON.stringify(steps) === JSON.stringify(before);
  const submit = (e: FormEvent) => { e.preventDefault(); setAsking({ etag }); };
  const send = () => write.mutate({ path, body: { resource, steps: wireOf(resource, steps), effective_at: sentTime(from) }, ifMatch: asking?.etag || undefined, keyed: true }, {
    onSuccess: () => {
      toast({ tone: 'ok', title: `Reserve price of ${pool.slug} ${two ? 'proposed' : 'set'}`, detail: `${unit.label}: ${sayDraft(steps)}, from ${from.replace('T', ' ')} UTC` });
      setEdited(null);
    },
    onSettled: () => setAsking(null),
  });
  return (
    <Panel title={`New reserve price, ${pool.slug}`}>
      <form className="pad col g12" onSubmit={submit}>
        <PoolField pool={pool} pools={pools} onChoose={onPool} />
        <Select label="Resource" value={resource} onChange={onResource} options={pool.resources.map((r) => ({ value: r.resource, label: unitOf(r.resource).label }))} />
        <Steps steps={steps} set={setEdited} faults={faults} unit={unit.one} />
        <SupplyCurve steps={steps} before={before} unit={unit.one} />
        <Field label="In force from, UTC" type="datetime-local" value={from} onChange={setFrom} error={when ?? error?.field('/effective_at')} help={two ? 'By then somebody else has to have approved it; an approval that comes later is refused' : undefined} />
        <TakeBack history={history} resource={resource} now={now} fill={(back, at) => { setEdited(back); setFrom(at); }} />
        {later.length > 0 && <Note tone="warn">Another schedule is already set from {moment(later[0]?.effective_at ?? '', 'UTC')} UTC on; it will replace this one then.</Note>}
        {error && <div role="alert"><Note tone="bad">{error.said} {error.status === 412 && 'Somebody else changed it: look at the history, then try again.'}</Note></div>}
        <div className="row g8 items-end wrap">
          <Select label="Try it on" value={rounds} onChange={setRounds} options={ROUNDS} />
          <Button icon="rounds" disabled={!faults.ok} busy={simulation.isPending} onClick={() => simulation.mutate({ resource, steps: wireOf(resource, steps), rounds: Number(rounds) })}>Simulate</Button>
        </div>
        <div className="row g8 wrap">
          <Button type="submit" kind="primary" disabled={!faults.ok || same || !!when} busy={write.isPending}>{two ? 'Propose the schedule…' : 'Replace the schedule…'}</Button>
          {edited && !same && <Button onClick={() => setEdited(null)}>Back to what is in force</Button>}
        </div>
        <p className="help">The operator sells each part of its supply from this price up. Bids under it can still win from lenders. {two && 'Another person who may set prices has to approve it before it takes effect.'}</p>
      </form>
      <Decide open={asking !== null} onClose={() => setAsking(null)} title={`${two ? 'Propose to replace' : 'Replace'} the reserve price of ${unit.label} in ${pool.slug}?`} action={two ? 'Propose it' : 'Replace it'} keep="Go back" busy={write.isPending} onConfirm={send}
        text={<>In force until then: <b>{before.length ? sayDraft(before) : 'none'}</b>.<br />New, for slots from {from.replace('T', ' ')} UTC on: <b>{sayDraft(steps)}</b>, in credits a {unit.one} and slot.</>} />
    </Panel>
  );
}
