//! From awards to swap orders: what every instance should have in a slot, and the order in
//! which it is made true.
//!
//! One swap order an instance. A swap that takes capacity on a node waits for those that
//! free it there; a cycle of waits is broken by letting the swap of least gain go without
//! waiting, where the node has room, or dropping it.
use crate::event::Event;
use crate::ids::{InstanceId, NodeId, SwapId};
use crate::round::safe_state::NotRolled;
use crate::round::{Award, AwardKind, AwardLine};
use crate::state::State;
use crate::swap::cause::{self, causes};
use crate::swap::pair::pairs;
use crate::swap::saga;
use crate::swap::{Method, MethodConsidered, Phase, Swap, SwapState};
use crate::time::{Slot, Timestamp};
use crate::turn::Turn;
use crate::units::{Amounts, Credits, amount};
use crate::workload::{Instance, InstanceState, away};
use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What an instance should have in a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub node: NodeId,
    pub limits: Amounts,
    /// Limit value less price of what it won for the slot.
    pub gain: Credits,
}

/// baseline − lent + won − resold, never under the floor, on the node that its awards name. In a slot that it
/// has won elsewhere: what it has won there, and nothing else.
pub fn target(state: &State, instance: &Instance, slot: Slot) -> Target {
    target_of(state, instance, slot, |_| true)
}

/// The same of some of its awards.
fn target_of(state: &State, instance: &Instance, slot: Slot, counts: impl Fn(&Award) -> bool) -> Target {
    let elsewhere = |award: &Award| away::is_elsewhere(award, instance);
    let bought = |award: &Award| counts(award) && award.lines.iter().any(|l| l.slot == slot);
    let goes = instance.is_away_in(slot) && state.awards_of(instance.id).any(|a| bought(a) && elsewhere(a));
    let mut limits = if goes { Amounts::new() } else { instance.baseline_in(slot).clone() };
    let mut node = instance.home_node();
    let mut gain = Credits::ZERO;
    // What it had won elsewhere and could not be brought to is nothing to it at home.
    for award in state.awards_of(instance.id).filter(|a| counts(a) && elsewhere(a) == goes) {
        let lines = award.lines.iter().filter(|l| l.slot == slot);
        let slots = award.lines.iter().map(|l| l.slot).collect::<std::collections::BTreeSet<_>>().len() as i64;
        let mut has_line = false;
        for line in lines {
            has_line = true;
            let change = match award.kind {
                AwardKind::Bought => line.left(),
                AwardKind::Lent => -line.left(),
                AwardKind::Resold => 0,
            };
            if award.kind == AwardKind::Bought && change > 0 {
                node = award.nodes.first().copied().unwrap_or(node);
            }
            *limits.entry(line.resource).or_default() += change;
        }
        // A limit above what a hold can ever have to cover says nothing more.
        let most = award.lines.iter().map(|l| collar_value(state, l)).sum();
        let limit = award.limit.min(most);
        if has_line && award.kind == AwardKind::Bought && limit > award.money {
            gain += (limit - award.money).share_floor(1, slots.max(1));
        }
    }
    // Whatever was lent, a swap takes no workload under its floor.
    for (resource, floor) in instance.floor_in(slot).iter().filter(|_| !goes) {
        let limit = limits.entry(*resource).or_default();
        *limit = (*limit).max(*floor);
    }
    Target { node, limits, gain }
}

/// What a plan is to make true: of a workload that can't go where its target is, what it is to have where it is.
/// Whether the exchange itself keeps it there. `alone`: planned apart from the others of the slot.
fn reachable(state: &State, instance: &Instance, slot: Slot, now: Timestamp, alone: bool) -> (Target, bool) {
    let mut target = target(state, instance, slot);
    if target.node == instance.node || !instance.is_pinned(now) {
        return (target, false);
    }
    if stays_for(instance, &target, now) {
        // It has its baseline less what it lends, and is credited.
        target = target_of(state, instance, slot, |a| a.kind != AwardKind::Bought);
        return (target, instance.pinned_by_exchange);
    }
    if alone {
        // The way home has just failed, and is tried again with the next slot: until then it has no more
        // than its baseline.
        target.node = instance.node;
    }
    (target, false)
}

/// Whether a workload stays where it is, though it has won something on another node.
pub(super) fn stays(state: &State, instance: &Instance, slot: Slot, now: Timestamp) -> bool {
    stays_for(instance, &target(state, instance, slot), now)
}

fn stays_for(instance: &Instance, target: &Target, now: Timestamp) -> bool {
    let comes_home = target.node == instance.home_node() && instance.is_away();
    instance.is_pinned(now) && target.node != instance.node && !comes_home
}

/// The limits of a workload that is planned again.
pub(super) fn limits_again(state: &State, instance: &Instance, slot: Slot, now: Timestamp) -> Amounts {
    reachable(state, instance, slot, now, true).0.limits
}

pub(super) fn collar_value(state: &State, line: &AwardLine) -> Credits {
    let collar = state.collar(&line.pool, line.resource, line.slot);
    collar.charge_half_even(line.quantity).unwrap_or(line.money)
}

/// Writes the swap orders of a slot whose gate has closed.
pub fn plan_slot(turn: &mut Turn<'_>, slot: Slot, not_rolled: &[NotRolled]) {
    plan(turn, slot, None, not_rolled);
    let mut market = turn.state.market.clone();
    market.planned_until = market.planned_until.max(slot.plus(1, market.rhythm.slot_seconds));
    turn.emit(Event::MarketChanged(market));
}

/// A workload that runs again has missed the plan of a slot that has not begun.
pub fn plan_restarted(turn: &mut Turn<'_>, id: InstanceId) {
    let seconds = turn.state.market.rhythm.slot_seconds;
    let last_planned = turn.state.market.planned_until.plus(-1, seconds);
    if last_planned > Slot::containing(turn.now, seconds) {
        plan(turn, last_planned, Some(&BTreeSet::from([id])), &[]);
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
            plan(turn, slot, Some(&BTreeSet::from([id])), &[]);
        }
    }
}

/// A workload that could not be moved for a slot is owed nothing on the other node, but what it has
/// lent for the slot is others' all the same.
pub fn plan_stayed(turn: &mut Turn<'_>, id: InstanceId, slot: Slot) {
    if turn.state.market.rhythm.slot_end(slot) > turn.now {
        plan(turn, slot, Some(&BTreeSet::from([id])), &[]);
    }
}

/// What workloads should have in a planned slot has changed. A resize that has not begun gives way to what is now to
/// be: one for a later slot is planned again when that is done.
pub(super) fn plan_changed(turn: &mut Turn<'_>, ids: &BTreeSet<InstanceId>, slot: Slot) {
    let outdated: Vec<Swap> = ids.iter().filter_map(|id| gives_way(turn, *id, slot)).cloned().collect();
    for swap in &outdated {
        saga::supersede(turn, swap.clone());
    }
    plan(turn, slot, Some(ids), &[]);
    for swap in outdated {
        // Where nothing came of that after all, the later slot is not forgotten.
        plan_missed(turn, swap.instance, slot);
        wait_for_its_successor(turn, &swap);
    }
}

/// The resize of a workload that comes to nothing by what it is to have in a slot.
fn gives_way<'a>(turn: &'a Turn<'_>, id: InstanceId, slot: Slot) -> Option<&'a Swap> {
    let instance = turn.state.instances.get(&id)?;
    let swap = turn.state.swaps.get(&instance.swap?).filter(|s| s.state == SwapState::Planned && !s.moves())?;
    let limits = limits_again(turn.state, instance, slot, turn.now);
    let is_outdated = match swap.slot.cmp(&slot) {
        Ordering::Less => false,
        Ordering::Equal => swap.limits_to != limits,
        Ordering::Greater => limits != instance.in_force,
    };
    is_outdated.then_some(swap)
}

/// Who waited for a resize waits for the one in its place, where that waits for nobody: a chain of waits could else
/// become a circle. Others begin when there is room.
fn wait_for_its_successor(turn: &mut Turn<'_>, gone: &Swap) {
    let successor = turn.state.instances.get(&gone.instance).and_then(|i| turn.state.swaps.get(&i.swap?));
    let successor = successor.filter(|s| s.slot <= gone.slot && s.depends_on.is_empty()).map(|s| s.id);
    let waits = |s: &&Swap| s.depends_on.contains(&gone.id);
    let waiting: Vec<Swap> = turn.state.swaps.values().filter(waits).cloned().collect();
    for mut swap in waiting {
        swap.depends_on.retain(|id| *id != gone.id);
        swap.depends_on.extend(successor.filter(|id| *id != swap.id));
        turn.emit(Event::SwapChanged(Box::new(swap)));
    }
}

/// A workload whose swap has just ended has missed the plan of every later slot: it gets what it
/// should have now, or in the slot that comes.
pub fn plan_missed(turn: &mut Turn<'_>, id: InstanceId, done: Slot) {
    let rhythm = &turn.state.market.rhythm;
    let last_planned = turn.state.market.planned_until.plus(-1, rhythm.slot_seconds);
    if last_planned > done && rhythm.slot_end(last_planned) > turn.now {
        plan(turn, last_planned, Some(&BTreeSet::from([id])), &[]);
    }
}

fn plan(turn: &mut Turn<'_>, slot: Slot, only: Option<&BTreeSet<InstanceId>>, not_rolled: &[NotRolled]) {
    let mut drafts = Vec::new();
    let mut failed_by_exchange = Vec::new();
    for instance in turn.state.instances.values().filter(|i| only.is_none_or(|ids| ids.contains(&i.id))) {
        if instance.state != InstanceState::Running || instance.swap.is_some() {
            continue;
        }
        let (target, kept_by_exchange) = reachable(turn.state, instance, slot, turn.now, only.is_some());
        failed_by_exchange.extend(kept_by_exchange.then_some(instance.id));
        if target.node != instance.node || target.limits != instance.in_force {
            drafts.push((instance.clone(), target));
        }
    }
    for id in failed_by_exchange {
        let mut instance = turn.state.instances[&id].clone();
        instance.failed_by_exchange.insert(slot);
        turn.emit(Event::InstanceChanged(instance));
    }
    let ids: Vec<SwapId> = drafts.iter().map(|_| SwapId::next(&mut turn.ids)).collect();
    let (waits, late) = dependencies(turn.state, slot, &drafts);
    let mut pairs = if drafts.is_empty() { BTreeMap::new() } else { pairs(turn.state, slot) };
    for (index, (instance, target)) in drafts.iter().enumerate() {
        let depends_on = waits[index].iter().map(|n| ids[*n]).chain(late[index].iter().copied()).collect();
        let mut swap = draft(turn, ids[index], slot, instance, target, depends_on);
        swap.pairs = pairs.remove(&instance.id).unwrap_or_default();
        swap.causes.get_or_insert_default().extend(cause::of_not_rolled(instance.id, not_rolled));
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
    let pool_of = |node| turn.state.nodes.get(&node).map_or_else(|| instance.pool.clone(), |n| n.pool.clone());
    let (pool_from, pool_to) = (pool_of(instance.node), pool_of(target.node));
    let resize_reason = match moves {
        true if pool_to != pool_from => "its place in this slot is in another pool",
        true => "its node has no room for what it won",
        false => "its node has room",
    };
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
        pool_from,
        pool_to,
        node_from: instance.node,
        node_to: target.node,
        limits_from: instance.in_force.clone(),
        limits_to: target.limits.clone(),
        slot,
        expected_gain: target.gain,
        deadline: slot.start(),
        depends_on,
        pairs: Vec::new(),
        causes: Some(causes(turn.state, instance, slot, target, turn.now)),
        epoch: instance.epoch,
        phases: vec![Phase { state: SwapState::Planned, started_at: turn.now, ended_at: None, detail: None }],
        bytes: 0,
        downtime_micros: None,
        positions_compared: 0,
        difference_count: 0,
        differences: Vec::new(),
        considered,
        reason: None,
        in_use_since: None,
        cancel_requested: None,
        created_at: turn.now,
        ended_at: None,
    }
}

/// Who frees capacity: a draft of this plan, or a swap of an earlier one that has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Giver {
    Draft(usize),
    Late(SwapId),
}

/// For each draft the drafts, without cycles, and the swaps of earlier plans that have to free capacity
/// first. Nobody waits for more than it needs: what is free already goes to the drafts of most gain, then
/// what resizes free, and last what moves do, which take long and may fail.
fn dependencies(state: &State, slot: Slot, drafts: &[(Instance, Target)]) -> (Vec<Vec<usize>>, Vec<Vec<SwapId>>) {
    let mut waits: Vec<Vec<usize>> = vec![Vec::new(); drafts.len()];
    let mut late: Vec<Vec<SwapId>> = vec![Vec::new(); drafts.len()];
    let mut takers: Vec<usize> = (0..drafts.len()).filter(|n| !taken(&drafts[*n]).is_empty()).collect();
    takers.sort_by_key(|n| (Reverse(drafts[*n].1.gain), drafts[*n].0.id));
    let mut rooms: BTreeMap<NodeId, Room> = BTreeMap::new();
    for index in takers {
        let node = drafts[index].1.node;
        let room = rooms.entry(node).or_insert_with(|| Room::of(state, slot, drafts, node));
        for giver in room.give(&taken(&drafts[index])) {
            match giver {
                Giver::Draft(other) if other != index => waits[index].push(other),
                Giver::Draft(_) => {}
                // It waits for none of these drafts, so this makes no cycle.
                Giver::Late(swap) => late[index].push(swap),
            }
        }
    }
    break_cycles(drafts, &mut waits);
    (waits, late)
}

/// What a draft takes on the node where its instance will be.
fn taken((instance, target): &(Instance, Target)) -> Amounts {
    let before = |r| if target.node == instance.node { amount(&instance.in_force, r) } else { 0 };
    target.limits.iter().map(|(r, q)| (*r, q - before(*r))).filter(|(_, q)| *q > 0).collect()
}

/// What an instance frees on a node when it comes to have `limits` on the node `to`.
fn freed(instance: &Instance, to: NodeId, limits: &Amounts, node: NodeId) -> Amounts {
    if instance.node != node {
        return Amounts::new();
    }
    let after = |r| if to == node { amount(limits, r) } else { 0 };
    instance.in_force.iter().map(|(r, q)| (*r, q - after(*r))).filter(|(_, q)| *q > 0).collect()
}

/// The room of a node while drafts share it out.
struct Room {
    /// What is left of what is free, and of what those that are waited for will free.
    free: Amounts,
    /// Those that are waited for.
    awaited: Vec<Giver>,
    /// Those that could be, with what they free.
    others: VecDeque<(Giver, Amounts)>,
}

impl Room {
    fn of(state: &State, slot: Slot, drafts: &[(Instance, Target)], node: NodeId) -> Self {
        let mut free = state.nodes.get(&node).map(|n| n.capacity.clone()).unwrap_or_default();
        for instance in state.instances.values().filter(|i| i.node == node && i.state == InstanceState::Running) {
            for (resource, quantity) in &instance.in_force {
                *free.entry(*resource).or_default() -= quantity;
            }
        }
        let (mut givers, mut takers) = (BTreeMap::new(), Vec::new());
        for instance in state.instances.values() {
            let Some(late) = instance.swap.and_then(|id| state.swaps.get(&id)) else { continue };
            // A resize of a later slot begins with that: in this one it takes nothing, and frees nothing.
            if late.slot > slot && late.state == SwapState::Planned && !late.moves() {
                continue;
            }
            let gives = freed(instance, late.node_to, &late.limits_to, node);
            if !gives.is_empty() {
                givers.insert(late.id, (late.moves(), gives));
            }
            if late.node_to == node {
                let has = |r| if instance.node == node { amount(&instance.in_force, r) } else { 0 };
                let takes: Amounts = late.limits_to.iter().map(|(r, q)| (*r, (q - has(*r)).max(0))).collect();
                takers.push((late, takes));
            }
        }
        // What is still to be got here is not free for others: it comes from those who are waited for, as far as they
        // free it.
        for (taker, takes) in takers {
            for (resource, mut quantity) in takes {
                for giver in &taker.depends_on {
                    let gives =
                        givers.get_mut(giver).and_then(|(_, gives): &mut (bool, Amounts)| gives.get_mut(&resource));
                    if let Some(gives) = gives {
                        let part = quantity.min(*gives);
                        *gives -= part;
                        quantity -= part;
                    }
                }
                *free.entry(resource).or_default() -= quantity;
            }
        }
        let mut others: Vec<_> =
            givers.into_iter().map(|(id, (moves, gives))| (moves, Giver::Late(id), gives)).collect();
        for (index, (instance, target)) in drafts.iter().enumerate() {
            let gives = freed(instance, target.node, &target.limits, node);
            if !gives.is_empty() {
                others.push((target.node != instance.node, Giver::Draft(index), gives));
            }
        }
        // Stable: resizes before moves, and those that have begun before those that have not; last those of which
        // others have all. Who lacks something waits for them too: they may be late by more than that.
        others.sort_by_key(|(moves, _, gives)| (gives.values().all(|q| *q == 0), *moves));
        let others = others.into_iter().map(|(_, giver, gives)| (giver, gives)).collect();
        Self { free, awaited: Vec::new(), others }
    }

    /// Answers who has to go first. What is lacking in the end is found out when it is carried out.
    fn give(&mut self, needed: &Amounts) -> Vec<Giver> {
        while needed.iter().any(|(r, q)| amount(&self.free, *r) < *q) {
            let Some((giver, freed)) = self.others.pop_front() else { break };
            for (resource, quantity) in freed {
                *self.free.entry(resource).or_default() += quantity;
            }
            self.awaited.push(giver);
        }
        for (resource, quantity) in needed {
            *self.free.entry(*resource).or_default() -= quantity;
        }
        self.awaited.clone()
    }
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

/// Whether anybody still waits for a swap: once its slot is over, only if its instance is to be there
/// now, too. What it keeps free on its target is others'.
pub fn is_wanted(state: &State, swap: &Swap, now: Timestamp) -> bool {
    let seconds = state.market.rhythm.slot_seconds;
    if !swap.moves() || swap.state.is_fenced() || now < swap.slot.plus(1, seconds).start() {
        return true;
    }
    let instance = state.instances.get(&swap.instance);
    instance.is_some_and(|i| target(state, i, Slot::containing(now, seconds)).node == swap.node_to)
}

/// What every instance holds in a slot, for readers.
pub fn allocations(state: &State, slot: Slot) -> BTreeMap<InstanceId, Target> {
    state.instances.values().map(|i| (i.id, target(state, i, slot))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Resource;

    #[test]
    fn cycles_are_found_and_chains_are_not() {
        assert_eq!(find_cycle(&[vec![1], vec![2], vec![]]), None);
        assert_eq!(find_cycle(&[vec![1], vec![2], vec![0]]).map(|c| c.len()), Some(3));
        assert_eq!(find_cycle(&[vec![], vec![1]]), Some(vec![1]));
    }

    #[test]
    fn nobody_waits_for_more_than_it_needs() {
        let cpu = |n: i64| Amounts::from([(Resource::CpuMilli, n)]);
        let frees = VecDeque::from([(Giver::Draft(7), cpu(300)), (Giver::Draft(8), cpu(3_000))]);
        let mut room = Room { free: cpu(1_000), awaited: Vec::new(), others: frees };
        assert!(room.give(&cpu(600)).is_empty(), "there is room");
        assert!(room.give(&cpu(400)).is_empty());
        assert_eq!(room.give(&cpu(300)), [Giver::Draft(7)], "what shrinks here is enough");
        assert_eq!(room.give(&cpu(1)), [Giver::Draft(7), Giver::Draft(8)]);
        assert_eq!(room.give(&cpu(9_000)), [Giver::Draft(7), Giver::Draft(8)], "more there is not");
    }
}
