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

mod error;
mod types;

pub use error::DriverError;
pub use types::*;

/// Runs workloads on nodes and moves them.
pub trait Driver: Send + Sync {
    /// A short stable name, `wasm` for instance.
    fn name(&self) -> &'static str;

    /// What this driver can do on this host, operation by operation.
    fn capabilities(&self) -> Capabilities;

    /// The nodes that it can reach, with what is reserved on them.
    fn nodes(&self) -> Vec<crate::NodeStatus>;

    /// Starts an instance, fresh or from its newest checkpoint, under `request.epoch`.
    fn start(&self, key: &OpKey, request: &StartRequest) -> Result<Started, DriverError>;

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
        key: &OpKey,
        instance: &InstanceId,
        epoch: u64,
        base: Option<&SnapshotId>,
    ) -> Result<SnapshotInfo, DriverError>;

    /// Brings a snapshot to a node: compressed, in chunks, each checked by its hash.
    fn transfer(
        &self,
        key: &OpKey,
        instance: &InstanceId,
        epoch: u64,
        snapshot: &SnapshotId,
        to: &NodeId,
    ) -> Result<Transferred, DriverError>;

    /// Starts a copy on the target from a transferred snapshot. It gets the same inputs; its
    /// effects are held back.
    fn start_shadow(&self, key: &OpKey, request: &ShadowRequest) -> Result<ShadowStarted, DriverError>;

    /// How the shadow run compares so far.
    fn shadow_report(&self, instance: &InstanceId) -> Result<ShadowReport, DriverError>;

    /// Ends a shadow run before the fence; the job never noticed it.
    fn drop_shadow(&self, key: &OpKey, instance: &InstanceId) -> Result<(), DriverError>;

    /// Stops the source at a step boundary. From here on only `new_epoch` (which must be
    /// newer, and durable before the call) may act.
    fn fence(&self, key: &OpKey, instance: &InstanceId, epoch: u64, new_epoch: u64) -> Result<Fenced, DriverError>;

    /// Makes the target's copy the active one, brought to exactly `request.snapshot`.
    fn activate(&self, key: &OpKey, request: &ActivateRequest) -> Result<Activated, DriverError>;

    /// Whether the active copy is what the swap promised. A read: ask again until it passes
    /// or the phase's deadline is over.
    fn verify(&self, request: &VerifyRequest) -> Result<Verification, DriverError>;

    /// Drops the fenced source and the snapshots of the move. No way back after this.
    fn release(&self, key: &OpKey, instance: &InstanceId, epoch: u64) -> Result<Released, DriverError>;

    /// The fenced source resumes exactly as it was fenced, under a newer epoch; the target's
    /// copy is dropped.
    fn rollback(&self, key: &OpKey, instance: &InstanceId, new_epoch: u64) -> Result<RolledBack, DriverError>;

    /// Tries on a copy what `how` names; `None` while there is nothing to try it with: it is
    /// suspended, has read nothing, no inputs come, or it holds nothing to let go of. The live
    /// copy goes on as it was.
    fn drill(&self, instance: &InstanceId, epoch: u64, how: DrillOf) -> Result<Option<DrillReport>, DriverError>;

    /// Writes the state of the active copy where a restart finds it, and only then lets go of its
    /// memory: `limits` are in force from here on. It stays the active copy, reads no inputs and
    /// goes on from exactly there once a resize gives it the memory that it held. Refused
    /// ([`DriverError::WrongState`]) while a move is under way; [`DriverError::BelowMinimum`]
    /// where `limits` are less than its module starts with. Suspended already, it gets the limits.
    fn suspend(
        &self,
        key: &OpKey,
        instance: &InstanceId,
        epoch: u64,
        limits: &Limits,
    ) -> Result<Suspended, DriverError>;

    /// Writes the state of the active copy where a restart finds it.
    fn checkpoint(&self, key: &OpKey, instance: &InstanceId, epoch: u64) -> Result<CheckpointInfo, DriverError>;
}
