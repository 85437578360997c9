//! From awards to swap orders: what every instance should have in a slot, and the order in
//! which it is made true.
//!
//! One swap order an instance. A swap that takes capacity on a node waits for those that
//! free it there; a cycle of waits is broken by letting the swap of least gain go without
//! waiting, where the node has room, or dropping it.
use crate::event::Event;
use crate::ids::{InstanceId, NodeId, SwapId};
use crate::round::AwardKind;
use crate::state::State;
use crate::swap::{Method, MethodConsidered, Phase, Swap, SwapState};
use crate::time::Slot;
use crate::turn::Turn;
use crate::units::{Amounts, Credits, amount};
use crate::workload::{Instance, InstanceState};
use std::collections::BTreeMap;

/// What an instance should have in a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub node: NodeId,
    pub limits: Amounts,
    /// Limit value less price of what it won for the slot.
    pub gain: Credits,
}

/// baseline − lent + won − resold, never under the floor, on the node that its awards name.
pub fn target(state: &State, instance: &Instance, slot: Slot) -> Target {
    let mut limits = instance.baseline_in(slot).clone();
    let mut node = instance.node;
    let mut gain = Credits::ZERO;
    for award in state.awards.values().filter(|a| a.instance == Some(instance.id)) {
        let lines = award.lines.iter().filter(|l| l.slot == slot);
        let slots = award.lines.iter().map(|l| l.slot).collect::<std::collections::BTreeSet<_>>().len() as i64;
        let mut has_line = false;
        for line in lines {
            has_line = true;
            let change = match award.kind {
                AwardKind::Bought => line.quantity - line.resold,
                AwardKind::Lent => -line.quantity,
                AwardKind::Resold => 0,
            };
            if award.kind == AwardKind::Bought && change > 0 {
                node = award.nodes.first().copied().unwrap_or(node);
            }
            *limits.entry(line.resource).or_default() += change;
        }
        if has_line && award.kind == AwardKind::Bought && award.limit > award.money {
            gain += (award.limit - award.money).share_floor(1, slots.max(1));
        }
    }
    // Whatever was lent, a swap takes no workload under its floor.
    for (resource, floor) in instance.floor_in(slot) {
        let limit = limits.entry(*resource).or_default();
        *limit = (*limit).max(*floor);
    }
    Target { node, limits, gain }
}

/// Writes the swap orders of a slot whose gate has closed.
pub fn plan_slot(turn: &mut Turn<'_>, slot: Slot) {
    plan(turn, slot, None);
    let mut market = turn.state.market.clone();
    market.planned_until = market.planned_until.max(slot.plus(1, market.rhythm.slot_seconds));
    turn.emit(Event::MarketChanged(market));
}

/// A workload that runs again has missed the plan of a slot that has not begun.
pub fn plan_restarted(turn: &mut Turn<'_>, id: InstanceId) {
    let seconds = turn.state.market.rhythm.slot_seconds;
    let last_planned = turn.state.market.planned_until.plus(-1, seconds);
    if last_planned > Slot::containing(turn.now, seconds) {
        plan(turn, last_planned, Some(id));
    }
}

/// The process ended while the workload's limits were changed: it gets what it should have now, or
/// in the slot that comes.
pub fn plan_recovered(turn: &mut Turn<'_>, id: InstanceId) {
    let seconds = turn.state.market.rhythm.slot_seconds;
    let present = Slot::containing(turn.now, seconds);
    let last_planned = turn.state.market.planned_until.plus(-1, seconds);
    for slot in [present, last_planned] {
        // The second finds nothing to do if the first has planned something.
        if (present..=last_planned).contains(&slot) {
            plan(turn, slot, Some(id));
        }
    }
}

/// A workload whose swap has just ended has missed the plan of every later slot: it gets what it
/// should have now, or in the slot that comes.
pub fn plan_missed(turn: &mut Turn<'_>, id: InstanceId, done: Slot) {
    let rhythm = &turn.state.market.rhythm;
    let last_planned = turn.state.market.planned_until.plus(-1, rhythm.slot_seconds);
    if last_planned > done && rhythm.slot_end(last_planned) > turn.now {
        plan(turn, last_planned, Some(id));
    }
}

fn plan(turn: &mut Turn<'_>, slot: Slot, only: Option<InstanceId>) {
    let mut drafts = Vec::new();
    let mut failed_by_exchange = Vec::new();
    for instance in turn.state.instances.values().filter(|i| only.is_none_or(|id| id == i.id)) {
        if instance.state != InstanceState::Running || instance.swap.is_some() {
            continue;
        }
        let mut target = target(turn.state, instance, slot);
        if target.node != instance.node && instance.is_pinned(turn.now) {
            // It can't go where its award is: it keeps what it has, and is credited.
            failed_by_exchange.extend(instance.pinned_by_exchange.then_some(instance.id));
            target = Target { node: instance.node, limits: instance.baseline_in(slot).clone(), gain: Credits::ZERO };
        }
        if target.node == instance.node && target.limits == instance.in_force {
            continue;
        }
        drafts.push((instance.clone(), target));
    }
    for id in failed_by_exchange {
        let mut instance = turn.state.instances[&id].clone();
        instance.failed_by_exchange.insert(slot);
        turn.emit(Event::InstanceChanged(instance));
    }
    let ids: Vec<SwapId> = drafts.iter().map(|_| SwapId::next(&mut turn.ids)).collect();
    let waits = dependencies(&drafts);
    for (index, (instance, target)) in drafts.iter().enumerate() {
        let depends_on = waits[index].iter().map(|n| ids[*n]).collect();
        let swap = draft(turn, ids[index], slot, instance, target, depends_on);
        turn.emit(Event::SwapChanged(Box::new(swap)));
        let mut changed = turn.state.instances[&instance.id].clone();
        changed.swap = Some(ids[index]);
        turn.emit(Event::InstanceChanged(changed));
    }
}

fn draft(
    turn: &Turn<'_>,
    id: SwapId,
    slot: Slot,
    instance: &Instance,
    target: &Target,
    depends_on: Vec<SwapId>,
) -> Swap {
    let moves = target.node != instance.node;
    let method = if moves { Method::Checkpoint } else { Method::Resize };
    let pool_to = turn.state.nodes.get(&target.node).map_or_else(|| instance.pool.clone(), |n| n.pool.clone());
    let resize_reason = if moves { "its node has no room for what it won" } else { "its node has room" };
    let considered = vec![
        MethodConsidered {
            method: Method::Resize,
            chosen: !moves,
            predicted_downtime_micros: Some(0),
            predicted_cost: Some(Credits::ZERO),
            reason: resize_reason.to_owned(),
        },
        MethodConsidered {
            method: Method::Checkpoint,
            chosen: moves,
            predicted_downtime_micros: None,
            predicted_cost: None,
            reason: if moves { "the state fits one snapshot and a short stop" } else { "not needed" }.to_owned(),
        },
    ];
    Swap {
        id,
        participant: instance.participant,
        instance: instance.id,
        instance_name: instance.name.clone(),
        state: SwapState::Planned,
        method,
        pool_from: instance.pool.clone(),
        pool_to,
        node_from: instance.node,
        node_to: target.node,
        limits_from: instance.in_force.clone(),
        limits_to: target.limits.clone(),
        slot,
        expected_gain: target.gain,
        deadline: slot.start(),
        depends_on,
        epoch: instance.epoch,
        phases: vec![Phase { state: SwapState::Planned, started_at: turn.now, ended_at: None, detail: None }],
        bytes: 0,
        downtime_micros: None,
        positions_compared: 0,
        difference_count: 0,
        differences: Vec::new(),
        considered,
        reason: None,
        cancel_requested: None,
        created_at: turn.now,
        ended_at: None,
    }
}

/// For each draft the drafts that have to free capacity first, without cycles.
fn dependencies(drafts: &[(Instance, Target)]) -> Vec<Vec<usize>> {
    let frees = |(instance, target): &(Instance, Target), node: NodeId| {
        instance.node == node
            && (target.node != node || target.limits.iter().any(|(r, q)| *q < amount(&instance.in_force, *r)))
    };
    let takes = |(instance, target): &(Instance, Target)| {
        target.node != instance.node || target.limits.iter().any(|(r, q)| *q > amount(&instance.in_force, *r))
    };
    let mut waits: Vec<Vec<usize>> = Vec::new();
    for (index, draft) in drafts.iter().enumerate() {
        let on = draft.1.node;
        let others = drafts.iter().enumerate();
        let before = others.filter(|(n, other)| *n != index && takes(draft) && frees(other, on)).map(|(n, _)| n);
        waits.push(before.collect());
    }
    break_cycles(drafts, &mut waits);
    waits
}

/// Removes waits of the draft of least gain in each cycle until none is left.
fn break_cycles(drafts: &[(Instance, Target)], waits: &mut [Vec<usize>]) {
    while let Some(cycle) = find_cycle(waits) {
        let weakest = cycle.iter().copied().min_by_key(|n| (drafts[*n].1.gain, drafts[*n].0.id));
        let Some(weakest) = weakest else { return };
        waits[weakest].retain(|n| !cycle.contains(n));
    }
}

/// Depth-first search with colours; the nodes of the first cycle found.
fn find_cycle(waits: &[Vec<usize>]) -> Option<Vec<usize>> {
    fn visit(node: usize, waits: &[Vec<usize>], done: &mut [bool], path: &mut Vec<usize>) -> Option<Vec<usize>> {
        if let Some(at) = path.iter().position(|n| *n == node) {
            return Some(path[at..].to_vec());
        }
        if done[node] {
            return None;
        }
        path.push(node);
        for next in &waits[node] {
            if let Some(cycle) = visit(*next, waits, done, path) {
                return Some(cycle);
            }
        }
        path.pop();
        done[node] = true;
        None
    }
    let mut done = vec![false; waits.len()];
    (0..waits.len()).find_map(|n| visit(n, waits, &mut done, &mut Vec::new()))
}

/// Whether a planned swap may begin: all that it waits for have ended.
pub fn may_begin(state: &State, swap: &Swap) -> bool {
    swap.depends_on.iter().all(|id| !state.swaps.contains_key(id))
}

/// What every instance holds in a slot, for readers.
pub fn allocations(state: &State, slot: Slot) -> BTreeMap<InstanceId, Target> {
    state.instances.values().map(|i| (i.id, target(state, i, slot))).collect()
}

#[cfg(test)]
mod tests {
    use super::find_cycle;

    #[test]
    fn cycles_are_found_and_chains_are_not() {
        assert_eq!(find_cycle(&[vec![1], vec![2], vec![]]), None);
        assert_eq!(find_cycle(&[vec![1], vec![2], vec![0]]).map(|c| c.len()), Some(3));
        assert_eq!(find_cycle(&[vec![], vec![1]]), Some(vec![1]));
    }
}
