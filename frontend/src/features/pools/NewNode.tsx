import { type FormEvent, useState } from 'react';
import { Button, Field, Note, NumberField, toast } from '@/components/ui';
import { Dialog } from '@/components/ui/Dialog';
import { type FullNode, type Pool, useWrite } from '@/lib/api';
import { unitOf } from '@/lib/money';
import { bodyOf, capacityFault, type Draft, nameFault } from './node';

const PROMISE = 'The market sells what you say here, whether or not a machine has it: give what is really there. A node can be cordoned, not removed.';

/** For an admin: a machine that the pool has more. */
export function NewNode({ pool, names, onClose }: { pool: Pool; names: string[]; onClose: () => void }) {
  const [draft, setDraft] = useState<Draft>({ name: '', capacity: {} });
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
        {problem && !atField && <div role="alert"><Note tone="bad">{problem.said}</Note></div>}
        <div className="row g8"><span className="sp" /><Button onClick={onClose}>Cancel</Button><Button type="submit" kind="primary" disabled={!body} busy={write.isPending}>Add the node</Button></div>
      </form>
    </Dialog>
  );
}
