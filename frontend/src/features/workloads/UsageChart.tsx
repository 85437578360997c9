import { ChartFrame, LegendItem } from '@/components/charts/ChartFrame';
import { fanPoint, fanSeries, from } from '@/components/charts/fan';
import type { Plot } from '@/components/charts/plot';
import { TimeChart } from '@/components/charts/TimeChart';
import { ResourceView, Segmented } from '@/components/ui';
import { type ForecastPoint, type Instance, type List, pointsOf, type Sample, usePrediction, useResource } from '@/lib/api';
import { shown, unitOf } from '@/lib/money';
import { clockSeconds, zone } from '@/lib/time';
import { useParam } from '@/lib/url';

type Point = Sample;
const seconds = (t: string) => Math.round(Date.parse(t) / 1000);

function plotOf(points: Point[], ahead: ForecastPoint[], instance: Instance, r: string): Plot {
  const end = points.at(-1);
  const fan = from(end && [seconds(end.at), shown(r, end.demand[r] ?? 0)], ahead.map((p) => fanPoint(seconds(p.slot), p.quantiles, 1 / unitOf(r).per)));
  const x = [...new Set([...points.map((p) => seconds(p.at)), ...fan.map((f) => f.t)])].sort((a, b) => a - b);
  const by = new Map(points.map((p) => [seconds(p.at), p]));
  const pick = (of: (p: Point) => number) => x.map((t) => { const p = by.get(t); return p ? shown(r, of(p)) : null; });
  const series: Plot['series'] = [
    { label: 'Limit', colour: 'accent', kind: 'step', values: pick((p) => p.limits[r] ?? 0) },
    { label: 'Used', colour: 'price', kind: 'line', values: pick((p) => p.usage[r] ?? 0) },
    { label: 'Floor', colour: 'reserve', kind: 'step', dash: [6, 3], width: 1.25, values: x.map(() => shown(r, instance.floor[r] ?? 0)) },
  ];
  series.push(...fanSeries(x, fan, series.length));
  const last = end;
  return { x, series, unit: unitOf(r).many, places: 2, zero: true, now: last && seconds(last.at), tags: last ? [{ value: shown(r, last.limits[r] ?? 0), text: shown(r, last.limits[r] ?? 0).toFixed(2), colour: 'accent', on: 'on-accent' }] : [] };
}

/** The headroom is the gap between the two lines; the limit rises when a bid wins. */
export function UsageChart({ instance }: { instance: Instance }) {
  const z = zone.use();
  const [asked, setR] = useParam('r', 'cpu_milli');
  // Of what it does not trade there is no limit to compare with.
  const r = asked in instance.in_force ? asked : 'cpu_milli';
  const of = useResource<List<Sample>>(`/instances/${instance.id}/metrics`, { minutes: 60 }, 10_000);
  const ahead = pointsOf(usePrediction({ instance_id: instance.id }, r).data, r);
  const table = {
    name: `${instance.name}-usage`, rows: of.data?.data ?? [], rowKey: (p: Point) => p.at,
    columns: [
      { id: 'at', head: 'Time', cell: (p: Point) => clockSeconds(p.at, z), value: (p: Point) => p.at },
      { id: 'used', head: `Used, ${unitOf(r).many}`, right: true, cell: (p: Point) => shown(r, p.usage[r] ?? 0).toFixed(3), value: (p: Point) => shown(r, p.usage[r] ?? 0) },
      { id: 'limit', head: `Limit, ${unitOf(r).many}`, right: true, cell: (p: Point) => shown(r, p.limits[r] ?? 0).toFixed(3), value: (p: Point) => shown(r, p.limits[r] ?? 0) },
    ],
  };
  return (
    <ChartFrame title="Headroom: limit against use" note={unitOf(r).many} table={table} tools={<Segmented label="Resource" value={r} options={Object.keys(instance.in_force).map((x) => ({ value: x, label: unitOf(x).label }))} onChange={setR} />}
      legend={<><LegendItem colour="accent">Limit</LegendItem><LegendItem colour="price">Used</LegendItem><LegendItem colour="reserve" dash="6 3">Floor</LegendItem><LegendItem colour="forecast" dash="4 3">Demand forecast, 80 / 95 %</LegendItem></>}>
      <ResourceView of={of} empty={(m) => m.data.length === 0 && { fact: 'No measurement yet.', hint: 'The driver reports every few seconds once the workload runs.' }}>
        {(m) => <TimeChart plot={plotOf(m.data, ahead, instance, r)} height={300} label={`Limit and use of ${instance.name}`} />}
      </ResourceView>
    </ChartFrame>
  );
}
