//! Relocations: a workload gets another pool as its own by a rule, with what that was expected to gain.
use crate::ids::SwapId;
use crate::records::pool::PoolSlug;
use crate::time::Timestamp;
use crate::units::{Credits, Share};
use serde::{Deserialize, Serialize};

/// Which rule asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum RelocationRule {
    /// Its Resource Optimization Score is better there.
    Score,
    /// Its need may pass what its pool can give, at any price.
    Risk,
}

impl RelocationRule {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Score => "score",
            Self::Risk => "risk",
        }
    }
}

/// How a relocation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum RelocationEnd {
    /// It runs there, and that pool is its own.
    Done,
    /// Its move did not come about: it is at home.
    Failed,
    /// What it had won and lent, or a lack of room, kept it at home for too long.
    Expired,
    /// Its owner has stopped it, placed an order for it, or allows the pool no more.
    Withdrawn,
}

/// A workload that is to go to another pool by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Relocation {
    pub pool_from: PoolSlug,
    pub pool_to: PoolSlug,
    pub rule: RelocationRule,
    pub asked_at: Timestamp,
    /// It stays where it is if its move is not planned by then.
    pub until: Timestamp,
    /// Resource Optimization Scores, in credits a slot: lower is better.
    pub score_at_home: Credits,
    pub score_there: Credits,
    /// Of the move, once.
    pub migration_cost: Credits,
    /// Credits a slot, less the migration cost spread over the slots that it stays there at least.
    pub gain: Credits,
    /// The least chance that its need passes what its pool can give, in the slot where that is highest.
    pub shortage_chance: Share,
    /// Its move, once that is planned.
    pub swap: Option<SwapId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<RelocationEnded>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RelocationEnded {
    pub at: Timestamp,
    pub end: RelocationEnd,
}
