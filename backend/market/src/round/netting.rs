//! What a member's own bids have from its own offers, before a round: nobody trades with itself (mechanism §4, row 8).
//!
//! One workload gives, another of the same member on the same node gets, and nobody pays. A bid is served from an offer
//! that asks no more for a unit than it would pay, the highest bid from the lowest offer first. Both keep to what a
//! round would keep to: floors, limits of workloads, `max_swap`.
//!
//! Absent on purpose: orders of several resources, other slots or other nodes. What can't be netted sits the round out
//! where it could meet its owner's bid (`sits_out.rs`).
use crate::book::{Assurance, Order, OrderStatus, Side, TimeInForce};
use crate::ids::{OrderId, ParticipantId};
use crate::pool::{NodeState, PoolSlug};
use crate::round::award::{self, Won};
use crate::round::book::{MOST_AWARDS, takes_orders};
use crate::round::growth::Growth;
use crate::round::safe_state::NO_ROUND;
use crate::round::{AwardLine, holding};
use crate::state::State;
use crate::swap::plan;
use crate::time::Slot;
use crate::turn::Turn;
use crate::units::{Credits, Price, Resource, amount};
use crate::workload::{Instance, InstanceState, vacate};
use std::collections::{BTreeMap, BTreeSet};

/// So many pairs are tried before a round: what is left is tried before the next.
const MOST_TRIES: usize = 2_000;

/// What both sides of a pair have to be for.
type Group = (ParticipantId, PoolSlug, Resource, Vec<Slot>);

/// The bids and the offers of a group.
type Sides = (Vec<OrderId>, Vec<OrderId>);

/// Serves bids from offers of the same member for open `slots`.
pub(super) fn net(turn: &mut Turn<'_>, slots: &[Slot]) {
    let groups = groups(turn.state, slots);
    let members: BTreeSet<ParticipantId> = groups.keys().map(|(participant, ..)| *participant).collect();
    let mut awards: BTreeMap<ParticipantId, usize> = members.into_iter().map(|id| (id, 0)).collect();
    for award in turn.state.awards.values() {
        awards.entry(award.participant).and_modify(|count| *count += 1);
    }
    let mut tries = 0;
    for (group, (bids, mut offers)) in groups {
        let count = awards.entry(group.0).or_default();
        for bid in bids {
            for offer in &offers {
                tries += 1;
                if tries > MOST_TRIES || *count + 2 > MOST_AWARDS {
                    break;
                }
                let quantity = may_net(turn.state, &group, bid, *offer);
                if quantity > 0 && fill_both(turn, &group, bid, *offer, quantity).is_some() {
                    *count += 2;
                }
                if !turn.state.orders.contains_key(&bid) {
                    break;
                }
            }
            offers.retain(|id| turn.state.orders.contains_key(id));
        }
    }
}

/// Of members that ask for what they offer; the highest bids and the lowest offers first.
fn groups(state: &State, slots: &[Slot]) -> BTreeMap<Group, Sides> {
    let open = |o: &&Order| matches!(o.status, OrderStatus::Open | OrderStatus::PartiallyFilled);
    let offers = state.orders.values().filter(|o| o.side == Side::Offer).filter(open);
    let lenders: BTreeSet<ParticipantId> = offers.map(|o| o.participant).collect();
    let mut groups: BTreeMap<Group, Sides> = BTreeMap::new();
    for order in state.orders.values().filter(open).filter(|o| lenders.contains(&o.participant)) {
        let Some(group) = group(state, order, slots) else { continue };
        let (bids, offers) = groups.entry(group).or_default();
        if order.side == Side::Bid { bids.push(order.id) } else { offers.push(order.id) }
    }
    groups.retain(|_, (bids, offers)| !bids.is_empty() && !offers.is_empty());
    let unit = |id: &OrderId| state.orders.get(id).map_or((0, 1), unit_limit);
    let compare = |a: (i128, i128), b: (i128, i128)| (a.0 * b.1).cmp(&(b.0 * a.1));
    for (bids, offers) in groups.values_mut() {
        bids.sort_by(|a, b| compare(unit(b), unit(a)).then(a.cmp(b)));
        offers.sort_by(|a, b| compare(unit(a), unit(b)).then(a.cmp(b)));
    }
    groups
}

/// What an order can be netted in, if it is for one product a slot at home and stands for itself.
fn group(state: &State, order: &Order, slots: &[Slot]) -> Option<Group> {
    let request = &order.request;
    let instance = state.instances.get(&request.instance?)?;
    let [(resource, _)] = order.remaining.iter().collect::<Vec<_>>()[..] else { return None };
    let [alternative] = &request.alternatives(state.market.rhythm.slot_seconds)[..] else { return None };
    let stands_alone = request.parent.is_none() && state.children_of(order.id).next().is_none();
    let is_simple = request.assurance == Assurance::Firm && request.replicas == 1 && stands_alone;
    let is_home = alternative.pool == instance.pool && instance.away.is_none();
    let is_open = takes_orders(state, &alternative.pool) && alternative.slots.iter().all(|s| slots.contains(s));
    // A device is one workload's or another's.
    let divides = *resource != Resource::GpuMilli;
    let may = is_simple && is_home && is_open && divides && !vacate::has_no_path(state, order);
    may.then(|| (order.participant, alternative.pool.clone(), *resource, alternative.slots.clone()))
}

/// The limit of what is left of an order and its units: what a bid would pay at most, or an offer asks. Adders count.
fn unit_limit(order: &Order) -> (i128, i128) {
    let adder = order.request.pools.first().map_or(Credits::ZERO, |p| p.adder);
    let limit = match order.side {
        Side::Bid => order.remaining_limit - adder,
        Side::Offer => order.remaining_limit + adder,
    };
    let units: i64 = order.remaining.values().sum();
    (i128::from(limit.units()), i128::from(units.max(1)))
}

/// How much of a bid an offer can serve.
fn may_net(state: &State, group: &Group, bid: OrderId, offer: OrderId) -> i64 {
    let (participant, _, resource, slots) = group;
    let (Some(bid), Some(offer)) = (state.orders.get(&bid), state.orders.get(&offer)) else { return 0 };
    let ends = |order: &Order| order.request.instance.and_then(|id| state.instances.get(&id));
    let (Some(gets), Some(gives)) = (ends(bid), ends(offer)) else { return 0 };
    let (pays, asks) = (unit_limit(bid), unit_limit(offer));
    let is_dear = asks.0 * pays.1 > pays.0 * asks.1;
    let owes = state.participants.get(participant).is_none_or(|p| !p.arrears.is_zero());
    if is_dear || owes || gets.id == gives.id || !are_neighbours(state, gets, gives, slots) {
        return 0;
    }
    let (left, lends) = (amount(&bid.remaining, *resource), amount(&offer.remaining, *resource));
    let growth = Growth::of_instance(state, gets.id);
    let (lent, changed) = (holding::lent(state, gives.id), [gets, gives].map(|i| (i, holding::changed(state, i.id))));
    let mut most = left.min(lends);
    for slot in slots {
        let key = (*slot, *resource);
        let already = lent.get(&key).copied().unwrap_or(0);
        most = most.min(amount(&gives.baseline, *resource) - already - amount(&gives.floor, *resource));
        most = most.min(growth.room(gets, *slot, *resource));
        for (instance, changed) in &changed {
            if let Some(limit) = instance.strategy.max_swap.get(resource) {
                most = most.min(limit - changed.get(&key).copied().unwrap_or(0));
            }
        }
    }
    let seconds = state.market.rhythm.slot_seconds;
    let whole = |order: &Order, all: i64| {
        let once = matches!(order.request.time_in_force, TimeInForce::Ioc | TimeInForce::Fok);
        most == all || (order.request.stays_open_after_award(seconds) && !once)
    };
    if whole(bid, left) && whole(offer, lends) { most.max(0) } else { 0 }
}

/// Whether both run on one node, now and in all the slots.
fn are_neighbours(state: &State, one: &Instance, other: &Instance, slots: &[Slot]) -> bool {
    let node = one.node;
    let is_up = state.nodes.get(&node).is_some_and(|n| n.state == NodeState::Up);
    let moves = |i: &Instance| i.swap.and_then(|id| state.swaps.get(&id)).is_some_and(|s| s.moves());
    let stays = |i: &Instance| {
        let there = slots.iter().all(|slot| plan::target(state, i, *slot).node == node);
        i.state == InstanceState::Running && i.node == node && !moves(i) && there
    };
    is_up && stays(one) && stays(other)
}

/// Both have their part, at no price; `None` if that can't be.
fn fill_both(turn: &mut Turn<'_>, group: &Group, bid: OrderId, offer: OrderId, quantity: i64) -> Option<()> {
    let (_, pool, resource, slots) = group;
    let node = turn.state.instances.get(&turn.state.orders.get(&bid)?.request.instance?)?.node;
    let line = |slot: &Slot| AwardLine::new(pool.clone(), *resource, *slot, quantity, Price::ZERO);
    let lines: Vec<AwardLine> = slots.iter().map(line).collect::<Option<_>>()?;
    let won =
        |nodes, with| Won { lines: lines.clone(), slots: slots.len() as i64, nodes, certified: 0, with: Some(with) };
    award::fill(turn, NO_ROUND, bid, won(vec![node], offer), false).ok()?;
    award::fill(turn, NO_ROUND, offer, won(Vec::new(), bid), false).ok()
}
