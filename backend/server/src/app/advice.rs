//! From a checked plan to what a person can do about it: steps, orders, and why in prose.
use crate::app::predict_load::Proposal;
use headroom_market::advice::gather::DEMAND_LEVEL;
use headroom_market::advice::problem::{Cell, Change};
use headroom_market::advice::score::{PERFORMANCE_PROPERTY, THRESHOLD_NANO};
use headroom_market::advice::shape::{ShapeStep, shape_resources};
use headroom_market::book::{OrderRequest, PoolChoice, Side, Window};
use headroom_market::market::Rhythm;
use headroom_market::state::State;
use headroom_market::time::{Slot, Timestamp};
use headroom_market::units::{Amounts, Credits, Resource, Share};
use headroom_market::workload::Instance;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// One order of a recommendation: what to buy or lend in a slot.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Step {
    pub slot: Slot,
    pub side: Side,
    pub resources: Amounts,
    /// At the last prices; negative is what lending brings.
    pub expected_cost: Credits,
}

/// What the program says of one resource and slot of the workload.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Quantity {
    pub slot: Slot,
    pub resource: Resource,
    /// What it will have as awarded so far.
    pub planned: i64,
    /// The quantile of its forecast that should be in force, or what was asked for.
    pub demand: i64,
    pub recommended: i64,
    /// The growth needs another node of the pool.
    pub moves: bool,
    /// What keeps it from its demand: `instance_limit`, `thrash_limit`, `budget`, `pool_capacity` or
    /// `cost_reduction_target`.
    pub limited_by: Option<String>,
}

/// How the limits would be changed, and when.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Shaping {
    pub at: Timestamp,
    pub steps: Vec<ShapeStep>,
}

/// The workload's cells with what is proposed for each.
pub fn own<'a>(proposal: &'a Proposal, instance: &'a Instance) -> impl Iterator<Item = (&'a Cell, Change)> {
    let changes = proposal.plan.iter().flat_map(|plan| plan.plan().changes.iter().copied());
    let changes = changes.chain(std::iter::repeat(Change::default()));
    proposal.problem.cells.iter().zip(changes).filter(|(cell, _)| cell.instance == instance.id)
}

/// `saving` says that nothing may cost more.
pub fn quantities(proposal: &Proposal, instance: &Instance, saving: bool) -> Vec<Quantity> {
    let budget = proposal.problem.budget_nano.is_some();
    let of = |(cell, change): (&Cell, Change)| {
        let recommended = cell.planned + change.total();
        let limited_by = (recommended < cell.demand).then(|| {
            if saving {
                "cost_reduction_target"
            } else if recommended >= cell.limit {
                "instance_limit"
            } else if change.total() >= cell.max_swap {
                "thrash_limit"
            } else if budget {
                "budget"
            } else {
                "pool_capacity"
            }
        });
        Quantity {
            slot: cell.slot,
            resource: cell.resource,
            planned: cell.planned,
            demand: cell.demand,
            recommended,
            moves: change.moved > 0,
            limited_by: limited_by.map(str::to_owned),
        }
    };
    own(proposal, instance).map(of).collect()
}

/// Buying and lending by slot. `asked` is what open orders of the workload ask for already.
pub fn steps(
    proposal: &Proposal,
    instance: &Instance,
    asked: &BTreeMap<(Side, Slot, Resource), i64>,
) -> Vec<(Slot, Side, Amounts)> {
    // An offer is of one resource, and no device.
    let mut wanted: BTreeMap<(Slot, bool, Option<Resource>), Amounts> = BTreeMap::new();
    for (cell, change) in own(proposal, instance) {
        let side = if change.total() > 0 { Side::Bid } else { Side::Offer };
        let already = asked.get(&(side, cell.slot, cell.resource)).copied().unwrap_or(0);
        let quantity = change.total().abs() - already;
        let is_offer = side == Side::Offer;
        if quantity > 0 && !(is_offer && cell.resource == Resource::GpuMilli) {
            let apart = is_offer.then_some(cell.resource);
            wanted.entry((cell.slot, is_offer, apart)).or_default().insert(cell.resource, quantity);
        }
    }
    let side = |offer: bool| if offer { Side::Offer } else { Side::Bid };
    wanted.into_iter().map(|((slot, offer, _), resources)| (slot, side(offer), resources)).collect()
}

/// What open orders of a workload ask for or lend, by side, slot and resource.
pub fn asked(state: &State, instance: &Instance) -> BTreeMap<(Side, Slot, Resource), i64> {
    let seconds = state.market.rhythm.slot_seconds;
    let mut asked = BTreeMap::new();
    let live = |o: &&headroom_market::book::Order| o.request.instance == Some(instance.id) && state.order_is_open(o.id);
    for order in state.orders.values().filter(live) {
        // Of alternatives one wins: the first stands for all.
        let first = order.request.alternatives(seconds).into_iter().next();
        for slot in first.into_iter().flat_map(|a| a.slots) {
            for (resource, quantity) in &order.remaining {
                *asked.entry((order.side, slot, *resource)).or_default() += quantity;
            }
        }
    }
    asked
}

/// Prices the steps at the last prices.
pub fn priced(state: &State, pool: &str, steps: Vec<(Slot, Side, Amounts)>) -> Vec<Step> {
    let priced = steps.into_iter().map(|(slot, side, resources)| {
        let line = |(r, q): (&Resource, &i64)| state.reference(pool, *r, slot).charge_half_even(*q);
        let value: Credits = resources.iter().map(|entry| line(entry).unwrap_or_default()).sum();
        let expected_cost = if side == Side::Offer { -value } else { value };
        Step { slot, side, resources, expected_cost }
    });
    priced.collect()
}

/// The orders that would carry out the steps. A bid's limit is half as much again as it costs now,
/// enough for a rising price and no blank cheque, and all bids together stay within `max_cost`; an
/// offer's is half of what it brings now, as it is paid the price anyway.
pub fn orders(instance: &Instance, rhythm: &Rhythm, steps: &[Step], max_cost: Option<Credits>) -> Vec<OrderRequest> {
    let bids = steps.iter().filter(|s| s.side == Side::Bid);
    let all: Credits = bids.map(|s| s.expected_cost).sum();
    let limit = |step: &Step| match step.side {
        Side::Offer => (-step.expected_cost).share_floor(1, 2),
        Side::Bid => {
            let usual = step.expected_cost.share_floor(3, 2);
            let share = max_cost.map(|most| most.share_floor(step.expected_cost.units(), all.units().max(1)));
            share.map_or(usual, |share| share.min(usual)).max(Credits::from_units(1))
        }
    };
    steps.iter().map(|step| order(instance, rhythm, step, limit(step))).collect()
}

fn order(instance: &Instance, rhythm: &Rhythm, step: &Step, limit: Credits) -> OrderRequest {
    OrderRequest {
        instance: Some(instance.id),
        window: Window { start_at: step.slot.start(), end_at: rhythm.slot_end(step.slot) },
        latest_start_at: None,
        replicas: 1,
        resources: step.resources.clone(),
        pools: vec![PoolChoice { pool: instance.pool.clone(), adder: Credits::ZERO }],
        assurance: Default::default(),
        limit,
        // Devices are won whole.
        min_fill: if step.resources.contains_key(&Resource::GpuMilli) {
            Share::from_units(1_000_000)
        } else {
            Share::ZERO
        },
        time_in_force: Default::default(),
        expires_at: None,
        resell: Default::default(),
        project: None,
        no_displacement: false,
        min_run_slots: 0,
        class: instance.class,
        client_bid_id: None,
    }
}

/// How the limits would change: at the beginning of each slot that the plan changes, and back after it.
pub fn shaping(proposal: &Proposal, instance: &Instance, rhythm: &Rhythm, usage: &Amounts) -> Vec<Shaping> {
    let mut slots: BTreeMap<Slot, Amounts> = BTreeMap::new();
    for (cell, change) in own(proposal, instance) {
        slots.entry(cell.slot).or_default().insert(cell.resource, cell.planned + change.total());
    }
    let mut list = Vec::new();
    let mut before = instance.in_force.clone();
    let mut end = None;
    for (slot, target) in slots {
        // What the program does not speak of stays.
        let target: Amounts = before.clone().into_iter().chain(target).collect();
        let steps = shape_resources(&before, &target, usage);
        if !steps.is_empty() {
            list.push(Shaping { at: slot.start(), steps });
        }
        (before, end) = (target, Some(rhythm.slot_end(slot)));
    }
    let back = shape_resources(&before, &instance.baseline, usage);
    if let Some(at) = end.filter(|_| !back.is_empty()) {
        list.push(Shaping { at, steps: back });
    }
    list
}

/// The reasons with their numbers, a sentence each.
pub fn why(proposal: &Proposal, instance: &Instance, quantities: &[Quantity]) -> Vec<String> {
    let mut lines = Vec::new();
    let Some(first) = quantities.first() else { return lines };
    let credits = |nano: i128| headroom_market::advice::score::as_credits(nano);
    let slots: std::collections::BTreeSet<_> = quantities.iter().map(|q| q.slot).collect();
    let (before, after) = (&proposal.before, &proposal.after);
    lines.push(format!(
        "In the next open slots ({}, from {} on) what the {} % quantile of its demand misses is worth {} credits at the SLA rate as it is, and {} as recommended.",
        slots.len(), first.slot, DEMAND_LEVEL / 10, credits(before.missing_nano), credits(after.missing_nano),
    ));
    lines.push(format!(
        "What would be idle is worth {} credits as it is, and {} as recommended.",
        credits(before.idle_nano),
        credits(after.idle_nano),
    ));
    if proposal.plan.is_none() {
        lines.push("No proposal passed the check, so nothing is recommended.".to_owned());
    }
    if quantities.iter().any(|q| q.moves) {
        lines.push(
            "Its node has no room for the growth: it would be moved to another node of its pool, after a shadow run."
                .to_owned(),
        );
    }
    if let Some(bottleneck) = proposal.bottlenecks.iter().find(|b| b.pool == instance.pool && b.probability >= 0.01) {
        lines.push(format!(
            "Pool {} runs short of {} at {} with a chance of {:.0} %.",
            bottleneck.pool,
            bottleneck.resource,
            bottleneck.slot,
            bottleneck.probability * 100.0
        ));
    }
    let home = proposal.pools.iter().find(|p| p.pool == instance.pool);
    let best = proposal.pools.iter().find(|p| p.selected);
    if let (Some(home), Some(best)) = (home, best)
        && home.pool != best.pool
    {
        let here = home.total.map_or("can't be had in full".to_owned(), |t| format!("costs {t}"));
        lines.push(format!(
            "Its need {here} in its own pool, and costs {} in {}, moving included. There an order would buy its baseline, too, and carry it off whole (a bid that names the pool, with min_fill 1), so the orders are for {}.",
            best.total.unwrap_or_default(), best.pool, home.pool
        ));
    }
    if let Some(score) = home.and_then(|home| home.resource_optimization_score) {
        let meaning = if i128::from(score.units()) > THRESHOLD_NANO {
            "above 0: what it has is worth less than its need costs"
        } else {
            "not above 0: it has what it needs"
        };
        lines.push(format!("Its Resource Optimization Score is {score} credits, {meaning}."));
    }
    let moves = proposal.pools.iter().map(|p| &p.migration).filter(|m| m.bytes > 0);
    if moves.clone().any(|m| m.learned_from_moves == 0) {
        lines.push("Nothing has been moved here yet: what a move costs is assumed, not learned.".to_owned());
    }
    let unmeasured = proposal.pools.iter().filter(|p| p.resource_optimization_score.is_none());
    let unmeasured: Vec<&str> = unmeasured.map(|p| p.pool.as_str()).collect();
    if !unmeasured.is_empty() {
        lines.push(format!(
            "Pools without a score: {}. Their speed beside that of {} is not measured (`{PERFORMANCE_PROPERTY}` of each node).",
            unmeasured.join(", "),
            instance.pool,
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(side: Side, cost: i64) -> Step {
        Step { slot: Slot::starting_at(600), side, resources: Amounts::new(), expected_cost: Credits::from_units(cost) }
    }

    #[test]
    fn limits_leave_room_and_keep_the_budget() {
        let rhythm = Rhythm { slot_seconds: 60, horizon_slots: 6, lead_seconds: 10, round_seconds: 5 };
        let instance: Instance = serde_json::from_value(serde_json::json!({
            "id": "ins_01m7w6c380fh08zv3bjp1wmpmd", "participant": "par_01m7w6c380fh08zv3bjp1wmpmd", "name": "n",
            "driver": "wasm", "module": "mod_01m7w6c380fh08zv3bjp1wmpmd", "pool": "p",
            "node": "nod_01m7w6c380fh08zv3bjp1wmpmd", "epoch": 1, "class": "standard", "baseline": {}, "floor": {},
            "limit": {}, "in_force": {}, "at_end": "shrink", "comparison": {}, "strategy": {}, "strategy_version": 1, "state": "running",
            "swap": null, "pinned_until": null, "created_at": "2026-11-20T10:00:00Z"
        }))
        .expect("an instance");
        let steps = [step(Side::Bid, 100), step(Side::Bid, 300), step(Side::Offer, -50)];
        let limits = |max: Option<i64>| -> Vec<i64> {
            let orders = orders(&instance, &rhythm, &steps, max.map(Credits::from_units));
            orders.iter().map(|o| o.limit.units()).collect()
        };
        assert_eq!(limits(None), [150, 450, 25]);
        assert_eq!(limits(Some(440)), [110, 330, 25]);
        assert_eq!(limits(Some(9_000)), [150, 450, 25]);
    }
}
