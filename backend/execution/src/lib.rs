//! Drivers that make an allocation true: real workloads, really resized and moved.
//!
//! A cleared round changes nothing until a workload has more, has less or runs elsewhere.
//! This crate holds the boundary ([`Driver`]), the pure parts that every driver shares
//! (choosing a method, nodes and their fencing) and the embedded
//! default driver, [`wasm`], which runs the operator's commands as processes, too.
//!
//! Invariants: time is an argument, never read here except to measure how long our own work
//! took; a node refuses a placement epoch older than one it has seen; every changing call
//! carries an [`OpKey`] and twice equals once; the source of a move exists until `release`.
//!
//! Absent on purpose: money, orders and swap states (the market's core owns those), durable
//! journalling of steps (the server writes the intent before it calls), any network.

mod command;
pub mod config;
pub mod driver;
pub mod feed;
mod guest;
pub mod kubernetes;
pub mod linux;
pub mod node;
pub mod plan;
pub mod qemu;
pub mod service;
pub mod slurm;
pub mod wasm;

pub use command::{command_program, list_commands};
pub use config::Config;
pub use driver::{
    ActivateRequest, Activated, AdoptRequest, Adopting, Capabilities, Check, CheckpointInfo, Detail, DrillOf,
    DrillReport, Driver, DriverError, Fenced, InstanceId, Limits, NodeId, Observation, OpKey, Operation, Program,
    Released, Report, Resized, Role, RolledBack, ShadowReport, ShadowRequest, ShadowStarted, SnapshotId, SnapshotInfo,
    StartFrom, StartRequest, Started, Stopped, Support, Suspended, Transferred, Verification, VerifyRequest,
    steps_end_window,
};
pub use feed::{DemandInput, Input, InputFeed, ScriptedFeed};
pub use node::{NodeSpec, NodeStatus};
pub use wasm::{
    CheckpointSummary, Cluster, OutputRecord, Placement, RestoreSummary, Restored, RunningThreads, Saved, low_priority,
};
