// What runs already and may become a workload: processes and machines of hosts, jobs of clusters, pods of nodes.
import type { Quantities } from './objects';

export interface HostProcess { pid: number; started_ticks: number; boot: string; command: string }
/** It grows and shrinks by whole nodes; `node_cpu_milli` is the CPU of one. `submitted_at`: Unix seconds. */
export interface SlurmJob { cluster: string; job: number; submitted_at: number; name: string; node_cpu_milli: number }
/** The container whose CPU changes, of a pod: `uid` is given to no other. */
export interface ClusterPod { namespace: string; name: string; uid: string; container: string }
/** Its process tells it from the next machine of that name. */
export interface VirtualMachine { name: string; vcpus: number; process: HostProcess }
/** What a workload was before the market knew it. */
export type Adopted = ({ kind: 'process' } & HostProcess) | ({ kind: 'slurm_job' } & SlurmJob) | ({ kind: 'pod' } & ClusterPod) | ({ kind: 'vm' } & VirtualMachine);
/** One that runs on a node's host and may be adopted; its figures are with all that it has started. */
export interface RunningProcess {
  kind: 'process'; pid: number; command: string; user: number; running_seconds: number; descendants: number;
  /** Over the last half second, and since it started. */
  cpu_milli: number; mean_cpu_milli: number; mem_mib: number;
  /** The workload that it is already. */
  workload?: string | null;
  proposed: { baseline: Quantities; floor: Quantities };
}
/** One that runs on a node's cluster. */
export interface RunningJob {
  kind: 'slurm_job'; job: number; name: string; partition: string; user: string; running_seconds: number;
  /** Until its time limit; left out without one. */
  left_seconds?: number | null;
  nodes: number; node_cpu_milli: number;
  /** Why it cannot be adopted, if so. */
  refused?: string | null;
  /** The workload that it is already. */
  workload?: string | null;
  proposed: { baseline: Quantities; floor: Quantities };
}
/** A container of a pod that runs on a Kubernetes node. */
export interface RunningPod {
  kind: 'pod'; namespace: string; pod: string; container: string; uid: string; service: string; mem_mib: number; running_seconds: number;
  /** The Deployment, StatefulSet, Job or other object that it belongs to. */
  owner?: string | null;
  /** Left out where it has no limit. */
  request_milli?: number | null; limit_milli?: number | null;
  /** Left out where nobody takes samples. */
  cpu_milli?: number | null;
  /** Why it cannot be adopted, if so. */
  refused?: string | null;
  /** The workload that it is already. */
  workload?: string | null;
  proposed: { baseline: Quantities; floor: Quantities };
}
/** A virtual machine that runs on a node's host; the figures of CPU are of its process. */
export interface RunningVm {
  kind: 'vm'; vm: string; pid: number; user: number; running_seconds: number; vcpus: number; memory_mib: number; mem_mib: number;
  /** In QEMU's words; empty where it cannot be asked. */
  status: string;
  /** Otherwise its processors are emulated. */
  is_kvm: boolean;
  /** What its balloon leaves of its memory; left out without one. */
  balloon_mib?: number | null;
  cpu_milli: number; mean_cpu_milli: number;
  /** Why it cannot be adopted, if so. */
  refused?: string | null;
  /** The workload that it is already. */
  workload?: string | null;
  proposed: { baseline: Quantities; floor: Quantities };
}
export type Candidate = RunningProcess | RunningJob | RunningPod | RunningVm;
/** `pid`, `job`, `pod` or `vm`, one of the four. Defaults: the whole node as limit, of a machine its vCPUs; a job lends nothing, others lend at the reserve price or more. */
export interface Adoption { pid?: number; job?: number; pod?: string; container?: string; vm?: string; participant: string; name: string; baseline: Quantities; floor: Quantities; limit?: Quantities; class: string; strategy?: { auto_offer: null } }
