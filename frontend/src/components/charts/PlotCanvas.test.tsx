// What a chart is given always fits the series that it was made with, however these change: a value under another name would be a lie.
import { cleanup, render } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Plot } from './plot';
import PlotCanvas from './PlotCanvas';

interface Made { labels: string[]; dashes: unknown[]; data: unknown[][]; gone: boolean }
const { made } = vi.hoisted(() => ({ made: [] as Made[] }));
vi.mock('uplot/dist/uPlot.min.css', () => ({}));
vi.mock('uplot', () => ({
  default: class {
    static paths = {};
    private readonly own: Made;
    constructor(options: { series: { label?: string; dash?: unknown }[] }) {
      this.own = { labels: options.series.slice(1).map((s) => s.label ?? ''), dashes: options.series.slice(1).map((s) => s.dash), data: [], gone: false };
      made.push(this.own);
    }
    setData(data: unknown[][]) {
      expect(data.length - 1, 'as many series as were named').toBe(this.own.labels.length);
      this.own.data = data;
    }
    setSize() {}
    destroy() { this.own.gone = true; }
  },
}));

beforeEach(() => { made.length = 0; });
afterEach(cleanup);
/** Of each name the values that nobody else has. */
const VALUES: Record<string, number[]> = { hel1: [1, 1], fra1: [2, 2], ams1: [3, 3], waw1: [4, 4] };
const plot = (...names: string[]): Plot => ({ unit: 'cr', x: [0, 60], series: names.map((n) => ({ label: n, colour: 's1', kind: 'step', values: VALUES[n] ?? [] })) });
const drawn = () => { const last = made.at(-1); return last && Object.fromEntries(last.labels.map((l, i) => [l, last.data[i + 1]])); };
const of = (...names: string[]) => Object.fromEntries(names.map((n) => [n, VALUES[n]]));

it('each line has its own name when the set of series changes, and when it changes back', () => {
  const { rerender } = render(<PlotCanvas plot={plot('ams1', 'fra1', 'hel1', 'waw1')} height={200} />);
  // A filter; one series as many; a late answer; none, and all again.
  for (const names of [['fra1', 'hel1'], ['ams1', 'waw1'], ['ams1', 'fra1', 'waw1'], [], ['ams1', 'fra1', 'hel1', 'waw1']]) {
    rerender(<PlotCanvas plot={plot(...names)} height={200} />);
    expect(drawn()).toEqual(of(...names));
  }
  expect(made.filter((m) => !m.gone)).toHaveLength(1);
});
it('new values of the same series make no new chart', () => {
  const { rerender } = render(<PlotCanvas plot={plot('ams1')} height={200} />);
  rerender(<PlotCanvas plot={{ ...plot('ams1'), x: [0, 60], series: [{ label: 'ams1', colour: 's1', kind: 'step', values: [7, 8] }] }} height={200} />);
  expect([made.length, drawn()]).toEqual([1, { ams1: [7, 8] }]);
});
it('a line that looks otherwise is drawn so', () => {
  const dashed = (dash: number[]): Plot => ({ ...plot('ams1'), series: [{ label: 'ams1', colour: 's1', kind: 'step', dash, values: [1, 2] }] });
  const { rerender } = render(<PlotCanvas plot={dashed([6, 3])} height={200} />);
  rerender(<PlotCanvas plot={dashed([2, 3])} height={200} />);
  expect(made.at(-1)?.dashes).toEqual([[2, 3]]);
});
