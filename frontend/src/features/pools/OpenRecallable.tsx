import { Button, Panel, toast } from '@/components/ui';
import { type Pool, useMay, useMe, useWrite } from '@/lib/api';

/** For an admin, where a pool does not trade what may be taken back. */
export function OpenRecallable({ pool, all }: { pool: Pool; all: Pool[] | undefined }) {
  const isAdmin = useMe()?.role === 'admin';
  const may = useMay('admin:write') && isAdmin;
  const write = useWrite<object, Pool>(['/pools']);
  if (!may || !all || pool.recallable_of || all.some((p) => p.recallable_of === pool.slug)) return null;
  const run = () => write.mutate({ path: `/pools/${pool.slug}/recallable`, body: {}, keyed: true }, {
    onSuccess: () => toast({ tone: 'ok', title: `${pool.slug} trades recallable capacity from the next round on` }),
    onError: (p) => toast({ tone: 'bad', title: 'Not opened', detail: p.said }),
  });
  return (
    <Panel title="Recallable capacity">
      <div className="pad col g8">
        <p className="s12 t2">Members may also lend so that they can take it back in the middle of a slot, at a price of its own. Once open it can be halted, not closed.</p>
        <div><Button size="sm" onClick={run} busy={write.isPending}>Trade it here</Button></div>
      </div>
    </Panel>
  );
}
