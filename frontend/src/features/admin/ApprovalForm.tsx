// Whether a person has to approve every move into a pool and out of it before it begins.
import { useState } from 'react';
import { Note, Panel, toast } from '@/components/ui';
import { Changed } from '@/components/ui/Changed';
import { Decide } from '@/components/ui/Decide';
import { Switch } from '@/components/ui/Switch';
import { type Pool, useWrite } from '@/lib/api';
import { etagOf } from '@/lib/edit';

const say = (required: boolean) => (required ? 'an operator approves each' : 'nobody is asked');
const BEGINS = 'Every move into it and out of it then waits on the page Swaps. Without an answer by the end of its slot it has expired; what was bought for it is credited and who lent it is paid, by the exchange.';
const ENDS = 'Moves into it and out of it then begin without anybody’s word.';

export function ApprovalForm({ pool }: { pool: Pool }) {
  // The version that the question was asked over: what somebody else sets meanwhile is not undone.
  const [asking, ask] = useState<{ required: boolean; version: number } | null>(null);
  const write = useWrite<{ required: boolean }, Pool>(['/pools']);
  const set = () => asking && write.mutate({ path: `/pools/${pool.slug}/move_approval`, method: 'PUT', body: { required: asking.required }, ifMatch: etagOf(asking.version) }, {
    onSuccess: () => toast({ tone: 'ok', title: `Moves in ${pool.slug}: ${say(asking.required)}` }),
    onSettled: () => ask(null),
  });
  return (
    <Panel title={`Approval of moves, ${pool.slug}`}>
      <div className="pad col g12">
        <Switch label={`An operator approves every move into ${pool.slug} and out of it`} on={pool.move_approval} onChange={(required) => ask({ required, version: pool.settings_version })} disabled={write.isPending} />
        <Changed what="the settings of the pool" stale={false} error={write.error} onKeep={write.reset} onDrop={write.reset} />
        {write.error && write.error.status !== 412 && <div role="alert"><Note tone="bad">{write.error.said}</Note></div>}
        <p className="help">In force: {say(pool.move_approval)}. While it is on, moves wait on the page Swaps. Without an answer by the end of its slot a move has expired; what was bought for it is credited and who lent it is paid, by the exchange. Resizes ask nobody, and moves that are planned stay as they are.</p>
      </div>
      {asking && (
        <Decide open onClose={() => ask(null)} busy={write.isPending} onConfirm={set} keep="Go back"
          title={asking.required ? `Have an operator approve every move in ${pool.slug}?` : `Ask nobody about moves in ${pool.slug} any more?`}
          action={asking.required ? 'Have them approved' : 'Ask nobody'} text={asking.required ? BEGINS : ENDS} />
      )}
    </Panel>
  );
}
