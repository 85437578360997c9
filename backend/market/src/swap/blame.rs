//! Whose doing it is that a swap did not come about.
//!
//! Reasons are the codes of the saga and of the driver. A reason that a member could bring about counts as the
//! members': the exchange would else pay both sides of a trade that its buyer has ended by stopping the workload.
use super::approval;
use super::saga::{CANCELLED_BY_OPERATOR, DEADLINE, MEMORY_IN_USE, RESTARTED, SUPERSEDED};
use crate::workload::vacate::VACATED;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The exchange makes both sides whole.
    Exchange,
    /// The workload's program, or what its participant wants compared.
    Program,
    /// Its owner, or others who were late: nobody but the members.
    Members,
}

const EXCHANGE: [&str; 15] = [
    CANCELLED_BY_OPERATOR,
    approval::REJECTED,
    approval::EXPIRED,
    RESTARTED,
    "node_down",
    "io",
    "command_unavailable",
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
/// Stopping and restarting a workload in the middle of its move comes to one of the driver's.
const MEMBERS: [&str; 10] = [
    DEADLINE,
    SUPERSEDED,
    VACATED,
    "no_room",
    "wrong_state",
    "unknown_instance",
    "snapshot_not_there",
    "stale_epoch",
    "epoch_ahead",
    "epoch_not_newer",
];

/// Whose doing a reason is; nothing for one that is not known.
pub fn known(reason: &str) -> Option<Blame> {
    let all = [(&EXCHANGE[..], Blame::Exchange), (&PROGRAM, Blame::Program), (&MEMBERS, Blame::Members)];
    all.into_iter().find(|(reasons, _)| reasons.contains(&reason)).map(|(_, blame)| blame)
}

/// Whose doing a reason is. What is not known is put down to the members.
pub fn of(reason: &str) -> Blame {
    known(reason).unwrap_or(Blame::Members)
}
