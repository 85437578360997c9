//! A recall: a lender takes back, in the slot itself or before it, what it has lent as recallable.
//!
//! What the workload gets back comes first from what its node has that nobody has bought: then no buyer loses
//! anything, and the operator earns for the rest of the slot what the lender would have. Beyond that, buyers of
//! recallable capacity on the node give it up: who would have paid the least for a unit first, of equals the
//! later award. They pay for the time in which they had it, and the lender is paid for that and no more; nobody
//! owes anything for a recall. Swaps make it true: buyers shrink, then the lender grows.
//!
//! Source: mechanism §8b (order of balancing). Absent on purpose: a price of a recall, and a notice, as a limit
//! takes effect at once.
use crate::command::{Refusal, RefusalKind};
use crate::event::Event;
use crate::ids::{AwardId, InstanceId, NodeId, ParticipantId};
use crate::round::occupancy::Occupancy;
use crate::round::{Award, AwardKind, AwardLine};
use crate::settlement::imbalance::unit_limit;
use crate::state::State;
use crate::swap::plan;
use crate::time::Slot;
use crate::turn::Turn;
use crate::units::{Resource, amount};
use crate::workload::register::invalid;
use crate::workload::{Instance, InstanceState};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// What is asked back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recall {
    pub instance: InstanceId,
    pub resource: Resource,
    pub slot: Slot,
    /// Base units; all that is left where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<i64>,
}

/// What a recall came to, in base units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Recalled {
    /// What the workload has again.
    pub quantity: i64,
    /// The part that nobody had to give up.
    pub from_headroom: i64,
}

/// A line of an award, and what of it there is to take.
type Part = (AwardId, usize, i64);

/// Takes back. `owner`: who asks, if it is a person or program and not the exchange for a workload that needs it.
pub fn recall(turn: &mut Turn<'_>, owner: Option<ParticipantId>, asked: &Recall) -> Result<Recalled, Refusal> {
    let Recall { instance: id, resource, slot, .. } = *asked;
    let instance = turn.state.instances.get(&id).filter(|i| owner.is_none_or(|owner| i.participant == owner));
    let instance = instance.cloned().ok_or_else(|| crate::workload::register::not_found("instance"))?;
    if instance.state != InstanceState::Running {
        let detail = "A workload that does not run needs nothing back. Restart it first.";
        return Err(conflict("instance_not_running", detail.to_owned()));
    }
    if asked.quantity.is_some_and(|q| q < 1) {
        return Err(invalid("quantity_out_of_range", "/quantity", "Recall at least one base unit."));
    }
    if turn.state.market.rhythm.slot_end(slot) <= turn.now {
        return Err(conflict("slot_over", format!("The slot {slot} is over. Recall for the present one, or a later one.")));
    }
    let lent = lent(turn.state, id, resource, slot);
    let most: i64 = lent.iter().map(|(.., left)| left).sum();
    if most == 0 {
        let detail = format!("The workload has lent no {resource} that it may take back in slot {slot}.");
        return Err(conflict("nothing_to_recall", detail));
    }
    if turn.state.sealed.as_ref().is_some_and(|sealed| sealed.slots.contains(&slot)) {
        let detail = "The round that is being cleared may still change who has what. Try again in a few seconds.";
        return Err(conflict("round_under_way", detail.to_owned()));
    }
    let quantity = asked.quantity.unwrap_or(most).min(most);
    let node = instance.home_node();
    let buyers = bought(turn.state, node, resource, slot);
    let sold: i64 = buyers.iter().map(|(.., left)| left).sum();
    // What was lent beyond what anybody bought (a bundle is lent whole) is idle.
    let idle = (lent_on(turn.state, node, resource, slot) - sold).clamp(0, quantity);
    let headroom = if slot.start() <= turn.now { headroom(turn.state, node, resource, slot) } else { 0 };
    let from_headroom = (idle + headroom).min(quantity);
    let mut concerned = BTreeSet::new();
    take(turn, lent, quantity, &mut concerned);
    take(turn, buyers, quantity - from_headroom, &mut concerned);
    concerned.remove(&id);
    let outdated = concerned.iter().any(|id| is_outdated(turn.state, *id, slot));
    plan_again(turn, slot, concerned.into_iter());
    if !outdated {
        plan_again(turn, slot, [id].into_iter());
    }
    Ok(Recalled { quantity, from_headroom })
}

fn conflict(code: &'static str, detail: String) -> Refusal {
    Refusal { kind: RefusalKind::Conflict, code, pointer: String::new(), detail }
}

/// Takes so much of the lines, in their order.
fn take(turn: &mut Turn<'_>, lines: Vec<Part>, quantity: i64, concerned: &mut BTreeSet<InstanceId>) {
    let mut missing = quantity;
    for (award, line, left) in lines {
        let part = left.min(missing);
        if part > 0 {
            concerned.extend(turn.state.awards.get(&award).and_then(|a| a.instance));
            turn.emit(Event::AwardRecalled { award, line, quantity: part, at: turn.now });
        }
        missing -= part;
    }
}

/// Where the slot is planned already its swaps are written again; otherwise its plan heeds the recall.
fn plan_again(turn: &mut Turn<'_>, slot: Slot, instances: impl Iterator<Item = InstanceId>) {
    if slot < turn.state.market.planned_until {
        instances.for_each(|id| plan::plan_changed(turn, id, slot));
    }
}

/// After a swap of a slot has ended: who could not be resized for a recall while it was under way, or for
/// want of what it has freed. `failed`: whose swap came to nothing; it is not tried again at once.
pub fn plan_waiting(turn: &mut Turn<'_>, node: NodeId, slot: Slot, failed: Option<InstanceId>) {
    if turn.state.market.rhythm.slot_end(slot) <= turn.now {
        return;
    }
    let concerned = |award: &&Award| award.lines.iter().any(|l| l.slot == slot && l.recalled > 0);
    let ids: BTreeSet<InstanceId> = turn.state.awards.values().filter(concerned).filter_map(|a| a.instance).collect();
    let here = |id: &InstanceId| turn.state.instances.get(id).is_some_and(|i| i.node == node);
    let ids: BTreeSet<InstanceId> = ids.into_iter().filter(here).collect();
    let (last, first): (Vec<_>, Vec<_>) = ids.iter().copied().partition(|id| grows(turn.state, *id, slot));
    let again = |id: &InstanceId| Some(*id) != failed;
    plan_again(turn, slot, first.into_iter().filter(again));
    // Who is still being resized as it was planned before the recall may yet take what another needs back.
    if !ids.iter().any(|id| is_outdated(turn.state, *id, slot)) {
        plan_again(turn, slot, last.into_iter().filter(again));
    }
}

fn grows(state: &State, id: InstanceId, slot: Slot) -> bool {
    state.instances.get(&id).is_some_and(|i| {
        let target = plan::target(state, i, slot);
        target.limits.iter().any(|(r, q)| *q > amount(&i.in_force, *r))
    })
}

/// Whether a swap under way gives an instance something else than it is to have.
fn is_outdated(state: &State, id: InstanceId, slot: Slot) -> bool {
    let Some(instance) = state.instances.get(&id) else { return false };
    let swap = instance.swap.and_then(|id| state.swaps.get(&id));
    swap.is_some_and(|swap| swap.limits_to != plan::target(state, instance, slot).limits)
}

/// What of a slot's lines of a kind may still be taken back.
fn parts(award: &Award, resource: Resource, slot: Slot) -> impl Iterator<Item = (usize, &AwardLine)> {
    let open = move |l: &AwardLine| l.slot == slot && l.resource == resource && !l.settled && l.left() > 0;
    award.lines.iter().enumerate().filter(move |(_, l)| l.is_recallable() && open(l))
}

/// What a workload has lent that it may take back, the earliest award first.
fn lent(state: &State, id: InstanceId, resource: Resource, slot: Slot) -> Vec<Part> {
    let awards = state.awards_of(id).filter(|a| a.kind == AwardKind::Lent);
    awards.flat_map(|a| parts(a, resource, slot).map(move |(n, l)| (a.id, n, l.left()))).collect()
}

/// How much of a resource a workload has lent for a slot and may take back.
pub fn recallable(state: &State, id: InstanceId, resource: Resource, slot: Slot) -> i64 {
    lent(state, id, resource, slot).iter().map(|(.., left)| left).sum()
}

/// What all workloads of a node have lent so.
fn lent_on(state: &State, node: NodeId, resource: Resource, slot: Slot) -> i64 {
    let here = |i: &&Instance| i.home_node() == node;
    state.instances.values().filter(here).map(|i| recallable(state, i.id, resource, slot)).sum()
}

/// What buyers on a node could give up, in the order in which they do.
fn bought(state: &State, node: NodeId, resource: Resource, slot: Slot) -> Vec<Part> {
    let awards = state.awards.values().filter(|a| a.kind == AwardKind::Bought && a.nodes.contains(&node));
    let mut lines: Vec<_> = awards
        .flat_map(|a| parts(a, resource, slot).map(move |(n, l)| (unit_limit(a, l), Reverse(a.id), n, l.left())))
        .collect();
    lines.sort();
    lines.into_iter().map(|(_, Reverse(award), line, left)| (award, line, left)).collect()
}

/// What of a node nobody has bought or lent in a slot that has begun, and nobody uses now.
fn headroom(state: &State, node: NodeId, resource: Resource, slot: Slot) -> i64 {
    let Some(record) = state.nodes.get(&node) else { return 0 };
    let unsold = Occupancy::of(state, &[slot]).room(record, slot, resource);
    unsold.min(plan::unused(state, node, resource)).max(0)
}

/// How much of a resource a workload needs back that has lent more than it can do without: what it asks for
/// beyond its limit, or a tenth of its baseline where nothing tells how much that is, at most what it may take
/// back. `demand`: what the work that arrived needs; `throttled`: it waited for its allowance for a good part of
/// the time.
pub fn needed(instance: &Instance, resource: Resource, limit: i64, demand: i64, throttled: bool, most: i64) -> i64 {
    if instance.state != InstanceState::Running || most <= 0 {
        return 0;
    }
    let least = amount(&instance.baseline, resource) / 10;
    let beyond = demand - limit;
    let wanted = match (beyond > 0, throttled) {
        // A little more than it just was: the next input is seldom the same.
        (true, _) => beyond.saturating_add(least),
        (false, true) => least,
        (false, false) => 0,
    };
    wanted.clamp(0, most)
}
