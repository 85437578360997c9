//! Asked after a round: what keeps a workload on a node that has too little room for its bid, and with which limit the
//! bid would have taken it to another.
//!
//! What keeps it is of its own, and looked at as things are; the limit is searched for in the book of the round, in which
//! everybody else stays where they were: the open book is nobody's to ask.
use super::book::bought_at_home;
use crate::book::{Assurance, Order, Side};
use crate::clearing::{self, Asked, Book, Committed, Mode, Money, Proposer, Tried, Winning};
use crate::ids::{InstanceId, NodeId};
use crate::pool::NodeState;
use crate::round::AwardKind;
use crate::round::in_flight::InFlight;
use crate::round::least_gain;
use crate::round::movers::{TRIAL, back_limits, credits, winners, worth};
use crate::state::State;
use crate::swap::hold_time;
use crate::time::{Slot, Timestamp};
use crate::units::{Amounts, Credits};
use crate::workload::guidance::avoided_nodes;
use std::collections::BTreeSet;

/// Why no bid takes a workload to another node for a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stays {
    /// Its last move did not come about: it stays for a while.
    Pinned { until: Timestamp },
    /// It was moved so lately, or so often, that it rests.
    Rests,
    /// Until the end of this slot it has lent something on its node.
    Lends { until: Slot },
    /// It has won something there for this slot, and would have to come back for it.
    Won { until: Slot },
    /// The limit is not above what its move costs its owner.
    MoveFee(Credits),
    /// As many workloads of its pool as may leave their nodes for that slot.
    MovesAtOnce(u32),
}

/// A workload that a bid may take to another node of its pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MayGo {
    pub move_fee: Credits,
    /// What the round has to be worth more with it there.
    least_gain: Credits,
    baseline: Amounts,
    /// Those that are up and not to be avoided, in the order in which rounds look at them.
    nodes: Vec<NodeId>,
}

/// The last slot for which a workload has lent something.
pub(super) fn lends_until(state: &State, id: InstanceId) -> Option<Slot> {
    let lent = state.awards_of(id).filter(|a| a.kind == AwardKind::Lent).flat_map(|a| &a.lines);
    lent.filter(|l| !l.settled && l.left() > 0).map(|l| l.slot).max()
}

/// The last slot for which it has won something that it is not to be moved for.
pub(super) fn promised_until(state: &State, id: InstanceId) -> Option<Slot> {
    let promised = bought_at_home(state, id).filter(|a| a.no_displacement).flat_map(|a| &a.lines);
    promised.filter(|l| !l.settled && l.left() > 0).map(|l| l.slot).max()
}

/// The last slot from `first` on for which it has won something on another node than `node`.
pub(super) fn won_off(state: &State, id: InstanceId, node: NodeId, first: Slot) -> Option<Slot> {
    let won = bought_at_home(state, id).filter(|a| a.nodes.first().is_some_and(|n| *n != node));
    won.flat_map(|a| &a.lines).filter(|l| !l.settled && l.left() > 0 && l.slot >= first).map(|l| l.slot).max()
}

/// Whether a bid may take its workload elsewhere, or what keeps it; `None` of bids that take nobody anywhere in their own
/// pool, and of workloads that are to go somewhere already.
pub fn of(state: &State, now: Timestamp, order: &Order) -> Option<Result<MayGo, Stays>> {
    let request = &order.request;
    let instance = request.instance.and_then(|id| state.instances.get(&id))?;
    let asks = order.side == Side::Bid && request.assurance == Assurance::Firm && !request.no_displacement;
    let at_home = request.pools.iter().all(|p| p.pool == instance.pool) && instance.away.is_none();
    let elsewhere = bought_at_home(state, instance.id).any(|a| a.nodes.first().is_some_and(|n| *n != instance.node));
    let goes = instance.swap.is_some() || elsewhere || state.market.ways.contains_key(&instance.id);
    let rhythm = &state.market.rhythm;
    let first = request.alternatives(rhythm.slot_seconds).iter().flat_map(|a| a.slots.iter().copied()).min()?;
    if !asks || !at_home || goes {
        return None;
    }
    if let Some(until) = instance.pinned_until.filter(|_| instance.is_pinned(now)) {
        return Some(Err(Stays::Pinned { until }));
    }
    if hold_time::rests(instance, now, rhythm.slot_seconds) {
        return Some(Err(Stays::Rests));
    }
    if let Some(until) = lends_until(state, instance.id).filter(|until| *until >= first) {
        return Some(Err(Stays::Lends { until }));
    }
    let avoided = avoided_nodes(state, instance.id, now);
    let others = state.nodes.values().filter(|n| n.pool == instance.pool && n.id != instance.node);
    let nodes: Vec<NodeId> =
        others.filter(|n| n.state == NodeState::Up && !avoided.contains(&n.id)).map(|n| n.id).collect();
    let won = nodes.first().and_then(|node| won_off(state, instance.id, *node, first));
    if let Some(until) = won.max(promised_until(state, instance.id).filter(|until| *until >= first)) {
        return Some(Err(Stays::Won { until }));
    }
    let move_fee = instance.strategy.move_fee;
    if move_fee >= order.remaining_limit {
        return Some(Err(Stays::MoveFee(move_fee)));
    }
    if !InFlight::of(state, now).begin(state, instance.id, first) {
        let most = state.pools.get(&instance.pool).and_then(|pool| pool.moves_at_once);
        return Some(Err(Stays::MovesAtOnce(most.unwrap_or_default())));
    }
    let window = request.alternatives(rhythm.slot_seconds).into_iter().next().map(|a| a.slots).unwrap_or_default();
    let least_gain = least_gain::of(state, instance, &window);
    Some(Ok(MayGo { move_fee, least_gain, baseline: instance.baseline.clone(), nodes }))
}

/// What a round's book says of a bid whose workload would have been taken to another node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elsewhere {
    /// No other node had room for its whole baseline with what it asks for.
    NoRoom,
    /// With which limit the round would have taken it there, all else as it was.
    From(Winning),
}

/// Searches the book of a round for the limit with which a bid would have won on another node, and the round have been
/// worth more with its workload there. A bid that is not in the book is `Unknown`.
pub fn elsewhere(
    book: &Book,
    may_go: &MayGo,
    asked: Asked<'_>,
    proposer: &dyn Proposer,
    go_on: &dyn Fn() -> bool,
) -> Elsewhere {
    let Some(position) = book.orders.iter().position(|o| o.id == asked.order) else {
        return Elsewhere::From(Winning::Unknown);
    };
    let Some(there) = may_go.nodes.iter().find_map(|node| moved(book, position, may_go, *node)) else {
        return Elsewhere::NoRoom;
    };
    let backed = |book: &Book| {
        let mut book = book.clone();
        back_limits(&mut book);
        let outcome = clearing::clear(&book, Mode::Market, proposer, &TRIAL).ok()?;
        Some((worth(&book, &outcome), outcome))
    };
    let Some((stayed, _)) = backed(book) else { return Elsewhere::From(Winning::Unknown) };
    let wins = |book: &Book, position: usize| {
        let (mut worth, outcome) = backed(book)?;
        worth.0 = &worth.0 - &credits(may_go.least_gain);
        let id = &book.orders[position].id;
        let wins = winners(&outcome).any(|won| won == id) && worth > stayed;
        Some(Tried { wins, worth: None, said: None })
    };
    Elsewhere::From(clearing::winning_limit_by(&there, asked, go_on, &wins))
}

/// The book in which a bid's workload is to be on another node: its whole baseline is kept free there from the bid's first slot
/// on, and the bid pays for the move. `None` where the node has too little room.
fn moved(book: &Book, position: usize, may_go: &MayGo, node: NodeId) -> Option<Book> {
    let mut there = book.clone();
    let name = node.to_string();
    let bid = &mut there.orders[position];
    let asked: Vec<(String, i64, i64)> = bid
        .alternatives
        .iter()
        .flat_map(|a| &a.quantities)
        .map(|q| (q.product.resource.clone(), q.product.slot, q.quantity))
        .collect();
    let first = asked.iter().map(|(_, slot, _)| *slot).min()?;
    // Also in slots that nobody asks for anything in: it is to stay there.
    let taken = book.nodes.iter().flat_map(|n| &n.committed).map(|c| c.slot);
    let last = book.products.iter().map(|p| p.slot).chain(taken).max()?.max(first);
    bid.node = Some(name.clone());
    for alternative in &mut bid.alternatives {
        alternative.adder = Money(alternative.adder.0.saturating_add(may_go.move_fee.units()));
    }
    let node = there.nodes.iter_mut().find(|n| n.id == name)?;
    let most = |resource: &str| asked.iter().filter(|(r, ..)| r == resource).map(|(.., q)| *q).max().unwrap_or(0);
    let resources: BTreeSet<String> =
        may_go.baseline.keys().map(ToString::to_string).chain(asked.iter().map(|(r, ..)| r.clone())).collect();
    for resource in resources {
        let kept = may_go.baseline.iter().find(|(r, _)| r.to_string() == resource).map_or(0, |(_, q)| *q);
        let capacity = node.capacity.get(&resource).copied().unwrap_or(0);
        for slot in first..=last {
            let known = node.committed.iter().position(|c| c.resource == resource && c.slot == slot);
            let taken = known.map_or(0, |at| node.committed[at].quantity);
            if taken + kept + most(&resource) > capacity {
                return None;
            }
            match known {
                Some(at) => node.committed[at].quantity += kept,
                None if kept > 0 => {
                    node.committed.push(Committed { resource: resource.clone(), slot, quantity: kept });
                }
                None => {}
            }
        }
    }
    node.committed.sort_by(|a, b| (a.slot, &a.resource).cmp(&(b.slot, &b.resource)));
    Some(there)
}
