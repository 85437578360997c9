//! From awards to swap orders: what every instance should have in a slot, and the order in
//! which it is made true.
//!
//! One swap order an instance; who waits for whom is in `dependencies.rs`.
pub use crate::workload::target::{Target, allocations, expected, target};

use crate::event::Event;
use crate::ids::{InstanceId, SwapId};
use crate::records::round::NotRolled;
use crate::records::swap::{Method, Phase, Swap, SwapState};
use crate::records::workload::{Instance, InstanceState};
use crate::state::State;
use crate::swap::blame::SUPERSEDED;
use crate::swap::cause::{self, causes};
use crate::swap::dependencies::{Waits, dependencies};
use crate::swap::drain::{self, Drain};
use crate::swap::pair::pairs;
use crate::swap::phase::{self, is_out_of_time};
use crate::swap::waiting;
use crate::time::{Slot, Timestamp};
use crate::turn::Turn;
use crate::units::Amounts;
use crate::workload::relocation;
use crate::workload::target::{limits_again, reachable, stays};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// Writes the swap orders of a slot whose gate has closed.
pub fn plan_slot(turn: &mut Turn<'_>, slot: Slot, not_rolled: &[NotRolled]) {
    relocation::expire(turn);
    let too_late = resizes_too_late(turn);
    for swap in &too_late {
        phase::supersede(turn, swap.clone(), "its slot was over before it began");
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

/// What workloads should have in a planned slot has changed. A resize that has not begun gives way to what is now to be, at
/// once; a move that a person has not answered when its copy is dropped. One for a later slot is planned again when that
/// is done.
pub(super) fn plan_changed(turn: &mut Turn<'_>, ids: &BTreeSet<InstanceId>, slot: Slot, why: &str) {
    let outdated: Vec<Swap> = ids.iter().filter_map(|id| is_outdated(turn, *id, slot)).cloned().collect();
    for swap in &outdated {
        let detail = format!("{why}; it is planned again after that");
        match phase::gives_way(swap) {
            true => phase::supersede(turn, swap.clone(), &detail),
            false => waiting::withdraw(turn, swap.clone(), SUPERSEDED, &detail),
        }
    }
    plan(turn, slot, Some(ids), &[]);
    for swap in outdated.into_iter().filter(phase::gives_way) {
        // Where nothing came of that after all, the later slot is not forgotten.
        plan_missed(turn, swap.instance, slot);
        wait_for_its_successor(turn, &swap);
    }
}

/// The swap of a workload that comes to nothing by what it is to have in a slot.
fn is_outdated<'a>(turn: &'a Turn<'_>, id: InstanceId, slot: Slot) -> Option<&'a Swap> {
    let instance = turn.state.instances.get(&id)?;
    let may_give_way = |s: &&Swap| phase::gives_way(s) || s.is_unanswered();
    let swap = turn.state.swaps.get(&instance.swap?).filter(may_give_way)?;
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
    let (mut drain, mut drained, mut relocated) = (Drain::default(), BTreeSet::new(), BTreeSet::new());
    let asked = turn.state.instances.values().filter(|i| only.is_none_or(|ids| ids.contains(&i.id)));
    // The highest class finds room elsewhere first.
    let mut by_class: Vec<&Instance> = asked.collect();
    by_class.sort_by_key(|instance| instance.class);
    for instance in by_class {
        if instance.state != InstanceState::Running || instance.swap.is_some() {
            continue;
        }
        let (mut target, kept_by_exchange) = reachable(turn.state, instance, slot, turn.now, only.is_some());
        failed_by_exchange.extend(kept_by_exchange.then_some(instance.id));
        let misses = instance.suspended.is_some() && stays(turn.state, instance, slot, turn.now);
        stands_still.extend(misses.then_some(instance.id));
        let may_leave = only.is_none() && target.node == instance.node;
        if let Some((node, gain)) = may_leave.then(|| drain.in_new_pool(turn, instance)).flatten() {
            (target.node, target.gain) = (node, gain);
            relocated.insert(instance.id);
        } else if let Some(node) = may_leave.then(|| drain.new_node(turn, instance, slot)).flatten() {
            target.node = node;
            drained.insert(instance.id);
        }
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
        if drained.contains(&instance.id) {
            swap.causes.extend(drain::causes(instance));
        }
        if relocated.contains(&instance.id) {
            swap.causes.extend(drain::causes_of_relocation(instance));
        }
        swap.approval = waiting::question(turn.state, &swap);
        turn.emit(Event::SwapChanged(Box::new(swap)));
        let mut changed = turn.state.instances[&instance.id].clone();
        changed.swap = Some(ids[index]);
        if let Some(relocation) = changed.relocation.as_mut().filter(|_| relocated.contains(&instance.id)) {
            relocation.swap = Some(ids[index]);
        }
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
        forecast: None,
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
