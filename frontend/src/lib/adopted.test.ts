import { expect, it } from 'vitest';
import type { Adopted } from './api/adoption';
import { bundleText, isWhole, lotOf, nodesText, notWhole } from './adopted';

const job: { adopted: Adopted } = { adopted: { kind: 'slurm_job', cluster: 'c', job: 7, submitted_at: 1, name: 'solver', node_cpu_milli: 4000 } };
const process: { adopted: Adopted } = { adopted: { kind: 'process', pid: 7, started_ticks: 1, boot: 'b', command: 'c' } };

it('a job has whole nodes, a process any amount', () => {
  expect([lotOf(job, 'cpu_milli'), lotOf(process, 'cpu_milli'), lotOf(undefined, 'cpu_milli'), lotOf(job, 'gpu_milli')]).toEqual([4000, 1, 1, 1000]);
  expect([isWhole(job, 'cpu_milli', 8000), isWhole(job, 'cpu_milli', 6000), isWhole(process, 'cpu_milli', 6001)]).toEqual([true, false, true]);
  expect(notWhole(job)).toBe('Whole nodes: a multiple of 4 cores');
});
it('says an amount of a job in cores and nodes', () => {
  expect([bundleText(job, { cpu_milli: 16_000 }), bundleText(process, { cpu_milli: 500 }), nodesText(1)]).toEqual(['16 cores: 4 nodes', '0.5 cores', '1 node']);
});
