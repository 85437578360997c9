//! Rounds: what is sealed, what it came to, and who won what.
use crate::clearing::document::Gap;
use crate::ids::{AwardId, InstanceId, NodeId, OrderId, ParticipantId, ProjectId, RoundId};
use crate::records::class::Class;
use crate::records::order::Side;
use crate::records::pool::{AdministeredPrice, PoolSlug};
use crate::records::recallable::is_recallable;
use crate::time::{Slot, Timestamp};
use crate::units::{Amounts, Credits, Price, Resource};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum RoundState {
    /// Not stored in this version, nor are `solved` and `awarded`: a round is sealed first, and an outcome is recorded
    /// and awarded by one command.
    Open,
    Sealed,
    Solved,
    Awarded,
    Executing,
    Settled,
    Void,
}

/// One published price: one per product and round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ClearingPrice {
    pub pool: PoolSlug,
    /// Of what may be taken back: the node where it is lent and used, each has its price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeId>,
    pub resource: Resource,
    pub slot: Slot,
    /// On every node that has room left; a full one costs its premium more.
    pub price: Price,
    /// `bid`, `offer`, `reserve:STEP` or `none`. Whose order it was is in the outcome, for its owner.
    pub set_by: String,
    /// Bought in this round, base units.
    pub volume: i64,
    /// Operator supply that the round could use.
    pub supply: i64,
    pub reserve: Option<Price>,
}

/// What a full node costs beyond the price of its pool (locational price = price + premium).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NodePremium {
    pub pool: PoolSlug,
    pub node: NodeId,
    pub resource: Resource,
    pub slot: Slot,
    pub premium: Price,
}

/// A product whose price was beyond the band: nothing was awarded in what it is cleared together with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Interruption {
    pub pool: PoolSlug,
    pub resource: Resource,
    pub slot: Slot,
    pub price: Price,
    /// The greatest price that does not interrupt: three times the reference price.
    pub band: Price,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Certificate {
    /// An independent exact check passed before anything was stored.
    pub verified: bool,
    /// `optimal`, or `bounded` where the gap says how far the outcome may be from the best.
    pub quality: String,
    /// In credits with 9 digits, as `bound`.
    pub welfare: String,
    /// No allocation has more welfare than this.
    pub bound: String,
    pub gap: Gap,
    pub input_hash: String,
    pub result_hash: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Round {
    pub id: RoundId,
    pub number: u64,
    pub state: RoundState,
    pub sealed_at: Timestamp,
    pub awarded_at: Option<Timestamp>,
    pub settled_at: Option<Timestamp>,
    pub first_slot: Slot,
    pub last_slot: Slot,
    pub orders: u32,
    pub awards: u32,
    /// Merkle root of the sealed book, published before it is solved.
    pub root: String,
    pub previous_root: String,
    pub certificate: Option<Certificate>,
    pub prices: Vec<ClearingPrice>,
    /// What full nodes cost more; others have no premium.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub premiums: Vec<NodePremium>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub interruptions: Vec<Interruption>,
    pub void_reason: Option<String>,
    /// Slots whose awards are not settled yet.
    pub open_slots: Vec<Slot>,
}

/// A part of a line that its lender took back while the slot was under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TakenBack {
    pub at: Timestamp,
    pub quantity: i64,
}

/// What a full node adds to the price of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LinePremium {
    pub node: NodeId,
    pub price: Price,
}

/// Capacity of one product that an award gives or takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AwardLine {
    pub pool: PoolSlug,
    pub resource: Resource,
    pub slot: Slot,
    pub quantity: i64,
    /// Of the pool, and the premium of its node.
    pub price: Price,
    /// The part of the price that a full node costs, or earns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub premium: Option<LinePremium>,
    /// Price × quantity, half to even.
    pub money: Credits,
    /// Sold on to later bidders before the slot began (bids only).
    pub resold: i64,
    /// Of recallable capacity: taken back by its lender before the slot was over (`swap/recall.rs`). Of a lent
    /// line what its workload has again, of a bought one what its workload lost.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub recalled: i64,
    /// When what of it was taken back after its slot had begun: it is paid for until then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recalls: Vec<TakenBack>,
    pub settled: bool,
}

fn is_zero(n: &i64) -> bool {
    *n == 0
}

impl AwardLine {
    /// Nothing of it has happened yet; `None` where its price × quantity is no amount of credits.
    pub fn new(pool: PoolSlug, resource: Resource, slot: Slot, quantity: i64, price: Price) -> Option<Self> {
        let money = price.charge_half_even(quantity)?;
        Some(Self {
            pool,
            resource,
            slot,
            quantity,
            price,
            premium: None,
            money,
            resold: 0,
            recalled: 0,
            recalls: Vec::new(),
            settled: false,
        })
    }
    /// What of it is still to be there: sold on or taken back, it is somebody else's.
    pub fn left(&self) -> i64 {
        self.quantity - self.resold - self.recalled
    }
    /// Takes a part of it back.
    pub fn take_back(&mut self, at: Timestamp, quantity: i64) {
        self.recalled += quantity;
        match self.recalls.last_mut().filter(|last| last.at == at) {
            Some(last) => last.quantity += quantity,
            None if at > self.slot.start() => self.recalls.push(TakenBack { at, quantity }),
            None => {}
        }
    }
    /// What of it had been taken back by then.
    pub fn recalled_by(&self, at: Timestamp) -> i64 {
        let later: i64 = self.recalls.iter().filter(|taken| taken.at > at).map(|taken| taken.quantity).sum();
        self.recalled - later
    }
    /// Whether its lender may take it back.
    pub fn is_recallable(&self) -> bool {
        is_recallable(&self.pool)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum AwardKind {
    /// Bought by a bid.
    Bought,
    /// Lent from a baseline.
    Lent,
    /// Sold on from an earlier award.
    Resold,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Award {
    pub id: AwardId,
    pub round: u64,
    pub kind: AwardKind,
    pub side: Side,
    /// The order that won; for a resale the order that had bought it.
    pub order: OrderId,
    /// The award that is sold on.
    pub resale_of: Option<AwardId>,
    pub participant: ParticipantId,
    pub instance: Option<InstanceId>,
    pub lines: Vec<AwardLine>,
    /// Node of each replica, in order; of what is lent and may be taken back the node where it lies; empty for what
    /// else frees capacity.
    pub nodes: Vec<NodeId>,
    /// The award of the slot before that goes on with this one: no round was held for it (`round/safe_state`), and
    /// `round` is 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolled_from: Option<AwardId>,
    /// Taken in its slot, from then on (`swap/draw.rs`). `round` is 0.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drawn: bool,
    /// Charged to a buyer (in escrow until delivery) or due to a seller.
    pub money: Credits,
    /// The part of the order's limit that this award uses up: the resale limit.
    pub limit: Credits,
    pub resell: bool,
    /// Of the order; a recall takes from the lowest class first, and the safe state serves the highest first.
    #[serde(default, skip_serializing_if = "is_standard")]
    pub class: Class,
    /// The workload was not moved for it, and no other bid takes it from its node before the last of its slots.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_displacement: bool,
    /// The project against whose limit it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectId>,
    pub created_at: Timestamp,
}

fn is_standard(class: &Class) -> bool {
    *class == Class::Standard
}

impl Award {
    /// The round that made it, if one did.
    pub fn round_number(&self) -> Option<u64> {
        (self.round != NO_ROUND).then_some(self.round)
    }
    pub fn is_live(&self) -> bool {
        self.lines.iter().any(|line| !line.settled)
    }
}

/// The number that awards have which no round made.
pub const NO_ROUND: u64 = 0;

/// Why a workload does not go on with what it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum LeftOut {
    /// Its owner has said that it lets go.
    LetsGo,
    /// The administered price is above the limit of what it had won.
    PriceBeyondLimit,
    /// Nothing of the kind has ever had a price.
    NoPrice,
    /// Its owner can't pay.
    InsufficientFunds,
    /// Its project has too little left.
    ProjectExhausted,
    /// Its node has no room for it beside what others have there.
    NoHostFits,
    /// It would have more than its own limit, or change by more than its thrash limit.
    WorkloadLimit,
    /// It is to be on another node in this slot.
    LeavesNode,
    /// It had it in another pool than its own: that ends with its slot.
    Elsewhere,
}

/// A workload that does not go on with something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NotRolled {
    pub instance: InstanceId,
    pub pool: PoolSlug,
    /// Base units that it had in the slot before.
    pub amounts: Amounts,
    pub reason: LeftOut,
}

/// A slot of a pool that began without a round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RolledSlot {
    pub pool: PoolSlug,
    pub slot: Slot,
    /// The slot whose allocation goes on.
    pub from: Slot,
    pub prices: Vec<AdministeredPrice>,
    /// What goes on being bought, base units.
    pub volume: Amounts,
    pub awards: u32,
    pub at: Timestamp,
}

/// Why an outcome could not be taken over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AwardError {
    #[error("round {0} is not the sealed one")]
    NotSealed(u64),
    #[error("the outcome names {0}, which is not in the round")]
    Unknown(String),
    #[error("{0} would be charged more than its hold")]
    HoldExceeded(OrderId),
}

/// The workloads that may be taken to another node by what they win.
pub type Movers = BTreeSet<InstanceId>;
