//! What a missing unit costs in a pool, and the steps of supply that follow from it.
use headroom_market::pool::Pool;
use headroom_market::pool::scarcity::{CERTAIN, ScarceStep};
use headroom_market::round::supply::scarce_steps;
use headroom_market::state::State as Market;
use headroom_market::time::{Slot, Timestamp};
use headroom_market::units::{Price, Resource};
use serde::Serialize;
use utoipa::ToSchema;

/// How likely the operator's supply of the next open slot is to be missed, and what it costs by that.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ScarcityView {
    /// What a missing unit costs: Π.
    pub shortage_cost: Price,
    /// When the chances were last reckoned; `null` while too few forecast errors are known.
    pub recorded_at: Option<Timestamp>,
    /// Released and not yet sold supply, cheapest first; empty while no chances are known: then the
    /// reserve prices alone count.
    pub steps: Vec<ScarcityStep>,
}

/// A step of the operator's supply.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ScarcityStep {
    /// Base units.
    pub quantity: i64,
    /// Of all the operator's supply, once this step is sold.
    pub remaining: i64,
    /// What the reserve schedule alone asks.
    pub reserve: Price,
    /// Reserve + cost of a missing unit × chance.
    pub price: Price,
    /// That demand exceeds its forecast by more than what remains; from 0 to 1, six digits.
    pub chance: f64,
}

/// `None` where the pool does not price shortages of the resource.
pub fn view(state: &Market, pool: &Pool, resource: Resource, slot: Slot, now: Timestamp) -> Option<ScarcityView> {
    let shortage_cost = *pool.shortage_cost.get(&resource)?;
    let known = state.shortage(&pool.slug, resource, slot).and(state.shortages.get(&(pool.slug.clone(), resource)));
    let step = |s: ScarceStep| ScarcityStep {
        quantity: s.quantity,
        remaining: s.remaining,
        reserve: s.reserve,
        price: s.price,
        chance: s.chance_millionths as f64 / CERTAIN as f64,
    };
    let steps = scarce_steps(state, now, &pool.slug, resource, slot).into_iter().map(step).collect();
    Some(ScarcityView { shortage_cost, recorded_at: known.map(|k| k.recorded_at), steps })
}
