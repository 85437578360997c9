// What was measured, with the limit of its time, and what is forecast, as one plot.
import { fanPoint, fanSeries, from } from '@/components/charts/fan';
import type { Plot } from '@/components/charts/plot';
import type { ForecastPoint, Instance, Sample } from '@/lib/api';
import { formatQuantity, shown, unitOf } from '@/lib/money';

export const LIMIT = 'Limit';
/** It may win more, or lend, before these slots begin. */
export const STAYS = 'Limit, if it stays';
const seconds = (t: string) => Math.round(Date.parse(t) / 1000);

/** A past demand is to be read against the limit of then: the present one is drawn from the last sample on only. */
export function fanPlot(points: ForecastPoint[], samples: Sample[], instance: Instance | undefined, resource: string): Plot {
  const amount = (base: number | undefined) => (base === undefined ? null : shown(resource, base));
  const by = new Map(samples.map((p) => [seconds(p.at), p]));
  const end = samples.at(-1);
  const now = end && seconds(end.at);
  const fan = from(end && [seconds(end.at), shown(resource, end.demand[resource] ?? 0)], points.map((p) => fanPoint(seconds(p.slot), p.quantiles, 1 / unitOf(resource).per)));
  const x = [...new Set([...by.keys(), ...fan.map((f) => f.t)])].sort((a, b) => a - b);
  // What does not run has no limit that would hold from now on.
  const present = instance && instance.state !== 'stopped' ? amount(instance.in_force[resource]) : null;
  const limits = x.map((t) => amount(by.get(t)?.limits[resource]));
  // From the last sample on, so that the two are one line.
  const stays = x.map((t) => (now === undefined || t >= now ? present : null));
  const series: Plot['series'] = [{ label: 'Demand', colour: 'price', kind: 'line', values: x.map((t) => { const p = by.get(t); return p ? shown(resource, p.demand[resource] ?? 0) : null; }) }];
  if (limits.some((l) => l !== null)) series.push({ label: LIMIT, colour: 'accent', kind: 'step', width: 1.5, values: limits });
  if (stays.some((l) => l !== null)) series.push({ label: STAYS, colour: 'accent', kind: 'step', width: 1.5, open: true, values: stays });
  series.push(...fanSeries(x, fan, series.length));
  return { x, series, unit: unitOf(resource).many, places: 2, zero: true, now };
}

/** What hints say of these slots: the forecast is not under that. */
export function saidByHints(points: ForecastPoint[], resource: string): string | null {
  const hinted = points.filter((p) => (p.hinted ?? 0) > 0);
  if (hinted.length === 0) return null;
  const most = Math.max(...hinted.map((p) => p.hinted ?? 0));
  const where = hinted.length === points.length ? 'each of these slots' : hinted.length === 1 ? 'one of these slots' : `${hinted.length} of these slots`;
  return `Hints say that up to ${formatQuantity(resource, most)} are needed in ${where}. The forecast is not under what they say, whatever was measured so far.`;
}
