//! What runs: modules and commands, and instances with their baselines and floors.
use crate::ids::{InstanceId, ModuleId, NodeId, ParticipantId, SwapId};
use crate::records::class::Class;
use crate::records::pool::PoolSlug;
use crate::records::relocation::Relocation;
use crate::records::strategy::Strategy;
use crate::time::{Slot, Timestamp};
use crate::units::{Amounts, GPU_LOT_MILLI, Resource};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Module {
    pub id: ModuleId,
    /// `None` for the modules that come with the product.
    pub participant: Option<ParticipantId>,
    pub name: String,
    /// BLAKE3 of the bytes, hex; empty for a command.
    pub hash: String,
    pub size_bytes: i64,
    pub created_at: Timestamp,
    /// What it is; left out for a WebAssembly module.
    #[serde(default, skip_serializing_if = "ModuleKind::is_wasm")]
    pub kind: ModuleKind,
}

/// What a workload can be made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum ModuleKind {
    /// A WebAssembly module.
    #[default]
    Wasm,
    /// A program that the operator offers on the nodes themselves, by its name.
    Command,
    /// An HTTP service that the operator has defined, by its name.
    Service,
    /// A program that runs on a host already and is adopted.
    Process,
    /// A job of a Slurm cluster that runs already and is adopted.
    SlurmJob,
    /// A container of a Kubernetes pod that runs already and is adopted.
    Pod,
    /// A virtual machine that runs already and is adopted.
    Vm,
}

impl ModuleKind {
    pub fn is_wasm(&self) -> bool {
        *self == Self::Wasm
    }

    /// The driver that runs it.
    pub const fn driver(self) -> &'static str {
        match self {
            Self::Wasm => "wasm",
            Self::Command => "command",
            Self::Service => "service",
            Self::Process => "linux",
            Self::SlurmJob => "slurm",
            Self::Pod => "kubernetes",
            Self::Vm => "qemu",
        }
    }

    /// Whether its workloads run already and are adopted.
    pub const fn is_adopted(self) -> bool {
        matches!(self, Self::Process | Self::SlurmJob | Self::Pod | Self::Vm)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
/// What becomes of memory that its program still has when what it had won ends.
pub enum AtEnd {
    /// The program lets go of it and goes on; one that still has it after the grace is ended as faulty.
    #[default]
    Shrink,
    /// A program that still has more than it is to have is written to disk and stands still, until it has as much
    /// memory again: then it goes on from there.
    Checkpoint,
    /// A program that still uses more than it is to have is stopped at once.
    Stop,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum InstanceState {
    Running,
    /// Its participant stopped it, or had it stopped where it kept memory.
    Stopped,
    /// Its program faulted; `fault` says how.
    Failed,
}

/// Why a workload's program does not run any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Fault {
    pub at: Timestamp,
    pub detail: String,
}

/// How a shadow run is compared with the live one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ComparisonRules {
    pub outputs: Comparison,
    /// Compare the hash of the whole state at equal input positions.
    pub state_hash: bool,
    /// Input positions that have to agree before the move goes on.
    pub positions: u32,
}

impl Default for ComparisonRules {
    fn default() -> Self {
        Self { outputs: Comparison::Exact, state_hash: true, positions: 4 }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Comparison {
    Exact,
    PerformanceOnly,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Instance {
    pub id: InstanceId,
    pub participant: ParticipantId,
    pub name: String,
    /// Which driver runs it: `wasm` a module, `command` a command, `service` an HTTP service, `linux` an adopted process, `slurm` an adopted job, `kubernetes` an adopted pod, `qemu` an adopted virtual machine.
    pub driver: String,
    pub module: ModuleId,
    /// What a command is started with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<String>,
    /// What it was before the market knew it, where it was adopted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted: Option<Adopted>,
    /// Its own pool, of which its baseline is a part.
    pub pool: PoolSlug,
    /// Where it runs; in another pool while it is away.
    pub node: NodeId,
    /// It has won room in another pool: where it is to be otherwise, and in which slots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub away: Option<Away>,
    /// It is to go to another pool by a rule, which then is its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relocation: Option<Box<Relocation>>,
    /// The last relocation that ended, and how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_relocation: Option<Box<Relocation>>,
    /// Placement epoch: the fencing token that every driver call carries.
    pub epoch: u64,
    pub class: Class,
    /// What it always has, set by an admin within the participant's quota.
    pub baseline: Amounts,
    /// Baselines and floors of slots that were planned before they were changed, the earliest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier_baselines: Vec<EarlierBaseline>,
    /// What lending may never take it under.
    pub floor: Amounts,
    /// The most it can use; bids beyond are refused.
    pub limit: Amounts,
    /// The limits in force on its node as far as the market has made them true.
    pub in_force: Amounts,
    pub at_end: AtEnd,
    /// The way of giving memory back that a drill has shown to work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown_at_end: Option<AtEnd>,
    /// The last drill that was asked for or made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drill: Option<Box<Drill>>,
    pub comparison: ComparisonRules,
    pub strategy: Box<Strategy>,
    /// Counts the changes of its strategy: of two who change it at once the second is told.
    pub strategy_version: u64,
    pub state: InstanceState,
    /// It stands still, written to disk, as it had to give back the memory that it holds (`at_end: checkpoint`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended: Option<Suspended>,
    pub fault: Option<Fault>,
    /// Somebody has stopped it while a swap was changing it: it asks for nothing more, and stops when that has ended.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stop_requested: bool,
    /// The swap that is changing it; while set, no other swap starts.
    pub swap: Option<SwapId>,
    /// Moves are refused until then (after one that failed).
    pub pinned_until: Option<Timestamp>,
    /// It is pinned because the exchange itself ended a move of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pinned_by_exchange: bool,
    /// It is pinned because its own program could not be shown to run elsewhere.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pinned_by_program: bool,
    /// When moves of it took effect, as long as they count (`workload/hold_time.rs`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recent_moves: Vec<Timestamp>,
    /// Slots not settled yet for which the exchange itself ended a swap: its fault, so those who
    /// sold for them are paid all the same.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub failed_by_exchange: BTreeSet<Slot>,
    /// Slots not settled yet in which its own program kept what was to be given back: memory that was in
    /// use, or a swap that its program made fail.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub kept_by_program: BTreeSet<Slot>,
    /// Slots not settled yet of what it had won in another pool and gave up by standing still: paid for in full.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub given_up: BTreeSet<Slot>,
    pub created_at: Timestamp,
}

/// The least CPU that a kernel can hold a process to, in thousandths of a core.
pub const LEAST_CPU_MILLI: i64 = 10;

/// What ran before the market knew it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Adopted {
    Process(HostProcess),
    SlurmJob(SlurmJob),
    Pod(ClusterPod),
    Vm(VirtualMachine),
}

impl Adopted {
    pub const fn kind(&self) -> ModuleKind {
        match self {
            Self::Process(_) => ModuleKind::Process,
            Self::SlurmJob(_) => ModuleKind::SlurmJob,
            Self::Pod(_) => ModuleKind::Pod,
            Self::Vm(_) => ModuleKind::Vm,
        }
    }

    /// Whether both are one and the same: what people read of them may differ.
    pub fn is(&self, other: &Self) -> bool {
        // A machine is its process, whatever its name, also where that was adopted as a process.
        if let (Some(one), Some(two)) = (self.process(), other.process()) {
            return one.is(two);
        }
        match (self, other) {
            (Self::SlurmJob(one), Self::SlurmJob(two)) => {
                (one.job, one.submitted_at, &one.cluster) == (two.job, two.submitted_at, &two.cluster)
            }
            // Of a pod one container at most is a workload.
            (Self::Pod(one), Self::Pod(two)) => one.uid == two.uid,
            _ => false,
        }
    }

    fn process(&self) -> Option<&HostProcess> {
        match self {
            Self::Process(process) => Some(process),
            Self::Vm(machine) => Some(&machine.process),
            Self::SlurmJob(_) | Self::Pod(_) => None,
        }
    }
}

/// What people call it.
impl fmt::Display for Adopted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process(process) => write!(f, "process {}", process.pid),
            Self::SlurmJob(job) => write!(f, "job {}", job.job),
            Self::Pod(pod) => write!(f, "pod {}/{}", pod.namespace, pod.name),
            Self::Vm(machine) => write!(f, "virtual machine {}", machine.name),
        }
    }
}

/// A job of a Slurm cluster. Its number alone names nobody: a cluster counts anew after its last one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SlurmJob {
    pub cluster: String,
    pub job: u64,
    /// Unix seconds.
    pub submitted_at: i64,
    /// Its name in the cluster, for people.
    pub name: String,
    /// CPU of one of its nodes, in thousandths of a core: it grows and shrinks by whole nodes.
    pub node_cpu_milli: i64,
}

/// A container of a pod. Its name alone names nobody: after its end another pod may get it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ClusterPod {
    pub namespace: String,
    pub name: String,
    /// What the cluster gives to no other pod.
    pub uid: String,
    /// The container whose CPU changes; others of the pod stay as they are.
    pub container: String,
}

/// A virtual machine of a host. Its name alone names nobody: the process tells it from the next machine of that name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct VirtualMachine {
    pub name: String,
    /// Virtual processors that it had when it was adopted.
    pub vcpus: u32,
    /// The QEMU that runs it.
    pub process: HostProcess,
}

impl VirtualMachine {
    pub const LONGEST_NAME: usize = 64;
}

impl HostProcess {
    /// Whether both are one and the same: their command lines may read differently.
    pub fn is(&self, other: &Self) -> bool {
        (self.pid, self.started_ticks, &self.boot) == (other.pid, other.started_ticks, &other.boot)
    }
}

/// A process of a host. Its number alone names nobody: after its end the kernel gives it to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct HostProcess {
    pub pid: u32,
    /// Clock ticks after the boot at which it started.
    pub started_ticks: u64,
    /// The boot of the host since which ticks count.
    pub boot: String,
    /// Its command line, for people.
    pub command: String,
}

/// A baseline that was changed, with its floor; slots before `until` keep both, because they are
/// planned with them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct EarlierBaseline {
    pub until: Slot,
    pub baseline: Amounts,
    pub floor: Amounts,
}

impl Instance {
    /// What it has in a slot before anything is won or lent.
    pub fn baseline_in(&self, slot: Slot) -> &Amounts {
        self.earlier_in(slot).map_or(&self.baseline, |earlier| &earlier.baseline)
    }
    /// What lending may not take it under in a slot.
    pub fn floor_in(&self, slot: Slot) -> &Amounts {
        self.earlier_in(slot).map_or(&self.floor, |earlier| &earlier.floor)
    }
    fn earlier_in(&self, slot: Slot) -> Option<&EarlierBaseline> {
        self.earlier_baselines.iter().find(|earlier| slot < earlier.until)
    }
    /// Whether it is not to be moved for now: one that stands still has nothing that a shadow run could show, and an
    /// adopted one stays where it is.
    pub fn is_pinned(&self, now: Timestamp) -> bool {
        self.adopted.is_some() || self.suspended.is_some() || self.pinned_until.is_some_and(|until| now < until)
    }
    /// Whether its memory is measured and not limited.
    pub fn trades_cpu_only(&self) -> bool {
        self.adopted.is_some() || self.driver == ModuleKind::Service.driver()
    }
    /// It wins and draws whole multiples of so much of a resource.
    pub fn lot(&self, resource: Resource) -> i64 {
        match (resource, &self.adopted) {
            (Resource::GpuMilli, _) => GPU_LOT_MILLI,
            (Resource::CpuMilli, Some(Adopted::SlurmJob(job))) => job.node_cpu_milli,
            _ => 1,
        }
    }
    /// The node that keeps its baseline: where it is, unless it is away.
    pub fn home_node(&self) -> NodeId {
        self.away.map_or(self.node, |away| away.home)
    }
    /// Whether it runs in another pool than its own.
    pub fn is_away(&self) -> bool {
        self.node != self.home_node()
    }
    /// Whether the swap that changes it takes it to another pool by a rule.
    pub fn is_relocating(&self) -> bool {
        self.relocation.as_ref().is_some_and(|r| r.swap.is_some() && r.swap == self.swap)
    }
    /// Whether a slot is one of those that it has won elsewhere.
    pub fn is_away_in(&self, slot: Slot) -> bool {
        self.away.is_some_and(|away| away.first <= slot && slot <= away.last)
    }
    /// What it has in a slot without having bought it where it runs now: nothing where it is away.
    pub fn unbought_in(&self, slot: Slot) -> &Amounts {
        if self.is_away() && self.is_away_in(slot) { &NOTHING } else { self.baseline_in(slot) }
    }
}

/// Where a workload is to be in other slots than those that it has won elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Away {
    /// The node of its own pool that keeps its baseline free.
    pub home: NodeId,
    /// The first and the last slot that it has won elsewhere.
    pub first: Slot,
    pub last: Slot,
    /// Its way home has failed once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stranded: bool,
}

static NOTHING: Amounts = Amounts::new();

/// A drill of one way of giving memory back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Drill {
    pub at_end: AtEnd,
    pub asked_at: Timestamp,
    /// `null` while it waits for its turn.
    pub ended_at: Option<Timestamp>,
    pub passed: bool,
    /// What was seen.
    pub detail: Option<String>,
}

/// A program that is written to disk and stands still, its memory given back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Suspended {
    pub since: Timestamp,
    /// It goes on as soon as it has so much, in base units: what its program held.
    pub needs: Amounts,
}
