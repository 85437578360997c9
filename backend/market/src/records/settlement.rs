//! Receipts: what was delivered, and what was paid for it.
use crate::ids::{AwardId, InstanceId, NodeId, OrderId, ParticipantId, ReceiptId};
use crate::records::order::Side;
use crate::records::pool::PoolSlug;
use crate::records::round::AwardKind;
use crate::time::{Slot, Timestamp};
use crate::units::{Credits, Price, Resource};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ReceiptLine {
    pub pool: PoolSlug,
    pub resource: Resource,
    pub awarded: i64,
    /// Capacity made available, mean over the slot's telemetry ticks, rounded down. Of a seller: what
    /// was given up and reached buyers.
    pub delivered: i64,
    pub price: Price,
    /// Of a seller on a full node: the part of the price that is its premium, and what of that reached buyers there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub premium: Option<ReceiptPremium>,
    /// Price × delivered, half to even: what is paid for good. Of a seller on a full node the premium counts by what was
    /// delivered there.
    pub amount: Credits,
    /// Escrow that goes back because it was not delivered (buyers only).
    pub credit_note: Credits,
    /// Of a lent line: what its own workload kept.
    pub kept: i64,
    /// The line's part of the receipt's `compensation`.
    pub compensation: Credits,
}

/// What a seller on a full node was paid beyond the pool's price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ReceiptPremium {
    pub node: NodeId,
    pub price: Price,
    /// What of the line reached buyers on the node.
    pub delivered: i64,
}

/// Delivery of one award in one slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Receipt {
    pub id: ReceiptId,
    pub award: AwardId,
    pub order: OrderId,
    pub kind: AwardKind,
    pub side: Side,
    pub participant: ParticipantId,
    pub instance: Option<InstanceId>,
    pub round: u64,
    pub slot: Slot,
    pub lines: Vec<ReceiptLine>,
    pub amount: Credits,
    pub credit_note: Credits,
    /// For what a program's own fault kept from delivery: paid by its buyer, received by sellers.
    pub reservation_fee: Credits,
    /// For what lenders' own workloads kept: paid by the lender, received by buyers that missed it.
    pub compensation: Credits,
    /// Why less was delivered than awarded, where known.
    pub cause: Option<String>,
    pub recorded_at: Timestamp,
}
