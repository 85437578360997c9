// From a plot to uPlot's options: steps, bands, a price part above a volume part, one time axis.
import uPlot from 'uplot';
import { token } from '@/lib/theme';
import { clock, type Zone } from '@/lib/time';
import { overlay } from './overlay';
import { axisWidth, placesOf, type Plot, type Series, volumeLabels } from './plot';

const alpha = (colour: string, share: string) => {
  const n = parseInt(colour.slice(1), 16);
  return `rgb(${n >> 16} ${(n >> 8) & 255} ${n & 255} / ${share})`;
};
/** Ticks lie on whole minutes: the labels have no seconds. */
const MINUTES = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440].map((m) => m * 60);
/** A gap begins where there is no value any more, not with the last one: that holds for its slot. */
const stepped = uPlot.paths.stepped?.({ align: 1, alignGaps: 1 });
/** As wide as their slot, however few there are: a narrow one would say that the slot is shorter. */
const bars = uPlot.paths.bars?.({ size: [0.86, 1000], align: 1 });

function seriesOf(s: Series): uPlot.Series {
  const colour = token(s.colour);
  return {
    label: s.label,
    scale: s.scale ?? 'y',
    stroke: s.edge || s.kind === 'bars' ? undefined : colour,
    fill: s.kind === 'bars' ? colour : undefined,
    width: s.edge ? 0 : (s.width ?? 1.75),
    dash: s.dash,
    paths: s.kind === 'step' ? stepped : s.kind === 'bars' ? bars : undefined,
    points: { show: false },
    spanGaps: s.kind !== 'bars' && !s.gaps,
    // A hair more: the upright to the next price would show at the end of the gap.
    gaps: (_u, _series, _first, _last, gaps) => gaps.map(([from, to]) => [from, to + devicePixelRatio]),
  };
}

function extent(plot: Plot, scale: 'y' | 'volume'): [number, number] {
  const all = plot.series.filter((s) => (s.scale ?? 'y') === scale).flatMap((s) => s.values.filter((v): v is number => v !== null));
  const tags = scale === 'y' ? (plot.tags ?? []).map((t) => t.value) : [];
  const values = [...all, ...tags];
  if (values.length === 0) return [0, 1];
  const low = plot.zero || scale === 'volume' ? 0 : Math.min(...values);
  const high = Math.max(...values);
  const pad = (high - low || high || 1) * 0.08;
  return [low === 0 ? 0 : low - pad, high + pad];
}

export function optionsOf(plot: () => Plot, width: number, height: number, z: Zone): uPlot.Options {
  const p = plot();
  const volume = p.series.some((s) => s.scale === 'volume');
  const text = { stroke: token('text-3'), font: `11px ${token('font')}` };
  const grid = { stroke: token('grid'), width: 1 };
  return {
    width, height, padding: [14, volume ? 0 : p.tags?.length ? 62 : 22, 0, 4],
    legend: { show: false },
    cursor: { points: { size: 7 }, y: false, drag: { x: false, y: false } },
    scales: {
      x: { time: true },
      // Price keeps the upper two thirds: its scale reaches down so that volume fits under it.
      y: { range: () => { const [lo, hi] = extent(plot(), 'y'); return volume ? [lo - (hi - lo) * 0.5, hi] : [lo, hi]; } },
      volume: { range: () => [0, extent(plot(), 'volume')[1] * 3.6] },
    },
    axes: [
      { ...text, grid, ticks: { show: false }, size: 26, space: 56, incrs: MINUTES, values: (_u, ticks) => ticks.map((t) => clock(t * 1000, z)) },
      { ...text, grid, ticks: { show: false }, size: (_u, labels) => axisWidth(labels), values: (_u, ticks, _axis, _space, step) => {
        const floor = extent(plot(), 'y')[0];
        const places = placesOf(step);
        return ticks.map((t) => (volume && t < floor ? '' : t.toLocaleString('en-US', { maximumFractionDigits: places, minimumFractionDigits: places })));
      } },
      // The right side belongs to volume below and to the tags above.
      ...(volume ? [{ ...text, scale: 'volume', side: 1 as const, size: (_u: uPlot, labels: string[]) => Math.max(62, axisWidth(labels)), grid: { show: false }, ticks: { show: false }, values: (_u: uPlot, ticks: number[]) => volumeLabels(ticks, extent(plot(), 'volume')[1], plot().volumeUnit) }] : []),
    ],
    series: [{}, ...p.series.map(seriesOf)],
    bands: p.series.flatMap((s, i) => (s.band ? [{ series: [i + 1, s.band.to + 1] as [number, number], fill: alpha(token(s.colour), token(s.band.alpha)) }] : [])),
    plugins: [overlay(plot, z)],
  };
}
