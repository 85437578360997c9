//! The order: a bid or an offer with the same fields and the same life.
//!
//! `resources` are per replica and slot; `limit` is for the whole order and window.
//! `pools` × allowed starts, or × runs (`runs.rs`), = alternatives, of which at most one wins.
use crate::ids::{AwardId, InstanceId, OrderId, ParticipantId};
use crate::records::class::Class;
use crate::records::grounds::Grounds;
use crate::records::pool::PoolSlug;
use crate::records::reason::Reason;
use crate::records::runs;
use crate::time::{Slot, Timestamp};
use crate::units::{Amounts, Credits, Share};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Side {
    Bid,
    Offer,
}

/// Half-open, `[start_at, end_at)`, on slot boundaries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Window {
    pub start_at: Timestamp,
    pub end_at: Timestamp,
}

/// A pool that the order accepts; the adder lowers what it is worth there and is never paid. A level of pools, `POP/TIER`
/// with `*` for all, stands for each of its pools: `fra1/*`, `*/general_purpose`. An accepted order has the pools' names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PoolChoice {
    pub pool: PoolSlug,
    #[serde(default)]
    pub adder: Credits,
}

impl PoolChoice {
    /// At no extra cost.
    pub fn new(pool: PoolSlug) -> Self {
        Self { pool, adder: Credits::ZERO }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum TimeInForce {
    /// Until cancelled, or until the gate of the last slot in which it could begin closes.
    #[default]
    Gtc,
    /// Until `expires_at`.
    Gtd,
    /// The next round only; what it does not win is cancelled.
    Ioc,
    /// The next round only, in full or not at all.
    Fok,
}

/// Whether what is bought or lent may be taken back by its lender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Assurance {
    #[default]
    Firm,
    /// In the pool `POOL~recallable`, with prices of its own; also in the middle of a slot.
    Recallable,
}

/// What happens to capacity that was won for a slot that has not begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Resell {
    /// It stays in the book at the holder's own limit: a more urgent bidder can buy it.
    #[default]
    OwnLimit,
    Never,
}

fn one() -> u32 {
    1
}

/// What a participant asks for: the body of `POST /v1/bids` and `/v1/offers`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct OrderRequest {
    /// The workload that grows or lends; `null` buys capacity without a workload of ours.
    #[serde(default)]
    pub instance: Option<InstanceId>,
    pub window: Window,
    /// With it the window may start at any slot up to this one, with the same length.
    #[serde(default)]
    pub latest_start_at: Option<Timestamp>,
    #[serde(default = "one")]
    pub replicas: u32,
    pub resources: Amounts,
    pub pools: Vec<PoolChoice>,
    #[serde(default)]
    pub assurance: Assurance,
    pub limit: Credits,
    /// From "0" (divisible) to "1" (all or none).
    #[serde(default)]
    pub min_fill: Share,
    #[serde(default)]
    pub time_in_force: TimeInForce,
    /// Of a `gtd` order, and of no other.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    #[serde(default)]
    pub resell: Resell,
    /// A project of one's own, whose limit bounds what its bids pay together. Bids only.
    #[serde(default)]
    pub project: Option<String>,
    /// The workload is not taken to another node for this bid: it wins where the workload is, or not at all.
    /// Bids with an `instance` only.
    #[serde(default)]
    pub no_displacement: bool,
    /// The bid takes any run of at least so many slots in a row inside its window; of a run of n of its N slots
    /// the limit is limit × n / N, rounded down. 0: the whole window. Bids without `latest_start_at` only.
    #[serde(default)]
    pub min_run_slots: u32,
    /// Breaks ties, and a recall takes from the lowest first; at most the participant's `highest_class`.
    #[serde(default)]
    pub class: Class,
    /// Your own name of the order, unique for ever. It may be sent as `client_offer_id`, too; answers call it `client_bid_id`.
    #[serde(default, alias = "client_offer_id")]
    pub client_bid_id: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum OrderStatus {
    Open,
    PartiallyFilled,
    /// A cancellation that waits for the sealed round.
    PendingCancel,
    /// A replacement that waits for the sealed round.
    PendingReplace,
    Filled,
    Canceled,
    Expired,
    Replaced,
}

impl OrderStatus {
    pub const fn is_live(self) -> bool {
        matches!(
            self,
            OrderStatus::Open | OrderStatus::PartiallyFilled | OrderStatus::PendingCancel | OrderStatus::PendingReplace
        )
    }
    pub const fn name(self) -> &'static str {
        match self {
            OrderStatus::Open => "open",
            OrderStatus::PartiallyFilled => "partially_filled",
            OrderStatus::PendingCancel => "pending_cancel",
            OrderStatus::PendingReplace => "pending_replace",
            OrderStatus::Filled => "filled",
            OrderStatus::Canceled => "canceled",
            OrderStatus::Expired => "expired",
            OrderStatus::Replaced => "replaced",
        }
    }
}

/// Why the last round did not give the order (all of) what it asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NotWon {
    /// Unknown values must be tolerated.
    pub reason: Reason,
    /// The first of the rounds in a row that said the same.
    pub round: u64,
    /// What its (best) bundle cost in that round.
    pub price_faced: Option<Credits>,
    /// By how much the limit was short, zero if it was not.
    pub shortfall: Option<Credits>,
    /// The least limit of a bid (the greatest of an offer) that the prices would not have refused: a
    /// bound. None where no limit would have helped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub winning_limit: Option<Credits>,
    /// The node that comes nearest to having room, where none has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binding_node: Option<String>,
    /// The resource that it has too little of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binding_resource: Option<String>,
    /// Of a bid that takes shorter runs of its window: the slots of the run that `price_faced` and `shortfall`
    /// are of, the one that came nearest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slots: Option<u32>,
}

impl NotWon {
    /// A reason without numbers.
    pub fn plain(reason: Reason, round: u64) -> NotWon {
        NotWon {
            reason,
            round,
            price_faced: None,
            shortfall: None,
            winning_limit: None,
            binding_node: None,
            binding_resource: None,
            slots: None,
        }
    }
}

/// Who placed the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Origin {
    Manual,
    /// Standing demand from the forecast.
    AutoBid,
    /// The lendable part of a baseline.
    AutoOffer,
    /// Filled as it was placed: what was free is taken at once, for the rest of the slot (`swap/draw.rs`).
    Draw,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Order {
    pub id: OrderId,
    pub side: Side,
    pub participant: ParticipantId,
    pub status: OrderStatus,
    #[serde(flatten)]
    pub request: OrderRequest,
    /// What is still asked for, per replica and slot.
    pub remaining: Amounts,
    pub remaining_replicas: u32,
    /// The part of the limit that belongs to what is still asked for.
    pub remaining_limit: Credits,
    /// Held on the participant's account for it; zero for offers.
    pub hold: Credits,
    /// What its awards cost (bids) or bring if delivered (offers).
    pub awarded: Credits,
    pub awards: Vec<AwardId>,
    pub origin: Origin,
    /// Of an automatic order what decided it; none of orders by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grounds: Option<Box<Grounds>>,
    /// The first round that could have taken it.
    pub first_round: u64,
    /// Why the round that it names gave it nothing, or less than all. It stays when a later round fills the order.
    pub last_reason: Option<NotWon>,
    /// Why it ended: of a cancelled order what cancelled it, of an expired one the reason for which rounds gave it less
    /// than all; none of others.
    pub closed_reason: Option<String>,
    pub replaces: Option<OrderId>,
    pub replaced_by: Option<OrderId>,
    /// The replacement that waits for the sealed round.
    pub pending_replacement: Option<Box<OrderRequest>>,
    /// The sealed round that it takes part in. A restart voids that round and forgets this.
    #[serde(skip)]
    pub sealed_in: Option<u64>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl Order {
    /// The first of the rounds in a row that had no place for it, where they are the last that could have taken it.
    ///
    /// Of an order that no round has taken yet nothing says so but its age: in a flood there are tens of thousands, and
    /// to write each of them anew would stop everybody. `full_round` is the market's.
    pub fn held_back_since(&self, full_round: u64) -> Option<u64> {
        match &self.last_reason {
            Some(why) => (why.reason == Reason::RoundFull).then_some(why.round),
            None => (self.never_taken() && self.first_round <= full_round).then_some(self.first_round),
        }
    }
    /// Whether every round so far has held it back, or none has been held.
    pub fn never_taken(&self) -> bool {
        self.status == OrderStatus::Open && self.last_reason.is_none() && self.first_round > 0
    }
    /// Why the last round did not give it all that it asked for, written down or not.
    pub fn why_not_won(&self, full_round: u64) -> Option<NotWon> {
        let held_back = || self.held_back_since(full_round).map(|round| NotWon::plain(Reason::RoundFull, round));
        self.last_reason.clone().or_else(held_back)
    }
}

/// Slots in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub first: Slot,
    pub slots: i64,
    slot_seconds: i64,
}

impl Span {
    pub fn each(self) -> impl Iterator<Item = Slot> {
        (0..self.slots).map(move |n| self.first.plus(n, self.slot_seconds))
    }
    pub fn is_in(&self, slots: &[Slot]) -> bool {
        self.each().all(|slot| slots.contains(&slot))
    }
}

/// One way to fill an order: a pool, and a start or a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alternative {
    pub pool: PoolSlug,
    /// The pool's own, with what a shorter run has no part in.
    pub adder: Credits,
    pub slots: Vec<Slot>,
}

impl OrderRequest {
    /// All alternatives: pools outermost, then starts, or runs with the longest first; the index is the one in
    /// the book.
    pub fn alternatives(&self, slot_seconds: i64) -> Vec<Alternative> {
        let window = self.window_slots(slot_seconds);
        let of_pool = |choice: &PoolChoice| {
            let choice = choice.clone();
            self.spans(slot_seconds).map(move |span| Alternative {
                pool: choice.pool.clone(),
                // An order that takes runs is never filled in part and left open: its limit is all of it.
                adder: choice.adder + runs::beyond(self.limit, span.slots, window),
                slots: span.each().collect(),
            })
        };
        self.pools.iter().flat_map(of_pool).collect()
    }
    /// The slots that it takes in each of its pools, one span or the other.
    pub fn spans(&self, slot_seconds: i64) -> impl Iterator<Item = Span> + use<> {
        let first = self.window.start_at.seconds();
        let latest = self.latest_start_at.map_or(first, Timestamp::seconds);
        let window = self.window_slots(slot_seconds);
        let lengths = (self.shortest_run(slot_seconds)..=window).rev();
        // Of a run of n slots the last start is the earlier the longer it is.
        let starts = move |slots| (0..=(latest - first) / slot_seconds + window - slots).map(move |n| (n, slots));
        lengths.flat_map(starts).map(move |(start, slots)| Span {
            first: Slot::starting_at(first + start * slot_seconds),
            slots,
            slot_seconds,
        })
    }
    /// Divisible with a single alternative: what is left after an award stays open.
    pub fn stays_open_after_award(&self, slot_seconds: i64) -> bool {
        let one_span = self.latest_start_at.is_none() && self.runs_of(slot_seconds).is_none();
        self.min_fill.is_zero() && self.pools.len() == 1 && one_span
    }
    /// The earliest slot of its window.
    pub fn first_slot(&self) -> Slot {
        Slot::starting_at(self.window.start_at.seconds())
    }
    /// The last start that is still possible.
    pub fn last_start(&self) -> Slot {
        Slot::starting_at(self.latest_start_at.unwrap_or(self.window.start_at).seconds())
    }
    pub fn window_slots(&self, slot_seconds: i64) -> i64 {
        (self.window.end_at.micros() - self.window.start_at.micros()) / 1_000_000 / slot_seconds
    }

    /// The fewest slots in a row that it takes: those of its whole window unless it says less.
    pub fn shortest_run(&self, slot_seconds: i64) -> i64 {
        let window = self.window_slots(slot_seconds);
        if self.min_run_slots == 0 { window } else { i64::from(self.min_run_slots).min(window) }
    }

    /// The slots of its window, if it takes less than all of them.
    pub fn runs_of(&self, slot_seconds: i64) -> Option<i64> {
        let window = self.window_slots(slot_seconds);
        (self.shortest_run(slot_seconds) < window).then_some(window)
    }
}

/// Who places an order, and of an automatic one what decided it.
#[derive(Clone, Debug)]
pub struct PlacedBy {
    pub origin: Origin,
    pub grounds: Option<Box<Grounds>>,
}

impl PlacedBy {
    pub const fn hand() -> Self {
        Self { origin: Origin::Manual, grounds: None }
    }
    pub fn rule(origin: Origin, grounds: Grounds) -> Self {
        Self { origin, grounds: Some(Box::new(grounds)) }
    }
}

/// Live orders of a workload, and when each was last changed.
pub type Known = BTreeMap<OrderId, Timestamp>;

/// What to place, and why.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Recommended {
    pub participant: ParticipantId,
    pub instance: InstanceId,
    /// The workload's live orders when the recommendation was made.
    pub known: Known,
    pub orders: Vec<(Side, OrderRequest)>,
    /// The recommendation as JSON, kept in the journal with what became of it.
    pub advice: String,
}
