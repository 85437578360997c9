import { expect, it } from 'vitest';
import { pools } from '@/mocks/pools';
import { costsOf, faultOf, wireOf } from './shortage';

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
  expect(faultOf('')).toBeUndefined();
  expect(faultOf('3.6')).toBeUndefined();
  expect(faultOf('0')).toBe('More than 0, or nothing');
  expect(faultOf('much')).toBeTruthy();
  expect(faultOf('-1')).toBeTruthy();
});
