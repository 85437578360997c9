// What should change for this workload? The server recommends; only a second click places orders.
import { Button, type Column, DataTable, Money, Note, Panel, toast } from '@/components/ui';
import { type Instance, type PopOption, type Recommendation, useWrite } from '@/lib/api';
import { formatBundle, formatMoney, micro } from '@/lib/money';

const VERB: Record<string, string> = { grow: 'Buy', lend: 'Lend', keep: 'Keep what it has' };
/** Why a pool is out of the question; other codes are shown as they are. */
const WHY_NOT: Record<string, string> = {
  carried_whole: 'an order there buys its baseline, too', no_host_fits: 'no node takes it', need_not_met: 'not all of it', pool_halted: 'trading is halted',
  resource_not_in_pool: 'has not all resources', pinned: 'it may not move now', keep_pool: 'not asked for',
};

const COLUMNS: Column<PopOption>[] = [
  { id: 'rank', head: 'Rank', right: true, cell: (p) => p.rank, value: (p) => p.rank },
  { id: 'pool', head: 'Pool', cell: (p) => (p.selected ? <b>{p.pool}</b> : p.pool), value: (p) => p.pool },
  { id: 'total', head: 'Need and move, cr', right: true, cell: (p) => (p.total === null ? '–' : <Money value={p.total} />), value: (p) => (p.total === null ? '' : p.total) },
  { id: 'move', head: 'Of it the move, cr', right: true, cell: (p) => <Money value={p.migration.cost} />, value: (p) => p.migration.cost },
  { id: 'score', head: 'Optimization score', right: true, cell: (p) => (p.resource_optimization_score === null ? <span className="t3">speed not measured</span> : <Money value={p.resource_optimization_score} />), value: (p) => p.resource_optimization_score },
  { id: 'order', head: 'Order', cell: (p) => (p.can_be_carried_out ? 'can be placed' : <span className="t3">{WHY_NOT[p.reason ?? ''] ?? p.reason?.replaceAll('_', ' ')}</span>), value: (p) => p.reason ?? '' },
];

function Reasons({ advice }: { advice: Recommendation }) {
  return (
    <details>
      <summary className="s12">Why, and what other pools would cost</summary>
      <div className="col g8">
        {advice.why.map((line) => <p key={line} className="s12 t2">{line}</p>)}
        {advice.pools.length > 0 && <DataTable label="Pools considered" columns={COLUMNS} rows={advice.pools} rowKey={(p) => p.pool} dense />}
      </div>
    </details>
  );
}

export function Advice({ instance }: { instance: Instance }) {
  const write = useWrite<{ instance_id: string; mode: 'recommend' | 'apply' }, Recommendation>(['/bids', '/offers', '/balance']);
  const advice = write.data;
  const ask = (mode: 'recommend' | 'apply') => write.mutate({ path: '/swap_request', body: { instance_id: instance.id, mode } }, {
    onSuccess: (r) => { if (mode === 'apply') toast({ tone: 'ok', title: `${r.placed.length} ${r.placed.length === 1 ? 'order' : 'orders'} placed for ${instance.name}` }); },
  });
  const acts = advice && advice.recommendation !== 'keep' && advice.placed.length === 0;
  const slots = new Set(advice?.steps.map((s) => s.slot)).size;
  return (
    <Panel title="Recommendation" note="it only proposes">
      <div className="pad col g8">
        {advice && (
          <p className="s12 t2">
            <b>{VERB[advice.recommendation] ?? advice.recommendation}{advice.recommendation !== 'keep' && ` ${formatBundle(advice.change)}`}</b>: {advice.reason}.
            {acts && <> About {formatMoney(micro(advice.expected_cost))} cr for {slots === 1 ? 'one slot' : `${slots} slots`}.</>}
          </p>
        )}
        {advice && <Reasons advice={advice} />}
        {write.error && <div role="alert"><Note tone="bad">{write.error.said}</Note></div>}
        <div className="row g8">
          <Button onClick={() => ask('recommend')} busy={write.isPending}>{advice ? 'Ask again' : 'What should change?'}</Button>
          {acts && <Button onClick={() => ask('apply')} busy={write.isPending}>{VERB[advice.recommendation]} for about {formatMoney(micro(advice.expected_cost))} cr</Button>}
        </div>
      </div>
    </Panel>
  );
}
