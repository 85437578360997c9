import { ChartFrame } from '@/components/charts/ChartFrame';
import { Coverage } from '@/components/charts/Coverage';
import { formatPercent, unitOf } from '@/lib/money';
import type { Row } from './accuracy';

const name = (r: Row) => `${unitOf(r.resource).label}, ${r.horizon} ahead`;

/** Promised against kept: a dot on its dashed line is an honest band. */
export function CoveragePanel({ rows }: { rows: Row[] }) {
  const table = {
    name: 'coverage', rows, rowKey: (r: Row) => r.key,
    columns: [
      { id: 'what', head: 'Forecast', cell: name, value: name },
      { id: '80', head: 'In the 80 % band', right: true, cell: (r: Row) => formatPercent(r.in80, 1), value: (r: Row) => r.in80 },
      { id: '95', head: 'In the 95 % band', right: true, cell: (r: Row) => formatPercent(r.in95, 1), value: (r: Row) => r.in95 },
    ],
  };
  return (
    <ChartFrame title="Coverage" note="● 80 % band, ○ 95 % band; dashed: what was promised" table={table}>
      {rows.length ? <div className="pad"><Coverage rows={rows.map((r) => ({ label: name(r), actual80: r.in80, actual95: r.in95 }))} /></div> : <p className="pad s12 t3">Nothing is scored yet.</p>}
    </ChartFrame>
  );
}
