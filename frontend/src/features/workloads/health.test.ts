import { expect, it } from 'vitest';
import { instances } from '@/mocks/swaps';
import { MOST_PULSES, type Pulse } from '@/lib/api';
import { condition, firstShown, isFaulty, notCounted, riskiest, unknownText } from './health';
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
  expect([firstShown([stopped, running, failed]), firstShown([stopped, running]), firstShown([stopped]), firstShown([])].map((i) => i?.id)).toEqual(['c', 'b', 'a', undefined]);
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
