//! On which node the bids of a workload are in a round.
use crate::book::open::bought_at_home;
use crate::ids::{InstanceId, NodeId};
use crate::records::order::{Alternative, Assurance, Order};
use crate::records::pool::NodeState;
use crate::records::reason::Reason;
use crate::records::round::{Award, AwardKind, Movers};
use crate::records::workload::Instance;
use crate::round::book::occupancy::{Occupancy, moves};
use crate::round::moves::in_flight::InFlight;
use crate::round::moves::movers::Moves;
use crate::state::State;
use crate::time::{Slot, Timestamp};
use crate::units::{Amounts, Credits};
use crate::workload::away::is_elsewhere;
use crate::workload::guidance::avoided_nodes;
use crate::workload::hold_time;
use std::collections::{BTreeMap, BTreeSet};

/// The nodes while the bids of a round are shared out among them.
pub struct Hosts<'a> {
    state: &'a State,
    now: Timestamp,
    slots: &'a [Slot],
    pub occupancy: Occupancy,
    /// By instance, first and last slot of a bid: where awards put it, as (before, in) these slots.
    /// One instance may have thousands of bids and awards.
    placed: BTreeMap<(InstanceId, Slot, Slot), (Planned, BTreeSet<NodeId>)>,
    hosted: BTreeMap<InstanceId, Hosted>,
    in_flight: InFlight,
    movers: &'a Movers,
    pub moves: Moves,
}

/// Where the bids of one instance in this round have it.
struct Hosted {
    /// First and last slot of each bid, and its node.
    windows: BTreeSet<(Slot, Slot, NodeId)>,
    /// From which slot on its baseline is counted on another node.
    counted: BTreeMap<NodeId, Slot>,
    /// The last slot of which it has lent something.
    lent_until: Option<Slot>,
    /// The last slot for which it has won, or bids for, something that it is not to be moved for.
    stays_until: Option<Slot>,
}

impl Hosted {
    fn in_window(&self, first: Slot, last: Slot) -> impl Iterator<Item = NodeId> {
        self.windows.iter().filter(move |(f, l, _)| *f <= last && first <= *l).map(|(.., node)| *node)
    }
    fn before(&self, slot: Slot) -> Option<(Slot, NodeId)> {
        let earlier = self.windows.iter().filter(|(_, last, _)| *last < slot);
        earlier.max_by_key(|(_, last, _)| *last).map(|(_, last, node)| (*last, *node))
    }
}

impl<'a> Hosts<'a> {
    pub fn of(state: &'a State, now: Timestamp, slots: &'a [Slot], movers: &'a Movers) -> Self {
        let occupancy = Occupancy::of(state, slots);
        let (placed, hosted, moves) = (BTreeMap::new(), BTreeMap::new(), Moves::default());
        let in_flight = InFlight::of(state, now);
        Self { state, now, slots, occupancy, placed, hosted, in_flight, movers, moves }
    }

    /// The node where a bid's instance would have room, baseline included: where it is, where
    /// an earlier award or another bid of the round puts it, or else for a mover the first other node of the
    /// pool that can host it. Its baseline is kept free there, so that every award of the round can be made true.
    /// A bid that moves nobody (`no_displacement`, or for what is lent on its node and may be taken back) is for the
    /// node where the workload is, and has no part in the round where the workload is to be elsewhere by then.
    pub fn host(&mut self, order: &Order, id: InstanceId, alternatives: &[Alternative]) -> Result<NodeId, Reason> {
        let instance = &self.state.instances[&id];
        let window: Vec<Slot> = alternatives.iter().flat_map(|a| a.slots.clone()).collect();
        let (Some(first), Some(last)) = (window.iter().min().copied(), window.iter().max().copied()) else {
            return Err(Reason::Ineligible);
        };
        // What it has won elsewhere for these slots it could not be carried to.
        if won_elsewhere(self.state, instance, first, last) {
            return Err(Reason::FrozenHoldTime);
        }
        let (planned, awarded) = self
            .placed
            .entry((id, first, last))
            .or_insert_with(|| (planned_node(self.state, id, first), awarded_nodes(self.state, id, first, last)))
            .clone();
        if instance.is_pinned(self.now) {
            // Where it was to go it can't go now: more of that would be sold to fail.
            let stays = awarded.iter().all(|node| *node == instance.node);
            return if stays { Ok(instance.node) } else { Err(Reason::FrozenHoldTime) };
        }
        // Two bids of one workload must not have it on two nodes in one slot.
        let meanwhile = self.hosted.get(&id).into_iter().flat_map(|h| h.in_window(first, last));
        let fixed: BTreeSet<NodeId> = awarded.into_iter().chain(meanwhile).collect();
        let stays = order.request.no_displacement || order.request.assurance == Assurance::Recallable;
        let node = match fixed.first() {
            Some(_) if fixed.len() > 1 => return Err(Reason::NoHost),
            Some(node) if stays && *node != instance.node => return Err(Reason::NoHost),
            Some(node) => {
                if !self.come(order, id, *node, first, &Amounts::new()) {
                    return Err(Reason::NoHost);
                }
                *node
            }
            None => {
                // Of a bid of this round and what earlier ones have decided the later one says where it will be.
                let bid_for = self.hosted.get(&id).and_then(|h| h.before(first));
                let (since, planned) = planned;
                let home = bid_for.filter(|(last, _)| since.is_none_or(|s| s <= *last)).map_or(planned, |(_, n)| n);
                if stays && home != instance.node {
                    return Err(Reason::NoHost);
                }
                let has_room = stays || self.occupancy.fits(self.state, home, &order.remaining, &window);
                if has_room { home } else { self.another_host(order, id, home, first).unwrap_or(home) }
            }
        };
        let hosted = self.hosted(id);
        hosted.windows.insert((first, last, node));
        if stays {
            hosted.stays_until = hosted.stays_until.max(Some(last));
        }
        Ok(node)
    }

    /// What a bid that is hosted on a node has to earn beyond its price: the fee of the move there, if this
    /// round begins it.
    pub fn move_fee(&self, id: InstanceId, node: NodeId) -> Credits {
        let moves = self.moves.kept_free.contains(&(id, node));
        self.state.instances.get(&id).filter(|_| moves).map(|i| i.strategy.move_fee).unwrap_or_default()
    }

    /// The first other node of the pool that can have an instance from a slot on, with what it bids for.
    fn another_host(&mut self, order: &Order, id: InstanceId, home: NodeId, first: Slot) -> Option<NodeId> {
        let state = self.state;
        let avoided = avoided_nodes(state, id, self.now);
        let instance = &state.instances[&id];
        // Where it is to go already it may go earlier; a second move is not planned before the first is made.
        let going_to = self.going_to(instance);
        if going_to.is_empty() && hold_time::rests(instance, self.now, state.market.rhythm.slot_seconds) {
            return None;
        }
        let may_go = |node: &NodeId| going_to.is_empty() || going_to.contains(node);
        let pool = &instance.pool;
        let mut others = state
            .nodes
            .values()
            .filter(|n| n.pool == *pool && n.id != home && n.state == NodeState::Up && !avoided.contains(&n.id))
            .filter(|n| may_go(&n.id));
        others.find(|n| self.come(order, id, n.id, first, &order.remaining)).map(|n| n.id)
    }

    /// The other nodes where what an instance has won, or other bids of the round, will have it.
    fn going_to(&self, instance: &Instance) -> BTreeSet<NodeId> {
        let won = bought_at_home(self.state, instance.id)
            .filter(|a| a.lines.iter().any(|l| !l.settled && l.left() > 0))
            .filter_map(|a| a.nodes.first().copied());
        let bid_for = self.hosted.get(&instance.id).into_iter().flat_map(|h| h.windows.iter().map(|(.., node)| *node));
        let all = won.chain(bid_for).chain(under_way(self.state, instance));
        all.filter(|node| *node != instance.node).collect()
    }

    /// Keeps a mover's baseline free on a node from a slot on, as far as it is not counted there yet; false
    /// if it has no room, with `more`, has lent something elsewhere that it would take along, would have to
    /// come back for what it is not to be moved for, bids no more than its move costs its owner, is no mover, or where
    /// its pool has as many moves in flight as it may.
    fn come(&mut self, order: &Order, id: InstanceId, node: NodeId, first: Slot, more: &Amounts) -> bool {
        let instance = &self.state.instances[&id];
        let later: Vec<Slot> = self.slots.iter().copied().filter(|s| *s >= first).collect();
        if !more.is_empty() && !self.occupancy.fits(self.state, node, more, &later) {
            return false;
        }
        if node == instance.node {
            return true;
        }
        let state = self.state;
        let comes_back = won_off(state, id, node, first);
        let hosted = self.hosted(id);
        // What it has lent there a move could free late, or not at all.
        let stays = hosted.lent_until.max(hosted.stays_until).is_some_and(|until| until >= first);
        // Nor does it go for one slot and come back for what it has won, or bids for, in a later one.
        if stays || comes_back || hosted.windows.iter().any(|(_, last, n)| *n != node && *last >= first) {
            return false;
        }
        let from = hosted.counted.get(&node).copied();
        if from.is_some_and(|from| from <= first) {
            return true;
        }
        let earlier: Vec<Slot> = later.into_iter().filter(|s| from.is_none_or(|from| *s < from)).collect();
        let mut whole = instance.baseline.clone();
        for (resource, quantity) in more {
            *whole.entry(*resource).or_default() += quantity;
        }
        if !self.occupancy.fits(self.state, node, &whole, &earlier) {
            return false;
        }
        if instance.strategy.move_fee >= order.remaining_limit {
            return false;
        }
        if !self.movers.contains(&id) {
            self.moves.could.entry(id).or_default().insert(order.id);
            return false;
        }
        if !self.in_flight.begin(self.state, id, first) {
            return false;
        }
        self.occupancy.take(node, &instance.baseline, &earlier);
        self.moves.kept_free.insert((id, node));
        self.hosted(id).counted.insert(node, first);
        true
    }

    /// What is known of an instance's places, begun with its awards.
    fn hosted(&mut self, id: InstanceId) -> &mut Hosted {
        self.hosted.entry(id).or_insert_with(|| {
            let (windows, counted) = (BTreeSet::new(), moves(self.state, id));
            let (lent_until, stays_until) = (lends_until(self.state, id), promised_until(self.state, id));
            Hosted { windows, counted, lent_until, stays_until }
        })
    }

    /// Whether an instance is on its way to another node, or is to be by the last slot of what it offers.
    pub fn leaves_by(&self, instance: &Instance, alternatives: &[Alternative]) -> bool {
        leaves_by(self.state, instance, alternatives.iter().flat_map(|a| a.slots.iter().copied()).max())
    }
}

/// Whether an instance is on its way to another node, or is to be there by a slot.
pub(crate) fn leaves_by(state: &State, instance: &Instance, last: Option<Slot>) -> bool {
    let elsewhere = |a: &&Award| a.nodes.first().is_some_and(|node| *node != instance.node);
    let there = || bought_at_home(state, instance.id).filter(elsewhere).flat_map(|a| &a.lines);
    under_way(state, instance).is_some()
        || there().any(|l| !l.settled && l.left() > 0 && last.is_some_and(|last| l.slot <= last))
}

/// The last slot for which a workload has lent something.
fn lends_until(state: &State, id: InstanceId) -> Option<Slot> {
    let lent = state.awards_of(id).filter(|a| a.kind == AwardKind::Lent).flat_map(|a| &a.lines);
    lent.filter(|l| !l.settled && l.left() > 0).map(|l| l.slot).max()
}

/// The last slot for which it has won something that it is not to be moved for.
fn promised_until(state: &State, id: InstanceId) -> Option<Slot> {
    let promised = bought_at_home(state, id).filter(|a| a.no_displacement).flat_map(|a| &a.lines);
    promised.filter(|l| !l.settled && l.left() > 0).map(|l| l.slot).max()
}

/// Whether it has won something on another node than `node` from a slot on.
fn won_off(state: &State, id: InstanceId, node: NodeId, first: Slot) -> bool {
    let won = bought_at_home(state, id).filter(|a| a.nodes.first().is_some_and(|n| *n != node));
    won.flat_map(|a| &a.lines).any(|l| !l.settled && l.left() > 0 && l.slot >= first)
}

/// Whether an instance has won something in another pool for these slots.
fn won_elsewhere(state: &State, instance: &Instance, first: Slot, last: Slot) -> bool {
    let within = |award: &Award| award.lines.iter().any(|l| !l.settled && first <= l.slot && l.slot <= last);
    state.awards_of(instance.id).any(|a| is_elsewhere(a, instance) && within(a))
}

/// The node to which an instance is being moved; the award that began it may be settled by now.
fn under_way(state: &State, instance: &Instance) -> Option<NodeId> {
    instance.swap.and_then(|id| state.swaps.get(&id)).filter(|s| s.moves()).map(|s| s.node_to)
}

/// Where an instance will be, and the slot whose award decides that; none where it is or is on its way.
type Planned = (Option<Slot>, NodeId);

/// Where the instance will be when `slot` begins, as far as awards have decided.
fn planned_node(state: &State, id: InstanceId, slot: Slot) -> Planned {
    let instance = &state.instances[&id];
    match latest_award_before(state, id, slot) {
        Some((since, node)) => (Some(since), node),
        None => (None, under_way(state, instance).unwrap_or(instance.node)),
    }
}

/// The nodes that earlier awards have fixed for these slots.
fn awarded_nodes(state: &State, id: InstanceId, first: Slot, last: Slot) -> BTreeSet<NodeId> {
    bought_at_home(state, id)
        .filter(|a| a.lines.iter().any(|l| l.slot >= first && l.slot <= last && l.left() > 0))
        .filter_map(|a| a.nodes.first().copied())
        .collect()
}

/// The latest slot before `slot` for which something is awarded, and the node of that.
fn latest_award_before(state: &State, id: InstanceId, slot: Slot) -> Option<(Slot, NodeId)> {
    bought_at_home(state, id)
        .filter_map(|a| a.nodes.first().map(|node| (a, *node)))
        .flat_map(|(a, node)| a.lines.iter().filter(|l| l.slot < slot && l.left() > 0).map(move |l| (l.slot, node)))
        .max_by_key(|(slot, _)| *slot)
}
