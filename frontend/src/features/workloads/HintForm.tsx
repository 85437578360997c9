import { type FormEvent, useState } from 'react';
import { Button, Field, Note, NumberField, toast } from '@/components/ui';
import { Dialog } from '@/components/ui/Dialog';
import { type FullNode, type Hint, type HintBody, type Instance, type List, type Problem, RISKS, useResource, useWrite } from '@/lib/api';
import { unitOf } from '@/lib/money';
import { serverNow } from '@/lib/time';
import { type Draft, FIRST, hintOf, minutesFault, needFault, sourceFault } from './guidance';

const TEXT = 'For a time that you name it raises what the workload is expected to need, or keeps its moves off nodes. It is no order: what is bid or lent follows from its strategy.';
const FIELDS = /^\/(?:expected_demand\/|starts_at$|expires_at$|source$)/;

/** Nodes of its own pool; those of others are named by the API. */
function Nodes({ pool, chosen, onChange }: { pool: string; chosen: string[]; onChange: (nodes: string[]) => void }) {
  const nodes = (useResource<List<FullNode>>('/nodes').data?.data ?? []).filter((n) => n.pool === pool);
  if (nodes.length === 0) return null;
  return (
    <fieldset className="fld">
      <legend className="lab">Its moves should avoid</legend>
      <div className="row wrap g12 overflow-auto" style={{ maxHeight: 120 }}>
        {nodes.map((n) => (
          <label key={n.id} className="row g6 s12">
            <input type="checkbox" checked={chosen.includes(n.id)} onChange={() => onChange(chosen.includes(n.id) ? chosen.filter((id) => id !== n.id) : [...chosen, n.id])} />{n.name}
          </label>
        ))}
      </div>
    </fieldset>
  );
}

function Fields({ instance, draft, problem, set }: { instance: Instance; draft: Draft; problem: Problem | null; set: (part: Partial<Draft>) => void }) {
  const needs = (r: string) => draft.needs[r] ?? '';
  return (
    <>
      <div className="halves">
        {Object.keys(instance.limit).map((r) => (
          <NumberField key={r} label={`It will need at least, ${unitOf(r).label}`} unit={unitOf(r).many} value={needs(r)} onChange={(text) => set({ needs: { ...draft.needs, [r]: text } })} error={needFault(instance, r, needs(r)) ?? problem?.field(`/expected_demand/${r}`)} />
        ))}
      </div>
      <Nodes pool={instance.pool} chosen={draft.nodes} onChange={(nodes) => set({ nodes })} />
      <div className="halves">
        <NumberField label="Begins in" unit="minutes" value={draft.begins} onChange={(begins) => set({ begins })} error={minutesFault(draft.begins, 0) ?? problem?.field('/starts_at')} help="0 is now" />
        <NumberField label="Holds for" unit="minutes" value={draft.holds} onChange={(holds) => set({ holds })} error={minutesFault(draft.holds, 1) ?? problem?.field('/expires_at')} />
      </div>
      <Field label="Who says so" value={draft.source} onChange={(source) => set({ source })} error={sourceFault(draft.source) ?? problem?.field('/source')} help="For people; may be empty" />
    </>
  );
}

export function HintForm({ instance, onClose }: { instance: Instance; onClose: () => void }) {
  const [draft, setDraft] = useState<Draft>(FIRST);
  const write = useWrite<HintBody, Hint>(['/allocation_hints', '/prediction', RISKS]);
  const set = (part: Partial<Draft>) => { setDraft((d) => ({ ...d, ...part })); if (write.error) write.reset(); };
  const sendable = hintOf(instance, draft, serverNow()) !== null;
  const says = draft.nodes.length > 0 || Object.values(draft.needs).some((text) => text.trim() !== '');
  const submit = (e: FormEvent) => {
    e.preventDefault();
    const body = hintOf(instance, draft, serverNow());
    if (body) write.mutate({ path: '/allocation_hints', body }, { onSuccess: () => { toast({ tone: 'ok', title: `The hint for ${instance.name} is given` }); onClose(); } });
  };
  const problem = write.error;
  const atField = problem?.body.errors?.some((e) => FIELDS.test(e.pointer));
  return (
    <Dialog open onClose={onClose} title={`A hint for ${instance.name}`} text={TEXT}>
      <form className="col g12" onSubmit={submit} aria-label="Hint">
        <Fields instance={instance} draft={draft} problem={problem} set={set} />
        {problem && !atField && <div role="alert"><Note tone="bad">{problem.said}</Note></div>}
        <div className="row g8">{!says && <span className="help">Still needed: what it will need, or a node to avoid</span>}<span className="sp" /><Button onClick={onClose}>Cancel</Button><Button type="submit" kind="primary" disabled={!sendable} busy={write.isPending}>Give the hint</Button></div>
      </form>
    </Dialog>
  );
}
