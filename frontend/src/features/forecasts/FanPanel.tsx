import { ChartFrame, LegendItem } from '@/components/charts/ChartFrame';
import { OPEN_DASH } from '@/components/charts/plot';
import { TimeChart } from '@/components/charts/TimeChart';
import { ResourceView } from '@/components/ui';
import { type ForecastPoint, type Instance, type List, pointsOf, type Sample, usePrediction, useResource } from '@/lib/api';
import { formatRough, unitOf } from '@/lib/money';
import { dayClock, zone } from '@/lib/time';
import { LIMIT, fanPlot, saidByHints, STAYS } from './fanPlot';

interface Props { subject: string; instance?: Instance; resource: string }

export function FanPanel({ subject, instance, resource }: Props) {
  const z = zone.use();
  const own = subject.startsWith('i:');
  const of = usePrediction(subject === '' ? null : own ? { instance_id: subject.slice(2) } : { pool: subject.slice(2) }, resource);
  const metrics = useResource<List<Sample>>(own ? `/instances/${subject.slice(2)}/metrics` : null, { minutes: 60 }).data;
  const points: ForecastPoint[] = pointsOf(of.data, resource);
  const plot = fanPlot(points, metrics?.data ?? [], instance, resource);
  const hints = saidByHints(points, resource);
  const at = (p: ForecastPoint, q: string) => formatRough(resource, Math.round(p.quantiles[q] ?? 0));
  const table = {
    name: 'forecast', rows: points, rowKey: (p: ForecastPoint) => p.slot,
    columns: [
      { id: 'slot', head: 'Slot', cell: (p: ForecastPoint) => dayClock(p.slot, z), value: (p: ForecastPoint) => p.slot },
      ...['0.025', '0.1', '0.5', '0.9', '0.975'].map((q) => ({ id: q, head: `${Number(q) * 100} %`, right: true, cell: (p: ForecastPoint) => at(p, q), value: (p: ForecastPoint) => p.quantiles[q] })),
      { id: 'mean', head: 'Mean', right: true, cell: (p: ForecastPoint) => formatRough(resource, p.mean), value: (p: ForecastPoint) => p.mean },
      ...(hints ? [{ id: 'hinted', head: 'Hinted', right: true, cell: (p: ForecastPoint) => (p.hinted ? formatRough(resource, p.hinted) : '–'), value: (p: ForecastPoint) => p.hinted ?? 0 }] : []),
    ],
  };
  return (
    <ChartFrame title="Demand, measured and forecast" note={unitOf(resource).many} table={table} legend={<><LegendItem colour="price">Demand</LegendItem>{plot.series.some((s) => s.label === LIMIT) && <LegendItem colour="accent">{LIMIT}</LegendItem>}{plot.series.some((s) => s.label === STAYS) && <LegendItem colour="accent" dash={OPEN_DASH.join(' ')}>{STAYS}</LegendItem>}<LegendItem colour="forecast" dash="4 3">Median, 80 / 95 %</LegendItem></>}>
      <ResourceView of={of} empty={() => points.length === 0 && { fact: 'No forecast yet.', hint: 'The first interval comes with the first sample.' }}>
        {() => <>
          <TimeChart plot={plot} height={280} label="Measured demand and forecast with 80 and 95 % bands" />
          {hints && <p className="pad s11 t3">{hints}</p>}
        </>}
      </ResourceView>
    </ChartFrame>
  );
}
