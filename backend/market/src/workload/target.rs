//! What a workload should have in a slot, by what it has won, lent and lost.
use crate::ids::{InstanceId, NodeId};
use crate::records::round::{Award, AwardKind, AwardLine};
use crate::records::workload::{Instance, InstanceState};
use crate::state::State;
use crate::time::{Slot, Timestamp};
use crate::units::{Amounts, Credits, Resource, amount};
use crate::workload::away;
use std::collections::BTreeMap;

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
pub(crate) fn reachable(state: &State, instance: &Instance, slot: Slot, now: Timestamp, alone: bool) -> (Target, bool) {
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
pub(crate) fn stays(state: &State, instance: &Instance, slot: Slot, now: Timestamp) -> bool {
    stays_for(instance, &target(state, instance, slot), now)
}

fn stays_for(instance: &Instance, target: &Target, now: Timestamp) -> bool {
    let comes_home = target.node == instance.home_node() && instance.is_away();
    instance.is_pinned(now) && target.node != instance.node && !comes_home
}

/// The limits of a workload that is planned again.
pub(crate) fn limits_again(state: &State, instance: &Instance, slot: Slot, now: Timestamp) -> Amounts {
    reachable(state, instance, slot, now, true).0.limits
}

pub(crate) fn band_value(state: &State, line: &AwardLine) -> Credits {
    let band = state.price_band(&line.pool, line.resource, line.slot);
    band.charge_half_even(line.quantity).unwrap_or(line.money)
}

/// What every instance holds in a slot, for readers.
pub fn allocations(state: &State, slot: Slot) -> BTreeMap<InstanceId, Target> {
    state.instances.values().map(|i| (i.id, target(state, i, slot))).collect()
}
