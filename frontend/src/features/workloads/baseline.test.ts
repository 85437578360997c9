import { expect, it } from 'vitest';
import { bodyOf, faultOf, resourcesOf, textOf } from './baseline';

const of = { baseline: { cpu_milli: 2000, mem_mib: 600 }, floor: { cpu_milli: 500 }, limit: { cpu_milli: 4000, mem_mib: 1024, gpu_milli: 1000 } };

it('begins with what is in force, of all that it may have', () => {
  expect(resourcesOf(of)).toEqual(['cpu_milli', 'mem_mib', 'gpu_milli']);
  expect([textOf(of, {}, 'baseline', 'cpu_milli'), textOf(of, {}, 'baseline', 'mem_mib'), textOf(of, {}, 'floor', 'mem_mib'), textOf(of, { 'floor/cpu_milli': '1' }, 'floor', 'cpu_milli')]).toEqual(['2', '0.5859375', '0', '1']);
});
it('sends all resources of both, whatever was touched; nothing where nothing is different', () => {
  expect(bodyOf(of, { 'floor/cpu_milli': '1' })).toEqual({ baseline: { cpu_milli: 2000, mem_mib: 600, gpu_milli: 0 }, floor: { cpu_milli: 1000, mem_mib: 0, gpu_milli: 0 } });
  expect([bodyOf(of, {}), bodyOf(of, { 'baseline/cpu_milli': '2.0' })]).toEqual([null, null]);
});
it('refuses where it is typed what the server would refuse', () => {
  const fault = (field: string, text: string, more = {}) => { const [which, r] = field.split('/') as ['floor', string]; const typed = { ...more, [field]: text }; return [faultOf(of, typed, which, r), bodyOf(of, typed)]; };
  expect(fault('baseline/cpu_milli', '5')).toEqual(['Never more than 4 cores, as it is registered', null]);
  expect(fault('floor/cpu_milli', '3')).toEqual(['At most the baseline', null]);
  expect(fault('floor/cpu_milli', '3', { 'baseline/cpu_milli': '3' })).toEqual([undefined, { baseline: { cpu_milli: 3000, mem_mib: 600, gpu_milli: 0 }, floor: { cpu_milli: 3000, mem_mib: 0, gpu_milli: 0 } }]);
  expect(fault('baseline/cpu_milli', '')).toEqual(['Write 0 for none', null]);
  expect(fault('baseline/mem_mib', '0,5')).toEqual(['Write 0.5 with a point', null]);
  // A baseline that goes under the floor is told at the floor.
  expect(faultOf(of, { 'baseline/cpu_milli': '0.25' }, 'floor', 'cpu_milli')).toBe('At most the baseline');
});

it('of a job takes whole nodes, one at least', () => {
  const job = { baseline: { cpu_milli: 8000 }, floor: { cpu_milli: 8000 }, limit: { cpu_milli: 64_000 }, adopted: { kind: 'slurm_job', cluster: 'c', job: 7, submitted_at: 1, name: 'n', node_cpu_milli: 4000 } } as const;
  const fault = (text: string) => faultOf(job, { 'baseline/cpu_milli': text }, 'baseline', 'cpu_milli');
  expect(['10', '0', '12'].map(fault)).toEqual(['Whole nodes: a multiple of 4 cores', 'At least one node', undefined]);
});
