import { expect, it } from 'vitest';
import type { Drawable } from '@/lib/api';
import { formatMoney } from '@/lib/money';
import { mostCost, offersOf, readTake, reasonsOf, secondsLeft } from './draw';

const until = '2026-11-23T10:05:00Z';
const at = (clock: string) => Date.parse(`2026-11-23T${clock}Z`);
const cpu: Drawable = { resource: 'cpu_milli', quantity: 300, price: '0.000500000', until, code: null, detail: null };
const memory: Drawable = { resource: 'mem_mib', quantity: 0, price: null, until: null, code: 'no_vacate_path', detail: 'No drill was made.' };

it('offers what is there, and nothing of a slot that is over', () => {
  expect(offersOf([cpu, memory], at('10:04:59'))).toEqual([{ resource: 'cpu_milli', quantity: 300, price: '0.000500000', until }]);
  expect(offersOf([cpu, memory], at('10:05:00'))).toEqual([]);
  expect(reasonsOf([cpu], [])[0]?.reason).toContain('has just ended');
});
it('says why of the rest, each reason once', () => {
  const offers = offersOf([cpu, memory], at('10:00:00'));
  expect(reasonsOf([cpu, memory], offers)).toEqual([{ labels: 'Memory', reason: expect.stringMatching(/only by a workload that has shown to give it back/) }]);
  const halted = { quantity: 0, price: null, until: null, code: 'pool_halted', detail: null };
  expect(reasonsOf([{ ...cpu, ...halted }, { ...memory, ...halted }], [])).toEqual([{ labels: 'CPU and Memory', reason: 'pool halted' }]);
});
it('advises who has a failed workload to restart it, not to buy what nothing runs on', () => {
  const failed = { ...cpu, quantity: 0, price: null, until: null, code: 'instance_not_running', detail: 'The workload has stopped or failed. Restart it first, or bid for a new replica (no `instance`).' };
  expect(reasonsOf([failed], [])[0]?.reason).toBe('The workload has stopped or failed: restart it first. A bid without a workload buys capacity that nothing of yours runs on.');
});
it('charges for the part of the slot that is left, rounded up, and never more than the slot', () => {
  expect([secondsLeft(until, at('10:02:30')), secondsLeft(until, at('10:04:59.500')), secondsLeft(until, at('10:06:00'))]).toEqual([150, 1, 0]);
  expect([mostCost('0.000500000', 200, 150, 300), mostCost('0.000500000', 200, 900, 300), mostCost('0.000500000', 200, 0, 300)]).toEqual([50_000n, 100_000n, 0n]);
  expect(mostCost('0.000000001', 1, 1, 300)).toBe(1n);
  // 0.14450 and 0.09667: what is shown has two and four digits.
  expect([mostCost('0.000500000', 300, 289, 300), mostCost('0.000500000', 200, 290, 300)].map(formatMoney)).toEqual(['0.15', '0.0967']);
});
it('takes what can be read, and no more than is free', () => {
  const offer = { resource: 'cpu_milli', quantity: 300, price: '0.000500000', until };
  expect(readTake(offer, '0.3')).toEqual({ value: 300 });
  expect(readTake(offer, '')).toMatchObject({ value: null });
  expect([' 0 ', '0.301', '0,2', '0.0001'].map((text) => [readTake(offer, text).value, readTake(offer, text).fault])).toEqual([[null, 'More than 0'], [null, 'Free is 0.3 cores'], [null, 'Write 0.2 with a point'], [null, expect.any(String)]]);
  // What "All that is free" writes into the field is read as just that.
  for (const quantity of [1, 300, 1023]) expect(readTake({ ...offer, resource: 'mem_mib', quantity }, String(quantity / 1024)).value).toBe(quantity);
});

it('of a job takes whole nodes alone', () => {
  const offer = { resource: 'cpu_milli', quantity: 8000, price: '0.000500000', until };
  const job = { adopted: { kind: 'slurm_job', cluster: 'c', job: 7, submitted_at: 1, name: 'n', node_cpu_milli: 4000 } } as const;
  expect([readTake(offer, '6', job), readTake(offer, '4', job), readTake(offer, '6')]).toEqual([{ value: null, fault: 'Whole nodes: a multiple of 4 cores' }, { value: 4000 }, { value: 6000 }]);
});
