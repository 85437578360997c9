import { expect, it } from 'vitest';
import { inWords } from '../api/problem';
import { inUnits } from './units';

it('sentences of the server have the units of the pages', () => {
  expect(inUnits('The instance can use at most 200 cpu_milli, and 1024 mem_mib of it.')).toBe('The instance can use at most 0.2 cores, and 1 GiB of it.');
  expect(inUnits('fra1-gp-a came nearest and had too little cpu_milli; my_cpu_milli_x stays.')).toBe('fra1-gp-a came nearest and had too little CPU; my_cpu_milli_x stays.');
  expect(inWords('too_much', 'The instance can use at most 200 cpu_milli.')).toBe('The instance can use at most 0.2 cores.');
});
