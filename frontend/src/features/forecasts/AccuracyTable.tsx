import { Badge, type Column, DataTable, Panel } from '@/components/ui';
import type { Accuracy } from '@/lib/api';
import { formatCount, unitOf } from '@/lib/money';

type Row = Accuracy['data'][number];
const columns: Column<Row>[] = [
  { id: 'resource', head: 'Resource', cell: (r) => unitOf(r.resource).label, value: (r) => r.resource },
  { id: 'horizon', head: 'Slots ahead', right: true, cell: (r) => r.horizon_slots, value: (r) => r.horizon_slots },
  { id: 'model', head: 'Model', cell: (r) => r.model, value: (r) => r.model },
  { id: 'count', head: 'Scored', right: true, cell: (r) => formatCount(r.count), value: (r) => r.count },
  { id: 'pinball', head: 'Pinball', right: true, cell: (r) => r.pinball.toFixed(3), value: (r) => r.pinball },
  { id: 'mase', head: 'MASE', right: true, cell: (r) => r.mase.toFixed(3), value: (r) => r.mase },
  { id: 'drift', head: 'Drift', cell: (r) => (r.drift ? <Badge tone="warn" icon="warn">Drifts</Badge> : <Badge tone="ok" icon="check">Steady</Badge>), value: (r) => r.drift },
];

export function AccuracyTable({ accuracy }: { accuracy: Accuracy }) {
  return <Panel title="Error of past forecasts" note="lower is better; MASE under 1 beats repeating the last value"><DataTable label="Accuracy" columns={columns} rows={accuracy.data} rowKey={(r) => `${r.resource}/${r.horizon_slots}/${r.model}`} csvName="accuracy" /></Panel>;
}
