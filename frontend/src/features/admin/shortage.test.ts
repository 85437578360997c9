import { expect, it } from 'vitest';
import { pools } from '@/mocks/pools';
import { costsOf, faultOf, say, wireOf } from './shortage';

it('what is in force comes back as it was, and what is off stays off', () => {
  const pool = pools.find((p) => p.slug === 'fra1-gp');
  if (!pool) throw new Error('no fixture');
  const wire = Object.fromEntries(pool.resources.map((r) => [r.resource, r.scarcity?.shortage_cost]));
  expect(wireOf(costsOf(pool))).toEqual(wire);
  const plain = pools.find((p) => p.slug === 'hel1-gp');
  expect(plain && wireOf(costsOf(plain))).toEqual({});
});

it('a cost is typed per core and sent per millicore', () => {
  expect(wireOf({ cpu_milli: '3.6', mem_mib: '' })).toEqual({ cpu_milli: '0.003600000' });
});

it('nothing is no fault, zero and words are', () => {
  expect(faultOf('cpu_milli', '')).toBeUndefined();
  expect(faultOf('cpu_milli', '3.6')).toBeUndefined();
  expect(faultOf('cpu_milli', '0')).toBe('More than 0, or nothing');
  expect(faultOf('cpu_milli', '0.0000004')).toBe('More than 0, or nothing');
  expect(faultOf('cpu_milli', 'much')).toBeTruthy();
  expect(faultOf('cpu_milli', '-1')).toBeTruthy();
});

it('what is asked about is what is sent, to the last digit', () => {
  const pool = pools.find((p) => p.slug === 'fra1-gp');
  expect(pool && say(pool, { cpu_milli: '', mem_mib: '0.1' })).toBe('CPU by reserve prices alone, Memory 0.099999744 cr a missing GiB');
});
