//! What decided an automatic order: which strategy, as it was set then, and the numbers that it went by.
//!
//! Kept with the order and never changed: the next forecast replaces the last one and an owner changes the strategy, so
//! afterwards nobody could say why an order was placed. Slot, pool, quantity and limit are the order's own, and follow
//! from what is here. Base units, as everywhere.
//!
//! Absent on purpose: what a person has asked for, also in the place of an automatic order. That needs no reason.
use crate::time::Timestamp;
use crate::units::{Credits, Price, Resource, Share};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Which rule of a workload's strategy placed an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Rule {
    /// `auto_bid`: a step of what will be needed beyond the baseline, at what its shortage costs by its chance.
    AutoBid,
    /// `auto_bid`: what a workload that stands still, written to disk, lacks to go on.
    Resume,
    /// `auto_offer`: what was lent and will rather be needed than not, for no more than lending it has brought.
    BuyBack,
    /// `auto_offer`: what will not be needed.
    AutoOffer,
    /// `draws`: what it lacks in the middle of a slot.
    Draws,
}

/// The forecast that an automatic order followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ForecastUsed {
    /// Its name, as `GET /v1/prediction` gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// It had seen demand until then: with each slot the model learns and is another one.
    pub seen_until: Timestamp,
}

/// Why an automatic order was placed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Grounds {
    /// Unknown values must be tolerated.
    pub rule: Rule,
    /// The workload's `strategy_version` that the order was decided by.
    pub strategy_version: u64,
    /// `null` of what was decided by a measurement alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forecast: Option<ForecastUsed>,
    /// The level of the forecast that `needed` is of, where it is a quantile of the slot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Share>,
    /// Of a forecast of several resources together: the level of each alone; `level` is that of all at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub each: Option<Share>,
    /// The chance that what is bid for is needed: the limit is that part of what the shortage costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chance: Option<Share>,
    /// What lending had brought for the slot, less what was paid since: a part of it is the limit of what is bought back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proceeds: Option<Credits>,
    /// By resource of the order.
    pub inputs: BTreeMap<Resource, Input>,
}

/// What was known of one resource. A bid is for the larger of `needed` and `hinted`, at most `limit`, less `baseline` and
/// `already`; an offer lends `baseline` less `already` and the largest of `needed`, `hinted` and `floor`. Devices are
/// whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Input {
    pub baseline: i64,
    /// What the forecast says is needed; of firm offers in the window of slots that they are lent for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needed: Option<i64>,
    /// What hints say is needed at least.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub hinted: i64,
    /// What lending may not take it under.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub floor: i64,
    /// Of bids: what it was to have in the slot beyond its baseline, dearer steps included; under 0 more was lent. Of
    /// offers: what was lent of the slot, or is offered firmly.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub already: i64,
    /// The most that it may have, where that is less than what is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
    /// Of draws: what it lacked, measured, and a little more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lacked: Option<i64>,
    /// Per base unit and slot: what a shortage costs, what lending is to bring at least, or what a draw costs at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
}

fn is_zero(quantity: &i64) -> bool {
    *quantity == 0
}
