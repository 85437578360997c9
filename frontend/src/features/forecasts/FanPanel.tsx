import { ChartFrame, LegendItem } from '@/components/charts/ChartFrame';
import { fanPoint, fanSeries, from } from '@/components/charts/fan';
import type { Plot } from '@/components/charts/plot';
import { TimeChart } from '@/components/charts/TimeChart';
import { ResourceView } from '@/components/ui';
import { type ForecastPoint, type Instance, type List, pointsOf, type Sample, usePrediction, useResource } from '@/lib/api';
import { formatRough, shown, unitOf } from '@/lib/money';
import { dayClock, zone } from '@/lib/time';

interface Props { subject: string; instance?: Instance; resource: string }
const seconds = (t: string) => Math.round(Date.parse(t) / 1000);

function plotOf(points: ForecastPoint[], samples: Sample[], instance: Instance | undefined, resource: string): Plot {
  const past = samples.map((p) => [seconds(p.at), shown(resource, p.demand[resource] ?? 0)] as const);
  const end = past.at(-1);
  const fan = from(end && [end[0], end[1]], points.map((p) => fanPoint(seconds(p.slot), p.quantiles, 1 / unitOf(resource).per)));
  const x = [...new Set([...past.map(([t]) => t), ...fan.map((f) => f.t)])].sort((a, b) => a - b);
  const used = new Map(past);
  const limit = instance && shown(resource, instance.in_force[resource] ?? 0);
  const series: Plot['series'] = [{ label: 'Demand', colour: 'price', kind: 'line', values: x.map((t) => used.get(t) ?? null) }];
  if (limit) series.push({ label: 'Limit', colour: 'accent', kind: 'step', width: 1.5, values: x.map(() => limit) });
  series.push(...fanSeries(x, fan, series.length));
  return { x, series, unit: unitOf(resource).many, places: 2, zero: true, now: past.at(-1)?.[0] };
}

export function FanPanel({ subject, instance, resource }: Props) {
  const z = zone.use();
  const own = subject.startsWith('i:');
  const of = usePrediction(subject === '' ? null : own ? { instance_id: subject.slice(2) } : { pool: subject.slice(2) }, resource);
  const metrics = useResource<List<Sample>>(own ? `/instances/${subject.slice(2)}/metrics` : null, { minutes: 60 }).data;
  const points: ForecastPoint[] = pointsOf(of.data, resource);
  const at = (p: ForecastPoint, q: string) => formatRough(resource, Math.round(p.quantiles[q] ?? 0));
  const table = {
    name: 'forecast', rows: points, rowKey: (p: ForecastPoint) => p.slot,
    columns: [
      { id: 'slot', head: 'Slot', cell: (p: ForecastPoint) => dayClock(p.slot, z), value: (p: ForecastPoint) => p.slot },
      ...['0.025', '0.1', '0.5', '0.9', '0.975'].map((q) => ({ id: q, head: `${Number(q) * 100} %`, right: true, cell: (p: ForecastPoint) => at(p, q), value: (p: ForecastPoint) => p.quantiles[q] })),
      { id: 'mean', head: 'Mean', right: true, cell: (p: ForecastPoint) => formatRough(resource, p.mean), value: (p: ForecastPoint) => p.mean },
    ],
  };
  return (
    <ChartFrame title="Demand, measured and forecast" note={unitOf(resource).many} table={table} legend={<><LegendItem colour="price">Demand</LegendItem>{own && <LegendItem colour="accent">Limit</LegendItem>}<LegendItem colour="forecast" dash="4 3">Median, 80 / 95 %</LegendItem></>}>
      <ResourceView of={of} empty={() => points.length === 0 && { fact: 'No forecast yet.', hint: 'The first interval comes with the first sample.' }}>
        {() => <TimeChart plot={plotOf(points, metrics?.data ?? [], instance, resource)} height={280} label="Measured demand and forecast with 80 and 95 % bands" />}
      </ResourceView>
    </ChartFrame>
  );
}
