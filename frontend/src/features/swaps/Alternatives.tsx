import { Badge, type Column, DataTable, Money, Panel } from '@/components/ui';
import type { Alternative, Swap } from '@/lib/api';
import { formatDuration, formatPercent } from '@/lib/money';
import { placeText } from './swap';

const columns: Column<Alternative>[] = [
  { id: 'method', head: 'Way', cell: (a) => <span className="row g8"><span className="b">{a.method}</span>{a.chosen && <Badge tone="acc" icon="check">Chosen</Badge>}</span>, value: (a) => a.method },
  { id: 'to', head: 'To', cell: (a) => placeText(a.to), value: (a) => placeText(a.to) },
  { id: 'pause', head: 'Pause', right: true, cell: (a) => (a.refused ? '' : formatDuration(a.downtime_micros / 1e6)), value: (a) => a.downtime_micros },
  { id: 'fails', head: 'Fails', right: true, cell: (a) => (a.refused ? '' : formatPercent(a.failure, 1)), value: (a) => a.failure },
  { id: 'gain', head: 'Gain', right: true, cell: (a) => (a.refused ? '' : <Money value={a.gain} sign />), value: (a) => a.gain },
  { id: 'cost', head: 'Cost', right: true, cell: (a) => (a.refused ? '' : <Money value={a.cost} />), value: (a) => a.cost },
  { id: 'net', head: 'Net, cr', right: true, cell: (a) => (a.refused ? '' : <span className="b"><Money value={a.net} sign /></span>), value: (a) => (a.refused ? null : a.net) },
  { id: 'note', head: 'Why not', cell: (a) => <span className="t3">{a.refused && `✕ Not possible: ${a.refused}`}</span>, value: (a) => a.refused },
];

export function Alternatives({ swap }: { swap: Swap }) {
  if (swap.alternatives.length === 0) return null;
  return <Panel title="Costs and gains of each way" note="credits over the next hour, expected"><DataTable label="Alternatives" columns={columns} rows={swap.alternatives} rowKey={(a) => `${a.method}/${placeText(a.to)}`} selected={swap.alternatives.filter((a) => a.chosen).map((a) => `${a.method}/${placeText(a.to)}`)[0]} csvName={`${swap.id}-alternatives`} /></Panel>;
}
