import { Badge, type Column, DataTable, Money, Panel } from '@/components/ui';
import type { MethodConsidered, Swap } from '@/lib/api';
import { formatDuration } from '@/lib/money';
import { METHODS } from './swap';

const columns: Column<MethodConsidered>[] = [
  { id: 'method', head: 'Way', width: 220, cell: (a) => <span className="row g8"><span className="b">{METHODS[a.method] ?? a.method}</span>{a.chosen && <Badge tone="acc" icon="check">Chosen</Badge>}</span>, value: (a) => a.method },
  { id: 'pause', head: 'Expected pause', right: true, width: 140, cell: (a) => (a.predicted_downtime_micros === null ? <span className="t3">not predicted</span> : a.predicted_downtime_micros === 0 ? 'none' : formatDuration(a.predicted_downtime_micros / 1e6)), value: (a) => a.predicted_downtime_micros },
  { id: 'cost', extra: 'phone', head: 'Expected cost, cr', right: true, width: 140, cell: (a) => (a.predicted_cost === null ? <span className="t3">not predicted</span> : <Money value={a.predicted_cost} />), value: (a) => a.predicted_cost },
  { id: 'why', head: 'Why', cell: (a) => <span className={a.chosen ? '' : 't3'}>{a.reason}</span>, value: (a) => a.reason },
];

/** Only what the server wrote down: which ways it looked at, which it took, and its reason. */
export function Alternatives({ swap }: { swap: Swap }) {
  const chosen = swap.considered.find((a) => a.chosen);
  if (swap.considered.length === 0) return null;
  return (
    <Panel title="Ways that were considered" note={chosen ? `${METHODS[chosen.method] ?? chosen.method}: ${chosen.reason}` : 'none of them was taken'}>
      <DataTable label="Ways" columns={columns} rows={swap.considered} rowKey={(a) => `${a.method}/${a.reason}`} selected={chosen && `${chosen.method}/${chosen.reason}`} csvName={`${swap.id}-ways`} />
    </Panel>
  );
}
