//! From awards to swap orders: what every instance should have in a slot, and the order in
//! which it is made true.
//!
//! One swap order an instance; who waits for whom is in `dependencies.rs`.
use crate::event::Event;
use crate::ids::{InstanceId, NodeId, SwapId};
use crate::round::safe_state::NotRolled;
use crate::round::{Award, AwardKind, AwardLine};
use crate::state::State;
use crate::swap::approval;
use crate::swap::cause::{self, causes};
use crate::swap::dependencies::{Waits, dependencies};
use crate::swap::pair::pairs;
use crate::swap::saga::{self, is_out_of_time};
use crate::swap::{Method, Phase, Swap, SwapState};
use crate::time::{Slot, Timestamp};
use crate::turn::Turn;
use crate::units::{Amounts, Credits, Resource, amount};
use crate::workload::{Instance, InstanceState, away};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

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
        let most = award.lines.iter().map(|l| band_value(state, l)).sum();
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
        target.node = instance.node;
        return (target, instance.pinned_by_exchange && instance.suspended.is_none());
    }
    if alone {
        // The way home has just failed, and is tried again with the next slot: until then it has no more
        // than its baseline.
        target.node = instance.node;
    }
    (target, false)
}

/// What a workload is to have in a slot as things are, and what it has won and will not have, as it can't be brought there.
pub fn expected(state: &State, instance: &Instance, slot: Slot) -> (Target, Amounts) {
    let wanted = target(state, instance, slot);
    let (expected, _) = reachable(state, instance, slot, planned_at(state, slot), false);
    if instance.state != InstanceState::Running || expected.node == wanted.node {
        return (expected, Amounts::new());
    }
    // In another pool it has what it has won there and nothing else.
    let elsewhere = instance.is_away_in(slot);
    let had = |resource: &Resource| if elsewhere { 0 } else { amount(&expected.limits, *resource) };
    let missed = wanted.limits.iter().map(|(r, limit)| (*r, (limit - had(r)).max(0)));
    let missed = missed.filter(|(_, quantity)| *quantity > 0).collect();
    (expected, missed)
}

/// When a slot is planned: who is pinned then stays where it is in all of it.
fn planned_at(state: &State, slot: Slot) -> Timestamp {
    state.market.rhythm.gate_closes(slot)
}

/// Whether a workload stays where it is in a slot, as its plan has it or will have it by what is known now, though it has won
/// something on another node.
pub(crate) fn has_stayed(state: &State, instance: &Instance, slot: Slot) -> bool {
    stays(state, instance, slot, planned_at(state, slot))
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

pub(super) fn band_value(state: &State, line: &AwardLine) -> Credits {
    let band = state.price_band(&line.pool, line.resource, line.slot);
    band.charge_half_even(line.quantity).unwrap_or(line.money)
}

/// Writes the swap orders of a slot whose gate has closed.
pub fn plan_slot(turn: &mut Turn<'_>, slot: Slot, not_rolled: &[NotRolled]) {
    let too_late = resizes_too_late(turn);
    for swap in &too_late {
        saga::supersede(turn, swap.clone(), "its slot was over before it began");
    }
    plan(turn, slot, None, not_rolled);
    for swap in &too_late {
        wait_for_its_successor(turn, swap);
    }
    let mut market = turn.state.market.clone();
    market.planned_until = market.planned_until.max(slot.plus(1, market.rhythm.slot_seconds));
    turn.emit(Event::MarketChanged(market));
}

/// Resizes that have not begun, though their slot is over: what they were to make true is nobody's any more.
fn resizes_too_late(turn: &Turn<'_>) -> Vec<Swap> {
    let seconds = turn.state.market.rhythm.slot_seconds;
    let too_late = |s: &&Swap| !s.moves() && s.state == SwapState::Planned && is_out_of_time(s, turn.now, seconds);
    turn.state.swaps.values().filter(too_late).cloned().collect()
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

/// What workloads should have in a planned slot has changed. A resize that has not begun, or a move that waits for a
/// person, gives way to what is now to be: one for a later slot is planned again when that is done.
pub(super) fn plan_changed(turn: &mut Turn<'_>, ids: &BTreeSet<InstanceId>, slot: Slot, why: &str) {
    let outdated: Vec<Swap> = ids.iter().filter_map(|id| gives_way(turn, *id, slot)).cloned().collect();
    for swap in &outdated {
        saga::supersede(turn, swap.clone(), &format!("{why}; it is planned again after that"));
    }
    plan(turn, slot, Some(ids), &[]);
    for swap in outdated {
        // Where nothing came of that after all, the later slot is not forgotten.
        plan_missed(turn, swap.instance, slot);
        wait_for_its_successor(turn, &swap);
    }
}

/// The swap of a workload that comes to nothing by what it is to have in a slot.
fn gives_way<'a>(turn: &'a Turn<'_>, id: InstanceId, slot: Slot) -> Option<&'a Swap> {
    let instance = turn.state.instances.get(&id)?;
    let swap = turn.state.swaps.get(&instance.swap?).filter(|s| saga::gives_way(s))?;
    let limits = limits_again(turn.state, instance, slot, turn.now);
    let is_outdated = match swap.slot.cmp(&slot) {
        Ordering::Less => false,
        Ordering::Equal => swap.limits_to != limits,
        Ordering::Greater => limits != instance.in_force,
    };
    is_outdated.then_some(swap)
}

/// Who waited for a swap waits for the one that comes after it for the same workload, and before its own slot is over,
/// where that waits for nobody: a chain of waits could else become a circle. Others begin when there is room.
fn wait_for_its_successor(turn: &mut Turn<'_>, gone: &Swap) {
    let successor = turn.state.instances.get(&gone.instance).and_then(|i| turn.state.swaps.get(&i.swap?));
    let successor = successor.filter(|s| s.depends_on.is_empty()).map(|s| (s.id, s.slot));
    let waits = |s: &&Swap| s.depends_on.contains(&gone.id);
    let waiting: Vec<Swap> = turn.state.swaps.values().filter(waits).cloned().collect();
    for mut swap in waiting {
        swap.depends_on.retain(|id| *id != gone.id);
        swap.depends_on.extend(successor.filter(|(id, slot)| *id != swap.id && *slot <= swap.slot).map(|(id, _)| id));
        turn.emit(Event::SwapChanged(Box::new(swap)));
    }
}

/// A workload whose swap has just ended has missed the plan of every later slot: it gets what it
/// should have now, or in the slot that comes.
pub fn plan_after(turn: &mut Turn<'_>, ended: &Swap) {
    plan_missed(turn, ended.instance, ended.slot);
    if turn.state.instances.get(&ended.instance).is_some_and(|i| i.swap.is_some()) {
        wait_for_its_successor(turn, ended);
    }
}

fn plan_missed(turn: &mut Turn<'_>, id: InstanceId, done: Slot) {
    let rhythm = &turn.state.market.rhythm;
    let last_planned = turn.state.market.planned_until.plus(-1, rhythm.slot_seconds);
    if last_planned > done && rhythm.slot_end(last_planned) > turn.now {
        plan(turn, last_planned, Some(&BTreeSet::from([id])), &[]);
    }
}

fn plan(turn: &mut Turn<'_>, slot: Slot, only: Option<&BTreeSet<InstanceId>>, not_rolled: &[NotRolled]) {
    let mut drafts = Vec::new();
    let (mut failed_by_exchange, mut stands_still) = (Vec::new(), Vec::new());
    for instance in turn.state.instances.values().filter(|i| only.is_none_or(|ids| ids.contains(&i.id))) {
        if instance.state != InstanceState::Running || instance.swap.is_some() {
            continue;
        }
        let (target, kept_by_exchange) = reachable(turn.state, instance, slot, turn.now, only.is_some());
        failed_by_exchange.extend(kept_by_exchange.then_some(instance.id));
        let misses = instance.suspended.is_some() && stays(turn.state, instance, slot, turn.now);
        stands_still.extend(misses.then_some(instance.id));
        if target.node != instance.node || target.limits != instance.in_force {
            drafts.push((instance.clone(), target));
        }
    }
    for id in failed_by_exchange {
        let mut instance = turn.state.instances[&id].clone();
        instance.failed_by_exchange.insert(slot);
        turn.emit(Event::InstanceChanged(instance));
    }
    for id in stands_still {
        // It may go on before the slot is settled: until then it is known why it was not moved.
        let mut instance = turn.state.instances[&id].clone();
        let settled = slot.plus(2, turn.state.market.rhythm.slot_seconds).start();
        instance.pinned_until = instance.pinned_until.max(Some(settled));
        (instance.pinned_by_program, instance.pinned_by_exchange) = (true, false);
        turn.emit(Event::InstanceChanged(instance));
    }
    let ids: Vec<SwapId> = drafts.iter().map(|_| SwapId::next(&mut turn.ids)).collect();
    let waits = dependencies(turn.state, slot, &drafts);
    let mut pairs = if drafts.is_empty() { BTreeMap::new() } else { pairs(turn.state, slot) };
    for (index, (instance, target)) in drafts.iter().enumerate() {
        let Waits { drafts: others, late, at_once } = &waits[index];
        let depends_on = others.iter().map(|n| ids[*n]).chain(late.iter().copied()).collect();
        let mut swap = draft(turn, ids[index], slot, instance, target, depends_on);
        swap.at_once = at_once.clone();
        swap.pairs = pairs.remove(&instance.id).unwrap_or_default();
        swap.causes.extend(cause::of_not_rolled(instance.id, not_rolled));
        turn.emit(Event::SwapChanged(Box::new(swap)));
        let mut changed = turn.state.instances[&instance.id].clone();
        changed.swap = Some(ids[index]);
        turn.emit(Event::InstanceChanged(changed));
    }
    // Once all are known: who waits for whom is theirs, whether a person is asked or not.
    ids.into_iter().for_each(|id| approval::ask(turn, id));
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
        // Where its slot has begun it is as late as it may ever be.
        deadline: if turn.now < slot.start() { slot.start() } else { turn.state.market.rhythm.slot_end(slot) },
        depends_on,
        at_once: Amounts::new(),
        pairs: Vec::new(),
        causes: causes(turn.state, instance, slot, target, turn.now),
        approval: None,
        kept_waiting: false,
        epoch: instance.epoch,
        phases: vec![Phase { state: SwapState::Planned, started_at: turn.now, ended_at: None, detail: None }],
        bytes: 0,
        downtime_micros: None,
        positions_compared: 0,
        difference_count: 0,
        differences: Vec::new(),
        reason: None,
        in_use_since: None,
        cancel_requested: None,
        created_at: turn.now,
        ended_at: None,
    }
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
