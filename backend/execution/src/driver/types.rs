//! Requests and answers of the [`Driver`](super::Driver). Units are in the names; times are
//! Unix microseconds of the clock that the caller drives.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use headroom_market::shadow::{Comparison, Rules, Verdict};
use headroom_market::units::Resource;
use headroom_market::workload::Adopted;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
    };
}

text_id!(
    /// A running workload, `ins_…` outside.
    InstanceId
);
text_id!(
    /// A worker node, `nod_…` outside.
    NodeId
);
text_id!(
    /// A captured state. Named by the key that asked for it, so a retry names the same one.
    SnapshotId
);

/// Names one step of one swap: the idempotency key of every changing call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OpKey {
    pub swap: String,
    pub step: String,
}

impl OpKey {
    pub fn new(swap: impl Into<String>, step: impl Into<String>) -> Self {
        Self { swap: swap.into(), step: step.into() }
    }
}

/// What a copy may use; an answer says what is in force.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    pub cpu_milli: u64,
    pub mem_kib: u64,
}

impl Limits {
    pub fn new(cpu_milli: u64, mem_kib: u64) -> Self {
        Self { cpu_milli, mem_kib }
    }
}

/// Everything that a driver may be able to do; the key of [`Capabilities`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    Start,
    Adopt,
    Observe,
    ResizeCpu,
    ResizeMemoryUp,
    ResizeMemoryDown,
    SnapshotFull,
    SnapshotDifferential,
    Transfer,
    Shadow,
    Fence,
    Checkpoint,
    LiveMigrate,
    Partition,
    Prewarm,
    Drill,
    Suspend,
}

/// How well an operation is supported here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "support", content = "how", rename_all = "snake_case")]
pub enum Support {
    Native,
    Emulated(String),
    Unsupported(String),
}

/// The answer of a probe. An operation that is not listed is unsupported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    pub driver: String,
    /// Resources that it limits and meters. A node has no others, and nobody can buy others there.
    pub enforces: BTreeSet<Resource>,
    pub operations: BTreeMap<Operation, Support>,
}

impl Capabilities {
    pub fn of(&self, operation: Operation) -> Support {
        self.operations
            .get(&operation)
            .cloned()
            .unwrap_or_else(|| Support::Unsupported("this driver does not know it".into()))
    }
    /// The reason why not, or nothing.
    pub fn lacks(&self, operation: Operation) -> Option<String> {
        match self.of(operation) {
            Support::Unsupported(reason) => Some(reason),
            Support::Native | Support::Emulated(_) => None,
        }
    }
}

/// What to run: a guest that comes with the driver, or an admitted module by its id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Program(pub String);

/// Where a start takes its state from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StartFrom {
    Fresh,
    Checkpoint,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartRequest {
    pub instance: InstanceId,
    pub node: NodeId,
    pub epoch: u64,
    pub program: Program,
    pub limits: Limits,
    pub from: StartFrom,
}

/// What runs already, to take in as it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdoptRequest {
    pub instance: InstanceId,
    pub node: NodeId,
    pub epoch: u64,
    pub adopted: Adopted,
    pub limits: Limits,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    pub node: NodeId,
    pub epoch: u64,
    pub position: u64,
    pub limits: Limits,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped {
    pub position: u64,
    pub state_hash: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Active,
    Shadow,
    Fenced,
}

/// Hashing the state reads all of it; telemetry does without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    Counters,
    WithStateHash,
}

/// One copy of an instance, as measured since the last observation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    pub instance: InstanceId,
    pub node: NodeId,
    pub epoch: u64,
    pub role: Role,
    pub limits: Limits,
    pub observed_at_micros: i64,
    /// Length of the window that the usage below covers.
    pub window_micros: u64,
    /// Mean CPU over the window.
    pub cpu_milli: u64,
    /// Memory held now, the highest in the window, and the highest that was asked for: above
    /// the limit where a request was cut.
    pub mem_kib: u64,
    pub mem_peak_kib: u64,
    pub mem_demand_kib: u64,
    /// Linear memory that the guest has grown to; it never shrinks.
    pub mem_reserved_kib: u64,
    /// Time in the window with work waiting and no allowance left.
    pub throttled_micros: u64,
    /// Requests for memory in the window that were cut or refused.
    pub memory_stalls: u64,
    /// The demand was at least this high: it was throttled or used ≥ 98 % of its limit.
    pub cpu_censored: bool,
    pub mem_censored: bool,
    /// The next input position, and how many due ones wait.
    pub position: u64,
    pub input_lag: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub outputs: u64,
    /// Execution trace of the window: steps, host calls, fuel, and phases that the guest named.
    pub steps: u64,
    pub host_calls: u64,
    pub fuel: u64,
    pub phases: BTreeMap<u32, u64>,
    pub state_hash: Option<String>,
    /// Why the guest does not run any more.
    pub fault: Option<String>,
    /// While it is suspended: the memory in KiB that it held before and needs to go on. Then all
    /// usage above is zero, what was counted up to the suspension included.
    pub suspended_kib: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resized {
    pub before: Limits,
    pub actual: Limits,
    /// It is suspended, also under the new limits: the memory in KiB that it needs to go on.
    pub suspended_kib: Option<u64>,
    pub work_micros: u64,
}

/// A program that was written to a checkpoint and stands still.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspended {
    pub before: Limits,
    /// What is in force and reserved now.
    pub actual: Limits,
    /// The memory in KiB that it held, and needs to go on.
    pub held_kib: u64,
    /// Size of the checkpoint that it goes on from.
    pub stored_bytes: u64,
    /// The next input position; it is read when it goes on.
    pub position: u64,
    pub work_micros: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotInfo {
    pub id: SnapshotId,
    pub base: Option<SnapshotId>,
    pub node: NodeId,
    pub position: u64,
    pub state_hash: String,
    /// Linear memory of the guest.
    pub memory_bytes: u64,
    /// Bytes of the pages in this snapshot: not zero (full) or changed (differential).
    pub payload_bytes: u64,
    /// How long the guest stood still for it.
    pub work_micros: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transferred {
    pub snapshot: SnapshotId,
    pub to: NodeId,
    pub chunks: u64,
    pub raw_bytes: u64,
    pub sent_bytes: u64,
    pub work_micros: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShadowRequest {
    pub instance: InstanceId,
    pub epoch: u64,
    pub node: NodeId,
    pub snapshot: SnapshotId,
    pub limits: Limits,
    pub rules: Rules,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShadowStarted {
    pub node: NodeId,
    pub from_position: u64,
    /// First position that both runs are recorded at.
    pub compared_from: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShadowReport {
    pub instance: InstanceId,
    pub node: NodeId,
    pub live_position: u64,
    pub shadow_position: u64,
    pub comparison: Comparison,
    /// The mirror overflowed, the copy failed or its node went down; the job runs on.
    pub aborted: Option<String>,
}

impl ShadowReport {
    /// The verdict when at least `minimum` positions are asked for; an aborted run without a
    /// difference stays inconclusive, whatever it had compared.
    pub fn verdict(&self, minimum: u64, deadline_passed: bool) -> Verdict {
        match (&self.aborted, self.comparison.differences_total) {
            (Some(_), 0) => Verdict::Inconclusive,
            _ => self.comparison.verdict(minimum, deadline_passed),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fenced {
    pub node: NodeId,
    pub epoch: u64,
    pub position: u64,
    pub state_hash: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivateRequest {
    pub instance: InstanceId,
    pub node: NodeId,
    pub epoch: u64,
    pub snapshot: SnapshotId,
    pub limits: Limits,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activated {
    pub node: NodeId,
    pub epoch: u64,
    pub position: u64,
    pub state_hash: String,
    pub limits: Limits,
    /// The shadow was promoted; otherwise a copy was made from the snapshot.
    pub warm: bool,
    /// Real time from the fence to now: what the workload felt.
    pub pause_micros: u64,
    /// Of that, this call.
    pub work_micros: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyRequest {
    pub instance: InstanceId,
    pub node: NodeId,
    pub epoch: u64,
    pub limits: Limits,
    /// Positions to be processed since the activation; 0 where no input may come.
    pub min_progress: u64,
    /// Time since the activation, by the caller's clock.
    pub watched_micros: u64,
}

/// One thing that was checked, with what was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    pub name: String,
    pub passed: bool,
    pub seen: String,
}

impl Check {
    /// How the workload answers since its move, beside before.
    pub const SERVICE_LEVEL: &str = "service_level";
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    pub passed: bool,
    pub checks: Vec<Check>,
}

impl Verification {
    /// What was seen of the service level before and after, where its driver watches that.
    pub fn service_level(&self) -> Option<&str> {
        self.checks.iter().find(|check| check.name == Check::SERVICE_LEVEL).map(|check| &*check.seen)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Released {
    pub node: Option<NodeId>,
    pub freed: Limits,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolledBack {
    pub node: NodeId,
    pub epoch: u64,
    pub position: u64,
    pub state_hash: String,
    pub pause_micros: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointInfo {
    pub position: u64,
    pub state_hash: String,
    pub stored_bytes: u64,
    /// Whether it is on disk and survives the process.
    pub durable: bool,
}

/// What a drill tries on a copy of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DrillOf {
    /// That it lets go of memory when its limit goes down.
    Shrink,
    /// That it gives the same after it was written to a checkpoint and read back.
    Checkpoint,
}

/// Whether a program did what was tried, and what was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillReport {
    pub passed: bool,
    pub detail: String,
}
