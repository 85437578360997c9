import { Badge, type Column, DataTable, Panel } from '@/components/ui';
import type { Difference, Swap } from '@/lib/api';
import { formatCount } from '@/lib/money';

const verdictOf = (d: Difference) => d.verdict ?? (d.live === d.shadow ? 'same' : 'different');
function Verdict({ of }: { of: string }) {
  if (of === 'different') return <Badge tone="bad" icon="cross">Different</Badge>;
  return of === 'ignored' ? <Badge icon="dash">Ignored</Badge> : <Badge tone="ok" icon="check">{of === 'within' ? 'Within' : 'Same'}</Badge>;
}
const columns: Column<Difference>[] = [
  { id: 'position', head: 'Input no.', right: true, cell: (d) => formatCount(d.position), value: (d) => d.position },
  { id: 'field', head: 'Output', cell: (d) => d.field, value: (d) => d.field },
  { id: 'live', head: 'Source', right: true, cell: (d) => <span className="id">{d.live}</span>, value: (d) => d.live },
  { id: 'shadow', head: 'Shadow', right: true, cell: (d) => <span className="id">{d.shadow}</span>, value: (d) => d.shadow },
  { id: 'rule', head: 'Rule', cell: (d) => <span className="t3">{d.rule ?? 'exact'}</span>, value: (d) => d.rule },
  { id: 'verdict', head: 'Verdict', cell: (d) => <Verdict of={verdictOf(d)} />, value: verdictOf },
];

/** Both ran on the same inputs: every difference with its input position and both values. */
export function Differences({ swap }: { swap: Swap }) {
  const { compared, count, items } = swap.differences;
  const badge = compared === 0 ? <Badge tone="line">no shadow run</Badge> : count === 0 ? <Badge tone="ok" icon="check">Passed</Badge> : <Badge tone="bad" icon="cross">Refused</Badge>;
  return (
    <Panel title="Shadow run: same inputs, both places" tools={badge}>
      <dl className="row border-b border-border">
        {[['identical', compared - count], ['different', count]].map(([label, n]) => (
          <div key={label} className="sp px-3 py-2 row g6"><dd className={`text-15 font-semibold ${label === 'different' && count > 0 ? 'bad' : ''}`}>{formatCount(n as number)}</dd><dt className="s11 t3">{label}</dt></div>
        ))}
      </dl>
      {items.length > 0
        ? <DataTable label="Differences" columns={columns} rows={items} rowKey={(d) => `${d.position}/${d.field}`} csvName={`${swap.id}-differences`} />
        : <p className="pad s12 t3">{compared > 0 ? 'Every output and every state hash was the same.' : 'This way of changing a workload needs no shadow run, or it has not begun.'}</p>}
    </Panel>
  );
}
