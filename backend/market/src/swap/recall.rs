//! A recall: a lender takes back, in the slot itself or before it, what it has lent as recallable.
//!
//! What was lent and nobody bought (a bundle is lent whole) is idle, and comes back first. Beyond that, buyers of the
//! same round on the node give it up: the lowest class first, in a class the lowest bid for a unit, of equals the later
//! award. They pay until then, and the lender is paid for that and no more; nobody
//! owes anything for a recall. Swaps make it true: buyers shrink, then the lender grows.
//!
//! All of that is on the node where it was lent, wherever its lender runs by now.
//!
//! What the operator has not sold on the node stays unsold: given for what recallable capacity costs, two members
//! could have it under the reserve price by lending to each other and taking back.
//!
//! Source: rule book §1 (recallable capacity). Absent on purpose: a price of a recall, and a notice, as a limit
//! takes effect at once.
use crate::event::Event;
use crate::ids::{AwardId, InstanceId, NodeId, ParticipantId};
use crate::records::recallable::is_recallable;
use crate::records::round::{Award, AwardKind, AwardLine};
use crate::records::swap::Swap;
pub use crate::records::swap::{Recall, Recalled};
use crate::records::workload::{Instance, InstanceState};
use crate::refusal::{Refusal, conflict, invalid, not_found};
use crate::state::State;
use crate::swap::{phase, plan};
use crate::time::{Slot, Timestamp};
use crate::turn::Turn;
use crate::units::{Credits, Resource, amount};
use crate::workload::away::lent_where;
use crate::workload::{need, target};
use std::cmp::Reverse;
use std::collections::BTreeSet;

const BILLION: i128 = 1_000_000_000;

/// A line of an award, and what of it there is to take.
#[derive(Clone, Copy)]
struct Part {
    award: AwardId,
    round: u64,
    line: usize,
    left: i64,
}

/// Where and when something was lent.
struct Place {
    node: NodeId,
    resource: Resource,
    slot: Slot,
}

/// Takes back. `owner`: who asks, if it is a person or program and not the exchange for a workload that needs it.
pub fn recall(turn: &mut Turn<'_>, owner: Option<ParticipantId>, asked: &Recall) -> Result<Recalled, Refusal> {
    let Recall { instance: id, resource, slot, .. } = *asked;
    let instance = turn.state.instances.get(&id).filter(|i| owner.is_none_or(|owner| i.participant == owner));
    let instance = instance.cloned().ok_or_else(|| not_found("instance"))?;
    if instance.state != InstanceState::Running {
        let detail = "A workload that does not run needs nothing back. Restart it first.";
        return Err(conflict("instance_not_running", detail.to_owned()));
    }
    if asked.quantity.is_some_and(|q| q < 1) {
        return Err(invalid("quantity_out_of_range", "/quantity", "Recall at least one base unit."));
    }
    if turn.state.market.rhythm.slot_end(slot) <= turn.now {
        return Err(conflict(
            "slot_over",
            format!("The slot {slot} is over. Recall for the present one, or a later one."),
        ));
    }
    let lent = lent(turn.state, id, resource, slot);
    let most: i64 = lent.iter().map(|part| part.left).sum();
    if most == 0 {
        let detail = format!("The workload has lent no {resource} that it may take back in slot {slot}.");
        return Err(conflict("nothing_to_recall", detail));
    }
    if turn.state.sealed.as_ref().is_some_and(|sealed| sealed.slots.contains(&slot)) {
        let detail = "The round that is being cleared may still change who has what. Try again in a few seconds.";
        return Err(conflict("round_under_way", detail.to_owned()));
    }
    let quantity = asked.quantity.unwrap_or(most).min(most);
    let mut instances = BTreeSet::from([id]);
    let (mut missing, mut from_idle) = (quantity, 0);
    for part in lent {
        let taken = part.left.min(missing);
        missing -= taken;
        if taken > 0 {
            from_idle += take_back(turn, &instance, &part, taken, &mut instances);
        }
    }
    plan_for(turn, slot, &instances);
    Ok(Recalled { quantity, from_idle })
}

/// Takes so much back of a lent line; answers what of it nobody had bought.
fn take_back(
    turn: &mut Turn<'_>,
    lender: &Instance,
    lent: &Part,
    quantity: i64,
    instances: &mut BTreeSet<InstanceId>,
) -> i64 {
    let Some(award) = turn.state.awards.get(&lent.award) else { return 0 };
    let line = &award.lines[lent.line];
    let place = Place { node: lent_where(award, lender), resource: line.resource, slot: line.slot };
    // A round sells on a node no more than it takes in there, at one price: among its own buyers and lenders what
    // one gives up is what another has again, to the unit and to the credit.
    let buyers = bought(turn.state, &place, lent.round);
    let sold: i64 = buyers.iter().map(|part| part.left).sum();
    let idle = (idle_for(turn.state, lender, &place, lent.round) - sold).clamp(0, quantity);
    note(turn, lent, quantity);
    let mut missing = quantity - idle;
    for part in buyers {
        let given_up = part.left.min(missing);
        missing -= given_up;
        if given_up > 0 {
            instances.extend(turn.state.awards.get(&part.award).and_then(|a| a.instance));
            note(turn, &part, given_up);
        }
    }
    idle
}

fn note(turn: &mut Turn<'_>, part: &Part, quantity: i64) {
    turn.emit(Event::AwardRecalled { award: part.award, line: part.line, quantity, at: turn.now });
}

/// Writes the swaps of a slot that is planned again, for those whose part in it has changed; otherwise its plan
/// heeds the recall.
fn plan_for(turn: &mut Turn<'_>, slot: Slot, instances: &BTreeSet<InstanceId>) {
    if slot >= turn.state.market.planned_until || turn.state.market.rhythm.slot_end(slot) <= turn.now {
        return;
    }
    // Who is still being resized as it was planned before the recall may yet take what another needs back: until then
    // others only come to have less, or are planned to.
    let too_much = |id: &InstanceId| takes_too_much(turn, *id, slot);
    let waits = instances.iter().filter_map(too_much).any(|s| !phase::gives_way(s));
    let may_go = |id: &InstanceId| !waits || !grows(turn, *id, slot) || too_much(id).is_some();
    let now = instances.iter().copied().filter(may_go).collect();
    plan::plan_changed(turn, &now, slot, "what was lent was taken back before it began");
}

/// Whose part in a slot recalls have changed, on a node or on all.
fn changed_by_recalls(state: &State, slot: Slot, node: Option<NodeId>) -> BTreeSet<InstanceId> {
    if !state.pools.keys().any(|slug| is_recallable(slug)) {
        return BTreeSet::new();
    }
    let runs = |i: &&Instance| node.is_none_or(|node| node == i.node) && i.state == InstanceState::Running;
    let changed =
        |id: InstanceId| state.awards_of(id).flat_map(|award| &award.lines).any(|l| l.slot == slot && l.recalled > 0);
    state.instances.values().filter(runs).map(|i| i.id).filter(|id| changed(*id)).collect()
}

/// A move that nobody has answered was withdrawn for a recall, and has ended: whoever waited for that goes on.
pub(super) fn plan_withdrawn(turn: &mut Turn<'_>, ended: &Swap) {
    let present = Slot::containing(turn.now, turn.state.market.rhythm.slot_seconds);
    for slot in BTreeSet::from([present, ended.slot]) {
        for node in [ended.node_from, ended.node_to] {
            plan_waiting(turn, node, slot);
        }
    }
}

/// After a swap of a slot has been done: who could not be resized for a recall while it was under way, or for
/// want of what it has freed.
pub fn plan_waiting(turn: &mut Turn<'_>, node: NodeId, slot: Slot) {
    let instances = changed_by_recalls(turn.state, slot, Some(node));
    plan_for(turn, slot, &instances);
}

/// Whether a recall is still to be made true though nothing is under way for it: a swap has failed.
pub fn is_left_over(state: &State, slot: Slot, now: Timestamp) -> bool {
    let waits = |id: &InstanceId| {
        let instance = state.instances.get(id).filter(|i| i.swap.is_none());
        instance.is_some_and(|i| target::limits_again(state, i, slot, now) != i.in_force)
    };
    changed_by_recalls(state, slot, None).iter().any(waits)
}

/// Tries again what is left over.
pub fn try_again(turn: &mut Turn<'_>, slot: Slot) {
    let nodes: BTreeSet<NodeId> = changed_by_recalls(turn.state, slot, None)
        .iter()
        .filter_map(|id| turn.state.instances.get(id))
        .map(|i| i.node)
        .collect();
    nodes.into_iter().for_each(|node| plan_waiting(turn, node, slot));
}

fn grows(turn: &Turn<'_>, id: InstanceId, slot: Slot) -> bool {
    turn.state.instances.get(&id).is_some_and(|i| {
        let limits = target::limits_again(turn.state, i, slot, turn.now);
        limits.iter().any(|(r, q)| *q > amount(&i.in_force, *r))
    })
}

/// The swap that gives an instance more of something than it is to have. One for a later slot takes nothing in this one.
fn takes_too_much<'a>(turn: &'a Turn<'_>, id: InstanceId, slot: Slot) -> Option<&'a Swap> {
    let instance = turn.state.instances.get(&id)?;
    let swap = turn.state.swaps.get(&instance.swap?).filter(|s| s.slot <= slot)?;
    let limits = target::limits_again(turn.state, instance, slot, turn.now);
    swap.limits_to.iter().any(|(r, q)| *q > amount(&limits, *r)).then_some(swap)
}

/// What of a slot's lines of a kind may still be taken back.
fn parts(award: &Award, resource: Resource, slot: Slot) -> impl Iterator<Item = Part> {
    let open = move |l: &AwardLine| l.slot == slot && l.resource == resource && !l.settled && l.left() > 0;
    let lines = award.lines.iter().enumerate().filter(move |(_, l)| l.is_recallable() && open(l));
    lines.map(|(line, l)| Part { award: award.id, round: award.round, line, left: l.left() })
}

/// What a workload has lent that it may take back, of the earliest round first.
fn lent(state: &State, id: InstanceId, resource: Resource, slot: Slot) -> Vec<Part> {
    let awards = state.awards_of(id).filter(|a| a.kind == AwardKind::Lent);
    let mut all: Vec<Part> = awards.flat_map(|a| parts(a, resource, slot)).collect();
    all.sort_by_key(|part| part.round);
    all
}

/// How much of a resource a workload has lent for a slot and may take back.
pub fn recallable(state: &State, id: InstanceId, resource: Resource, slot: Slot) -> i64 {
    lent(state, id, resource, slot).iter().map(|part| part.left).sum()
}

/// What has been lent at a place in a round, as far as a lender there may count on it. One that runs there needs room
/// on the node, and whoever was stopped or runs elsewhere by now has left its own to others; one that runs elsewhere
/// has its whole baseline kept free where it is.
fn idle_for(state: &State, lender: &Instance, place: &Place, round: u64) -> i64 {
    let is_there = |i: &Instance| i.state == InstanceState::Running && i.home_node() == place.node;
    let counts = |i: &&Instance| !is_there(lender) || is_there(i);
    let lent = |i: &Instance| -> i64 {
        let here = |a: &&Award| a.kind == AwardKind::Lent && a.round == round && lent_where(a, i) == place.node;
        let awards = state.awards_of(i.id).filter(here);
        awards.flat_map(|a| parts(a, place.resource, place.slot)).map(|part| part.left).sum()
    };
    state.instances.values().filter(counts).map(lent).sum()
}

/// What buyers of a round on a node could give up, in the order in which they do.
fn bought(state: &State, place: &Place, round: u64) -> Vec<Part> {
    let here = |a: &&Award| a.kind == AwardKind::Bought && a.round == round && a.nodes.contains(&place.node);
    let awards = state.awards.values().filter(here);
    let mut all: Vec<_> = awards
        .flat_map(|a| {
            parts(a, place.resource, place.slot)
                .map(move |p| (Reverse(a.class), worth(state, a, &a.lines[p.line]), Reverse(a.id), p))
        })
        .collect();
    all.sort_by_key(|(class, worth, latest, part)| (*class, *worth, *latest, part.line));
    all.into_iter().map(|(.., part)| part).collect()
}

/// What a base unit of a line was worth to its buyer, in micro-credits of a billion units: its share of the award's
/// limit by what each of the lines could have cost at most. Nor is it worth more than that, as a limit costs nothing
/// to write down.
fn worth(state: &State, award: &Award, line: &AwardLine) -> i128 {
    let most: Credits = award.lines.iter().map(|l| target::band_value(state, l)).sum();
    let part = i128::from(award.limit.min(most).units()) * BILLION / i128::from(most.units().max(1));
    part * i128::from(target::band_value(state, line).units()) / i128::from(line.quantity.max(1))
}

/// How much of a resource a workload needs back that has lent more than it can do without, at most what it may take back.
pub fn needed(instance: &Instance, resource: Resource, limit: i64, demand: i64, throttled: bool, most: i64) -> i64 {
    if instance.state != InstanceState::Running || most <= 0 {
        return 0;
    }
    need::beyond(instance, resource, limit, demand, throttled).clamp(0, most)
}
