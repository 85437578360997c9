//! Draining a node: each workload there moves to another node of its pool as soon as nothing holds it. A relocation takes
//! its workload to a node of another pool in the same way.
use crate::ids::{InstanceId, NodeId, SwapId};
use crate::records::pool::{NodeState, PoolSlug};
use crate::records::relocation::RelocationRule;
use crate::records::round::AwardKind;
use crate::records::swap::{Cause, CauseKind};
use crate::records::workload::{Instance, InstanceState};
use crate::state::State;
use crate::time::{Slot, Timestamp};
use crate::turn::Turn;
use crate::units::{Amounts, Credits};
use crate::workload::register::first_fit;
use crate::workload::relocation;
use std::collections::BTreeMap;

/// How far a workload of a draining node is with its move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leaving {
    /// A swap takes it away.
    Moving(SwapId),
    /// It moves with one of the next slots.
    Waiting,
    /// It has won capacity on this node in slots up to this moment.
    WonHere(Timestamp),
    /// It is not moved before this moment, as a move of it has failed.
    Pinned(Timestamp),
    /// It stands still, and has nothing that a shadow run could show.
    Suspended,
    /// It was adopted where it runs and stays there.
    Adopted,
    /// No other node of its pool has room for its baseline.
    NoRoom,
}

/// Where the workloads of draining nodes go in a slot, room for those before kept free.
#[derive(Default)]
pub(super) struct Drain {
    arriving: BTreeMap<NodeId, Amounts>,
}

impl Drain {
    /// Another node for a workload that has to leave its own, if nothing holds it and one has room.
    pub fn new_node(&mut self, turn: &Turn<'_>, instance: &Instance, slot: Slot) -> Option<NodeId> {
        let state = &*turn.state;
        if !is_draining(state, instance.node) || hold(state, instance, slot, turn.now).is_some() {
            return None;
        }
        let node = elsewhere(state, turn.now, instance, &self.arriving)?;
        add(self.arriving.entry(node).or_default(), &instance.baseline);
        Some(node)
    }
}

impl Drain {
    /// A node of the pool that a workload is to have as its own, with what that gains a slot, if nothing keeps it at home
    /// and one has room.
    pub fn in_new_pool(&mut self, turn: &Turn<'_>, instance: &Instance) -> Option<(NodeId, Credits)> {
        let state = &*turn.state;
        let relocation = instance.relocation.as_ref()?;
        if instance.is_pinned(turn.now) || !relocation::is_free(state, instance) {
            return None;
        }
        let node = host(state, turn.now, instance, &relocation.pool_to, &self.arriving)?;
        add(self.arriving.entry(node).or_default(), &instance.baseline);
        Some((node, relocation.gain))
    }
}

fn is_draining(state: &State, node: NodeId) -> bool {
    state.nodes.get(&node).is_some_and(|node| node.state == NodeState::Draining)
}

fn add(to: &mut Amounts, more: &Amounts) {
    for (resource, quantity) in more {
        let sum = to.entry(*resource).or_default();
        *sum = sum.saturating_add(*quantity);
    }
}

fn elsewhere(
    state: &State,
    now: Timestamp,
    instance: &Instance,
    arriving: &BTreeMap<NodeId, Amounts>,
) -> Option<NodeId> {
    host(state, now, instance, &instance.pool, arriving)
}

/// A node of a pool with room for its baseline, beside those that arrive there.
fn host(
    state: &State,
    now: Timestamp,
    instance: &Instance,
    pool: &str,
    arriving: &BTreeMap<NodeId, Amounts>,
) -> Option<NodeId> {
    let nodes = state.nodes.values().filter(|n| n.pool == pool && n.state == NodeState::Up);
    let with_others = |node: NodeId| {
        let mut all = arriving.get(&node).cloned().unwrap_or_default();
        add(&mut all, &instance.baseline);
        all
    };
    first_fit(state, now, pool, nodes, |_, node, _| with_others(node)).ok()
}

/// What keeps a workload on its node from a slot on.
fn hold(state: &State, instance: &Instance, slot: Slot, now: Timestamp) -> Option<Leaving> {
    if instance.adopted.is_some() {
        return Some(Leaving::Adopted);
    }
    if instance.suspended.is_some() {
        return Some(Leaving::Suspended);
    }
    if let Some(until) = instance.pinned_until.filter(|until| now < *until) {
        return Some(Leaving::Pinned(until));
    }
    let here = state.awards_of(instance.id).filter(|a| a.kind == AwardKind::Bought && a.nodes.contains(&instance.node));
    let lines = here.flat_map(|award| &award.lines).filter(|line| line.slot >= slot && line.left() > 0);
    lines.map(|line| line.slot).max().map(|last| Leaving::WonHere(state.market.rhythm.slot_end(last)))
}

/// How far a workload is with leaving its draining node; nothing of one whose node is not drained.
pub fn leaving(state: &State, now: Timestamp, id: InstanceId) -> Option<Leaving> {
    let instance = state.instances.get(&id).filter(|i| i.state == InstanceState::Running)?;
    if !is_draining(state, instance.node) {
        return None;
    }
    if let Some(swap) = instance.swap.and_then(|id| state.swaps.get(&id)).filter(|swap| swap.moves()) {
        return Some(Leaving::Moving(swap.id));
    }
    let next = state.market.planned_until;
    Some(hold(state, instance, next, now).unwrap_or_else(|| match elsewhere(state, now, instance, &BTreeMap::new()) {
        Some(_) => Leaving::Waiting,
        None => Leaving::NoRoom,
    }))
}

/// Why a swap moves it, though it has won nothing there.
pub(super) fn causes(instance: &Instance) -> impl Iterator<Item = Cause> {
    whole(instance, CauseKind::Drained, instance.pool.clone(), None)
}

/// The same of one that gets another pool as its own.
pub(super) fn causes_of_relocation(instance: &Instance) -> impl Iterator<Item = Cause> {
    let asked = instance.relocation.iter();
    asked.flat_map(|r| whole(instance, CauseKind::Relocated, r.pool_to.clone(), Some(r.rule)))
}

fn whole(
    instance: &Instance,
    kind: CauseKind,
    pool: PoolSlug,
    rule: Option<RelocationRule>,
) -> impl Iterator<Item = Cause> {
    instance.baseline.iter().filter(|(_, quantity)| **quantity > 0).map(move |(resource, quantity)| Cause {
        kind,
        order: None,
        orders: 0,
        pool: pool.clone(),
        resource: *resource,
        quantity: *quantity,
        pays: Credits::ZERO,
        is_paid: Credits::ZERO,
        left_out: None,
        rule,
    })
}
