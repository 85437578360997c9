//! The operator's own supply of a round: what it may sell, and at which step of its reserve schedule.
use crate::clearing::document::{Product, Step};
use crate::ids::NodeId;
use crate::pool::release::released_millis;
use crate::pool::scarcity::{self, ScarceStep};
use crate::pool::supply;
use crate::records::pool::NodeState;
use crate::records::workload::InstanceState;
use crate::round::awards::interruption;
use crate::state::State;
use crate::time::{Slot, Timestamp};
use crate::units::{Price, Resource, amount};
use std::collections::BTreeMap;

/// Released, not yet sold operator supply by reserve step, cheapest first.
fn supply_steps(state: &State, now: Timestamp, pool: &str, resource: Resource, slot: Slot) -> Vec<Step> {
    let Some(schedule) = state.reserve(pool, resource, slot) else { return Vec::new() };
    let Some(home) = state.pools.get(pool) else { return Vec::new() };
    let total = operator_capacity(state, pool, resource);
    let start_millis = home.release_start.units() / 1000;
    let released = released_millis(&state.market.rhythm, slot, now, start_millis);
    let sold = state.products.get(&(pool.to_owned(), resource, slot)).map(|p| p.sold_steps.clone()).unwrap_or_default();
    match state.shortage(pool, resource, slot) {
        None => supply::steps(total, released, &schedule.steps, &sold),
        Some(_) => scarcity::book_steps(&scarce_steps(state, now, pool, resource, slot)),
    }
}

/// A product of a pool, open now, as the book of a round has it at a place of its slots.
pub fn book_product(
    state: &State,
    now: Timestamp,
    (pool, resource, slot): (&str, Resource, Slot),
    index: i64,
) -> Product {
    Product {
        pool: pool.to_owned(),
        resource: resource.to_string(),
        slot: index,
        supply: supply_steps(state, now, pool, resource, slot),
        reference: Some(state.reference(pool, resource, slot).max(Price::from_units(1000))),
        band: interruption::band(state, now, (pool, resource, slot)),
    }
}

/// The steps of supply with the price of a shortage; empty where none is known.
pub fn scarce_steps(state: &State, now: Timestamp, pool: &str, resource: Resource, slot: Slot) -> Vec<ScarceStep> {
    let (Some(schedule), Some(home)) = (state.reserve(pool, resource, slot), state.pools.get(pool)) else {
        return Vec::new();
    };
    let Some((shortage_cost, shortage)) = state.shortage(pool, resource, slot) else { return Vec::new() };
    let product = state.products.get(&(pool.to_owned(), resource, slot));
    let supply = scarcity::Supply {
        total: operator_capacity(state, pool, resource),
        released_millis: released_millis(&state.market.rhythm, slot, now, home.release_start.units() / 1000),
        schedule: &schedule.steps,
        sold: product.map_or(0, |p| p.sold_steps.iter().sum()),
        shortage_cost,
        price_cap: state.market.price_cap,
    };
    scarcity::steps(&supply, shortage)
}

/// Schedulable capacity of a pool's nodes less the baselines placed there, node by node: what stands
/// on a node that is cordoned takes nothing from the others.
pub fn operator_capacity(state: &State, pool: &str, resource: Resource) -> i64 {
    let mut placed: BTreeMap<NodeId, i64> = BTreeMap::new();
    for instance in state.instances.values().filter(|i| i.state == InstanceState::Running) {
        *placed.entry(instance.home_node()).or_default() += amount(&instance.baseline, resource);
    }
    let nodes = state.nodes.values().filter(|n| n.pool == pool && n.state == NodeState::Up);
    nodes.map(|n| (amount(&n.capacity, resource) - placed.get(&n.id).copied().unwrap_or(0)).max(0)).sum()
}
