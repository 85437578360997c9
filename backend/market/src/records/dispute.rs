//! Disputes: what is claimed, and what was decided.
use crate::ids::{AwardId, DisputeId, InstanceId, OrderId, ParticipantId, ReceiptId, SwapId, UserId};
use crate::records::settlement::Receipt;
use crate::time::{Slot, Timestamp};
use crate::units::Credits;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum DisputeState {
    /// What is claimed is set aside.
    Open,
    /// All or a part of what was claimed was paid.
    Upheld,
    Rejected,
    /// By its member; the receipt may be disputed again.
    Withdrawn,
}

impl DisputeState {
    pub const NAMES: [&'static str; 4] = ["open", "upheld", "rejected", "withdrawn"];
    pub const fn name(self) -> &'static str {
        match self {
            DisputeState::Open => "open",
            DisputeState::Upheld => "upheld",
            DisputeState::Rejected => "rejected",
            DisputeState::Withdrawn => "withdrawn",
        }
    }
}

/// What a receipt came from, as far as the exchange has it on record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Evidence {
    /// Hash of the round's outcome, as its certificate has it.
    pub result_hash: Option<String>,
    /// Swaps of the workload for the slot: their phases are the trace of what was done.
    pub swaps: Vec<SwapId>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Dispute {
    pub id: DisputeId,
    pub participant: ParticipantId,
    pub receipt: ReceiptId,
    pub award: AwardId,
    pub order: OrderId,
    pub instance: Option<InstanceId>,
    pub round: u64,
    pub slot: Slot,
    pub evidence: Evidence,
    pub state: DisputeState,
    /// What is wrong, in the member's words.
    pub reason: String,
    /// What the member wants back; set aside while the dispute is open.
    pub claimed: Credits,
    /// What was paid for it.
    pub note: Credits,
    /// Why it was decided so.
    pub decision: Option<String>,
    pub opened_by: UserId,
    pub opened_at: Timestamp,
    pub decided_by: Option<UserId>,
    pub decided_at: Option<Timestamp>,
}

/// What a member opens a dispute with; the receipt and what it came from are as the exchange has them on record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewDispute {
    pub receipt: Receipt,
    pub evidence: Evidence,
    pub reason: String,
    /// Left out: all that may be claimed.
    pub claimed: Option<Credits>,
    pub by: UserId,
}

/// What somebody of the operator decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// What is paid for it; 0 rejects it.
    pub note: Credits,
    pub reason: String,
    pub by: UserId,
}
