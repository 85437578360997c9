import { Badge, type Column, DataTable, Panel } from '@/components/ui';
import type { Difference, Swap } from '@/lib/api';
import { formatCount } from '@/lib/money';

const columns: Column<Difference>[] = [
  { id: 'position', head: 'Input no.', right: true, cell: (d) => formatCount(d.position), value: (d) => d.position },
  { id: 'field', head: 'Output', cell: (d) => d.field, value: (d) => d.field },
  { id: 'live', head: 'Source', cell: (d) => <span className="id trunc block max-w-[220px]" title={d.live}>{d.live}</span>, value: (d) => d.live },
  { id: 'shadow', head: 'Shadow', cell: (d) => <span className="id bad trunc block max-w-[220px]" title={d.shadow}>{d.shadow}</span>, value: (d) => d.shadow },
];

/** Both ran on the same inputs: every difference with its input position and both values. */
export function Differences({ swap }: { swap: Swap }) {
  const { positions_compared: compared, difference_count: count, differences } = swap;
  const badge = compared === 0 ? <Badge tone="line">no shadow run</Badge> : count === 0 ? <Badge tone="ok" icon="check">Passed</Badge> : <Badge tone="bad" icon="cross">Refused</Badge>;
  return (
    <Panel title="Shadow run: same inputs, both places" tools={badge}>
      <dl className="row border-b border-border">
        {[[compared === 1 ? 'input compared' : 'inputs compared', compared], [count === 1 ? 'difference' : 'differences', count]].map(([label, n], i) => (
          <div key={label} className="sp px-3 py-2 row g6"><dd className={`text-15 font-semibold ${i === 1 && count > 0 ? 'bad' : ''}`}>{formatCount(n as number)}</dd><dt className="s11 t3">{label}</dt></div>
        ))}
      </dl>
      {differences.length > 0
        ? <DataTable label="Differences" columns={columns} rows={differences} rowKey={(d) => `${d.position}/${d.field}`} csvName={`${swap.id}-differences`}
            footer={count > differences.length ? `The first ${differences.length} of ${formatCount(count)}` : undefined} />
        : <p className="pad s12 t3">{compared > 0 ? 'Every output and every state hash was the same.' : 'This way of changing a workload needs no shadow run, or it has not begun.'}</p>}
    </Panel>
  );
}
