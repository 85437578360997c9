//! What may be adopted, as people are shown it, and what is proposed for it.
use crate::workers::agents::{JobReport, PodReport, ProcessReport, VmReport};
use headroom_market::ids::InstanceId;
use headroom_market::units::{Amounts, Resource};
use headroom_market::workload::LEAST_CPU_MILLI;
use serde::Serialize;
use utoipa::ToSchema;

/// Baselines that are proposed are whole steps of so much, and no less.
const STEP_MILLI: i64 = 50;

/// What runs on a node and may be adopted.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum CandidateView {
    Process(ProcessView),
    SlurmJob(JobView),
    Pod(PodView),
    Vm(VmView),
}

/// A process of the node's host, with all that it has started.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct ProcessView {
    pid: u32,
    command: String,
    /// Numeric user that it runs as.
    user: u32,
    running_seconds: u64,
    /// Processes that it has started and that still run.
    descendants: u64,
    /// CPU over the last half second, in thousandths of a core, with its descendants.
    cpu_milli: u64,
    /// CPU since it started, in thousandths of a core, with its descendants.
    mean_cpu_milli: u64,
    /// Resident memory, with its descendants.
    mem_mib: u64,
    /// The workload that it is already, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    workload: Option<InstanceId>,
    proposed: Proposed,
}

/// A running job of the node's cluster.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct JobView {
    job: u64,
    name: String,
    partition: String,
    user: String,
    running_seconds: u64,
    /// Seconds until its time limit; left out without a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_seconds: Option<u64>,
    /// Nodes that it has.
    nodes: u64,
    /// CPU of one of its nodes: it grows and shrinks by so much.
    node_cpu_milli: i64,
    /// Why it cannot be adopted, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    /// The workload that it is already, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    workload: Option<InstanceId>,
    proposed: Proposed,
}

/// A container of a pod of the node.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct PodView {
    namespace: String,
    /// Name of the pod.
    pod: String,
    container: String,
    uid: String,
    /// The Deployment, StatefulSet, Job or other object that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    /// The class of service that Kubernetes gives it: `Guaranteed`, `Burstable` or `BestEffort`.
    service: String,
    /// CPU that it asks for and has at most, in thousandths of a core; left out where it has no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_milli: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit_milli: Option<u64>,
    /// CPU over the newest sample, in thousandths of a core; left out where nobody takes samples.
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_milli: Option<u64>,
    mem_mib: u64,
    running_seconds: u64,
    /// Why it cannot be adopted, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    /// The workload that it is already, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    workload: Option<InstanceId>,
    proposed: Proposed,
}

/// A virtual machine of the node's host.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct VmView {
    /// Its name: that of its socket in the folder of the agent.
    vm: String,
    /// The number of its process.
    pid: u32,
    /// Numeric user that its process runs as.
    user: u32,
    running_seconds: u64,
    /// `running`, `paused` and others, in QEMU's words; empty where it cannot be asked.
    status: String,
    /// Virtual processors.
    vcpus: u32,
    /// Whether KVM runs it; otherwise its processors are emulated.
    is_kvm: bool,
    /// Memory of the machine.
    memory_mib: u64,
    /// What its balloon leaves of that; left out without a balloon.
    #[serde(skip_serializing_if = "Option::is_none")]
    balloon_mib: Option<u64>,
    /// CPU of its process over the last half second, in thousandths of a core.
    cpu_milli: u64,
    /// CPU of its process since it started, in thousandths of a core.
    mean_cpu_milli: u64,
    /// Resident memory of its process.
    mem_mib: u64,
    /// Why it cannot be adopted, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    /// The workload that it is already, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    workload: Option<InstanceId>,
    proposed: Proposed,
}

/// Of a process or a machine: a baseline with a quarter to spare over what it uses, and half of that as floor. Of a pod the same, and no
/// more than its limit; its limit where its use is unknown. Of a job: what it has.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Proposed {
    pub(super) baseline: Amounts,
    pub(super) floor: Amounts,
}

impl Proposed {
    pub(super) fn of_process(report: &ProcessReport) -> Self {
        Self::of_use(report.cpu_milli, report.mean_cpu_milli)
    }

    pub(super) fn of_vm(report: &VmReport) -> Self {
        Self::of_use(report.cpu_milli, report.mean_cpu_milli)
    }

    fn of_use(cpu_milli: u64, mean_cpu_milli: u64) -> Self {
        let used = i64::try_from(cpu_milli.max(mean_cpu_milli)).unwrap_or(i64::MAX / 2);
        Self::of_baseline(Self::with_spare(used))
    }

    /// A quarter more than is used, in whole steps.
    fn with_spare(used: i64) -> i64 {
        let used = used.min(i64::MAX / 2);
        ((used + used / 4).div_euclid(STEP_MILLI) + 1).saturating_mul(STEP_MILLI)
    }

    pub(super) fn of_pod(report: &PodReport) -> Self {
        let of = |milli: u64| i64::try_from(milli).unwrap_or(i64::MAX / 2);
        let limit = report.limit_milli.map_or(LEAST_CPU_MILLI, of).max(LEAST_CPU_MILLI);
        Self::of_baseline(report.cpu_milli.map_or(limit, |used| Self::with_spare(of(used)).min(limit)))
    }

    pub(super) fn of_baseline(cpu_milli: i64) -> Self {
        Self::new(cpu_milli, (cpu_milli / 2).max(LEAST_CPU_MILLI))
    }

    pub(super) fn of_job(report: &JobReport) -> Self {
        let nodes = i64::try_from(report.nodes).unwrap_or(1);
        let cpu_milli = report.job.node_cpu_milli.saturating_mul(nodes.max(1));
        Self::new(cpu_milli, cpu_milli)
    }

    pub(super) fn new(baseline: i64, floor: i64) -> Self {
        let of = |milli| [(Resource::CpuMilli, milli)].into();
        Self { baseline: of(baseline), floor: of(floor) }
    }
}

impl From<ProcessReport> for ProcessView {
    fn from(report: ProcessReport) -> Self {
        Self {
            workload: report.workload.as_deref().and_then(|id| id.parse().ok()),
            proposed: Proposed::of_process(&report),
            pid: report.process.pid,
            command: report.process.command,
            user: report.user,
            running_seconds: report.running_seconds,
            descendants: report.descendants,
            cpu_milli: report.cpu_milli,
            mean_cpu_milli: report.mean_cpu_milli,
            mem_mib: report.mem_kib.div_ceil(1024),
        }
    }
}

impl From<JobReport> for JobView {
    fn from(report: JobReport) -> Self {
        Self {
            workload: report.workload.as_deref().and_then(|id| id.parse().ok()),
            proposed: Proposed::of_job(&report),
            job: report.job.job,
            name: report.job.name,
            node_cpu_milli: report.job.node_cpu_milli,
            partition: report.partition,
            user: report.user,
            running_seconds: report.running_seconds,
            left_seconds: report.left_seconds,
            nodes: report.nodes,
            refused: report.refused,
        }
    }
}

impl From<PodReport> for PodView {
    fn from(report: PodReport) -> Self {
        Self {
            workload: report.workload.as_deref().and_then(|id| id.parse().ok()),
            proposed: Proposed::of_pod(&report),
            namespace: report.pod.namespace,
            pod: report.pod.name,
            container: report.pod.container,
            uid: report.pod.uid,
            owner: report.owner,
            service: report.service,
            request_milli: report.request_milli,
            limit_milli: report.limit_milli,
            cpu_milli: report.cpu_milli,
            mem_mib: report.mem_kib.div_ceil(1024),
            running_seconds: report.running_seconds,
            refused: report.refused,
        }
    }
}

impl From<VmReport> for VmView {
    fn from(report: VmReport) -> Self {
        Self {
            workload: report.workload.as_deref().and_then(|id| id.parse().ok()),
            proposed: Proposed::of_vm(&report),
            vm: report.machine.name,
            pid: report.machine.process.pid,
            user: report.user,
            running_seconds: report.running_seconds,
            status: report.status,
            vcpus: report.machine.vcpus,
            is_kvm: report.is_kvm,
            memory_mib: report.memory_kib / 1024,
            balloon_mib: report.balloon_kib.map(|kib| kib / 1024),
            cpu_milli: report.cpu_milli,
            mean_cpu_milli: report.mean_cpu_milli,
            mem_mib: report.mem_kib.div_ceil(1024),
            refused: report.refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headroom_market::units::amount;

    #[test]
    fn a_proposed_baseline_has_a_quarter_to_spare() {
        let proposed = |cpu_milli, mean_cpu_milli| {
            let process = headroom_market::workload::HostProcess {
                pid: 7,
                started_ticks: 1,
                boot: "b".to_owned(),
                command: "c".to_owned(),
            };
            let report = ProcessReport {
                process,
                user: 0,
                running_seconds: 9,
                cpu_milli,
                mean_cpu_milli,
                mem_kib: 0,
                descendants: 0,
                workload: None,
            };
            let Proposed { baseline, floor } = Proposed::of_process(&report);
            (amount(&baseline, Resource::CpuMilli), amount(&floor, Resource::CpuMilli))
        };
        assert_eq!(proposed(0, 0), (50, 25));
        assert_eq!(proposed(1_000, 100), (1_300, 650));
        assert_eq!(proposed(0, 400), (550, 275));
    }

    #[test]
    fn a_pods_baseline_is_never_above_its_limit() {
        let proposed = |cpu_milli, limit_milli| {
            let name = || "x".to_owned();
            let pod = headroom_market::workload::ClusterPod {
                namespace: name(),
                name: name(),
                uid: name(),
                container: name(),
            };
            let report = PodReport {
                pod,
                owner: None,
                service: "Guaranteed".to_owned(),
                request_milli: limit_milli,
                limit_milli,
                cpu_milli,
                mem_kib: 0,
                running_seconds: 9,
                refused: None,
                workload: None,
            };
            let Proposed { baseline, floor } = Proposed::of_pod(&report);
            (amount(&baseline, Resource::CpuMilli), amount(&floor, Resource::CpuMilli))
        };
        assert_eq!(proposed(Some(400), Some(2_000)), (550, 275));
        assert_eq!(proposed(Some(1_990), Some(2_000)), (2_000, 1_000));
        assert_eq!(proposed(None, Some(2_000)), (2_000, 1_000), "its use is unknown");
        assert_eq!(proposed(None, None), (10, 10));
        assert_eq!(proposed(Some(u64::MAX), Some(u64::MAX)).0, i64::MAX / 2);
    }
}
