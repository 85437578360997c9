import { ChartFrame, LegendItem } from '@/components/charts/ChartFrame';
import { OPEN_DASH } from '@/components/charts/plot';
import { TimeChart } from '@/components/charts/TimeChart';
import type { PricePoint } from '@/lib/api';
import { dayClock, useNow, zone } from '@/lib/time';
import { comparePlot, valueOf } from './comparePlot';
import { lineOf } from './line';
import type { Row } from './rank';

interface Props { rows: Row[]; pools: string[]; prices: Record<string, PricePoint[]>; resource: string; slotSeconds: number }

/** At most four pools, told apart by dash as well as by colour. Which they are changes with the prices; how each one looks does not. */
export function Compare({ rows, pools, prices, resource, slotSeconds }: Props) {
  const z = zone.use();
  const names = rows.map((r) => r.pool.slug).filter((s) => (prices[s]?.length ?? 0) > 0).sort();
  const slots = [...new Set(names.flatMap((n) => prices[n] ?? []).map((p) => p.slot))].sort();
  const value = (name: string, slot: string) => valueOf(prices[name] ?? [], resource, slot);
  const plot = comparePlot(names, pools, prices, resource, slotSeconds, Math.floor(useNow() / 10_000) * 10);
  const table = {
    name: 'compare', rows: slots, rowKey: (s: string) => s,
    columns: [{ id: 'slot', head: 'Slot', cell: (s: string) => dayClock(s, z), value: (s: string) => s },
      ...names.map((n) => ({ id: n, head: n, right: true, cell: (s: string) => value(n, s)?.toFixed(4) ?? '–', value: (s: string) => value(n, s) }))],
  };
  return (
    <ChartFrame title="Compare" note={plot.unit} table={table} legend={names.map((n) => { const { colour, dash } = lineOf(n, pools); return <LegendItem key={n} colour={colour} dash={dash?.join(' ')}>{n}</LegendItem>; }).concat(plot.series.some((s) => s.open) ? [<LegendItem key="open" colour="text-2" dash={OPEN_DASH.join(' ')}>Slot still open, price so far</LegendItem>] : [])}>
      {names.length ? <TimeChart plot={plot} height={236} label={`Prices of ${names.join(', ')}`} /> : <p className="pad t3 s12">No prices yet.</p>}
    </ChartFrame>
  );
}
