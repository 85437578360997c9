//! The documents between an agent and the server.
use headroom_execution::linux::{Candidate, HostLoad};
use headroom_execution::service::HostedReport;
use headroom_execution::{InstanceId, Report, kubernetes, qemu, slurm};
use headroom_market::workload::{Adopted, ClusterPod, HostProcess, SlurmJob, VirtualMachine};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use utoipa::ToSchema;

/// What an agent limits: processes or virtual machines of its host, jobs of its cluster, or pods of its Kubernetes node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AgentDriver {
    #[default]
    Linux,
    Slurm,
    Kubernetes,
    Qemu,
}

/// What an agent tells.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    /// Version of the agent.
    pub version: String,
    /// What it limits.
    #[serde(default)]
    pub driver: AgentDriver,
    /// The boot of its host: two hosts are not one node.
    pub boot: String,
    /// The list that it has carried out; 0 before the first.
    pub carried_out: u64,
    /// Why it can limit nothing, if so.
    #[serde(default)]
    pub unavailable: Option<String>,
    /// The load of its host; left out of a cluster and before the first five seconds are over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<HostReport>,
    /// What it has adopted, as the kernel counts it.
    pub workloads: Vec<WorkloadReport>,
    /// Where its copies of services listen, if it runs services.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Ipv4)]
    pub address: Option<Ipv4Addr>,
    /// Services that it has, each with the fingerprint of its definition.
    #[serde(default)]
    pub services: BTreeMap<String, String>,
    /// Why it can run no services, if so.
    #[serde(default)]
    pub services_unavailable: Option<String>,
    /// Copies of services that run on its host, or are about to start or end.
    #[serde(default)]
    pub copies: Vec<CopyReport>,
    /// Processes that may be adopted, where candidates were asked for.
    #[serde(default)]
    pub processes: Option<Vec<ProcessReport>>,
    /// Jobs that may be adopted, where candidates were asked for.
    #[serde(default)]
    pub jobs: Option<Vec<JobReport>>,
    /// Containers of pods that may be adopted, where candidates were asked for.
    #[serde(default)]
    pub pods: Option<Vec<PodReport>>,
    /// Virtual machines that may be adopted, where candidates were asked for.
    #[serde(default)]
    pub vms: Option<Vec<VmReport>>,
}

/// The load of a host over the last seconds, of all its programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HostReport {
    /// Processors that are online, in thousandths of a core.
    pub cpu_milli: u64,
    pub busy_milli: u64,
    pub memory_kib: u64,
    pub available_kib: u64,
    pub read_kib_per_second: u64,
    pub written_kib_per_second: u64,
    pub received_kib_per_second: u64,
    pub sent_kib_per_second: u64,
    /// Thousandths of the last ten seconds in which some work waited; `null` where the kernel does not count that.
    #[serde(default)]
    pub cpu_waits_permille: Option<u64>,
    #[serde(default)]
    pub memory_waits_permille: Option<u64>,
    #[serde(default)]
    pub io_waits_permille: Option<u64>,
}

/// An adopted workload, as the kernel of its host or its cluster counts it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkloadReport {
    pub instance: String,
    pub epoch: u64,
    /// The limit in force, read back from the kernel or the cluster.
    pub cpu_milli: u64,
    /// Counted since it was adopted; nothing where nobody counts it.
    #[serde(default)]
    pub cpu_micros: Option<u64>,
    pub throttled_micros: u64,
    pub mem_kib: u64,
    /// Why its limit is not what was asked for, if so.
    #[serde(default)]
    pub refused: Option<String>,
    /// Why it does not run any more, if so.
    #[serde(default)]
    pub ended: Option<String>,
}

/// A copy of a service on an agent's host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CopyReport {
    pub counts: WorkloadReport,
    /// Where it listens at the agent's address, once it is ready.
    #[serde(default)]
    pub port: Option<u16>,
}

/// A process that may be adopted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessReport {
    pub process: HostProcess,
    pub user: u32,
    pub running_seconds: u64,
    pub cpu_milli: u64,
    pub mean_cpu_milli: u64,
    pub mem_kib: u64,
    pub descendants: u64,
    /// The workload that it is already.
    #[serde(default)]
    pub workload: Option<String>,
}

/// A job of a cluster that may be adopted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JobReport {
    pub job: SlurmJob,
    pub partition: String,
    pub user: String,
    /// Nodes that it has.
    pub nodes: u64,
    pub running_seconds: u64,
    /// Seconds until its time limit; nothing without a limit.
    #[serde(default)]
    pub left_seconds: Option<u64>,
    /// Why it cannot be adopted, if so.
    #[serde(default)]
    pub refused: Option<String>,
    /// The workload that it is already.
    #[serde(default)]
    pub workload: Option<String>,
}

/// A container of a pod that may be adopted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PodReport {
    pub pod: ClusterPod,
    /// The Deployment, StatefulSet, Job or other object that it belongs to.
    #[serde(default)]
    pub owner: Option<String>,
    /// The class of service that Kubernetes gives it.
    pub service: String,
    /// In force; nothing where it has no limit.
    #[serde(default)]
    pub request_milli: Option<u64>,
    #[serde(default)]
    pub limit_milli: Option<u64>,
    /// Mean over the newest sample; nothing where nobody takes samples.
    #[serde(default)]
    pub cpu_milli: Option<u64>,
    pub mem_kib: u64,
    pub running_seconds: u64,
    /// Why it cannot be adopted, if so.
    #[serde(default)]
    pub refused: Option<String>,
    /// The workload that it is already.
    #[serde(default)]
    pub workload: Option<String>,
}

/// A virtual machine that may be adopted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VmReport {
    pub machine: VirtualMachine,
    /// `running`, `paused` and others, in QEMU's words.
    pub status: String,
    /// Whether KVM runs it; otherwise its processors are emulated.
    pub is_kvm: bool,
    /// Memory of the machine, and what its balloon leaves of it.
    pub memory_kib: u64,
    #[serde(default)]
    pub balloon_kib: Option<u64>,
    pub user: u32,
    pub running_seconds: u64,
    pub cpu_milli: u64,
    pub mean_cpu_milli: u64,
    /// Resident memory of its process.
    pub mem_kib: u64,
    /// Why it cannot be adopted, if so.
    #[serde(default)]
    pub refused: Option<String>,
    /// The workload that it is already.
    #[serde(default)]
    pub workload: Option<String>,
}

/// What an agent is to do: everything else that it has adopted is to be let go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Orders {
    /// The number of this list.
    pub list: u64,
    pub wanted: Vec<Wanted>,
    /// Copies of services that are to run; all others end, but those that are kept.
    #[serde(default)]
    pub copies: Vec<WantedCopy>,
    /// Workloads whose copies stay as they are, whatever they are.
    #[serde(default)]
    pub kept: Vec<String>,
    /// Whether somebody waits for a list of candidates.
    pub list_candidates: bool,
}

/// A workload to hold to a limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Wanted {
    pub instance: String,
    pub epoch: u64,
    pub adopted: Adopted,
    pub cpu_milli: u64,
}

/// A copy of a service to run. What the service is, the host's own file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WantedCopy {
    pub instance: String,
    pub epoch: u64,
    pub service: String,
    /// The fingerprint of the server's definition: a host with another one starts nothing.
    pub definition: String,
    pub cpu_milli: u64,
}

/// What is known of an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct AgentStatus {
    pub version: String,
    pub driver: AgentDriver,
    /// Seconds since it was last heard.
    pub silent_seconds: u64,
    pub is_silent: bool,
    /// Why it can limit nothing, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unavailable: Option<String>,
    /// The load of its host, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<HostReport>,
    /// Workloads that it limits, copies of services among them.
    pub workloads: usize,
    /// Services that it has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
}

impl From<HostLoad> for HostReport {
    fn from(load: HostLoad) -> Self {
        Self {
            cpu_milli: load.cpu_milli,
            busy_milli: load.busy_milli,
            memory_kib: load.memory_kib,
            available_kib: load.available_kib,
            read_kib_per_second: load.read_kib_per_second,
            written_kib_per_second: load.written_kib_per_second,
            received_kib_per_second: load.received_kib_per_second,
            sent_kib_per_second: load.sent_kib_per_second,
            cpu_waits_permille: load.cpu_waits_permille,
            memory_waits_permille: load.memory_waits_permille,
            io_waits_permille: load.io_waits_permille,
        }
    }
}

impl From<(Candidate, Option<InstanceId>)> for ProcessReport {
    fn from((candidate, workload): (Candidate, Option<InstanceId>)) -> Self {
        Self {
            process: candidate.process,
            user: candidate.user,
            running_seconds: candidate.running_seconds,
            cpu_milli: candidate.cpu_milli,
            mean_cpu_milli: candidate.mean_cpu_milli,
            mem_kib: candidate.mem_kib,
            descendants: candidate.descendants,
            workload: workload.map(|id| id.0),
        }
    }
}

impl From<(slurm::Candidate, Option<InstanceId>)> for JobReport {
    fn from((candidate, workload): (slurm::Candidate, Option<InstanceId>)) -> Self {
        Self {
            job: candidate.job,
            partition: candidate.partition,
            user: candidate.user,
            nodes: candidate.nodes,
            running_seconds: candidate.running_seconds,
            left_seconds: candidate.left_seconds,
            refused: candidate.refused,
            workload: workload.map(|id| id.0),
        }
    }
}

impl From<(kubernetes::Candidate, Option<InstanceId>)> for PodReport {
    fn from((candidate, workload): (kubernetes::Candidate, Option<InstanceId>)) -> Self {
        Self {
            pod: candidate.pod,
            owner: candidate.owner,
            service: candidate.service,
            request_milli: candidate.request_milli,
            limit_milli: candidate.limit_milli,
            cpu_milli: candidate.cpu_milli,
            mem_kib: candidate.mem_kib,
            running_seconds: candidate.running_seconds,
            refused: candidate.refused,
            workload: workload.map(|id| id.0),
        }
    }
}

impl From<(qemu::Candidate, Option<InstanceId>)> for VmReport {
    fn from((candidate, workload): (qemu::Candidate, Option<InstanceId>)) -> Self {
        Self {
            machine: candidate.machine,
            status: candidate.told.status,
            is_kvm: candidate.told.is_kvm,
            memory_kib: candidate.told.mem_kib,
            balloon_kib: candidate.told.balloon_kib,
            user: candidate.user,
            running_seconds: candidate.running_seconds,
            cpu_milli: candidate.cpu_milli,
            mean_cpu_milli: candidate.mean_cpu_milli,
            mem_kib: candidate.resident_kib,
            refused: candidate.refused,
            workload: workload.map(|id| id.0),
        }
    }
}

impl From<HostedReport> for CopyReport {
    fn from(told: HostedReport) -> Self {
        let HostedReport { instance, port, report, refused } = told;
        Self { counts: report_of(instance, report, refused), port }
    }
}

/// What an agent has adopted, by workload, in the words of a heartbeat.
pub fn reported(reports: Vec<(InstanceId, Report)>, refused: &BTreeMap<InstanceId, String>) -> Vec<WorkloadReport> {
    let of = |(instance, report): (InstanceId, Report)| {
        let refused = refused.get(&instance).cloned();
        report_of(instance, report, refused)
    };
    reports.into_iter().map(of).collect()
}

fn report_of(instance: InstanceId, report: Report, refused: Option<String>) -> WorkloadReport {
    WorkloadReport {
        instance: instance.0,
        refused,
        epoch: report.epoch,
        cpu_milli: report.cpu_milli,
        cpu_micros: report.cpu_micros,
        throttled_micros: report.throttled_micros,
        mem_kib: report.mem_kib,
        ended: report.ended,
    }
}
