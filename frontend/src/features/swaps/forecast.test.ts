// The numbers come first, then what they rest on.
import { expect, it } from 'vitest';
import { forecastText } from './forecast';

const of = (change: object) => forecastText({ learned_from: 'program', moves: 18, failures: 1, bytes: 12_288, pause_micros: 4_200, failures_per_million: 52_000, cost: '0.020000', rejected: [], ...change });

it('says the numbers and the moves behind them', () => {
  expect(of({})).toBe('a pause of 4.2 ms, 12.0 KiB, 0.0200 cr; by 18 earlier moves of this program, 1 of which failed');
  expect(of({ learned_from: 'driver', failures: 0 })).toMatch(/; by 18 earlier moves of its driver, none of which failed$/);
});

it('says so where no move says anything', () => {
  expect(of({ moves: 0, failures: 0, pause_micros: 0 })).toBe('no pause to measure, 12.0 KiB, 0.0200 cr; no earlier move says so');
});
