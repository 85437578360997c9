//! Where capacity is: pools, their nodes and their prices.
//!
//! A pool is capacity of one class in one place. Its aggregate is an approximation that
//! clearing must not trust: every award is placed on a node.
use crate::ids::{NodeId, PoolId, ReservePriceId, UserId};
use crate::time::{Slot, Timestamp};
use crate::units::{Amounts, Price, Resource, Share};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The immutable name of a pool in books and URLs.
pub type PoolSlug = String;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Tier {
    HighPerformance,
    GeneralPurpose,
    LowPriority,
}

impl Tier {
    pub const ALL: [Self; 3] = [Self::HighPerformance, Self::GeneralPurpose, Self::LowPriority];

    pub const fn name(self) -> &'static str {
        match self {
            Self::HighPerformance => "high_performance",
            Self::GeneralPurpose => "general_purpose",
            Self::LowPriority => "low_priority",
        }
    }
}

/// Who stopped trading, when and why; open orders stay, no round clears them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Halt {
    pub by: UserId,
    pub at: Timestamp,
    pub reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Pool {
    pub id: PoolId,
    pub slug: PoolSlug,
    pub name: String,
    /// Point of presence.
    pub pop: String,
    pub tier: Tier,
    pub resources: Vec<Resource>,
    /// Share of the operator's supply that a slot's first round may sell; all of it by the last.
    pub release_start: Share,
    /// Counts every change of its reserve prices; the ETag of that list.
    pub reserve_version: u64,
    pub halted: Option<Halt>,
    /// Counts the changes of what follows, which admins set; the ETag of its settings.
    pub settings_version: u64,
    /// What a missing unit costs, by resource: with it supply is dearer the likelier a shortage is.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub shortage_cost: BTreeMap<Resource, Price>,
    /// So many of its workloads at most go to another of its nodes for one slot (`round/moves/in_flight.rs`); left out: no bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moves_at_once: Option<u32>,
    /// A person has to approve every move into it or out of it (`swap/approval.rs`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub move_approval: bool,
    pub created_at: Timestamp,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum NodeState {
    Up,
    /// Takes nothing new; what runs there stays.
    Cordoned,
    /// Takes nothing new, and what runs there moves to other nodes of the pool.
    Draining,
    Down,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Node {
    pub id: NodeId,
    pub name: String,
    pub pool: PoolSlug,
    pub capacity: Amounts,
    /// What the hardware is, readable by workloads (for example `cpu_model_code`).
    pub properties: BTreeMap<String, i64>,
    pub state: NodeState,
    pub created_at: Timestamp,
}

impl Node {
    /// Whether an agent on a host of its own serves it (`"properties": { "agent": 1 }`); else the server's own host does.
    pub fn has_agent(&self) -> bool {
        self.properties.get("agent") == Some(&1)
    }
}

/// One step of the operator's supply: this share of it at this price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ReserveStep {
    pub share: Share,
    pub price: Price,
}

/// A reserve price schedule: in force for slots that start at or after `effective_at`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ReservePrice {
    pub id: ReservePriceId,
    pub pool: PoolSlug,
    pub resource: Resource,
    /// Rising prices; the shares add up to 1.
    pub steps: Vec<ReserveStep>,
    pub effective_at: Timestamp,
    /// Who scheduled it, or proposed it where two people are needed; `null`: the market's first start.
    pub created_by: Option<UserId>,
    pub created_at: Timestamp,
    /// Only one that is `scheduled` prices anything.
    pub state: ReserveState,
    /// What became of a proposal; `null` while it is pending, and where nobody had to be asked.
    pub decision: Option<ReserveDecision>,
}

/// Where a schedule stands. Without approval by two people all are `scheduled` at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum ReserveState {
    /// In force for its slots.
    #[default]
    Scheduled,
    /// Waits for a second person; prices nothing.
    Pending,
    Rejected,
    /// Taken back by its author before anybody decided.
    Withdrawn,
}

/// Who decided on a proposal, when, and what they said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ReserveDecision {
    pub by: UserId,
    pub at: Timestamp,
    pub reason: Option<String>,
}

impl ReservePrice {
    /// When it began to count: with its approval, where it needed one.
    pub fn entered_at(&self) -> Timestamp {
        self.decision.as_ref().map_or(self.created_at, |d| d.at)
    }
}

/// The schedule that prices a slot: of those in force by then the last to take effect, of these the
/// last to be decided.
pub fn in_force<'a>(schedules: impl Iterator<Item = &'a ReservePrice>, slot: Slot) -> Option<&'a ReservePrice> {
    schedules
        .filter(|r| r.state == ReserveState::Scheduled && r.effective_at <= slot.start())
        .max_by_key(|r| (r.effective_at, r.entered_at(), r.id))
}

/// From when on another schedule counts in place of each that another one follows: its own beginning where one for the same
/// moment was decided after it.
pub fn in_force_until<'a>(schedules: impl Iterator<Item = &'a ReservePrice>) -> BTreeMap<ReservePriceId, Timestamp> {
    let mut of_resource: BTreeMap<_, Vec<&ReservePrice>> = BTreeMap::new();
    for schedule in schedules.filter(|r| r.state == ReserveState::Scheduled) {
        of_resource.entry((&schedule.pool, schedule.resource)).or_default().push(schedule);
    }
    let mut ends = BTreeMap::new();
    for mut list in of_resource.into_values() {
        list.sort_by_key(|r| (r.effective_at, r.entered_at(), r.id));
        ends.extend(list.windows(2).map(|pair| (pair[0].id, pair[1].effective_at)));
    }
    ends
}

/// What is traded: a resource of a pool in one slot, with what its rounds have made of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Product {
    pub pool: PoolSlug,
    pub resource: Resource,
    pub slot: Slot,
    /// Operator supply sold so far, by reserve step.
    pub sold_steps: Vec<i64>,
    /// Bought by bids over all rounds, base units.
    pub volume: i64,
    /// Σ price × volume over all rounds, nano-credits; with `volume` the reported mean price.
    pub value_nano: String,
    /// Of what may be taken back, once its slot is settled: what was bought, base units. `volume` is then what of it was
    /// delivered.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub bought_volume: i64,
    pub last_price: Option<Price>,
    pub last_round: Option<u64>,
    /// Of the first round in which something changed hands, and the ends of all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_price: Option<Price>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lowest_price: Option<Price>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub highest_price: Option<Price>,
    pub settled: bool,
    /// What a unit costs of what workloads go on with, as no round was held before the gate (`pool/hourly.rs`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub administered_price: Option<Price>,
    /// How much that is, base units; not in `volume`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rolled_volume: i64,
}

fn is_zero(n: &i64) -> bool {
    *n == 0
}

impl Product {
    /// Nothing of it has been traded yet.
    pub fn new(pool: PoolSlug, resource: Resource, slot: Slot) -> Self {
        Self {
            pool,
            resource,
            slot,
            sold_steps: Vec::new(),
            volume: 0,
            value_nano: "0".to_owned(),
            bought_volume: 0,
            last_price: None,
            last_round: None,
            first_price: None,
            lowest_price: None,
            highest_price: None,
            settled: false,
            administered_price: None,
            rolled_volume: 0,
        }
    }
    pub fn id_text(&self) -> String {
        product_id(&self.pool, self.resource, self.slot)
    }
    /// A round in which it changed hands.
    pub fn priced(&mut self, price: Price, round: u64) {
        // a product of a version that did not keep them has its last price alone to begin with
        let before = self.last_price.unwrap_or(price);
        self.first_price = self.first_price.or(Some(before));
        self.lowest_price = Some(self.lowest_price.unwrap_or(before).min(price));
        self.highest_price = Some(self.highest_price.unwrap_or(before).max(price));
        self.last_price = Some(price);
        self.last_round = Some(round);
    }
    /// Volume-weighted mean of its rounds, or the last price where nothing was bought.
    pub fn mean_price(&self) -> Option<Price> {
        let value: i128 = self.value_nano.parse().ok()?;
        if self.volume == 0 {
            return self.last_price;
        }
        i64::try_from(value / i128::from(self.volume)).ok().map(Price::from_units)
    }
}

/// `POOL/RESOURCE/2026-11-20T10:20:00Z`.
pub fn product_id(pool: &str, resource: Resource, slot: Slot) -> String {
    format!("{pool}/{resource}/{slot}")
}

/// How many settled slots the reference price remembers: a day of five-minute slots.
pub const REMEMBERED_SLOTS: usize = 288;

/// What a product class has cost lately: the base of its price band.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    pub pool: PoolSlug,
    pub resource: Resource,
    /// Mean prices of the latest settled slots, newest last, at most [`REMEMBERED_SLOTS`].
    pub recent: Vec<Price>,
    /// The last round that a price beyond the band interrupted; 0 for none. The next one has no band.
    #[serde(default)]
    pub interrupted_in: u64,
}

impl Reference {
    /// Of a product class that was not traded yet.
    pub fn new(pool: PoolSlug, resource: Resource) -> Self {
        Self { pool, resource, recent: Vec::new(), interrupted_in: 0 }
    }
    /// The median of the recent prices, never under the reserve.
    pub fn price(&self, reserve: Price) -> Price {
        let mut sorted = self.recent.clone();
        sorted.sort();
        sorted.get(sorted.len() / 2).copied().unwrap_or(reserve).max(reserve)
    }
}

/// The slots of one day's hour in which a product class changed hands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayPrice {
    /// Days since 1970, UTC.
    pub day: i64,
    pub slots: i64,
    /// Bought by bids, base units.
    pub volume: i64,
    /// Σ price × volume, nano-credits.
    pub value_nano: String,
}

/// What a product class has cost in an hour of the day, UTC, by day; the latest 28 days, the newest last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HourlyPrice {
    pub pool: PoolSlug,
    pub resource: Resource,
    pub hour: u8,
    pub days: Vec<DayPrice>,
}

/// What an administered price is the mean of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum AdministeredBasis {
    /// The slots of this hour of the day that were traded in 28 days.
    Hour,
    /// All slots that were traded in 28 days: none was at this hour.
    AllHours,
    /// What the slot before cost: rounds have never priced any.
    SlotBefore,
}

/// What a unit costs in a slot for which no round is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AdministeredPrice {
    pub resource: Resource,
    pub price: Price,
    pub basis: AdministeredBasis,
    /// Slots that it is the mean of.
    pub slots: i64,
    /// What has raised or lowered it from that; left out where nothing has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<AdministeredBound>,
}

/// What an administered price is not let beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum AdministeredBound {
    /// It was raised to what the operator sells for.
    Reserve,
    /// It was lowered to the most that the product may cost.
    PriceBand,
}

/// The chance that demand exceeds its forecast by more than `beyond`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Chance {
    /// Base units.
    pub beyond: i64,
    pub millionths: i64,
}

/// What the forecast errors of a pool say of one slot: `beyond` rises from 0, chances fall.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SlotShortage {
    pub slot: Slot,
    pub chances: Vec<Chance>,
}

/// The latest that is known of a pool's resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Shortage {
    pub pool: PoolSlug,
    pub resource: Resource,
    pub recorded_at: Timestamp,
    pub slots: Vec<SlotShortage>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Approve,
    Reject,
    /// By its author.
    Withdraw,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slots_prices_have_ends() {
        let slot = Slot::starting_at(0);
        let mut product = Product::new("p".to_owned(), Resource::CpuMilli, slot);
        for (round, price) in [(1, 5), (2, 3), (3, 9), (4, 4)] {
            product.priced(Price::from_units(price), round);
        }
        let ends = [product.first_price, product.lowest_price, product.highest_price, product.last_price];
        assert_eq!(ends.map(|p| p.map(Price::units)), [5, 3, 9, 4].map(Some));
        assert_eq!(product.last_round, Some(4));
        // one of a version that kept its last price alone
        let mut older = Product { first_price: None, lowest_price: None, highest_price: None, ..product };
        older.priced(Price::from_units(6), 5);
        assert_eq!((older.lowest_price, older.highest_price), (Some(Price::from_units(4)), Some(Price::from_units(6))));
    }
}
