//! What a workload does by itself, and what the forecast says of it.
use crate::records::order::Assurance;
use crate::records::pool::PoolSlug;
use crate::time::Slot;
use crate::units::{Amounts, Credits, Price, Resource, Share};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Standing demand of an instance: bids from its forecast at these values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AutoBid {
    /// What a base unit missing for a slot would cost the owner (the newsvendor's c_sla).
    pub shortage_cost: BTreeMap<Resource, Price>,
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
    /// Pools to which Headroom may move it by itself, as its own from then on; where none is named it stays in its pool.
    /// A level of pools is `POP/TIER`, with `*` for all: `fra1/*`, `*/general_purpose`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub move_to: Vec<PoolSlug>,
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
