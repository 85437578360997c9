import type { ReactNode } from 'react';
import { ChartFrame } from '@/components/charts/ChartFrame';
import { type Bar, Gantt } from '@/components/charts/Gantt';
import type { Swap } from '@/lib/api';
import { formatDuration } from '@/lib/money';
import { clockSeconds, useNow, zone } from '@/lib/time';
import { barsOf } from './swap';

export function PhasesPanel({ swap, note }: { swap: Swap; note: ReactNode }) {
  const z = zone.use();
  const now = useNow();
  const bars = barsOf(swap);
  const seconds = (b: Bar) => (b.start !== null && b.end !== null ? (b.end - b.start) / 1000 : null);
  const table = {
    name: `${swap.id}-phases`, rows: bars, rowKey: (b: Bar) => b.label,
    columns: [
      { id: 'phase', head: 'Phase', cell: (b: Bar) => b.label, value: (b: Bar) => b.label },
      { id: 'kind', head: 'State', cell: (b: Bar) => b.kind, value: (b: Bar) => b.kind },
      { id: 'start', head: 'Started', cell: (b: Bar) => (b.start === null ? '–' : clockSeconds(b.start, z)), value: (b: Bar) => b.start },
      { id: 'took', head: 'Took', right: true, cell: (b: Bar) => { const s = seconds(b); return s === null ? '–' : formatDuration(s); }, value: seconds },
      { id: 'detail', head: 'Detail', cell: (b: Bar) => b.detail ?? '', value: (b: Bar) => b.detail },
    ],
  };
  return (
    <ChartFrame title="Phases" note={note} table={table} legend={<><span><i className="sq" style={{ background: 'var(--text-3)' }} />Done</span><span><i className="sq" style={{ background: 'var(--bad)' }} />✗ Failed</span><span><i className="sq" style={{ background: 'var(--accent)' }} />Now</span></>}>
      <div className="pad"><Gantt bars={bars} now={now} />{bars.filter((b) => b.kind === 'failed' && b.detail).map((b) => <p key={b.label} className="s12 bad pt-1" style={{ overflowWrap: 'anywhere' }}>✗ {b.label}: {b.detail}</p>)}</div>
    </ChartFrame>
  );
}
