import { expect, it } from 'vitest';
import type { ForecastPoint, Instance, Sample } from '@/lib/api';
import { instances } from '@/mocks/swaps';
import { fanPlot, LIMIT, saidByHints, STAYS } from './fanPlot';

const at = (minute: number) => new Date(Date.UTC(2026, 10, 25, 2, minute)).toISOString();
const sample = (minute: number, limit?: number) => ({ at: at(minute), demand: { cpu_milli: 1000 }, limits: limit === undefined ? {} : { cpu_milli: limit } }) as unknown as Sample;
const point = (minute: number) => ({ slot: at(minute), quantiles: { '0.5': 900 } }) as unknown as ForecastPoint;
const instance = { ...instances[0], in_force: { cpu_milli: 1600 } } as Instance;
const drawn = (samples: Sample[], of: Instance | undefined = instance) => {
  const { series } = fanPlot([point(20), point(25)], samples, of, 'cpu_milli');
  return [LIMIT, STAYS].map((label) => series.find((s) => s.label === label)?.values);
};

it('each sample has the limit of its time, and the present one is drawn on apart from them', () => {
  expect(drawn([sample(7, 1500), sample(8, 1800), sample(9, 1500)])).toEqual([[1.5, 1.8, 1.5, null, null], [null, null, 1.6, 1.6, 1.6]]);
});
it('a limit that is not known is not made up, and a workload that does not run has none to come', () => {
  expect(drawn([sample(7), sample(8, 1500)])).toEqual([[null, 1.5, null, null], [null, 1.6, 1.6, 1.6]]);
  expect(drawn([sample(7, 1500)], { ...instance, state: 'stopped' })).toEqual([[1.5, null, null], undefined]);
  expect(drawn([])).toEqual([undefined, [1.6, 1.6]]);
});
it('a pool has no limit', () => {
  expect(fanPlot([point(20)], [], undefined, 'cpu_milli').series.some((s) => [LIMIT, STAYS].includes(s.label))).toBe(false);
});
it('hints are told with the most that they say, and where there are none nothing is', () => {
  const hinted = (...said: number[]) => saidByHints(said.map((n, i) => ({ ...point(20 + i), hinted: n })), 'cpu_milli');
  expect(hinted(0, 0)).toBeNull();
  expect(hinted(0, 1500, 2500)).toBe('Hints say that up to 2.5 cores are needed in 2 of these slots. The forecast is not under what they say, whatever was measured so far.');
  expect(hinted(1500)).toContain('in each of these slots');
  expect(hinted(1500, 0)).toContain('in one of these slots');
  expect(saidByHints([point(20)], 'cpu_milli')).toBeNull();
});
