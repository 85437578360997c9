import { useState } from 'react';
import { Button, Panel, toast } from '@/components/ui';
import { Decide } from '@/components/ui/Decide';
import { type Pool, useMay, useMe, useWrite } from '@/lib/api';

const LENDS = 'From the next round on members may lend what they can take back in the middle of a slot, and bid for it, in a pool of its own with its own price.';
const FOREVER = 'It can’t be closed again, only halted: once open it stays, for everybody.';

/** For an admin, where a pool does not trade what may be taken back. */
export function OpenRecallable({ pool, all }: { pool: Pool; all: Pool[] | undefined }) {
  const isAdmin = useMe()?.role === 'admin';
  const may = useMay('admin:write') && isAdmin;
  const [asking, ask] = useState(false);
  const write = useWrite<object, Pool>(['/pools']);
  if (!may || !all || pool.recallable_of || all.some((p) => p.recallable_of === pool.slug)) return null;
  const close = () => ask(false);
  const run = () => write.mutate({ path: `/pools/${pool.slug}/recallable`, body: {}, keyed: true }, {
    onSuccess: () => { toast({ tone: 'ok', title: `${pool.slug} trades recallable capacity from the next round on` }); close(); },
    // The question stays: it can be sent again.
    onError: (p) => toast({ tone: 'bad', title: p.unsure ? 'Not known whether it was opened' : 'Not opened', detail: p.said }),
  });
  return (
    <Panel title="Recallable capacity">
      <div className="pad col g8">
        <p className="s12 t2">Members may also lend so that they can take it back in the middle of a slot, at a price of its own. Once open it can be halted, not closed.</p>
        <div><Button size="sm" onClick={() => ask(true)}>Open recallable trade…</Button></div>
      </div>
      <Decide open={asking} onClose={close} title={`Open recallable trade in ${pool.slug}?`} text={<>{LENDS} <b>{FOREVER}</b></>} action="Open it for good" keep="Leave it closed" danger busy={write.isPending} onConfirm={run} />
    </Panel>
  );
}
