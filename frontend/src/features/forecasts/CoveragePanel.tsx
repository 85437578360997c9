import { ChartFrame } from '@/components/charts/ChartFrame';
import { Coverage } from '@/components/charts/Coverage';
import type { Accuracy } from '@/lib/api';
import { formatPercent, unitOf } from '@/lib/money';

type Row = Accuracy['data'][number];
const name = (r: Row) => `${unitOf(r.resource).label}, ${r.horizon_slots} ahead`;

/** Promised against kept: a dot on its dashed line is an honest band. */
export function CoveragePanel({ accuracy }: { accuracy: Accuracy }) {
  const rows = accuracy.data.filter((r) => r.count > 0);
  const table = {
    name: 'coverage', rows, rowKey: (r: Row) => `${name(r)}/${r.model}`,
    columns: [
      { id: 'what', head: 'Forecast', cell: name, value: name },
      ...['80', '95'].map((l) => ({ id: l, head: `In the ${l} % band`, right: true, cell: (r: Row) => formatPercent(r.coverage[l] ?? 0, 1), value: (r: Row) => r.coverage[l] })),
    ],
  };
  return (
    <ChartFrame title="Coverage" note="● 80 % band, ○ 95 % band; dashed: what was promised" table={table}>
      {rows.length ? <div className="pad"><Coverage rows={rows.map((r) => ({ label: name(r), actual80: r.coverage['80'] ?? 0, actual95: r.coverage['95'] ?? 0 }))} /></div> : <p className="pad s12 t3">Nothing is scored yet.</p>}
    </ChartFrame>
  );
}
