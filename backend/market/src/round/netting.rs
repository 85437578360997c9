//! What a member's own bids have from its own offers, before a round: nobody trades with itself (mechanism §4, row 8).
//!
//! One workload gives, another of the same member on the same node gets, and nobody pays. A bid is served from an offer
//! that asks no more for a unit than it would pay, the highest bid from the lowest offer first. Both keep to what a
//! round would keep to: floors, limits of workloads, `max_swap`.
//!
//! Absent on purpose: orders of several resources, other slots or other nodes. What can't be netted sits the round out
//! where it could meet its owner's bid (`sits_out.rs`).
use crate::book::{Assurance, Order, OrderStatus, Side, TimeInForce};
use crate::ids::{InstanceId, NodeId, OrderId, ParticipantId};
use crate::pool::{NodeState, PoolSlug};
use crate::round::award::{self, Won};
use crate::round::book::{MOST_AWARDS, takes_orders};
use crate::round::growth::Growth;
use crate::round::safe_state::NO_ROUND;
use crate::round::{AwardLine, holding, host};
use crate::state::State;
use crate::time::Slot;
use crate::turn::Turn;
use crate::units::{Amounts, Price, Resource, amount};
use crate::workload::{Instance, InstanceState, vacate};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// So many pairs of a member are looked at before a round, and so many of them served: the rest before the next.
const MOST_TRIES: usize = 10_000;
const MOST_SERVED: usize = 200;

/// What both sides of a pair have to be for, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    participant: ParticipantId,
    node: NodeId,
    pool: PoolSlug,
    resource: Resource,
    slots: Vec<Slot>,
}

/// An order that may be netted.
#[derive(Clone, Debug)]
struct Entry {
    id: OrderId,
    instance: InstanceId,
    /// The limit of what is left, with its adder: what a bid would pay at most, or an offer asks, for `units`.
    limit: i128,
    units: i128,
    /// What is left for a slot.
    left: i64,
    /// All of it or nothing.
    whole: bool,
}

impl Entry {
    /// By what they pay or ask for a unit.
    fn compare(&self, other: &Self) -> Ordering {
        (self.limit * other.units).cmp(&(other.limit * self.units))
    }
}

/// The highest bids and the lowest offers first.
#[derive(Default)]
struct Sides {
    bids: Vec<Entry>,
    offers: Vec<Entry>,
}

/// How much a workload may still give and get in all slots of a group.
struct Room {
    gives: i64,
    gets: i64,
}

/// How much of a member's netting is still to be done before this round.
struct Budget {
    tries: usize,
    pairs: usize,
}

/// Serves bids from offers of the same member for open `slots`.
pub(super) fn net(turn: &mut Turn<'_>, slots: &[Slot]) {
    let groups = groups(turn.state, slots);
    let mut budgets: BTreeMap<ParticipantId, Budget> = BTreeMap::new();
    for group in groups.keys() {
        budgets.insert(group.participant, Budget { tries: MOST_TRIES, pairs: MOST_AWARDS / 2 });
    }
    for award in turn.state.awards.values() {
        budgets.entry(award.participant).and_modify(|b| b.pairs = b.pairs.saturating_sub(1));
    }
    budgets.values_mut().for_each(|b| b.pairs = b.pairs.min(MOST_SERVED));
    for (group, sides) in groups {
        if let Some(budget) = budgets.get_mut(&group.participant) {
            net_group(turn, &group, sides, budget);
        }
    }
}

fn net_group(turn: &mut Turn<'_>, group: &Group, sides: Sides, budget: &mut Budget) {
    let Sides { bids, mut offers } = sides;
    let mut rooms: BTreeMap<InstanceId, Room> = BTreeMap::new();
    for mut bid in bids {
        for offer in &mut offers {
            if budget.tries == 0 || budget.pairs == 0 || bid.left == 0 || offer.compare(&bid).is_gt() {
                break;
            }
            budget.tries -= 1;
            let quantity = may_net(turn.state, group, &mut rooms, &bid, offer);
            if quantity > 0 && fill_both(turn, group, bid.id, offer.id, quantity).is_some() {
                budget.pairs -= 1;
                for (entry, gives) in [(&mut bid, false), (&mut *offer, true)] {
                    let stays = turn.state.orders.get(&entry.id).is_some_and(is_open);
                    entry.left = if stays { entry.left - quantity } else { 0 };
                    if let Some(room) = rooms.get_mut(&entry.instance) {
                        *(if gives { &mut room.gives } else { &mut room.gets }) -= quantity;
                    }
                }
            }
        }
        offers.retain(|offer| offer.left > 0 && rooms.get(&offer.instance).is_none_or(|room| room.gives > 0));
    }
}

fn is_open(order: &Order) -> bool {
    matches!(order.status, OrderStatus::Open | OrderStatus::PartiallyFilled)
}

/// Of members that ask for what they offer.
fn groups(state: &State, slots: &[Slot]) -> BTreeMap<Group, Sides> {
    let offers = state.orders.values().filter(|o| o.side == Side::Offer && is_open(o));
    let owes = |id: &ParticipantId| state.participants.get(id).is_none_or(|p| !p.arrears.is_zero());
    let lenders: BTreeSet<ParticipantId> = offers.map(|o| o.participant).filter(|id| !owes(id)).collect();
    let mut groups: BTreeMap<Group, Sides> = BTreeMap::new();
    for order in state.orders.values().filter(|o| is_open(o) && lenders.contains(&o.participant)) {
        let Some((group, entry)) = entry(state, order, slots) else { continue };
        let sides = groups.entry(group).or_default();
        if order.side == Side::Bid { sides.bids.push(entry) } else { sides.offers.push(entry) }
    }
    groups.retain(|_, sides| !sides.bids.is_empty() && !sides.offers.is_empty());
    for sides in groups.values_mut() {
        sides.bids.sort_by(|a, b| b.compare(a).then(a.id.cmp(&b.id)));
        sides.offers.sort_by(|a, b| a.compare(b).then(a.id.cmp(&b.id)));
    }
    groups
}

/// What an order can be netted in, if it is for one product a slot at home and stands for itself.
fn entry(state: &State, order: &Order, slots: &[Slot]) -> Option<(Group, Entry)> {
    let request = &order.request;
    let instance = state.instances.get(&request.instance?)?;
    let [(resource, left)] = order.remaining.iter().collect::<Vec<_>>()[..] else { return None };
    let seconds = state.market.rhythm.slot_seconds;
    let [alternative] = &request.alternatives(seconds)[..] else { return None };
    let is_simple = request.assurance == Assurance::Firm && request.replicas == 1;
    let is_home = alternative.pool == instance.pool && instance.away.is_none();
    let is_open = takes_orders(state, &alternative.pool) && alternative.slots.iter().all(|s| slots.contains(s));
    // A device is one workload's or another's.
    let divides = *resource != Resource::GpuMilli;
    if !is_simple || !is_home || !is_open || !divides || vacate::has_no_path(state, order) {
        return None;
    }
    let limit = match order.side {
        Side::Bid => order.remaining_limit - alternative.adder,
        Side::Offer => order.remaining_limit + alternative.adder,
    };
    let once = matches!(request.time_in_force, TimeInForce::Ioc | TimeInForce::Fok);
    let group = Group {
        participant: order.participant,
        node: instance.node,
        pool: alternative.pool.clone(),
        resource: *resource,
        slots: alternative.slots.clone(),
    };
    let entry = Entry {
        id: order.id,
        instance: instance.id,
        limit: i128::from(limit.units()),
        units: i128::from((*left).max(1)),
        left: *left,
        whole: once || !request.stays_open_after_award(seconds),
    };
    Some((group, entry))
}

/// How much of a bid an offer can serve.
fn may_net(state: &State, group: &Group, rooms: &mut BTreeMap<InstanceId, Room>, bid: &Entry, offer: &Entry) -> i64 {
    if bid.instance == offer.instance {
        return 0;
    }
    let mut room = |id: InstanceId| {
        let room = rooms.entry(id).or_insert_with(|| room(state, group, id));
        (room.gives, room.gets)
    };
    let most = bid.left.min(offer.left).min(room(offer.instance).0).min(room(bid.instance).1);
    let is_allowed = |entry: &Entry| !entry.whole || most == entry.left;
    if is_allowed(bid) && is_allowed(offer) { most.max(0) } else { 0 }
}

/// What a workload may give and get where it is; nothing, if it does not stay there.
fn room(state: &State, group: &Group, id: InstanceId) -> Room {
    let none = Room { gives: 0, gets: 0 };
    let Some(instance) = state.instances.get(&id).filter(|i| stays(state, i, group)) else { return none };
    let growth = Growth::of_instance(state, id);
    let (lent, changed) = (holding::lent(state, id), holding::changed(state, id));
    let of = |amounts: &Amounts| amount(amounts, group.resource);
    let mut room = Room { gives: i64::MAX, gets: i64::MAX };
    for slot in &group.slots {
        let key = (*slot, group.resource);
        let lent = lent.get(&key).copied().unwrap_or(0);
        room.gives = room.gives.min(of(&instance.baseline) - of(&instance.floor) - lent);
        room.gets = room.gets.min(growth.room(instance, *slot, group.resource));
        if let Some(most) = instance.strategy.max_swap.get(&group.resource) {
            let changed = changed.get(&key).copied().unwrap_or_default();
            room.gives = room.gives.min(changed.may_lend(*most));
            room.gets = room.gets.min(changed.may_win(*most));
        }
    }
    room
}

/// Whether it runs on the node now and is to be there in all of the slots.
fn stays(state: &State, instance: &Instance, group: &Group) -> bool {
    let is_up = state.nodes.get(&group.node).is_some_and(|n| n.state == NodeState::Up);
    let is_there = instance.state == InstanceState::Running && instance.node == group.node;
    is_up && is_there && !host::leaves_by(state, instance, group.slots.iter().max().copied())
}

/// Both have their part, at no price; `None` if that can't be.
fn fill_both(turn: &mut Turn<'_>, group: &Group, bid: OrderId, offer: OrderId, quantity: i64) -> Option<()> {
    let line = |slot: &Slot| AwardLine::new(group.pool.clone(), group.resource, *slot, quantity, Price::ZERO);
    let lines: Vec<AwardLine> = group.slots.iter().map(line).collect::<Option<_>>()?;
    let slots = group.slots.len() as i64;
    let won = |nodes, with| Won { lines: lines.clone(), slots, nodes, certified: 0, with: Some(with) };
    award::fill(turn, NO_ROUND, bid, won(vec![group.node], offer)).ok()?;
    award::fill(turn, NO_ROUND, offer, won(Vec::new(), bid)).ok()
}
