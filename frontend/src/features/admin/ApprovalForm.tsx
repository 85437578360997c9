// Whether a person has to approve every move into a pool and out of it before it begins.
import { Note, Panel, toast } from '@/components/ui';
import { Changed } from '@/components/ui/Changed';
import { Switch } from '@/components/ui/Switch';
import { type Pool, useWrite } from '@/lib/api';
import { etagOf } from '@/lib/edit';

const say = (required: boolean) => (required ? 'an operator approves each' : 'nobody is asked');

export function ApprovalForm({ pool }: { pool: Pool }) {
  const write = useWrite<{ required: boolean }, Pool>(['/pools']);
  const set = (required: boolean) => write.mutate({ path: `/pools/${pool.slug}/move_approval`, method: 'PUT', body: { required }, ifMatch: etagOf(pool.settings_version) }, {
    onSuccess: () => toast({ tone: 'ok', title: `Moves in ${pool.slug}: ${say(required)}` }),
  });
  return (
    <Panel title={`Approval of moves, ${pool.slug}`}>
      <div className="pad col g12">
        <Switch label="An operator approves every move into the pool and out of it" on={pool.move_approval} onChange={set} disabled={write.isPending} />
        <Changed what="the settings of the pool" stale={false} error={write.error} onKeep={write.reset} onDrop={write.reset} />
        {write.error && write.error.status !== 412 && <div role="alert"><Note tone="bad">{write.error.said}</Note></div>}
        <p className="help">In force: {say(pool.move_approval)}. Moves then wait on the page Swaps. Without an answer by the end of its slot a move has expired; what was bought for it is credited and who lent it is paid, by the exchange. Resizes ask nobody, and moves that are planned stay as they are.</p>
      </div>
    </Panel>
  );
}
