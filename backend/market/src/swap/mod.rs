//! Swap orders: how an allocation becomes true, step by step, and how it is undone.
pub mod approval;
pub mod blame;
pub mod cause;
mod dependencies;
pub mod draw;
mod draw_price;
pub mod hold_time;
pub mod pair;
pub mod plan;
pub mod recall;
pub mod saga;

use crate::ids::{InstanceId, NodeId, ParticipantId, SwapId};
use crate::pool::PoolSlug;
use crate::swap::approval::Approval;
use crate::swap::cause::Cause;
use crate::swap::pair::Pair;
use crate::time::{Slot, Timestamp};
use crate::units::{Amounts, Credits};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum SwapState {
    Planned,
    AwaitingApproval,
    Reserved,
    Snapshot,
    Transferred,
    Shadow,
    Fenced,
    Activated,
    Verified,
    Released,
    Done,
    /// Not entered in this version: what can't be done is not planned.
    Infeasible,
    Rejected,
    Expired,
    Aborted,
    RolledBack,
    /// Not entered in this version: a swap that fails ends as aborted or rolled back.
    Failed,
}

impl SwapState {
    pub const ALL: [SwapState; 17] = {
        use SwapState::*;
        [
            Planned,
            AwaitingApproval,
            Reserved,
            Snapshot,
            Transferred,
            Shadow,
            Fenced,
            Activated,
            Verified,
            Released,
            Done,
            Infeasible,
            Rejected,
            Expired,
            Aborted,
            RolledBack,
            Failed,
        ]
    };
    pub const NAMES: [&'static str; 17] = {
        let mut names = [""; 17];
        let mut i = 0;
        while i < names.len() {
            names[i] = Self::ALL[i].name();
            i += 1;
        }
        names
    };

    pub const fn name(self) -> &'static str {
        match self {
            SwapState::Planned => "planned",
            SwapState::AwaitingApproval => "awaiting_approval",
            SwapState::Reserved => "reserved",
            SwapState::Snapshot => "snapshot",
            SwapState::Transferred => "transferred",
            SwapState::Shadow => "shadow",
            SwapState::Fenced => "fenced",
            SwapState::Activated => "activated",
            SwapState::Verified => "verified",
            SwapState::Released => "released",
            SwapState::Done => "done",
            SwapState::Infeasible => "infeasible",
            SwapState::Rejected => "rejected",
            SwapState::Expired => "expired",
            SwapState::Aborted => "aborted",
            SwapState::RolledBack => "rolled_back",
            SwapState::Failed => "failed",
        }
    }

    /// Whether anything has been done for it on a node.
    pub const fn has_begun(self) -> bool {
        !matches!(self, SwapState::Planned | SwapState::AwaitingApproval | SwapState::Reserved)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Method {
    Resize,
    Live,
    Checkpoint,
    Partition,
}

/// One state that the swap was in: the intent was durable at `started_at`, its effect known at `ended_at`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Phase {
    pub state: SwapState,
    pub started_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// What happened, for people.
    pub detail: Option<String>,
}

/// One place where the shadow run and the live run differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Difference {
    /// Position in the recorded inputs.
    pub position: i64,
    pub field: String,
    pub live: String,
    pub shadow: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Swap {
    pub id: SwapId,
    pub participant: ParticipantId,
    pub instance: InstanceId,
    pub instance_name: String,
    pub state: SwapState,
    pub method: Method,
    pub pool_from: PoolSlug,
    pub pool_to: PoolSlug,
    pub node_from: NodeId,
    pub node_to: NodeId,
    pub limits_from: Amounts,
    pub limits_to: Amounts,
    /// The slot that it prepares.
    pub slot: Slot,
    /// What the orders behind it were willing to pay beyond what they pay, for the slot. What the swap itself costs is not in it.
    pub expected_gain: Credits,
    pub deadline: Timestamp,
    /// Swaps that have to free capacity first.
    pub depends_on: Vec<SwapId>,
    /// What a resize that waits for others takes before that, as soon as its slot begins: it is free already.
    #[serde(default, skip_serializing_if = "Amounts::is_empty")]
    pub at_once: Amounts,
    /// From whom it has what it wins in its slot, and to whom it gives what it lends.
    pub pairs: Vec<Pair>,
    /// Why it is made.
    pub causes: Vec<Cause>,
    /// A person had to approve it; left out where nobody was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// One that it waits for was approved late, or not at all: what it misses for that is the exchange's doing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kept_waiting: bool,
    /// Placement epoch of the source; the target runs under the next one.
    pub epoch: u64,
    pub phases: Vec<Phase>,
    pub bytes: i64,
    pub downtime_micros: Option<i64>,
    pub positions_compared: i64,
    pub difference_count: i64,
    /// The first differences; `difference_count` counts all.
    pub differences: Vec<Difference>,
    /// Why it did not end in DONE, a stable code such as `shadow_mismatch`.
    pub reason: Option<String>,
    /// When what it takes back was first found in use by the workload's own program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_use_since: Option<Timestamp>,
    /// A person asked for it to be undone or stopped.
    pub cancel_requested: Option<String>,
    pub created_at: Timestamp,
    pub ended_at: Option<Timestamp>,
}

impl Swap {
    pub fn moves(&self) -> bool {
        self.node_from != self.node_to
    }
    pub fn is_live(&self) -> bool {
        self.ended_at.is_none()
    }
}
