//! What `select_pop` has to know of each pool, from the state of the market: the price of a
//! workload's need there, whether a node takes it, what it would do there.
use crate::advice::pops::{MigrationCost, PopFacts, distance};
use crate::advice::problem::{Cell, SwapPlan, SwapProblem};
use crate::advice::score::{self, Speed};
use crate::ids::InstanceId;
use crate::records::pool::{NodeState, Pool};
use crate::records::recallable::is_recallable;
use crate::records::workload::Instance;
use crate::round::book::occupancy::Occupancy;
use crate::state::State;
use crate::time::{Slot, Timestamp};
use crate::units::{Amounts, Credits, Price, Resource};
use crate::workload::guidance::avoided_nodes;
use std::collections::{BTreeMap, BTreeSet};

/// What is at stake when a workload is moved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stakes {
    /// Memory in force: the most that has to be carried.
    pub in_force: Amounts,
    /// SLA rate of its whole baseline for a second.
    pub pause_cost_per_second: Credits,
    /// A move that is rolled back costs the slot that it was for: the baseline at the reference price.
    pub rollback_cost: Credits,
}

/// The stakes of an instance's move for the next open slot.
pub fn stakes(state: &State, now: Timestamp, instance: &Instance) -> Stakes {
    let slot = state.market.rhythm.first_open(now);
    let of_slot = |price: fn(&State, &str, Resource, Slot) -> Price| -> Credits {
        let line = |(r, q): (&Resource, &i64)| price(state, &instance.pool, *r, slot).charge_half_even(*q);
        instance.baseline.iter().map(|entry| line(entry).unwrap_or_default()).sum()
    };
    Stakes {
        in_force: instance.in_force.clone(),
        pause_cost_per_second: of_slot(State::price_band).share_floor(1, state.market.rhythm.slot_seconds.max(1)),
        rollback_cost: of_slot(State::reference),
    }
}

/// What of the need is there, by slot and resource.
type Need = BTreeMap<(Slot, Resource), i64>;

fn need(mine: &[&Cell]) -> Need {
    mine.iter().map(|c| ((c.slot, c.resource), c.demand.max(c.floor).min(c.most()))).collect()
}

/// The facts of every pool for the workload that asks. `migration` is what a move costs it.
pub fn pop_facts(
    state: &State,
    now: Timestamp,
    id: InstanceId,
    problem: &SwapProblem,
    plan: &SwapPlan,
    migration: &MigrationCost,
    keep_pool: bool,
) -> Vec<PopFacts> {
    let Some(instance) = state.instances.get(&id) else { return Vec::new() };
    let mine: Vec<&Cell> = problem.cells.iter().filter(|c| c.instance == id).collect();
    let need = need(&mine);
    let slots: BTreeSet<Slot> = need.keys().map(|(slot, _)| *slot).collect();
    let occupancy = Occupancy::of(state, &slots.into_iter().collect::<Vec<_>>());
    let avoided = avoided_nodes(state, id, now);
    let Some(home) = state.pools.get(&instance.pool) else { return Vec::new() };
    let measured = |pool: &Pool| score::measured_speed(pool, state.nodes.values());
    let at_home = measured(home);
    let moves_at_home =
        problem.cells.iter().zip(&plan.changes).any(|(cell, change)| cell.instance == id && change.moved > 0);
    let lacks_at_home = problem.cells.iter().zip(&plan.changes).any(|(cell, change)| {
        let has = cell.planned + change.total();
        cell.instance == id && need.get(&(cell.slot, cell.resource)).is_some_and(|need| has < *need)
    });
    let host_fits = |pool: &Pool| {
        let nodes = state.nodes.values().filter(|n| n.pool == pool.slug && n.state == NodeState::Up);
        let mut open = nodes.filter(|n| !avoided.contains(&n.id));
        open.any(|node| need.iter().all(|((slot, r), q)| *q <= occupancy.room(node, *slot, *r)))
    };
    // What may be taken back is no place to have a workload in.
    let places = state.pools.values().filter(|pool| !is_recallable(&pool.slug));
    let facts = places.map(|pool| {
        let is_home = pool.slug == home.slug;
        let moves = !is_home || moves_at_home;
        let impossible = if pool.halted.is_some() {
            Some("pool_halted")
        } else if need.keys().any(|(_, resource)| !pool.resources.contains(resource)) {
            Some("resource_not_in_pool")
        } else if !is_home && keep_pool {
            Some("keep_pool")
        } else if !is_home && instance.is_pinned(now) {
            Some("pinned")
        } else if is_home && lacks_at_home {
            Some("need_not_met")
        } else if !is_home && !host_fits(pool) {
            Some("no_host_fits")
        } else {
            None
        };
        let price = |slot: Slot, resource: Resource| state.reference(&pool.slug, resource, slot);
        let charge = |((slot, r), q): (&(Slot, Resource), &i64)| price(*slot, *r).charge_half_even(*q);
        let speed = match is_home {
            true => Some(Speed::HOME),
            false => at_home.zip(measured(pool)).map(|(at_home, there)| Speed { there, at_home }),
        };
        let of_cell = |speed: Speed, cell: &Cell| {
            let demand = need.get(&(cell.slot, cell.resource)).copied().unwrap_or(0);
            let available = match (is_home, impossible) {
                (true, _) => cell.planned,
                (false, None) => demand,
                (false, Some(_)) => 0,
            };
            let done = score::performance(available, demand, speed);
            let weight = state.reference(&home.slug, cell.resource, cell.slot);
            score::resource_optimization_score(demand, price(cell.slot, cell.resource), done, weight)
        };
        PopFacts {
            pool: pool.slug.clone(),
            pop: pool.pop.clone(),
            tier: pool.tier,
            is_home,
            need_price: need.iter().map(|line| charge(line).unwrap_or_default()).sum(),
            migration: if moves { migration.clone() } else { MigrationCost::none() },
            distance: if moves { distance(home, pool) } else { 0 },
            score_nano: speed.map(|speed| mine.iter().map(|cell| of_cell(speed, cell)).sum()),
            impossible,
        }
    });
    facts.collect()
}
