import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { instances } from '@/mocks/swaps';
import { metrics } from '@/mocks/forecasts';
import { type Instance, MOST_PULSES, type Pulse, type Sample } from '@/lib/api';
import { behind, behindText, condition, firstShown, isFaulty, notCounted, riskiest, stateShown, starved, THROTTLED_MILLIS, unknownText } from './health';
import { missing } from './suspended';

const known = (risk: number | null): Pulse => ({ sample: undefined, risk, unknown: { sample: null, risk: null } });
const not = (why: Pulse['unknown']['risk']): Pulse => ({ sample: undefined, risk: null, unknown: { sample: why, risk: why } });

it('names the worst of the risky, not the first, and none that does not run', () => {
  const pulses = Object.fromEntries(instances.map((i, n) => [i.id, known(0.31 + n / 10)]));
  const list = riskiest(instances, pulses);
  expect(list.map((r) => r.risk)).toEqual(list.map((r) => r.risk).toSorted((a, b) => b - a));
  expect(list.every((r) => r.instance.state === 'running')).toBe(true);
  expect(riskiest(instances, {})).toEqual([]);
});
it('knows one that stands still, and what it has to win to go on', () => {
  const [one] = instances;
  if (!one) throw new Error('no fixture');
  const still = { ...one, baseline: { cpu_milli: 100, mem_mib: 64 }, suspended: { since: one.created_at, needs: { mem_mib: 120 } } };
  expect([condition(one), condition(still), condition({ ...still, state: 'failed' })]).toEqual(['running', 'suspended', 'faulty']);
  expect(riskiest([still], { [still.id]: known(0.9) })).toEqual([]);
  expect(missing(still)).toEqual({ mem_mib: 56 });
  expect(missing({ ...still, baseline: { mem_mib: 256 } })).toEqual({});
});
it('knows a failed guest by its state or its fault', () => {
  const [one] = instances;
  if (!one) throw new Error('no fixture');
  expect([isFaulty(one), isFaulty({ ...one, state: 'failed' }), isFaulty({ ...one, fault: { at: one.created_at, detail: 'trap' } })]).toEqual([false, true, true]);
});
it('shows first what failed, then what runs, and what was stopped only where there is nothing else', () => {
  const [one] = instances;
  if (!one) throw new Error('no fixture');
  const of = (id: string, state: string) => ({ ...one, id, state });
  const [stopped, running, failed] = [of('a', 'stopped'), of('b', 'running'), of('c', 'failed')];
  expect([[stopped, running, failed], [stopped, running], [stopped], []].map((all) => firstShown(all, {})).map((i) => i?.id)).toEqual(['c', 'b', 'a', undefined]);
});
it('says of which that run it is not known, and why; of what does not run nothing is asked', () => {
  const [one] = instances;
  if (!one) throw new Error('no fixture');
  const all = ['a', 'b', 'c', 'd', 'e', 'f'].map((id) => ({ ...one, id, state: id === 'f' ? 'stopped' : 'running' }));
  const pulses = { a: known(0.9), b: known(null), c: not('coming'), d: not('failed'), e: not('beyond') };
  expect(notCounted(all, pulses)).toEqual(['1 still being read', '1 without a forecast yet', '1 that could not be read', `1 after the first ${MOST_PULSES}`]);
  expect(notCounted(all.slice(0, 1), pulses)).toEqual([]);
  expect([unknownText(pulses.b, 'risk'), unknownText(pulses.b, 'sample'), unknownText(pulses.c, 'risk'), unknownText(pulses.d, 'sample'), unknownText(undefined, 'risk')].map((u) => u.mark)).toEqual(['–', '–', '…', '?', '–']);
  expect(unknownText(pulses.e, 'risk').why).toContain(String(MOST_PULSES));
});

const [pattern] = instances as [Instance];
const [measured] = metrics(pattern).data as [Sample];
const throttled = (throttled_millis: number, input_lag: number): Pulse => ({ ...known(0.1), sample: { ...measured, throttled_millis, input_lag } });
it('waits for CPU what is throttled while inputs wait, and runs; not what keeps up, lags for another reason, or is not known', () => {
  const of = (pulse: Pulse | undefined, i: Instance = pattern) => behind(i, pulse);
  expect([of(throttled(998, 163)), of(throttled(THROTTLED_MILLIS, 1))]).toEqual([163, 1]);
  expect([of(throttled(998, 0)), of(throttled(THROTTLED_MILLIS - 1, 163)), of(known(0.9)), of(undefined), of(throttled(998, 163), { ...pattern, state: 'stopped' })]).toEqual([null, null, null, null, null]);
  expect([stateShown(pattern, 163), stateShown(pattern, null), behindText(1), behindText(1630)]).toEqual(['starved', 'running', '1 input behind', '1,630 inputs behind']);
});
it('is throttled from where the server says so', () => {
  const server = readFileSync(join(process.cwd(), '../backend/market/src/workload/need.rs'), 'utf8');
  expect(Number(/const THROTTLED_MILLIS: i64 = (\d+);/.exec(server)?.[1])).toBe(THROTTLED_MILLIS);
});
it('shows one that waits for CPU before one that runs, the furthest behind first, and after one that failed', () => {
  const [runs, waits, most, failed] = ['a', 'b', 'c', 'd'].map((id) => ({ ...pattern, id, state: id === 'd' ? 'failed' : 'running' })) as [Instance, Instance, Instance, Instance];
  const pulses = { a: throttled(998, 0), b: throttled(500, 3), c: throttled(400, 160) };
  expect(starved([runs, waits, most, failed], pulses).map((s) => [s.instance.id, s.behind])).toEqual([['c', 160], ['b', 3]]);
  expect([[runs, waits, most, failed], [runs, waits, most], [runs, waits], [runs]].map((all) => firstShown(all, pulses)?.id)).toEqual(['d', 'c', 'b', 'a']);
});
