import { type Column, DataTable, Panel } from '@/components/ui';
import { formatCount, formatRough, unitOf } from '@/lib/money';
import type { Row } from './accuracy';

const columns: Column<Row>[] = [
  { id: 'resource', head: 'Resource', cell: (r) => unitOf(r.resource).label, value: (r) => r.resource },
  { id: 'horizon', head: 'Slots ahead', right: true, cell: (r) => r.horizon, value: (r) => r.horizon },
  { id: 'model', extra: 'phone', head: 'Model', cell: (r) => r.model, value: (r) => r.model },
  { id: 'scored', head: 'Scored', right: true, cell: (r) => formatCount(r.scored), value: (r) => r.scored },
  { id: 'error', head: 'Mean error', right: true, cell: (r) => formatRough(r.resource, r.error), value: (r) => r.error },
  { id: 'pinball', head: 'Pinball', help: 'Mean loss over all quantiles: it punishes both missing and being vague.', right: true, cell: (r) => formatRough(r.resource, r.pinball), value: (r) => r.pinball },
];

export function AccuracyTable({ rows }: { rows: Row[] }) {
  return (
    <Panel title="Error of past forecasts" note="lower is better">
      {rows.length ? <DataTable label="Accuracy" columns={columns} rows={rows} rowKey={(r) => r.key} csvName="accuracy" /> : <p className="pad s12 t3">The first scores come one slot after the first forecasts.</p>}
    </Panel>
  );
}
