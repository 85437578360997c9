import { type FormEvent, useState } from 'react';
import { Button, Field, Note, NumberField, PageLink, toast } from '@/components/ui';
import { Dialog } from '@/components/ui/Dialog';
import { Switch } from '@/components/ui/Switch';
import { type FullNode, type Pool, useWrite } from '@/lib/api';
import { unitOf } from '@/lib/money';
import { bodyOf, capacityFault, type Draft, nameFault } from './node';

const PROMISE = 'The market sells what you say here, whether or not a machine has it: give what is really there. A node can be cordoned, not removed.';

/** For an admin: a machine that the pool has more. `agents`: whether the pool's nodes have agents, if it has any. */
export function NewNode({ pool, names, agents, onClose }: { pool: Pool; names: string[]; agents: boolean | undefined; onClose: () => void }) {
  const [draft, setDraft] = useState<Draft>({ name: '', capacity: {}, agent: agents ?? false });
  const write = useWrite<ReturnType<typeof bodyOf>, FullNode>(['/nodes', '/pools']);
  const body = bodyOf(pool, draft, names);
  const submit = (e: FormEvent) => {
    e.preventDefault();
    e.stopPropagation();
    if (body) write.mutate({ path: '/nodes', body }, { onSuccess: (n) => { toast({ tone: 'ok', title: `${n.name} is in ${pool.slug}` }); onClose(); } });
  };
  const problem = write.error;
  const atField = problem?.body.errors?.some((e) => e.pointer === '/name' || e.pointer.startsWith('/capacity/'));
  return (
    <Dialog open onClose={onClose} title={`New node of ${pool.slug}`} text={PROMISE}>
      <form className="col g12" onSubmit={submit}>
        <Field label="Name" value={draft.name} onChange={(name) => setDraft((d) => ({ ...d, name }))} error={nameFault(draft.name, names) ?? problem?.field('/name')} />
        {pool.resources.map(({ resource: r }) => (
          <NumberField key={r} label={unitOf(r).label} unit={unitOf(r).many} value={draft.capacity[r] ?? ''} onChange={(text) => setDraft((d) => ({ ...d, capacity: { ...d.capacity, [r]: text } }))} error={capacityFault(r, draft.capacity[r] ?? '') ?? problem?.field(`/capacity/${r}`)} />
        ))}
        <div className="col g6">
          <Switch label="An agent serves it, on a host of its own" on={draft.agent} disabled={agents !== undefined} onChange={(agent) => setDraft((d) => ({ ...d, agent }))} />
          <p className="s12 t2">{agents !== undefined ? 'As the other nodes of the pool.' : 'All nodes of a pool have agents, or none.'}{draft.agent && <> <PageLink className="underline" to="/nodes">Nodes</PageLink> shows how to start the agent.</>}</p>
        </div>
        {problem && !atField && <div role="alert"><Note tone="bad">{problem.said}</Note></div>}
        <div className="row g8"><span className="sp" /><Button onClick={onClose}>Cancel</Button><Button type="submit" kind="primary" disabled={!body} busy={write.isPending}>Add the node</Button></div>
      </form>
    </Dialog>
  );
}
