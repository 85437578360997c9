import { Note, NumberField, Segmented, Select } from '@/components/ui';
import { Switch } from '@/components/ui/Switch';
import { jobOf, lotOf, nodesText } from '@/lib/adopted';
import { type Instance, type Market, type Pool, resourceOf } from '@/lib/api';
import { formatBundle, formatQuantity, formatRough, readQuantity, shown, unitOf } from '@/lib/money';
import { clock, zone } from '@/lib/time';
import { NoWorkload } from './NoWorkload';
import { type Faults, type Fields, hasDevices, homeOf, mayChange, mayTrade, partOf, takesRuns } from './draftOrder';
import { ProjectField } from './ProjectField';

/** So many nodes are offered at a click. */
const STEPS = [1, 2, 4, 8];
/** A job grows by whole nodes: some of them at a click, as far as its limit goes. */
function Nodes({ of, text, onChange }: { of: Instance; text: string; onChange: (text: string) => void }) {
  const lot = lotOf(of, 'cpu_milli');
  const typed = (nodes: number) => String(shown('cpu_milli', nodes * lot));
  const steps = STEPS.filter((nodes) => nodes * lot <= mayChange(of, 'bid', 'cpu_milli'));
  return (
    <div className="col g6">
      {steps.length > 1 && <Segmented label="Nodes more" value={text} options={steps.map((nodes) => ({ value: typed(nodes), label: nodesText(nodes) }))} onChange={onChange} />}
      <p className="s12 t2">{`${of.name} grows by whole nodes of ${formatQuantity('cpu_milli', lot)}: it wins all of what it asks for, or none.`}</p>
    </div>
  );
}
/** How many nodes an amount of a job is, while it is some. */
function inNodes(of: Instance, resource: string, text: string): string | undefined {
  const nodes = (readQuantity(resource, text).value ?? 0) / lotOf(of, resource);
  return resource === 'cpu_milli' && nodes > 0 && Number.isInteger(nodes) ? nodesText(nodes) : undefined;
}

interface Props { fields: Fields; slots: number; set: (change: Partial<Fields>) => void; faults: Faults; first: number; market: Market; pool: Pool; resource: string; instances: Instance[]; /** None of one's workloads is one of this pool, and one is needed. */ lacks: boolean; /** What the order is for, where that can neither grow nor lend any more in its window. */ full?: Instance; away?: Instance }

export function TicketFields({ fields, slots, set, faults, first, market, pool, resource, instances, lacks, full, away }: Props) {
  const z = zone.use();
  const starts = Array.from({ length: market.horizon_slots }, (_, i) => first + i * market.slot_seconds * 1000);
  const needed = fields.side === 'offer';
  const alone = !needed && !pool.recallable_of && fields.instance === '';
  const lent = partOf(fields, pool).resources[0];
  const workload = instances.find((i) => i.id === fields.instance);
  const job = !needed && jobOf(workload) ? workload : undefined;
  const there = (r: string) => {
    if (needed) return workload && `it may lend ${formatRough(r, mayChange(workload, 'offer', r))}`;
    const x = resourceOf(pool, r);
    const free = x && !pool.recallable_of && `${formatRough(r, x.free)} free at ${clock(pool.next_slot, z)}`;
    return [job && inNodes(job, r, fields.amounts[r] ?? ''), free].filter(Boolean).join(', ') || undefined;
  };
  return (
    <>
      <div className="halves" style={{ gap: 8 }}>
        {needed && <Select label="Lends" value={lent?.resource ?? ''} onChange={(lends) => set({ lends })} options={pool.resources.map((r) => ({ value: r.resource, label: unitOf(r.resource).label }))} />}
        {(needed ? (lent ? [lent] : []) : pool.resources).toSorted((a, b) => Number(b.resource === resource) - Number(a.resource === resource)).map(({ resource: r }) => (
          <NumberField key={r} label={unitOf(r).label} unit={unitOf(r).many} value={fields.amounts[r] ?? ''} onChange={(text) => set({ amounts: { ...fields.amounts, [r]: text } })} step={job ? shown(r, lotOf(job, r)) : 1} error={faults.amounts[r]} help={there(r)} />
        ))}
        <Select label="From" value={String(fields.start)} onChange={(s) => set({ start: Number(s) })} options={starts.map((s) => ({ value: String(s), label: clock(s, z) }))} />
        {needed ? <p className="s12 t2 self-end pb-1">for one slot, until {clock(fields.start + market.slot_seconds * 1000, z)}</p> : <NumberField label="For" unit={`slots of ${market.slot_seconds} s`} value={fields.slots} onChange={(text) => set({ slots: text })} error={faults.slots}
          help={`until ${clock(fields.start + slots * market.slot_seconds * 1000, z)}`} />}
      </div>
      {job && <Nodes of={job} text={fields.amounts.cpu_milli ?? ''} onChange={(text) => set({ amounts: { ...fields.amounts, cpu_milli: text } })} />}
      {takesRuns(fields) && (
        <NumberField label="At least" unit="slots in a row" value={fields.minRun} onChange={(minRun) => set({ minRun })} error={faults.minRun}
          help={faults.slots ? undefined : fields.minRun.trim() === '' ? `Empty: the whole window of ${slots} slots, or nothing` : 'A shorter run counts for its part of the limit'} />
      )}
      {lacks ? <NoWorkload pool={homeOf(pool)} side={fields.side} /> : <Select label={needed ? 'Workload that lends' : 'Workload that grows'} value={fields.instance} onChange={(instance) => set({ instance })} error={faults.instance} help={alone && 'Nothing of yours runs on it; choose a workload to have it resized'}
        options={[{ value: '', label: needed || pool.recallable_of ? 'Choose one' : 'None: capacity only' }, ...instances.filter((i) => mayTrade(i, fields.side, pool) || i.id === fields.instance).map((i) => ({ value: i.id, label: `${i.name}, ${i.pool}` }))]} />}
      {full && <Note tone="acc">{needed ? `${full.name} has nothing left to lend from ${clock(fields.start, z)} on: what it keeps is its floor.` : `${full.name} has all that its limit allows from ${clock(fields.start, z)} on.`} Another time or another workload may have room.</Note>}
      {!needed && <ProjectField value={fields.project} onChange={(project) => set({ project })} />}
      {away && (
        <>
          <p className="s12 t2">{`${away.name} belongs to ${away.pool}. Here it would be carried off whole, all or none: the bid buys its baseline of ${formatBundle(away.baseline)} as well. It goes home when the window ends; its other orders wait until then.`}</p>
          <Switch label={`${away.pool} will do as well`} on={fields.homeToo} onChange={(homeToo) => set({ homeToo })} />
        </>
      )}
      {pool.recallable_of && <p className="s12 t2">{needed ? 'It may be taken back at any time, on the page of the workload or by its strategy; what was lent until then is paid for.' : 'Its lender may take it back in the middle of a slot. You pay for the time in which you had it, and keep what you bought firmly.'}</p>}
      {!needed && !pool.recallable_of && fields.instance !== '' && !away && !workload?.adopted && <Switch label="Do not move the workload" on={fields.stays} onChange={(stays) => set({ stays })} />}
      {needed && <p className="s12 t2">An offer lends one resource in one slot, all of it or a part. For more, place one after the other, or let the workload’s strategy lend by itself.</p>}
      {!away && !needed && !job && (hasDevices(fields, pool)
        ? <p className="s12 t2">With GPUs in it, it is the whole amount or none of it: devices are not divided.</p>
        : <Switch label="The whole amount or none of it" on={fields.allOrNone} onChange={(allOrNone) => set({ allOrNone })} />)}
    </>
  );
}
