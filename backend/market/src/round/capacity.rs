//! How much a round takes in. What couples products costs the clearing most; a round that took
//! everything could be made to last for minutes by one member, and all others would wait.
//!
//! Where there is more than fits, every member has the same share, and what had to wait goes first
//! next time, among the orders of a member and among members.
use crate::book::{Order, Origin, away, family};
use crate::ids::{OrderId, ParticipantId, ProjectId};
use crate::project;
use crate::round::book::takes_orders;
use crate::round::{Award, AwardKind};
use crate::state::State;
use crate::time::Slot;
use crate::units::Credits;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};

/// What a round takes: as many rows (of an alternative in a product) of orders that couple slots,
/// pools or choices as it takes a few seconds to clear on one core where they are as awkward as can
/// be (`awkward_cost.rs` of the solver), and seven times as many of those that stay in one slot of a pool.
pub const MOST: u64 = 24_000;
const COUPLING_ROW: u64 = 20;
const ROW: u64 = 3;
/// Of a bid of a project that has less left than its bids count: their row joins all products that they
/// name, and a round of thirty such projects costs eight times as much as one of bundles (`awkward_cost.rs`).
const BUDGET_ROW: u64 = 160;
/// Of a bid with a parent or with children: what hangs together by parents is searched together. A round of twelve hundred
/// such rows takes more than half a minute, one of a hundred and fifty a second or two (`awkward_cost.rs`).
const FAMILY_ROW: u64 = 160;
/// So many replicas cost what a row does.
const REPLICAS_A_ROW: usize = 1_000;
/// No order counts more: one must never be a round by itself.
const MOST_OF_ONE: u64 = MOST / 12;

/// What may take part in a round: an order, or something won that is for sale again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Entry {
    Order(OrderId),
    Resale(crate::ids::AwardId),
}

/// What clearing an order means for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Couples {
    Nothing,
    /// Slots, pools or choices.
    Products,
    /// Its parent, or its children.
    Family,
    /// The bids of its project, which have less left than they count together.
    Budget,
}

/// What has no place in the coming round.
pub fn held_back(state: &State, orders: &[&Order], slots: &[Slot]) -> BTreeSet<Entry> {
    let tight = tight_projects(state, orders);
    let turn_of = |o: &Order| Turn {
        since: o.held_back_since(state.market.full_round).unwrap_or(u64::MAX),
        by_itself: o.origin != Origin::Manual,
        entry: Entry::Order(o.id),
    };
    let waits = |o: &&Order| {
        // A child comes after its parent, and has the turn of the first of its line.
        let line = if o.waits_for().is_some() { family::line(state, o.id) } else { Vec::new() };
        let mut turns = line.iter().filter_map(|id| state.orders.get(id)).map(turn_of);
        let turn = turns.next().unwrap_or_else(|| turn_of(o));
        let weight = weight(state, o, slots, &tight);
        Waits { turn, behind: turns.collect(), parent: o.waits_for(), participant: o.participant, weight }
    };
    let for_sale = state.awards.values().filter(|a| a.kind == AwardKind::Bought && a.resell);
    let resales = for_sale.map(|a| {
        let turn = Turn { since: u64::MAX, by_itself: true, entry: Entry::Resale(a.id) };
        Waits { turn, behind: Vec::new(), parent: None, participant: a.participant, weight: weight_of_resale(a) }
    });
    let mut all: Vec<Waits> = orders.iter().map(waits).chain(resales).collect();
    if all.iter().map(|w| w.weight).sum::<u64>() <= MOST {
        return BTreeSet::new();
    }
    all.sort();
    let mut queues: BTreeMap<ParticipantId, Queue> = BTreeMap::new();
    for waits in all {
        let entry = waits.behind.last().map_or(waits.turn.entry, |last| last.entry);
        let queue = queues.entry(waits.participant);
        let queue = queue.or_insert(Queue { since: waits.turn.since, entries: VecDeque::new() });
        queue.entries.push_back((entry, waits.parent, waits.weight));
    }
    share_out(queues, MOST)
}

/// What decides who is first: the round since which it has been held back, then people before forecasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    since: u64,
    by_itself: bool,
    entry: Entry,
}

/// Something that asks for a place. In a flood there are tens of thousands; few of them have parents.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Waits {
    /// Its own, or that of the first of its line; and then those that come after that one, itself the last.
    turn: Turn,
    behind: Vec<Turn>,
    parent: Option<OrderId>,
    participant: ParticipantId,
    weight: u64,
}

/// What a member asks for, with parents and weights, and the round since which the first of it waits.
struct Queue {
    since: u64,
    entries: VecDeque<(Entry, Option<OrderId>, u64)>,
}

/// The member that has least so far is next, with what has waited longest; among those that have the
/// same, whoever waits longest. Answers what is left.
fn share_out(mut queues: BTreeMap<ParticipantId, Queue>, most: u64) -> BTreeSet<Entry> {
    let mut held_back = BTreeSet::new();
    let mut left = most;
    let mut turns: BinaryHeap<_> = queues.iter().map(|(id, queue)| Reverse((0, queue.since, *id))).collect();
    while let Some(Reverse((has, since, participant))) = turns.pop() {
        let next = queues.get_mut(&participant).and_then(|q| q.entries.pop_front());
        let Some((entry, parent, weight)) = next else { continue };
        // Without its parent it would have no part in the round: others have its place.
        let orphan = parent.is_some_and(|parent| held_back.contains(&Entry::Order(parent)));
        if weight > left || orphan {
            held_back.insert(entry);
            turns.push(Reverse((has, since, participant)));
        } else {
            left -= weight;
            turns.push(Reverse((has + weight, since, participant)));
        }
    }
    held_back
}

/// Projects whose open bids count more than is left: the clearing has a row for them.
fn tight_projects(state: &State, orders: &[&Order]) -> BTreeSet<ProjectId> {
    let mut counted: BTreeMap<ProjectId, Credits> = BTreeMap::new();
    for order in orders {
        let Some(project) = project::of_order(state, order) else { continue };
        let needed = family::hold_needed(state, order).unwrap_or(order.hold);
        *counted.entry(project.id).or_default() += needed;
    }
    counted.retain(|id, counted| state.projects.get(id).is_some_and(|p| *counted > p.left()));
    counted.into_keys().collect()
}

fn weight(state: &State, order: &Order, slots: &[Slot], tight: &BTreeSet<ProjectId>) -> u64 {
    let (mut alternatives, mut rows, mut longest) = (0, 0, 0);
    for pool in order.request.pools.iter().map(|choice| &choice.pool).filter(|pool| takes_orders(state, pool)) {
        let amounts = away::amounts(state, &order.request, &order.remaining, pool);
        let resources = amounts.values().filter(|q| **q > 0).count();
        for span in order.request.spans(state.market.rhythm.slot_seconds).filter(|span| span.is_in(slots)) {
            alternatives += 1;
            rows += span.slots as usize * resources;
            longest = longest.max(span.slots);
        }
    }
    let in_family = order.waits_for().is_some() || state.children_of(order.id).next().is_some();
    let couples = alternatives > 1 || longest > 1 || order.request.replicas > 1;
    // each replica is placed by itself
    let replicas = (order.remaining_replicas as usize).div_ceil(REPLICAS_A_ROW).max(1);
    let couples = match project::of_order(state, order) {
        Some(project) if tight.contains(&project.id) => Couples::Budget,
        _ if in_family => Couples::Family,
        _ if couples => Couples::Products,
        _ => Couples::Nothing,
    };
    weight_of(rows * replicas, couples).min(MOST_OF_ONE)
}

fn weight_of_resale(award: &Award) -> u64 {
    let left = || award.lines.iter().filter(|l| !l.settled && l.quantity > l.resold);
    let slots: BTreeSet<_> = left().map(|l| (l.slot, &l.pool)).collect();
    weight_of(left().count(), if slots.len() > 1 { Couples::Products } else { Couples::Nothing })
}

/// What an order of so many rows counts.
pub fn weight_of(rows: usize, couples: Couples) -> u64 {
    rows as u64
        * match couples {
            Couples::Nothing => ROW,
            Couples::Products => COUPLING_ROW,
            Couples::Family => FAMILY_ROW,
            Couples::Budget => BUDGET_ROW,
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{BidId, OrderId};

    const NEW: u64 = u64::MAX;

    fn queue(since: u64, from: u128, count: u128, weight: u64) -> Queue {
        let entry = |n| Entry::Order(OrderId::Bid(BidId::from_raw(n)));
        Queue { since, entries: (from..from + count).map(|n| (entry(n), None, weight)).collect() }
    }

    #[test]
    fn a_flood_leaves_the_others_their_share() {
        let [flood, one, two] = [1, 2, 3].map(ParticipantId::from_raw);
        let waiting = BTreeMap::from([
            (flood, queue(NEW, 1_000, 500, 10)),
            (one, queue(NEW, 1, 3, 100)),
            (two, queue(NEW, 10, 20, 20)),
        ]);
        let back = share_out(waiting, 1_000);
        let taken = |from: u128, count: u128| {
            (from..from + count).filter(|n| !back.contains(&Entry::Order(OrderId::Bid(BidId::from_raw(*n))))).count()
        };
        assert_eq!((taken(1, 3), taken(10, 20)), (3, 17), "all of the small one, a third of the next");
        assert_eq!(taken(1_000, 500), 36, "and what is left over");
        assert!(back.contains(&Entry::Order(OrderId::Bid(BidId::from_raw(1_499)))), "the last ones wait");
    }

    #[test]
    fn what_is_too_heavy_for_the_rest_waits_alone() {
        let entries = [(1, 9), (2, 9), (3, 1)].into_iter().flat_map(|(n, weight)| queue(NEW, n, 1, weight).entries);
        let waiting = BTreeMap::from([(ParticipantId::from_raw(1), Queue { since: NEW, entries: entries.collect() })]);
        assert_eq!(share_out(waiting, 10), BTreeSet::from([Entry::Order(OrderId::Bid(BidId::from_raw(2)))]));
    }

    #[test]
    fn members_take_turns_where_one_order_fills_a_round() {
        let [one, two] = [1, 2].map(ParticipantId::from_raw);
        let (mut since, mut taken) = ([NEW, NEW], [0, 0]);
        for round in 0..6 {
            let waiting = BTreeMap::from([(one, queue(since[0], 1, 1, 9)), (two, queue(since[1], 2, 1, 9))]);
            let back = share_out(waiting, 10);
            for member in 0..2 {
                let waits = back.contains(&Entry::Order(OrderId::Bid(BidId::from_raw(member as u128 + 1))));
                since[member] = if waits { since[member].min(round) } else { NEW };
                taken[member] += u32::from(!waits);
            }
        }
        assert_eq!(taken, [3, 3]);
    }
}
