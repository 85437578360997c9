// Who waits for CPU now is said before what a forecast says, and nothing sounds well beside it.
import { cleanup, render } from '@testing-library/react';
import { afterEach, expect, it } from 'vitest';
import type { Instance, Pulse, Sample } from '@/lib/api';
import { metrics } from '@/mocks/forecasts';
import { instances } from '@/mocks/swaps';
import { Answer } from './Answer';

afterEach(cleanup);
const [pattern] = instances as [Instance];
const [sample] = metrics(pattern).data as [Sample];
const named = (name: string): Instance => ({ ...pattern, id: name, name });
const pulse = (risk: number | null, behind = 0): Pulse => ({ sample: { ...sample, throttled_millis: behind > 0 ? 998 : 0, input_lag: behind }, risk, unknown: { sample: null, risk: null } });
const said = (pulses: Record<string, Pulse>) => render(<Answer of={{ rows: Object.keys(pulses).map(named), cut: false }} pulses={pulses} />).container.textContent;

it('names the one that is furthest behind, and how many more wait', () => {
  expect(said({ web: pulse(0.02, 4), alignment: pulse(0.02, 163), calm: pulse(0.02) })).toBe('3 of 3 run. alignment waits for CPU now, 163 inputs behind; 1 more waits. No other is likely to run short soon.');
});
it('says of the others which is the most likely to run short', () => {
  expect(said({ alignment: pulse(0.9, 163), web: pulse(0.5) })).toBe('2 of 2 run. alignment waits for CPU now, 163 inputs behind. web is the most likely to run short soon, with 50\u2009% chance.');
});
it('promises nothing where all wait, or of what is not known', () => {
  expect(said({ alignment: pulse(0.02, 1) })?.trim()).toBe('1 of 1 run. alignment waits for CPU now, 1 input behind.');
  cleanup();
  expect(said({ alignment: pulse(0.02, 163), web: pulse(null), calm: pulse(0.02) })).toBe('3 of 3 run. alignment waits for CPU now, 163 inputs behind. Of those that are known no other is likely to run short soon. Not counted: 1 without a forecast yet.');
});
it('calls none likely to run short only where none waits', () => {
  expect(said({ web: pulse(0.02), calm: pulse(0.02) })).toBe('2 of 2 run. None is likely to run short soon.');
});
