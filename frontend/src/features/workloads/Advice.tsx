// What should change for this workload? The server recommends; only a second click places orders.
import { Button, Note, Panel, toast } from '@/components/ui';
import { type Instance, type Recommendation, useWrite } from '@/lib/api';
import { formatBundle, formatMoney, micro } from '@/lib/money';

const VERB: Record<string, string> = { grow: 'Buy', lend: 'Lend', keep: 'Keep what it has' };

export function Advice({ instance }: { instance: Instance }) {
  const write = useWrite<{ instance_id: string; mode: 'recommend' | 'apply' }, Recommendation>(['/bids', '/offers', '/balance']);
  const advice = write.data;
  const ask = (mode: 'recommend' | 'apply') => write.mutate({ path: '/swap_request', body: { instance_id: instance.id, mode } }, {
    onSuccess: (r) => { if (mode === 'apply') toast({ tone: 'ok', title: `${r.placed.length} orders placed for ${instance.name}` }); },
  });
  const acts = advice && advice.recommendation !== 'keep' && advice.placed.length === 0;
  return (
    <Panel title="Recommendation" note="nothing moves by itself">
      <div className="pad col g8">
        {advice && (
          <p className="s12 t2">
            <b>{VERB[advice.recommendation] ?? advice.recommendation}{advice.recommendation !== 'keep' && ` ${formatBundle(advice.change)}`}</b>: {advice.reason}.
            {acts && <> About {formatMoney(micro(advice.expected_cost))} cr for the next slot.</>}
          </p>
        )}
        {write.error && <div role="alert"><Note tone="bad">{write.error.said}</Note></div>}
        <div className="row g8">
          <Button onClick={() => ask('recommend')} busy={write.isPending}>{advice ? 'Ask again' : 'What should change?'}</Button>
          {acts && <Button onClick={() => ask('apply')} busy={write.isPending}>{VERB[advice.recommendation]} for about {formatMoney(micro(advice.expected_cost))} cr</Button>}
        </div>
      </div>
    </Panel>
  );
}
