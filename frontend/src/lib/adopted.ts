// Workloads that ran before the market knew them: processes and virtual machines of a host, jobs of a Slurm cluster, and pods of a Kubernetes node.
import type { Adopted } from './api/adoption';
import type { Instance, Quantities } from './api/objects';
import { formatBundle, formatCount, formatQuantity } from './money';

type Of = Pick<Instance, 'adopted'> | undefined;
/** GPUs are had in whole devices. */
const DEVICE_MILLI = 1000;

export const jobOf = (i: Of): Extract<Adopted, { kind: 'slurm_job' }> | undefined => (i?.adopted?.kind === 'slurm_job' ? i.adopted : undefined);
export const processOf = (i: Of): Extract<Adopted, { kind: 'process' }> | undefined => (i?.adopted?.kind === 'process' ? i.adopted : undefined);
export const podOf = (i: Of): Extract<Adopted, { kind: 'pod' }> | undefined => (i?.adopted?.kind === 'pod' ? i.adopted : undefined);
export const vmOf = (i: Of): Extract<Adopted, { kind: 'vm' }> | undefined => (i?.adopted?.kind === 'vm' ? i.adopted : undefined);

/** It wins and draws whole multiples of so much of a resource, as the server has it. */
export function lotOf(i: Of, resource: string): number {
  if (resource === 'gpu_milli') return DEVICE_MILLI;
  return (resource === 'cpu_milli' && jobOf(i)?.node_cpu_milli) || 1;
}
/** Whether an amount is made of whole nodes of a job; always so for what is no job. */
export const isWhole = (i: Of, resource: string, base: number): boolean => !jobOf(i) || base % lotOf(i, resource) === 0;
/** What to say of an amount that is not. */
export const notWhole = (i: Of): string => `Whole nodes: a multiple of ${formatQuantity('cpu_milli', lotOf(i, 'cpu_milli'))}`;

export const nodesText = (nodes: number): string => `${formatCount(nodes)} ${nodes === 1 ? 'node' : 'nodes'}`;
/** "16 cores", and of a job how many nodes that is. */
export function bundleText(i: Of, amounts: Quantities): string {
  const job = jobOf(i);
  return job ? `${formatBundle(amounts)}: ${nodesText((amounts.cpu_milli ?? 0) / job.node_cpu_milli)}` : formatBundle(amounts);
}
