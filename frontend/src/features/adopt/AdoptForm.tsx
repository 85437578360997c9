// Adopt one process, job, pod or virtual machine: who owns it, and what it always has. Checked as it is typed; what was typed stays after a refusal, and after a look elsewhere.
import type { FormEvent } from 'react';
import { Button, Field, Note, NumberField, PageLink, Select } from '@/components/ui';
import { Dialog } from '@/components/ui/Dialog';
import { Switch } from '@/components/ui/Switch';
import { nodesText } from '@/lib/adopted';
import { type Adoption, type Candidate, CLASSES, type FullNode, type FullParticipant, type Instance, type List, type Problem, useResource, useWrite } from '@/lib/api';
import { useBegun } from '@/lib/edit';
import { formatQuantity } from '@/lib/money';
import { adoptedAs, allText, bodyOf, type Draft, faultsOf, firstOf, inCores, isAtField, isJob, isPod, isVm, keyOfCandidate, saidAt, titleOf } from './adopt';

const PROCESS = 'From now on the kernel holds it to its baseline. It is not restarted. Stopping the workload lifts the limit.';
const JOB = 'From now on it has the nodes of its baseline, and those that bids add. It is not restarted. Stopping the workload gives bought nodes back to the cluster; the job runs on.';
const POD = 'From now on its container is held to its baseline, and to more where bids win. It is not restarted. Stopping the workload gives it back the CPU that it had.';
const VM = 'From now on the kernel holds its process to its baseline, and to more where bids win. Its vCPUs and its memory stay. It is not restarted. Stopping the workload lifts the limit.';
const textOf = (c: Candidate) => (isJob(c) ? JOB : isPod(c) ? POD : isVm(c) ? VM : PROCESS);
const AMOUNTS = [
  { key: 'baseline', label: 'Baseline', help: 'What it always has' },
  { key: 'floor', label: 'Floor', help: 'Lending never takes it below that' },
  { key: 'limit', label: 'Never more than', help: 'May be empty' },
] as const;
type Amount = (typeof AMOUNTS)[number];

/** One amount: cores of a process, whole nodes of a job with what that is in cores. */
function AmountField({ of, label, help, ...rest }: { of: Candidate; label: string; help: string; value: string; error?: string; placeholder?: string; onChange: (text: string) => void }) {
  if (!isJob(of)) return <NumberField label={`${label}, CPU`} unit="cores" step={0.1} help={help} {...rest} />;
  return <NumberField label={`${label}, nodes`} unit={`of ${formatQuantity('cpu_milli', of.node_cpu_milli)}`} step={1} help={[inCores(of, rest.value), help].filter(Boolean).join(': ').replace(/: [A-Z]/, (c) => c.toLowerCase())} {...rest} />;
}
const helpOf = (of: Candidate, { key, help }: Amount) => (isJob(of) && key === 'floor' ? 'It never has fewer' : help);

/** What it is now, in a line. */
function Now({ of }: { of: Candidate }) {
  if (isJob(of)) return <p className="s12 t3">{`${of.user}, partition ${of.partition}: ${nodesText(of.nodes)} of ${formatQuantity('cpu_milli', of.node_cpu_milli)} now`}</p>;
  if (isPod(of)) return <p className="s12 t3">{[of.owner, `namespace ${of.namespace}`, `a limit of ${formatQuantity('cpu_milli', of.limit_milli ?? 0)} now`].filter(Boolean).join(', ')}</p>;
  if (isVm(of)) return <p className="s12 t3">{`${of.vcpus} vCPUs, ${of.is_kvm ? 'run by KVM' : 'emulated'}, ${formatQuantity('mem_mib', of.memory_mib)} of memory`}</p>;
  return <p className="s12 t3 trunc" title={of.command}>{of.command}</p>;
}

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

interface Props { node: FullNode; candidate: Candidate; onMade: (made: Instance) => void; onClose: () => void }

export function AdoptForm({ node, candidate: c, onMade, onClose }: Props) {
  const [typed, keep] = useBegun<Partial<Draft>>(`adoption of ${node.id} ${keyOfCandidate(c)}`);
  const draft: Draft = { ...firstOf(c), ...typed };
  const participants = useResource<List<FullParticipant>>('/participants');
  const owner = participants.data?.data.find((o) => o.id === draft.participant);
  const write = useWrite<Adoption, Instance>(['/nodes', '/instances', '/pools']);
  const set = (part: Partial<Draft>) => { keep({ ...typed, ...part }); if (write.error) write.reset(); };
  const [faults, body, problem] = [faultsOf(c, draft), bodyOf(c, draft), write.error];
  const missing = [draft.name.trim() === '' && 'a name', draft.participant === '' && 'an owner'].filter(Boolean);
  const submit = (e: FormEvent) => {
    e.preventDefault();
    if (body) write.mutate({ path: `/nodes/${node.id}/adoptions`, body }, { onSuccess: (made) => { keep(null); onMade(made); } });
  };
  return (
    <Dialog open onClose={onClose} title={`Adopt ${titleOf(c)}`} text={textOf(c)} wide>
      <form className="col g12" onSubmit={submit} aria-label={`Adopt a ${isJob(c) ? 'job' : isPod(c) ? 'pod' : isVm(c) ? 'virtual machine' : 'process'}`}>
        <Now of={c} />
        <div className="halves">
          <Field label="Name" value={draft.name} onChange={(name) => set({ name })} error={(typed?.name === undefined ? undefined : faults.name) ?? saidAt(problem, 'name')} />
          <Owner of={participants} value={draft.participant} onChange={(participant) => set({ participant })} error={saidAt(problem, 'participant')} />
          {AMOUNTS.map((a) => <AmountField key={a.key} of={c} label={a.label} help={helpOf(c, a)} placeholder={a.key === 'limit' ? allText(c, node.capacity.cpu_milli) : undefined} value={draft[a.key]} onChange={(text) => set({ [a.key]: text })} error={faults[a.key] ?? saidAt(problem, a.key)} />)}
          <Select label="Class" value={draft.class} onChange={(value) => set({ class: value })} options={CLASSES.map((value) => ({ value, label: value }))} error={saidAt(problem, 'class')} help={owner ? `The highest class of ${owner.name} is ${owner.highest_class}` : 'A higher class wins ties'} />
        </div>
        {!isJob(c) && <Switch label="Lend what it will not need" on={draft.lends} onChange={(lends) => set({ lends })} />}
        {isJob(c) && <p className="help">A job lends nothing: its nodes are its own. Each of its bids wins whole, or not at all.</p>}
        {problem && !isAtField(problem) && <Refused problem={problem} />}
        <div className="row g8">{missing.length > 0 && <span className="help">Still needed: {missing.join(' and ')}</span>}<span className="sp" /><Button onClick={onClose}>Cancel</Button><Button type="submit" kind="primary" disabled={!body} busy={write.isPending}>Adopt it</Button></div>
      </form>
    </Dialog>
  );
}
