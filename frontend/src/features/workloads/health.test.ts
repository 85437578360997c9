import { expect, it } from 'vitest';
import { instances } from '@/mocks/swaps';
import { isFaulty, riskiest } from './health';

it('names the worst of the risky, not the first, and none that does not run', () => {
  const pulses = Object.fromEntries(instances.map((i, n) => [i.id, { sample: undefined, risk: 0.31 + n / 10 }]));
  const list = riskiest(instances, pulses);
  expect(list.map((r) => r.risk)).toEqual(list.map((r) => r.risk).toSorted((a, b) => b - a));
  expect(list.every((r) => r.instance.state === 'running')).toBe(true);
  expect(riskiest(instances, {})).toEqual([]);
});
it('knows a failed guest by its state or its fault', () => {
  const [one] = instances;
  if (!one) throw new Error('no fixture');
  expect([isFaulty(one), isFaulty({ ...one, state: 'faulty' }), isFaulty({ ...one, fault: { at: one.created_at, detail: 'trap' } })]).toEqual([false, true, true]);
});
