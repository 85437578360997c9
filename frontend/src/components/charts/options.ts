// From a plot to uPlot's options: steps, bands, bars, one time axis and one upright.
import uPlot from 'uplot';
import { token } from '@/lib/theme';
import { clock, type Zone } from '@/lib/time';
import { overlay } from './overlay';
import { axisWidth, extent, OPEN_DASH, placesOf, type Plot, type Series } from './plot';

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
    stroke: s.edge || s.kind === 'bars' ? undefined : colour,
    fill: s.kind === 'bars' ? colour : undefined,
    width: s.edge ? 0 : (s.width ?? 1.75),
    dash: s.open ? OPEN_DASH : s.dash,
    paths: s.kind === 'step' ? stepped : s.kind === 'bars' ? bars : undefined,
    points: { show: false },
    spanGaps: s.kind !== 'bars' && !s.gaps,
    // A hair more: the upright to the next price would show at the end of the gap.
    gaps: (_u, _series, _first, _last, gaps) => gaps.map(([from, to]) => [from, to + devicePixelRatio]),
  };
}

/** Charts under each other begin at one place, so that their times do, too. */
const PANE_AXIS = 72;
/** For tags, and beside one chart with tags also for the others. */
const TAGS = 62;

export function optionsOf(plot: () => Plot, width: number, height: number, z: Zone): uPlot.Options {
  const p = plot();
  const text = { stroke: token('text-3'), font: `11px ${token('font')}` };
  const grid = { stroke: token('grid'), width: 1 };
  return {
    width, height, padding: [14, p.pane || p.tags?.length ? TAGS : 22, 0, 4],
    legend: { show: false },
    cursor: { points: { size: 7 }, y: false, drag: { x: false, y: false }, ...(p.pane ? { sync: { key: p.pane } } : {}) },
    scales: { x: { time: true }, y: { range: () => extent(plot()) } },
    axes: [
      { ...text, grid, ticks: { show: false }, size: 26, space: 56, incrs: MINUTES, values: (_u, ticks) => ticks.map((t) => clock(t * 1000, z)) },
      { ...text, grid, ticks: { show: false }, size: (_u, labels) => Math.max(p.pane ? PANE_AXIS : 0, axisWidth(labels)), values: (_u, ticks, _axis, _space, step) => {
        const places = placesOf(step);
        return ticks.map((t) => t.toLocaleString('en-US', { maximumFractionDigits: places, minimumFractionDigits: places }));
      } },
    ],
    series: [{}, ...p.series.map(seriesOf)],
    bands: p.series.flatMap((s, i) => (s.band ? [{ series: [i + 1, s.band.to + 1] as [number, number], fill: alpha(token(s.colour), token(s.band.alpha)) }] : [])),
    plugins: [overlay(plot, z)],
  };
}
