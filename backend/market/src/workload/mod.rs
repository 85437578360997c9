//! What runs: wasm modules and commands, instances with their baselines and floors, and their strategies.
pub mod auto;
pub mod away;
pub mod baseline;
mod buy_back;
pub mod guidance;
pub mod need;
pub mod newsvendor;
pub mod register;
pub mod run;
pub mod strategy;
pub mod vacate;

pub use away::Away;

use crate::book::Assurance;
use crate::ids::{InstanceId, ModuleId, NodeId, ParticipantId, SwapId};
use crate::pool::PoolSlug;
use crate::time::{Slot, Timestamp};
use crate::units::{Amounts, Credits, Price, Resource, Share};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Module {
    pub id: ModuleId,
    /// `None` for the modules that come with the product.
    pub participant: Option<ParticipantId>,
    pub name: String,
    /// BLAKE3 of the bytes, hex; empty for a command.
    pub hash: String,
    pub size_bytes: i64,
    pub created_at: Timestamp,
    /// What it is; left out for a WebAssembly module.
    #[serde(default, skip_serializing_if = "ModuleKind::is_wasm")]
    pub kind: ModuleKind,
}

/// What a workload can be made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum ModuleKind {
    /// A WebAssembly module.
    #[default]
    Wasm,
    /// A program that the operator offers on the nodes themselves, by its name.
    Command,
}

impl ModuleKind {
    pub fn is_wasm(&self) -> bool {
        *self == Self::Wasm
    }

    /// The driver that runs it.
    pub const fn driver(self) -> &'static str {
        match self {
            Self::Wasm => "wasm",
            Self::Command => "linux",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Class {
    Critical,
    #[default]
    Standard,
    Opportunistic,
}

impl Class {
    pub const fn name(self) -> &'static str {
        match self {
            Class::Critical => "critical",
            Class::Standard => "standard",
            Class::Opportunistic => "opportunistic",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
/// What becomes of memory that its program still has when what it had won ends.
pub enum AtEnd {
    /// The program lets go of it and goes on; one that still has it after the grace is ended as faulty.
    #[default]
    Shrink,
    /// A program that still has more than it is to have is written to disk and stands still, until it has as much
    /// memory again: then it goes on from there.
    Checkpoint,
    /// A program that still uses more than it is to have is stopped at once.
    Stop,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum InstanceState {
    Running,
    /// Its participant stopped it, or had it stopped where it kept memory.
    Stopped,
    /// Its program faulted; `fault` says how.
    Failed,
}

/// Why a workload's program does not run any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Fault {
    pub at: Timestamp,
    pub detail: String,
}

/// How a shadow run is compared with the live one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ComparisonRules {
    pub outputs: Comparison,
    /// Compare the hash of the whole state at equal input positions.
    pub state_hash: bool,
    /// Input positions that have to agree before the move goes on.
    pub positions: u32,
}

impl Default for ComparisonRules {
    fn default() -> Self {
        Self { outputs: Comparison::Exact, state_hash: true, positions: 4 }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Comparison {
    Exact,
    PerformanceOnly,
}

/// Standing demand of an instance: bids from its forecast at these values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AutoBid {
    /// What a base unit missing for a slot would cost the owner (the newsvendor's c_sla).
    pub shortage_cost: BTreeMap<Resource, Price>,
    /// Refused in this version unless it is empty: automatic bids stay in the workload's pool.
    #[serde(default)]
    pub other_pools: Vec<PoolSlug>,
    /// The share of slots in which none of these resources is to be short, more than 0 and less than 1: bids
    /// reach as far as it takes, at what the shortage costs, and the service level says whether that carries it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promised_service_level: Option<Share>,
    /// `recallable`: what can be taken back by a limit is bid for as recallable, the rest firmly.
    #[serde(default, skip_serializing_if = "is_firm")]
    pub assurance: Assurance,
}

fn is_firm(assurance: &Assurance) -> bool {
    *assurance == Assurance::Firm
}

/// Standing supply of an instance: the lendable part of its baseline at these prices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AutoOffer {
    /// What is lent, and the least that it is lent for, per base unit and slot; a resource that is not named is not lent.
    pub minimum_price: BTreeMap<Resource, Price>,
    /// And never for less than the pool's reserve price, whatever that is then: at it lenders come before the operator.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub at_least_reserve_price: bool,
    /// What is probably not needed beyond the lendable part, up to the forecast's 90 % quantile, is lent as
    /// recallable at these prices, and taken back as soon as the workload needs it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub recallable_price: BTreeMap<Resource, Price>,
}

#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Strategy {
    pub auto_bid: Option<AutoBid>,
    pub auto_offer: Option<AutoOffer>,
    /// What moving it to another node costs its owner: a bid that needs the move wins only at a price so much
    /// under its limit. Nobody is paid it.
    pub move_fee: Credits,
    /// The most by which what it wins and what it lends may differ in a slot; no limit where a resource is
    /// not named.
    pub max_swap: Amounts,
    /// When it needs more than it has in the middle of a slot it takes at once what is free on its node, at this price a
    /// base unit and slot at most. What can be taken back by a limit only; never where a resource is not named.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub draws: BTreeMap<Resource, Price>,
    /// So long before a slot begins the workload has to know what it will have: no round that begins later sells on
    /// what it has won. 0: until the slot's gate closes.
    #[serde(skip_serializing_if = "is_zero")]
    pub notice_seconds: u32,
    /// Where no round is held before a slot's gate, it does not go on with what it has won and lent for the slot before
    /// (`round/safe_state`).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub lets_go_in_safe_state: bool,
}

fn is_zero(seconds: &u32) -> bool {
    *seconds == 0
}

/// What the forecast says of one slot, in base units: integers, rounded by the shell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotOutlook {
    pub slot: Slot,
    /// Demand quantiles, rounded up: (level in thousandths, amounts), levels rising.
    pub need: Vec<(u16, Amounts)>,
    /// The most that can be lent without touching what will be needed (quantile 1 − ε), rounded down.
    pub lendable: Amounts,
    /// What the resources that a shortage has a cost for will need together; `None` while too
    /// little is known of how they hang together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joint: Option<JointNeed>,
}

/// The latest outlook of a workload, and the name of the model that it is from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Foreseen {
    pub model: Option<String>,
    pub slots: Vec<SlotOutlook>,
}

/// The joint forecast of some resources of a workload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JointNeed {
    /// Of the slots in which one of them is high, the share in which all are.
    pub together: Share,
    /// Levels rising.
    pub steps: Vec<JointStep>,
}

/// Quantities that hold all resources at once with a chance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JointStep {
    /// Chance that no resource needs more than `need`.
    pub level: Share,
    /// Chance of each resource alone that it does not.
    pub each: Share,
    /// Rounded up.
    pub need: Amounts,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Instance {
    pub id: InstanceId,
    pub participant: ParticipantId,
    pub name: String,
    /// Which driver runs it: `wasm` a module, `linux` a command.
    pub driver: String,
    pub module: ModuleId,
    /// What a command is started with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<String>,
    /// Its own pool, of which its baseline is a part.
    pub pool: PoolSlug,
    /// Where it runs; in another pool while it is away.
    pub node: NodeId,
    /// It has won room in another pool: where it is to be otherwise, and in which slots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub away: Option<Away>,
    /// Placement epoch: the fencing token that every driver call carries.
    pub epoch: u64,
    pub class: Class,
    /// What it always has, set by an admin within the participant's quota.
    pub baseline: Amounts,
    /// Baselines and floors of slots that were planned before they were changed, the earliest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier_baselines: Vec<EarlierBaseline>,
    /// What lending may never take it under.
    pub floor: Amounts,
    /// The most it can use; bids beyond are refused.
    pub limit: Amounts,
    /// The limits in force on its node as far as the market has made them true.
    pub in_force: Amounts,
    pub at_end: AtEnd,
    /// The way of giving memory back that a drill has shown to work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown_at_end: Option<AtEnd>,
    /// The last drill that was asked for or made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drill: Option<Box<vacate::Drill>>,
    pub comparison: ComparisonRules,
    pub strategy: Box<Strategy>,
    /// Counts the changes of its strategy: of two who change it at once the second is told.
    pub strategy_version: u64,
    pub state: InstanceState,
    /// It stands still, written to disk, as it had to give back the memory that it holds (`at_end: checkpoint`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended: Option<vacate::Suspended>,
    pub fault: Option<Fault>,
    /// Somebody has stopped it while a swap was changing it: it asks for nothing more, and stops when that has ended.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stop_requested: bool,
    /// The swap that is changing it; while set, no other swap starts.
    pub swap: Option<SwapId>,
    /// Moves are refused until then (after one that failed).
    pub pinned_until: Option<Timestamp>,
    /// It is pinned because the exchange itself ended a move of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pinned_by_exchange: bool,
    /// It is pinned because its own program could not be shown to run elsewhere.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pinned_by_program: bool,
    /// When moves of it took effect, as long as they count (`swap/hold_time.rs`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recent_moves: Vec<Timestamp>,
    /// Slots not settled yet for which the exchange itself ended a swap: its fault, so those who
    /// sold for them are paid all the same.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub failed_by_exchange: BTreeSet<Slot>,
    /// Slots not settled yet in which its own program kept what was to be given back: memory that was in
    /// use, or a swap that its program made fail.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub kept_by_program: BTreeSet<Slot>,
    /// Slots not settled yet of what it had won in another pool and gave up by standing still: paid for in full.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub given_up: BTreeSet<Slot>,
    pub created_at: Timestamp,
}

/// A baseline that was changed, with its floor; slots before `until` keep both, because they are
/// planned with them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct EarlierBaseline {
    pub until: Slot,
    pub baseline: Amounts,
    pub floor: Amounts,
}

impl Instance {
    /// What it has in a slot before anything is won or lent.
    pub fn baseline_in(&self, slot: Slot) -> &Amounts {
        self.earlier_in(slot).map_or(&self.baseline, |earlier| &earlier.baseline)
    }
    /// What lending may not take it under in a slot.
    pub fn floor_in(&self, slot: Slot) -> &Amounts {
        self.earlier_in(slot).map_or(&self.floor, |earlier| &earlier.floor)
    }
    fn earlier_in(&self, slot: Slot) -> Option<&EarlierBaseline> {
        self.earlier_baselines.iter().find(|earlier| slot < earlier.until)
    }
    /// Whether it is not to be moved for now: one that stands still has nothing that a shadow run could show.
    pub fn is_pinned(&self, now: Timestamp) -> bool {
        self.suspended.is_some() || self.pinned_until.is_some_and(|until| now < until)
    }
}
