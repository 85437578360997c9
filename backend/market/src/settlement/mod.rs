//! What was delivered, and the money that follows from it.
pub mod arrears;
pub mod bond;
mod delivered;
pub mod dispute;
pub(crate) mod imbalance;
pub mod meter;
mod reservation_fee;
pub mod settle;
mod shortfall;

use crate::book::Side;
use crate::ids::{AwardId, InstanceId, OrderId, ParticipantId, ReceiptId};
use crate::pool::PoolSlug;
use crate::round::AwardKind;
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
    /// Price × delivered, half to even: what is paid for good.
    pub amount: Credits,
    /// Escrow that goes back because it was not delivered (buyers only).
    pub credit_note: Credits,
    /// What a unit cost that workloads kept though it was sold; at least the slot's mean price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imbalance_price: Option<Price>,
    /// Of a lent line: what its own workload kept.
    pub kept: i64,
    /// The line's part of the receipt's `imbalance`.
    pub imbalance: Credits,
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
    pub imbalance: Credits,
    /// Of a lender: what was held until this slot was settled. It is released, less what `imbalance` took of it.
    pub bond: Credits,
    /// Why less was delivered than awarded, where known.
    pub cause: Option<String>,
    pub recorded_at: Timestamp,
}
