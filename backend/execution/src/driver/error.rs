//! Why an operation was refused or failed. Each message names what was needed and what was
//! there; none of them is a panic in disguise.

use std::path::PathBuf;

use super::types::{InstanceId, NodeId, SnapshotId};
use crate::wasm::admission::Refusal;

/// A refused or failed driver operation. Nothing was changed, unless it says so.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    #[error("no instance {0} here")]
    UnknownInstance(InstanceId),
    #[error("no node {0} here")]
    UnknownNode(NodeId),
    #[error("no program {0}: admit the module first")]
    UnknownProgram(String),
    #[error("node {0} is down")]
    NodeDown(NodeId),
    #[error("the agent of node {node} has not done it yet: {told}")]
    Unanswered { node: NodeId, told: String },
    #[error("node {node} takes no copy: {told}")]
    HostUnreachable { node: NodeId, told: String },
    #[error("{told} ({instance} on {node})")]
    ServiceLevelWorse { instance: InstanceId, node: NodeId, told: String },
    #[error("{instance}: epoch {given} is older than {seen}, which {node} has seen")]
    StaleEpoch { instance: InstanceId, node: NodeId, given: u64, seen: u64 },
    #[error("{instance}: epoch {given} was never announced here, {node} is at {seen}")]
    EpochAhead { instance: InstanceId, node: NodeId, given: u64, seen: u64 },
    #[error("{instance}: a new epoch must be above {seen}, {given} is not")]
    EpochNotNewer { instance: InstanceId, given: u64, seen: u64 },
    #[error("{node} lacks {resource}: {needed} needed, {free} free")]
    NoRoom { node: NodeId, resource: &'static str, needed: u64, free: u64 },
    #[error("{instance}: {operation} needs {needed}, it is {state}")]
    WrongState { instance: InstanceId, operation: &'static str, needed: &'static str, state: &'static str },
    #[error("no snapshot {snapshot} on {node}: transfer it first")]
    SnapshotNotThere { snapshot: SnapshotId, node: NodeId },
    #[error("{instance} keeps {kept} snapshots already; release or drop the move first")]
    TooManySnapshots { instance: InstanceId, kept: usize },
    #[error("the memory in use, {in_use_kib} KiB, cannot shrink to {limit_kib} KiB")]
    MemoryInUse { limit_kib: u64, in_use_kib: u64 },
    #[error("a limit of {limit_kib} KiB is below the {minimum_kib} KiB that the module starts with")]
    BelowMinimum { limit_kib: u64, minimum_kib: u64 },
    #[error("step {step} of swap {swap} was done with another request")]
    KeyReused { swap: String, step: String },
    #[error("module refused: {0}")]
    Refused(#[from] Refusal),
    #[error("the command {name} cannot run here: {reason}")]
    CommandUnavailable { name: String, reason: String },
    #[error("the resize of {instance} is deferred until its node has room: {told}")]
    ResizeDeferred { instance: InstanceId, told: String },
    #[error("its node can never give {instance} so much: {told}")]
    ResizeInfeasible { instance: InstanceId, told: String },
    #[error("the resize of {instance} is asked for and not in force: {told}")]
    ResizeUnfinished { instance: InstanceId, told: String },
    #[error("the cluster does not let this agent {permission}: {told}")]
    PermissionMissing { permission: String, told: String },
    #[error("the cluster does not answer: {told}")]
    ClusterAway { told: String },
    #[error("the cluster refuses it: {told}")]
    ClusterRefused { told: String },
    #[error("{what} is damaged: {detail}")]
    Corrupt { what: &'static str, detail: String },
    #[error("{0} has no checkpoint to start from")]
    NoCheckpoint(InstanceId),
    #[error("the guest of {instance} failed: {reason}")]
    Guest { instance: InstanceId, reason: String },
    #[error("{operation} is not supported: {reason}")]
    Unsupported { operation: &'static str, reason: String },
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: std::io::Error },
    #[error("wasm engine: {0}")]
    Engine(String),
}

impl DriverError {
    /// A stable code for journals and the API.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownInstance(_) => "unknown_instance",
            Self::UnknownNode(_) => "unknown_node",
            Self::UnknownProgram(_) => "unknown_program",
            Self::NodeDown(_) => "node_down",
            Self::Unanswered { .. } => "agent_silent",
            Self::HostUnreachable { .. } => "host_unreachable",
            Self::ServiceLevelWorse { .. } => "service_level_worse",
            Self::StaleEpoch { .. } => "stale_epoch",
            Self::EpochAhead { .. } => "epoch_ahead",
            Self::EpochNotNewer { .. } => "epoch_not_newer",
            Self::NoRoom { .. } => "no_room",
            Self::WrongState { .. } => "wrong_state",
            Self::SnapshotNotThere { .. } => "snapshot_not_there",
            Self::TooManySnapshots { .. } => "too_many_snapshots",
            Self::MemoryInUse { .. } => "memory_in_use",
            Self::BelowMinimum { .. } => "below_minimum",
            Self::KeyReused { .. } => "key_reused",
            Self::Refused(_) => "module_refused",
            Self::CommandUnavailable { .. } => "command_unavailable",
            Self::ResizeDeferred { .. } => "resize_deferred",
            Self::ResizeInfeasible { .. } => "resize_infeasible",
            Self::ResizeUnfinished { .. } => "resize_unfinished",
            Self::PermissionMissing { .. } => "permission_missing",
            Self::ClusterAway { .. } => "cluster_away",
            Self::ClusterRefused { .. } => "cluster_refused",
            Self::Corrupt { .. } => "corrupt",
            Self::NoCheckpoint(_) => "no_checkpoint",
            Self::Guest { .. } => "guest_failed",
            Self::Unsupported { .. } => "unsupported",
            Self::Io { .. } => "io",
            Self::Engine(_) => "engine",
        }
    }
}
