//! How much a round takes in. What couples products costs the clearing most; a round that took
//! everything could be made to last for minutes by one member, and all others would wait.
//!
//! Where there is more than fits, every member has the same share, and what had to wait goes first
//! next time, among the orders of a member and among members.
use crate::book::away;
use crate::book::open::takes_orders;
use crate::ids::{OrderId, ParticipantId};
use crate::records::order::{Order, Origin};
use crate::records::round::Award;
use crate::round::book::resale;
use crate::state::State;
use crate::time::{Slot, Timestamp};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};

/// What a round takes: as many rows (of an alternative in a product) of orders that couple slots,
/// pools or choices as it takes a few seconds to clear on one core where they are as awkward as can
/// be (measured with the clearing of 0.1), and seven times as many of those that stay in one slot of a pool.
pub const MOST: u64 = 24_000;
const COUPLING_ROW: u64 = 20;
const ROW: u64 = 3;
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
}

/// Who has a place in the coming round.
pub enum Places {
    All,
    Only(BTreeSet<Entry>),
}

impl Places {
    pub fn has(&self, entry: Entry) -> bool {
        match self {
            Places::All => true,
            Places::Only(taken) => taken.contains(&entry),
        }
    }
}

/// Shares a round's room out. In a flood there are tens of thousands of orders and a place for a few thousand.
pub fn places(state: &State, now: Timestamp, orders: &[&Order], slots: &[Slot]) -> Places {
    let pools: Vec<&str> = state.pools.keys().map(String::as_str).filter(|p| takes_orders(state, p)).collect();
    let turn_of = |o: &Order| Turn {
        since: o.held_back_since(state.market.full_round).unwrap_or(u64::MAX),
        by_itself: o.origin != Origin::Manual,
        entry: Entry::Order(o.id),
    };
    let waits =
        |o: &&Order| Waits { turn: turn_of(o), participant: o.participant, weight: weight(state, o, slots, &pools) };
    let for_sale = state.awards.values().filter(|a| !resale::for_sale(state, now, slots, a).is_empty());
    let resales = for_sale.map(|a| {
        let turn = Turn { since: u64::MAX, by_itself: true, entry: Entry::Resale(a.id) };
        Waits { turn, participant: a.participant, weight: weight_of_resale(a) }
    });
    let mut all: Vec<Waits> = orders.iter().map(waits).chain(resales).collect();
    if all.iter().map(|w| w.weight).sum::<u64>() <= MOST {
        return Places::All;
    }
    all.sort();
    let mut queues: BTreeMap<ParticipantId, Queue> = BTreeMap::new();
    for waits in &all {
        let new = || Queue { since: waits.turn.since, entries: VecDeque::new() };
        queues.entry(waits.participant).or_insert_with(new).entries.push_back(waits);
    }
    Places::Only(share_out(queues, MOST))
}

/// What decides who is first: the round since which it has been held back, then people before forecasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    since: u64,
    by_itself: bool,
    entry: Entry,
}

/// Something that asks for a place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Waits {
    turn: Turn,
    participant: ParticipantId,
    weight: u64,
}

/// What a member asks for, and the round since which the first of it waits.
struct Queue<'a> {
    since: u64,
    entries: VecDeque<&'a Waits>,
}

/// The member that has least so far is next, with what has waited longest; among those that have the
/// same, whoever waits longest. Answers who has a place.
fn share_out(mut queues: BTreeMap<ParticipantId, Queue<'_>>, most: u64) -> BTreeSet<Entry> {
    let entries = || queues.values().flat_map(|q| q.entries.iter());
    // What asks for nothing takes no room.
    let mut taken: BTreeSet<Entry> = entries().filter(|w| w.weight == 0).map(|w| w.turn.entry).collect();
    let least = entries().map(|w| w.weight).filter(|weight| *weight > 0).min().unwrap_or(1);
    let mut left = most;
    let mut turns: BinaryHeap<_> = queues.iter().map(|(id, queue)| Reverse((0, queue.since, *id))).collect();
    while let Some(Reverse((has, since, participant))) = turns.pop() {
        let next = queues.get_mut(&participant).and_then(|q| q.entries.pop_front());
        let Some(waits) = next.filter(|_| left >= least) else { continue };
        if waits.weight > left {
            turns.push(Reverse((has, since, participant)));
        } else {
            left -= waits.weight;
            taken.insert(waits.turn.entry);
            turns.push(Reverse((has + waits.weight, since, participant)));
        }
    }
    taken
}

/// `pools` are those that take orders.
fn weight(state: &State, order: &Order, slots: &[Slot], pools: &[&str]) -> u64 {
    let (mut alternatives, mut rows, mut longest) = (0, 0, 0);
    for pool in order.request.pools.iter().map(|choice| choice.pool.as_str()).filter(|pool| pools.contains(pool)) {
        let amounts = away::amounts(state, &order.request, &order.remaining, pool);
        let resources = amounts.values().filter(|q| **q > 0).count();
        for span in order.request.spans(state.market.rhythm.slot_seconds).filter(|span| span.is_in(slots)) {
            alternatives += 1;
            rows += span.slots as usize * resources;
            longest = longest.max(span.slots);
        }
    }
    let couples = alternatives > 1 || longest > 1 || order.request.replicas > 1;
    // each replica is placed by itself
    let replicas = (order.remaining_replicas as usize).div_ceil(REPLICAS_A_ROW).max(1);
    let couples = if couples { Couples::Products } else { Couples::Nothing };
    weight_of(rows * replicas, couples).min(MOST_OF_ONE)
}

fn weight_of_resale(award: &Award) -> u64 {
    let left = award.lines.iter().filter(|l| !l.settled && l.quantity > l.resold);
    weight_of(left.count(), Couples::Nothing)
}

/// What an order of so many rows counts.
pub fn weight_of(rows: usize, couples: Couples) -> u64 {
    rows as u64
        * match couples {
            Couples::Nothing => ROW,
            Couples::Products => COUPLING_ROW,
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{BidId, OrderId};

    const NEW: u64 = u64::MAX;

    fn entry(n: u128) -> Entry {
        Entry::Order(OrderId::Bid(BidId::from_raw(n)))
    }

    fn asking(since: u64, from: u128, count: u128, weight: u64) -> Vec<Waits> {
        let waits = |n| {
            let turn = Turn { since, by_itself: false, entry: entry(n) };
            Waits { turn, participant: ParticipantId::from_raw(0), weight }
        };
        (from..from + count).map(waits).collect()
    }

    fn queue(since: u64, all: &[Waits]) -> Queue<'_> {
        Queue { since, entries: all.iter().collect() }
    }

    #[test]
    fn a_flood_leaves_the_others_their_share() {
        let [flood, one, two] = [1, 2, 3].map(ParticipantId::from_raw);
        let [of_flood, of_one, of_two] = [asking(NEW, 1_000, 500, 10), asking(NEW, 1, 3, 100), asking(NEW, 10, 20, 20)];
        let waiting =
            BTreeMap::from([(flood, queue(NEW, &of_flood)), (one, queue(NEW, &of_one)), (two, queue(NEW, &of_two))]);
        let taken = share_out(waiting, 1_000);
        let of = |all: &[Waits]| all.iter().filter(|w| taken.contains(&w.turn.entry)).count();
        assert_eq!((of(&of_one), of(&of_two)), (3, 17), "all of the small one, a third of the next");
        assert_eq!(of(&of_flood), 36, "and what is left over");
        assert!(!taken.contains(&entry(1_499)), "the last ones wait");
    }

    #[test]
    fn what_is_too_heavy_for_the_rest_waits_alone() {
        let all: Vec<Waits> = [(1, 9), (2, 9), (3, 1)].iter().flat_map(|(n, w)| asking(NEW, *n, 1, *w)).collect();
        let waiting = BTreeMap::from([(ParticipantId::from_raw(1), queue(NEW, &all))]);
        assert_eq!(share_out(waiting, 10), BTreeSet::from([entry(1), entry(3)]));
    }

    #[test]
    fn what_asks_for_nothing_always_has_a_place() {
        let all: Vec<Waits> = asking(NEW, 1, 1, 11).into_iter().chain(asking(NEW, 3, 1, 0)).collect();
        let taken = |most| share_out(BTreeMap::from([(ParticipantId::from_raw(1), queue(NEW, &all))]), most);
        assert_eq!(taken(10), BTreeSet::from([entry(3)]));
        assert_eq!(taken(11), BTreeSet::from([entry(1), entry(3)]));
    }

    #[test]
    fn members_take_turns_where_one_order_fills_a_round() {
        let [one, two] = [1, 2].map(ParticipantId::from_raw);
        let (mut since, mut has_had) = ([NEW, NEW], [0, 0]);
        for round in 0..6 {
            let (of_one, of_two) = (asking(since[0], 1, 1, 9), asking(since[1], 2, 1, 9));
            let waiting = BTreeMap::from([(one, queue(since[0], &of_one)), (two, queue(since[1], &of_two))]);
            let taken = share_out(waiting, 10);
            for member in 0..2 {
                let waits = !taken.contains(&entry(member as u128 + 1));
                since[member] = if waits { since[member].min(round) } else { NEW };
                has_had[member] += u32::from(!waits);
            }
        }
        assert_eq!(has_had, [3, 3]);
    }
}
