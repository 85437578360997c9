import { useState } from 'react';
import { Button, toast } from '@/components/ui';
import { Decide } from '@/components/ui/Decide';
import { type Project, useWrite } from '@/lib/api';
import { formatCount, formatMoney, micro } from '@/lib/money';

/** Only a project without open bids: theirs would have no bound any more. */
export function DeleteProject({ project: p, onDeleted }: { project: Project; onDeleted: () => void }) {
  const [asking, setAsking] = useState(false);
  const write = useWrite<undefined, Project>(['/projects']);
  const remove = () => write.mutate({ path: `/projects/${encodeURIComponent(p.name)}`, method: 'DELETE' }, {
    onSuccess: () => { toast({ tone: 'ok', title: `Project ${p.name} is deleted` }); onDeleted(); },
    onError: (problem) => toast({ tone: 'bad', title: 'Project not deleted', detail: problem.said }),
    onSettled: () => setAsking(false),
  });
  const text = `It has spent ${formatMoney(micro(p.spent))} cr; what it has won stays yours. Its name is free again, and begins at nothing spent.`;
  return (
    <>
      <Button kind="danger" disabled={p.open_orders > 0} onClick={() => setAsking(true)}>Delete…</Button>
      {p.open_orders > 0 && <span className="help">{formatCount(p.open_orders)} open {p.open_orders === 1 ? 'bid names' : 'bids name'} it</span>}
      <Decide open={asking} onClose={() => setAsking(false)} title={`Delete project ${p.name}?`} text={text} action="Delete project" danger busy={write.isPending} onConfirm={remove} />
    </>
  );
}
