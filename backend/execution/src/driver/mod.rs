//! The boundary between the swap saga and whatever runs a workload.
//!
//! One trait for wasm guests, processes, VMs and batch clusters. It is synchronous (a caller
//! on an async runtime uses its blocking pool), object safe and speaks of no engine: ids are
//! strings, resources are [`Limits`], state is named by [`SnapshotId`].
//!
//! Invariants that the conformance suite checks for every driver:
//! * a changing call is idempotent by ([`OpKey`], operation): the second answer is the first;
//!   the same key with another request is [`DriverError::KeyReused`];
//! * a call with an epoch older than the node has seen is [`DriverError::StaleEpoch`] and
//!   changes nothing;
//! * answers say what is *in force*, not what was asked;
//! * from `fence` to `release` the source can be resumed exactly as it stood.
//!
//! Absent: choosing nodes or methods (`plan`), deadlines (the saga has one for each phase).

use std::collections::BTreeSet;

mod error;
mod report;
mod types;

pub use error::DriverError;
pub(crate) use report::LEAST_OF_STEPS;
#[cfg(test)]
pub(crate) use report::NOTHING_AFTER;
pub use report::{Report, steps_end_window};
pub use types::*;

/// The refusal of an operation that a driver does not have, with the reason that its capabilities give.
fn lacking<D: Driver + ?Sized>(driver: &D, operation: Operation, name: &'static str) -> DriverError {
    let reason = driver.capabilities().lacks(operation).unwrap_or_else(|| "it has no code for it".to_owned());
    DriverError::Unsupported { operation: name, reason }
}

/// Runs workloads on nodes and moves them. What a driver does not have it refuses as its [`Capabilities`] say: a shadow
/// run, for instance, is a capability and no premise.
pub trait Driver: Send + Sync {
    /// A short stable name, `wasm` for instance.
    fn name(&self) -> &'static str;

    /// What this driver can do on this host, operation by operation.
    fn capabilities(&self) -> Capabilities;

    /// The nodes that it keeps account of, with what is reserved on them.
    fn nodes(&self) -> Vec<crate::NodeStatus> {
        Vec::new()
    }

    /// Starts an instance, fresh or from its newest checkpoint, under `request.epoch`.
    fn start(&self, _key: &OpKey, _request: &StartRequest) -> Result<Started, DriverError> {
        Err(lacking(self, Operation::Start, "start"))
    }

    /// Takes in what runs already, without a restart, and limits it.
    fn adopt(&self, _key: &OpKey, _request: &AdoptRequest) -> Result<Started, DriverError> {
        Err(lacking(self, Operation::Adopt, "adopt"))
    }

    /// Ends every copy of the instance. A checkpoint in a file is forgotten, because nothing that
    /// was stopped comes back with the next start of the process; a driver that keeps checkpoints
    /// in memory takes a last one.
    fn stop(&self, key: &OpKey, instance: &InstanceId, epoch: u64) -> Result<Stopped, DriverError>;

    /// Every copy of the instance (active, shadow, fenced). Usage is since the last call, so
    /// there is one observer: the telemetry of the node agent. Counters do not wait for a step
    /// that is under way: then the active copy alone is answered, as it stood before the step,
    /// with a window of no length; what is counted comes with the next answer.
    fn observe(&self, instance: &InstanceId, detail: Detail) -> Result<Vec<Observation>, DriverError>;

    /// Changes the limits of the active copy in place. One that is suspended goes on under them
    /// if the memory that it held fits; a checkpoint that cannot be read back is an error, and
    /// leaves it suspended under the limits that it had.
    fn resize(&self, key: &OpKey, instance: &InstanceId, epoch: u64, limits: &Limits) -> Result<Resized, DriverError>;

    /// The state of the active (or fenced) copy, at once or only what changed since `base`.
    fn snapshot(
        &self,
        _key: &OpKey,
        _instance: &InstanceId,
        _epoch: u64,
        _base: Option<&SnapshotId>,
    ) -> Result<SnapshotInfo, DriverError> {
        Err(lacking(self, Operation::SnapshotFull, "snapshot"))
    }

    /// Brings a snapshot to a node: compressed, in chunks, each checked by its hash.
    fn transfer(
        &self,
        _key: &OpKey,
        _instance: &InstanceId,
        _epoch: u64,
        _snapshot: &SnapshotId,
        _to: &NodeId,
    ) -> Result<Transferred, DriverError> {
        Err(lacking(self, Operation::Transfer, "transfer"))
    }

    /// Starts a copy on the target from a transferred snapshot. It gets the same inputs; its
    /// effects are held back.
    fn start_shadow(&self, _key: &OpKey, _request: &ShadowRequest) -> Result<ShadowStarted, DriverError> {
        Err(lacking(self, Operation::Shadow, "start_shadow"))
    }

    /// How the shadow run compares so far.
    fn shadow_report(&self, _instance: &InstanceId) -> Result<ShadowReport, DriverError> {
        Err(lacking(self, Operation::Shadow, "shadow_report"))
    }

    /// Ends a shadow run before the fence; the job never noticed it.
    fn drop_shadow(&self, _key: &OpKey, _instance: &InstanceId) -> Result<(), DriverError> {
        Err(lacking(self, Operation::Shadow, "drop_shadow"))
    }

    /// Stops the source at a step boundary. From here on only `new_epoch` (which must be
    /// newer, and durable before the call) may act.
    fn fence(&self, _key: &OpKey, _instance: &InstanceId, _epoch: u64, _new_epoch: u64) -> Result<Fenced, DriverError> {
        Err(lacking(self, Operation::Fence, "fence"))
    }

    /// Makes the target's copy the active one, brought to exactly `request.snapshot`.
    fn activate(&self, _key: &OpKey, _request: &ActivateRequest) -> Result<Activated, DriverError> {
        Err(lacking(self, Operation::Fence, "activate"))
    }

    /// Whether the active copy is what the swap promised. A read: ask again until it passes
    /// or the phase's deadline is over. [`DriverError::ServiceLevelWorse`] where it is to go back at once.
    fn verify(&self, request: &VerifyRequest) -> Result<Verification, DriverError>;

    /// Drops the fenced source and the snapshots of the move. No way back after this.
    fn release(&self, _key: &OpKey, _instance: &InstanceId, _epoch: u64) -> Result<Released, DriverError> {
        Err(lacking(self, Operation::Fence, "release"))
    }

    /// The fenced source resumes exactly as it was fenced, under a newer epoch; the target's
    /// copy is dropped.
    fn rollback(&self, _key: &OpKey, _instance: &InstanceId, _new_epoch: u64) -> Result<RolledBack, DriverError> {
        Err(lacking(self, Operation::Fence, "rollback"))
    }

    /// Tries on a copy what `how` names; `None` while there is nothing to try it with: it is
    /// suspended, has read nothing, no inputs come, or it holds nothing to let go of. The live
    /// copy goes on as it was.
    fn drill(&self, _instance: &InstanceId, _epoch: u64, _how: DrillOf) -> Result<Option<DrillReport>, DriverError> {
        Err(lacking(self, Operation::Drill, "drill"))
    }

    /// Writes the state of the active copy where a restart finds it, and only then lets go of its
    /// memory: `limits` are in force from here on. It stays the active copy, reads no inputs and
    /// goes on from exactly there once a resize gives it the memory that it held. Refused
    /// ([`DriverError::WrongState`]) while a move is under way; [`DriverError::BelowMinimum`]
    /// where `limits` are less than its module starts with. Suspended already, it gets the limits.
    fn suspend(
        &self,
        _key: &OpKey,
        _instance: &InstanceId,
        _epoch: u64,
        _limits: &Limits,
    ) -> Result<Suspended, DriverError> {
        Err(lacking(self, Operation::Suspend, "suspend"))
    }

    /// Writes the state of the active copy where a restart finds it.
    fn checkpoint(&self, _key: &OpKey, _instance: &InstanceId, _epoch: u64) -> Result<CheckpointInfo, DriverError> {
        Err(lacking(self, Operation::Checkpoint, "checkpoint"))
    }
}

/// A driver of what runs already: an agent of a host, or of a cluster, has one.
pub trait Adopting: Driver {
    /// Why nothing can be adopted here, if so.
    fn unavailable(&self) -> Option<String>;

    fn active_epoch(&self, instance: &InstanceId) -> Option<u64>;

    /// The limit in force, read back from the kernel or the cluster.
    fn limits_in_force(&self, instance: &InstanceId) -> Option<Limits>;

    /// What was counted for each workload; one that cannot be read is left out.
    fn reports(&self) -> Vec<(InstanceId, Report)>;

    /// Lets go of what an earlier life has adopted and nobody wants any more. To be called once the list is known.
    fn let_go_others(&self, wanted: &BTreeSet<InstanceId>) -> Result<(), DriverError>;
}
