// Adopt one process: who owns it, and what it always has. Checked as it is typed; what was typed stays after a refusal, and after a look elsewhere.
import type { FormEvent } from 'react';
import { Button, Field, Note, NumberField, PageLink, Select } from '@/components/ui';
import { Dialog } from '@/components/ui/Dialog';
import { Switch } from '@/components/ui/Switch';
import { type Adoption, CLASSES, type FullNode, type FullParticipant, type Instance, type List, type Problem, type RunningProcess, useResource, useWrite } from '@/lib/api';
import { useBegun } from '@/lib/edit';
import { adoptedAs, bodyOf, type Draft, faultsOf, firstOf, isAtField, programOf, saidAt } from './adopt';

const TEXT = 'From now on the kernel holds it to its baseline. It is not restarted. Stopping the workload lifts the limit.';
const AMOUNTS = [
  { key: 'baseline', label: 'Baseline, CPU', help: 'What it always has' },
  { key: 'floor', label: 'Floor, CPU', help: 'Lending never takes it below that' },
  { key: 'limit', label: 'Never more than, CPU', help: 'May be empty', placeholder: 'all of the node' },
] as const;

function Owner({ of, value, error, onChange }: { of: ReturnType<typeof useResource<List<FullParticipant>>>; value: string; error?: string; onChange: (id: string) => void }) {
  const owners = (of.data?.data ?? []).filter((p) => !p.platform);
  const first = of.data === undefined ? 'Participants are being read…' : owners.length === 0 ? 'Nobody takes part yet' : 'Choose one';
  return (
    <div className="col g6">
      <Select label="Owner" value={value} onChange={onChange} options={[{ value: '', label: of.problem ? 'Participants could not be read' : first }, ...owners.map((p) => ({ value: p.id, label: p.name }))]} error={error} help="It pays for the workload and bids for it" />
      {of.problem && <div><Button size="sm" onClick={of.retry}>Read them again</Button></div>}
      {of.data && owners.length === 0 && <p className="help">An admin makes one under <PageLink className="underline" to="/admin/participants">Participants</PageLink>.</p>}
    </div>
  );
}

function Refused({ problem }: { problem: Problem }) {
  const workload = adoptedAs(problem);
  return <div role="alert"><Note tone="bad">{problem.said}{workload && <> <PageLink className="underline" to="/workloads" search={{ workload }}>Open that workload</PageLink></>}</Note></div>;
}

interface Props { node: FullNode; process: RunningProcess; onMade: (made: Instance) => void; onClose: () => void }

export function AdoptForm({ node, process: p, onMade, onClose }: Props) {
  const [typed, keep] = useBegun<Partial<Draft>>(`adoption of ${node.id} ${p.pid} ${p.command}`);
  const draft: Draft = { ...firstOf(p), ...typed };
  const participants = useResource<List<FullParticipant>>('/participants');
  const owner = participants.data?.data.find((o) => o.id === draft.participant);
  const write = useWrite<Adoption, Instance>(['/nodes', '/instances', '/pools']);
  const set = (part: Partial<Draft>) => { keep({ ...typed, ...part }); if (write.error) write.reset(); };
  const [faults, body, problem] = [faultsOf(draft), bodyOf(p, draft), write.error];
  const missing = [draft.name.trim() === '' && 'a name', draft.participant === '' && 'an owner'].filter(Boolean);
  const submit = (e: FormEvent) => {
    e.preventDefault();
    if (body) write.mutate({ path: `/nodes/${node.id}/processes`, body }, { onSuccess: (made) => { keep(null); onMade(made); } });
  };
  return (
    <Dialog open onClose={onClose} title={`Adopt ${programOf(p.command)}, process ${p.pid}`} text={TEXT} wide>
      <form className="col g12" onSubmit={submit} aria-label="Adopt a process">
        <p className="s12 t3 trunc" title={p.command}>{p.command}</p>
        <div className="halves">
          <Field label="Name" value={draft.name} onChange={(name) => set({ name })} error={(typed?.name === undefined ? undefined : faults.name) ?? saidAt(problem, 'name')} />
          <Owner of={participants} value={draft.participant} onChange={(participant) => set({ participant })} error={saidAt(problem, 'participant')} />
          {AMOUNTS.map(({ key, ...rest }) => <NumberField key={key} {...rest} unit="cores" step={0.1} value={draft[key]} onChange={(text) => set({ [key]: text })} error={faults[key] ?? saidAt(problem, key)} />)}
          <Select label="Class" value={draft.class} onChange={(value) => set({ class: value })} options={CLASSES.map((value) => ({ value, label: value }))} error={saidAt(problem, 'class')} help={owner ? `The highest class of ${owner.name} is ${owner.highest_class}` : 'A higher class wins ties'} />
        </div>
        <Switch label="Lend what it will not need" on={draft.lends} onChange={(lends) => set({ lends })} />
        {problem && !isAtField(problem) && <Refused problem={problem} />}
        <div className="row g8">{missing.length > 0 && <span className="help">Still needed: {missing.join(' and ')}</span>}<span className="sp" /><Button onClick={onClose}>Cancel</Button><Button type="submit" kind="primary" disabled={!body} busy={write.isPending}>Adopt it</Button></div>
      </form>
    </Dialog>
  );
}
