//! Whose doing it is that a swap did not come about.
//!
//! Reasons are the codes of the saga and of the driver. A reason that a member could bring about counts as the
//! members': the exchange would else pay both sides of a trade that its buyer has ended by stopping the workload.
use crate::workload::vacate::VACATED;

/// Reason of a swap whose place a newer plan took before it was made.
pub const SUPERSEDED: &str = "superseded";
/// Reasons of swaps that the saga gives up.
pub(crate) const CANCELLED_BY_OPERATOR: &str = "cancelled_by_operator";
pub(crate) const DEADLINE: &str = "deadline";
pub(crate) const MEMORY_IN_USE: &str = "memory_in_use";
/// The process ended in the middle of it.
pub const RESTARTED: &str = "restarted";
/// Reason of a move that a person did not want.
pub const REJECTED: &str = "rejected_by_operator";
/// Reason of a move that nobody has answered, or could be asked, in time.
pub const EXPIRED: &str = "approval_expired";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The exchange makes both sides whole.
    Exchange,
    /// The workload's program, or what its participant wants compared.
    Program,
    /// Its owner, or others who were late: nobody but the members.
    Members,
}

const EXCHANGE: [&str; 23] = [
    CANCELLED_BY_OPERATOR,
    REJECTED,
    EXPIRED,
    RESTARTED,
    "node_down",
    "agent_silent",
    "host_unreachable",
    "io",
    "command_unavailable",
    "resize_deferred",
    "resize_infeasible",
    "resize_unfinished",
    "permission_missing",
    "cluster_away",
    "cluster_refused",
    "corrupt",
    "engine",
    "unknown_node",
    "unknown_program",
    "too_many_snapshots",
    "key_reused",
    "no_checkpoint",
    "unsupported",
];
const PROGRAM: [&str; 6] =
    ["shadow_mismatch", "shadow_inconclusive", MEMORY_IN_USE, "guest_failed", "below_minimum", "module_refused"];
/// Stopping and restarting a workload in the middle of its move comes to one of the driver's. Whoever sends it requests can
/// make a service answer worse.
const MEMBERS: [&str; 11] = [
    DEADLINE,
    SUPERSEDED,
    VACATED,
    "no_room",
    "service_level_worse",
    "wrong_state",
    "unknown_instance",
    "snapshot_not_there",
    "stale_epoch",
    "epoch_ahead",
    "epoch_not_newer",
];

/// Whether a person or a newer plan has ended the swap: that says nothing of how such swaps go.
pub fn is_decision(reason: &str) -> bool {
    [SUPERSEDED, CANCELLED_BY_OPERATOR, REJECTED, EXPIRED].contains(&reason)
}

/// Whose doing a reason is; nothing for one that is not known.
pub fn known(reason: &str) -> Option<Blame> {
    let all = [(&EXCHANGE[..], Blame::Exchange), (&PROGRAM, Blame::Program), (&MEMBERS, Blame::Members)];
    all.into_iter().find(|(reasons, _)| reasons.contains(&reason)).map(|(_, blame)| blame)
}

/// Whose doing a reason is. What is not known is put down to the members.
pub fn of(reason: &str) -> Blame {
    known(reason).unwrap_or(Blame::Members)
}
