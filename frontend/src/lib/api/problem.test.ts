import { expect, it } from 'vitest';
import { asSaid, inWords } from './problem';

it('says what the server says in the names and units of the pages', () => {
  expect(asSaid('Pool `fra1-gp` is halted: a fan. 200 cpu_milli are held.')).toBe('Pool fra1-gp is halted: a fan. 0.2 cores are held.');
  expect(asSaid('It is changed by at most 512 mem_mib in a slot (max_swap): no more.')).toBe('It is changed by at most 0.5 GiB in a slot: no more.');
  expect(inWords('pool_halted', 'Pool `a` is halted.')).toBe('Pool a is halted.');
});
