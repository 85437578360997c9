//! What of each node is taken in each slot: the room that is left for new workloads, for bids, and
//! for whoever asks what could be had.
use crate::book::away as away_bids;
use crate::book::open::bought;
use crate::clearing::document;
use crate::ids::{InstanceId, NodeId};
use crate::records::order::Side;
use crate::records::pool::{Node, NodeState};
use crate::records::recallable;
use crate::records::round::AwardKind;
use crate::records::workload::{Instance, InstanceState};
use crate::state::{SealedBook, State};
use crate::time::Slot;
use crate::units::{Amounts, Resource, amount};
use crate::workload::away::{self, lent_where};
use std::collections::{BTreeMap, BTreeSet};

/// What is taken on each node in each open slot: baselines, what was won, less what was lent.
pub struct Occupancy {
    taken: BTreeMap<(NodeId, Slot, Resource), i64>,
    /// What was bought of what may be taken back, less what those who run on its node have lent so, by round.
    recallable: BTreeMap<(u64, NodeId, Slot, Resource), i64>,
}

impl Occupancy {
    pub fn of(state: &State, slots: &[Slot]) -> Self {
        let mut occupancy = Self { taken: BTreeMap::new(), recallable: BTreeMap::new() };
        // One that does not run has no place: it asks for one again when it is restarted.
        for instance in state.instances.values().filter(|i| i.state == InstanceState::Running) {
            for slot in slots {
                occupancy.take(instance.home_node(), instance.baseline_in(*slot), &[*slot]);
            }
            // What it holds elsewhere beyond its time is nobody else's before it is home.
            if away::is_overdue(state, instance) {
                occupancy.take(instance.node, &instance.in_force, slots);
            }
            // Where awards will take it, its baseline goes along; it is not freed here before.
            for (node, from) in moves(state, instance.id) {
                for slot in slots.iter().filter(|s| **s >= from) {
                    occupancy.take(node, instance.baseline_in(*slot), &[*slot]);
                }
            }
        }
        let mut recallable: BTreeMap<(u64, NodeId, Slot, Resource), i64> = BTreeMap::new();
        for award in state.awards.values() {
            for line in &award.lines {
                let mut add = |node: NodeId, quantity: i64| match line.is_recallable() {
                    true => *recallable.entry((award.round, node, line.slot, line.resource)).or_default() += quantity,
                    false => occupancy.add(node, line.slot, line.resource, quantity),
                };
                match award.kind {
                    AwardKind::Bought => {
                        // All replicas of an award are alike.
                        let share = line.left() / (award.nodes.len().max(1) as i64);
                        award.nodes.iter().for_each(|node| add(*node, share));
                    }
                    AwardKind::Lent => {
                        // What a stopped workload has lent is no longer counted as its own.
                        let lender = award.instance.and_then(|i| state.instances.get(&i));
                        let running = lender.filter(|i| i.state == InstanceState::Running);
                        // One that runs elsewhere by now may take back there what lies on the node where it was.
                        let frees = |i: &&Instance| !line.is_recallable() || lent_where(award, i) == i.home_node();
                        if let Some(node) = running.filter(frees).map(Instance::home_node) {
                            add(node, -line.left());
                        }
                    }
                    AwardKind::Resold => {}
                }
            }
        }
        // What may be taken back is lent by some on a node and used by others there, round by round: what nobody
        // bought of it is nobody else's, and what lenders that are gone left to buyers is taken.
        for ((_, node, slot, resource), beyond) in &recallable {
            occupancy.add(*node, *slot, *resource, (*beyond).max(0));
        }
        Self { recallable, ..occupancy }
    }

    /// What a workload that stands still would take on a node in a slot if it ran there: its baseline, less what it
    /// has lent. Of what may be taken back that is only what others use there.
    pub fn taken_again(&self, state: &State, instance: &Instance, node: NodeId, slot: Slot) -> Amounts {
        let mut taken = instance.baseline_in(slot).clone();
        let mut lent: BTreeMap<(u64, Resource), i64> = BTreeMap::new();
        for award in state.awards_of(instance.id).filter(|a| a.kind == AwardKind::Lent) {
            for line in award.lines.iter().filter(|l| l.slot == slot) {
                if !line.is_recallable() {
                    *taken.entry(line.resource).or_default() -= line.left();
                } else if lent_where(award, instance) == node {
                    *lent.entry((award.round, line.resource)).or_default() += line.left();
                }
            }
        }
        for ((round, resource), lent) in lent {
            let used = self.recallable.get(&(round, node, slot, resource)).copied().unwrap_or(0);
            *taken.entry(resource).or_default() -= used.clamp(0, lent);
        }
        taken
    }

    fn add(&mut self, node: NodeId, slot: Slot, resource: Resource, quantity: i64) {
        *self.taken.entry((node, slot, resource)).or_default() += quantity;
    }
    pub(crate) fn take(&mut self, node: NodeId, amounts: &Amounts, slots: &[Slot]) {
        for slot in slots {
            for (resource, quantity) in amounts {
                self.add(node, *slot, *resource, *quantity);
            }
        }
    }
    /// What of a node is free in a slot; nothing while it is down.
    pub fn room(&self, node: &Node, slot: Slot, resource: Resource) -> i64 {
        let taken = self.taken.get(&(node.id, slot, resource)).copied().unwrap_or(0);
        if node.state == NodeState::Up { (amount(&node.capacity, resource) - taken).max(0) } else { 0 }
    }
    /// Counts what the round under way could award in a pool as taken on each of its nodes: nothing
    /// says before it ends where that will be. What its book keeps for workloads that their bids would
    /// take to another node is theirs as well.
    pub fn take_sealed(&mut self, state: &State, pool: &str) {
        for (node, slot, resource, quantity) in state.sealed.iter().flat_map(committed) {
            let taken = self.taken.entry((node, slot, resource)).or_default();
            *taken = quantity.max(*taken);
        }
        let nodes: Vec<NodeId> = state.nodes.values().filter(|n| n.pool == pool).map(|n| n.id).collect();
        let sealed = state.orders.values().filter(|o| o.side == Side::Bid && o.sealed_in.is_some());
        for order in sealed {
            let replicas = i64::from(order.remaining_replicas);
            let each = away_bids::amounts(state, &order.request, &order.remaining, pool);
            let whole: Amounts = each.iter().map(|(r, q)| (*r, q * replicas)).collect();
            let alternatives = order.request.alternatives(state.market.rhythm.slot_seconds);
            let here = alternatives.into_iter().filter(|a| a.pool == pool).flat_map(|a| a.slots);
            for slot in here.collect::<BTreeSet<_>>() {
                for node in &nodes {
                    self.take(*node, &whole, &[slot]);
                }
            }
        }
    }
    /// What of a node, whatever its state, is not taken in a slot; below 0 where more is promised than it has.
    pub fn left(&self, node: &Node, slot: Slot, resource: Resource) -> i64 {
        amount(&node.capacity, resource) - self.taken.get(&(node.id, slot, resource)).copied().unwrap_or(0)
    }
    pub fn fits(&self, state: &State, node: NodeId, amounts: &Amounts, slots: &[Slot]) -> bool {
        let Some(record) = state.nodes.get(&node).filter(|n| n.state == NodeState::Up) else { return false };
        slots.iter().all(|slot| {
            amounts.iter().all(|(resource, quantity)| {
                let taken = self.taken.get(&(node, *slot, *resource)).copied().unwrap_or(0);
                taken + quantity <= amount(&record.capacity, *resource)
            })
        })
    }
    pub(crate) fn nodes(&self, state: &State, slots: &[Slot], pools: &BTreeSet<&String>) -> Vec<document::Node> {
        let mut nodes = Vec::new();
        for node in state.nodes.values() {
            if !pools.contains(&node.pool) {
                continue;
            }
            let up = node.state == NodeState::Up;
            let capacity = node.capacity.iter().map(|(r, q)| (r.to_string(), if up { *q } else { 0 })).collect();
            let mut committed = Vec::new();
            for (index, slot) in slots.iter().enumerate() {
                for (resource, capacity) in &node.capacity {
                    let taken = self.taken.get(&(node.id, *slot, *resource)).copied().unwrap_or(0);
                    let quantity = taken.clamp(0, *capacity);
                    if up && quantity > 0 {
                        let (resource, slot) = (resource.to_string(), index as i64);
                        committed.push(document::Committed { resource, slot, quantity });
                    }
                }
            }
            nodes.push(document::Node { id: node.id.to_string(), pool: node.pool.clone(), capacity, committed });
        }
        nodes
    }
}

/// What a sealed book says is taken on its nodes.
fn committed(sealed: &SealedBook) -> impl Iterator<Item = (NodeId, Slot, Resource, i64)> {
    sealed.book.nodes.iter().flat_map(|node| {
        node.committed.iter().filter_map(|c| {
            let slot = *sealed.slots.get(usize::try_from(c.slot).ok()?)?;
            Some((recallable::node_of(&node.id)?, slot, Resource::parse(&c.resource)?, c.quantity))
        })
    })
}

/// The other nodes that awards, its own or those that it makes way for, put the instance on, or a move under way that may be late or rolled back,
/// each with its first slot there.
pub(crate) fn moves(state: &State, id: InstanceId) -> BTreeMap<NodeId, Slot> {
    state.instances.get(&id).map(|instance| moves_from(state, instance)).unwrap_or_default()
}

/// The same of an instance as it is to be.
pub(crate) fn moves_from(state: &State, instance: &Instance) -> BTreeMap<NodeId, Slot> {
    let mut moves = BTreeMap::new();
    // Elsewhere it has what it bought and nothing else; at home its baseline is counted already.
    let elsewhere = |node: NodeId| state.nodes.get(&node).is_some_and(|n| n.pool != instance.pool);
    let mut comes = |node: NodeId, slot: Slot, as_its_own: bool| {
        if node != instance.home_node() && (as_its_own || !elsewhere(node)) {
            let from = moves.entry(node).or_insert(slot);
            *from = slot.min(*from);
        }
    };
    let swap = instance.swap.and_then(|id| state.swaps.get(&id));
    // Until it has ended it may be rolled back.
    let ends = swap.into_iter().flat_map(|s| [(s.node_to, s.slot), (s.node_from, s.slot)]);
    for (node, slot) in ends {
        // The pool that it gets as its own has its baseline from then on.
        comes(node, slot, instance.is_relocating());
    }
    for award in bought(state, instance.id) {
        let Some(node) = award.nodes.first() else { continue };
        award.lines.iter().filter(|l| !l.settled && l.left() > 0).for_each(|l| comes(*node, l.slot, false));
    }
    moves
}
