import { Badge, type Column, DataTable, Money, Panel } from '@/components/ui';
import type { MethodConsidered, Swap } from '@/lib/api';
import { formatDuration } from '@/lib/money';

const columns: Column<MethodConsidered>[] = [
  { id: 'method', head: 'Way', width: 220, cell: (a) => <span className="row g8"><span className="b">{a.method}</span>{a.chosen && <Badge tone="acc" icon="check">Chosen</Badge>}</span>, value: (a) => a.method },
  { id: 'pause', head: 'Expected pause', right: true, width: 140, cell: (a) => (a.predicted_downtime_micros === null ? '–' : formatDuration(a.predicted_downtime_micros / 1e6)), value: (a) => a.predicted_downtime_micros },
  { id: 'cost', head: 'Expected cost, cr', right: true, width: 140, cell: (a) => (a.predicted_cost === null ? '–' : <Money value={a.predicted_cost} />), value: (a) => a.predicted_cost },
  { id: 'why', head: 'Why', cell: (a) => <span className={a.chosen ? '' : 't3'}>{a.reason}</span>, value: (a) => a.reason },
];

export function Alternatives({ swap }: { swap: Swap }) {
  if (swap.considered.length === 0) return null;
  return <Panel title="Ways that were weighed" note="the cheapest whose pause fits the SLA is taken"><DataTable label="Ways" columns={columns} rows={swap.considered} rowKey={(a) => `${a.method}/${a.reason}`} selected={swap.considered.filter((a) => a.chosen).map((a) => `${a.method}/${a.reason}`)[0]} csvName={`${swap.id}-ways`} /></Panel>;
}
