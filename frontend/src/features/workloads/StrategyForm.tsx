import type { FormEvent } from 'react';
import { Button, Note, NumberField, Panel, toast } from '@/components/ui';
import { Changed } from '@/components/ui/Changed';
import { Switch } from '@/components/ui/Switch';
import { jobOf } from '@/lib/adopted';
import { type Instance, type Pool, type Strategy, usePools, useWrite } from '@/lib/api';
import { useEdit } from '@/lib/edit';
import { unitOf } from '@/lib/money';
import { covers, levelsOf } from './levels';
import { ServiceLevel } from './ServiceLevel';
import { bidOf, bidsNothing, faultOf, feeFault, type Form, formOf, mostFault, noticeFault, promiseFault, sendable, strategyOf } from './strategy';

function Prices({ label, values, on, set }: { label: string; values: Record<string, string>; on: boolean; set: (values: Record<string, string>) => void }) {
  return (
    <div className="halves" style={{ gap: 8 }}>
      {Object.entries(values).map(([r, value]) => (
        <NumberField key={r} label={`${label}, ${unitOf(r).label}`} unit={`cr/${unitOf(r).one}`} value={value} onChange={(v) => set({ ...values, [r]: v })} error={faultOf(value)} disabled={!on} />
      ))}
    </div>
  );
}

/** Pools that have all of its resources, its own among them: to come back it needs that one, too. */
function MayMoveTo({ instance, pools, chosen, set }: { instance: Instance; pools: Pool[]; chosen: string[]; set: (chosen: string[]) => void }) {
  const places = pools.filter((p) => !p.recallable_of && Object.keys(instance.baseline).every((r) => p.resources.some((has) => has.resource === r)));
  if (places.length < 2) return null;
  const choose = (name: string, on: boolean) => set(on ? [...chosen, name] : chosen.filter((other) => other !== name));
  // One that was named through the API stays to be seen, and to be switched off.
  const offered = levelsOf(places);
  const others = chosen.filter((name) => name.includes('/') && offered.every((level) => level.name !== name)).map((name) => ({ name, label: `Pools at ${name}` }));
  return (
    <fieldset className="col g8">
      <legend className="s12 t2">May move to</legend>
      {[...offered, ...others].map(({ name, label }) => (
        <Switch key={name} label={label} on={chosen.includes(name)} onChange={(on) => choose(name, on)} />
      ))}
      {places.map((place) => {
        const covered = chosen.some((name) => covers(name, place));
        const label = place.slug === instance.pool ? `${place.slug}, its own now` : place.slug;
        return <Switch key={place.slug} label={label} on={covered || chosen.includes(place.slug)} disabled={covered} onChange={(on) => choose(place.slug, on)} />;
      })}
      <p className="help">Headroom makes one of these its own pool, after a shadow run, when that serves its forecast better by more than the move costs. None: it stays. To come back it needs its own pool as well. "Any pool" counts pools that are added later.</p>
    </fieldset>
  );
}

/** Standing orders of a workload: buy when its forecast asks for more, lend what it will not need. */
export function StrategyForm({ instance }: { instance: Instance }) {
  const edit = useEdit<Form>(formOf(instance.strategy, Object.keys(instance.baseline)), instance.strategy_version, `strategy of ${instance.id}`);
  const form = edit.value;
  const write = useWrite<Strategy, unknown>(['/instances']);
  const change = (part: Partial<Form>) => edit.set({ ...form, ...part });
  const good = sendable(form);
  // A job of a cluster lends nothing.
  const lends = !jobOf(instance);
  const pools = usePools().data?.data;
  const twin = pools?.some((p) => p.recallable_of === instance.pool);
  const save = (e: FormEvent) => {
    e.preventDefault();
    if (!good) return;
    // Not as an option of `mutate`: that is forgotten with the form, and another workload may be looked at before the answer comes.
    write.mutateAsync({ path: `/instances/${instance.id}/strategy`, method: 'PUT', body: strategyOf(form), ifMatch: edit.ifMatch, keyed: true })
      .then(() => { toast({ tone: 'ok', title: `Strategy of ${instance.name} saved` }); edit.reset(); }, () => { /* The form says it; without one the draft is still there. */ });
  };
  return (
    <Panel title="Strategy" note="acts with every round, at most at these values">
      <form className="pad col g12" onSubmit={save}>
        <Switch label="Bid when the forecast asks for more" on={form.bid} onChange={(bid) => change({ bid })} />
        <Prices label="A slot short costs" values={form.cost} on={form.bid} set={(cost) => change({ cost })} />
        {bidsNothing(form) && <Note tone="warn">It places nothing until a cost is named: say what a slot short costs, of one resource at least, or switch it off.</Note>}
        <NumberField label="Promised service level" unit="%" value={form.promised} onChange={(promised) => change({ promised })} error={form.bid ? promiseFault(form.promised) : undefined} disabled={!form.bid} help="The share of slots in which none of these is to be short. Empty promises nothing; what is bid stays what a shortage costs." />
        {twin && <Switch label="Bid for recallable CPU" on={form.takesRecallable} onChange={(takesRecallable) => change({ takesRecallable })} />}
        {form.bid && <ServiceLevel instance={instance} typed={bidOf(form)} saved={!edit.edited} onUse={(costs) => change({ cost: { ...form.cost, ...costs } })} />}
        {lends && <Switch label="Lend what it will not need" on={form.offer} onChange={(offer) => change({ offer })} />}
        {lends && <Prices label="Take at least" values={form.least} on={form.offer} set={(least) => change({ least })} />}
        {form.offer && <Switch label="Never less than the pool’s reserve price" on={form.atReserve} onChange={(atReserve) => change({ atReserve })} />}
        {form.offer && <p className="help">0 is no minimum of its own; a resource without a price is not lent.</p>}
        {twin && lends && <Prices label="Take at least, recallable" values={form.recallable} on={form.offer} set={(recallable) => change({ recallable })} />}
        {twin && form.offer && <p className="help">What it will probably not need is lent at this price as well, and taken back within seconds when it does. Empty lends none of it.</p>}
        {Object.keys(form.draws).length > 0 && (
          <>
            <Prices label="Takes at once, up to" values={form.draws} on set={(draws) => change({ draws })} />
            <p className="help">When it needs more than it has in the middle of a slot, it takes what is free on its node at once, at this price at most. Empty takes none of it.</p>
          </>
        )}
        <div className="halves" style={{ gap: 8 }}>
          {Object.entries(form.most).map(([r, value]) => (
            <NumberField key={r} label={`Change at most, ${unitOf(r).label}`} unit={unitOf(r).many} value={value} onChange={(v) => change({ most: { ...form.most, [r]: v } })} error={mostFault(r, value)} help="What rounds may add or take of it in a slot; empty is no limit." />
          ))}
        </div>
        <NumberField label="Moving it costs you" unit="cr" value={form.fee} onChange={(fee) => change({ fee })} error={feeFault(form.fee)} help="A bid that needs another node wins only at a price so much under its limit." />
        <NumberField label="Knows what it has" unit="s before" value={form.notice} onChange={(notice) => change({ notice })} error={noticeFault(form.notice)} help="So long before a slot begins what it has won is no longer sold on to others. Empty is until the slot's gate closes." />
        {!instance.adopted && <MayMoveTo instance={instance} pools={pools ?? []} chosen={form.moveTo} set={(moveTo) => change({ moveTo })} />}
        <Switch label="Go on while no rounds are held" on={form.goesOn} onChange={(goesOn) => change({ goesOn })} />
        <p className="help">While a pool is halted or no round can be held, what it has and lends goes on slot by slot at the mean price of the hour, within its limits. Off, it has its baseline from the next slot on.</p>
        <Changed what="the strategy" stale={edit.stale} error={write.error} onKeep={() => { edit.rebase(); write.reset(); }} onDrop={() => { edit.reset(); write.reset(); }} />
        {write.error && write.error.status !== 412 && <div role="alert"><Note tone="bad">{write.error.said}</Note></div>}
        {edit.edited && <div className="row g8 s12 t2"><span>Changed and not saved; it stays while you look at others.</span><span className="sp" /><Button size="sm" kind="quiet" onClick={edit.reset}>Discard</Button></div>}
        <Button type="submit" busy={write.isPending} disabled={!good}>Save strategy</Button>
      </form>
    </Panel>
  );
}
