//! Offers that sit a round out for what else their owners ask of it.
use crate::book::self_trade::Units;
use crate::clearing::book::{ProductKey, Side};
use crate::clearing::document::{Alternative, Order};
use crate::ids::InstanceId;
use crate::records::order::{self as orders, Assurance};

use crate::records::recallable::node_of;
use crate::records::round::AwardKind;
use crate::state::State;
use crate::time::Slot;
use crate::units::Resource;
use std::collections::{BTreeMap, BTreeSet};

/// What was won and is for sale again, and its own holder bids for and pays as much as is asked. No gate refuses that bid:
/// an award is no order that could be cancelled.
pub fn resales_met(orders: &[Order]) -> BTreeSet<String> {
    let mut bids: BTreeMap<&str, Vec<&Order>> = BTreeMap::new();
    for bid in orders.iter().filter(|o| o.side == Side::Bid) {
        bids.entry(&bid.owner).or_default().push(bid);
    }
    let paid: BTreeMap<&str, _> = bids.into_iter().map(|(owner, bids)| (owner, Units::paid(ways(bids)))).collect();
    let is_met = |o: &Order| paid.get(o.owner.as_str()).is_some_and(|paid| paid.reach(&Units::asked(ways([o]))));
    let resales = orders.iter().filter(|o| o.side == Side::Offer && o.incumbent);
    resales.filter(|o| is_met(o)).map(|o| o.id.clone()).collect()
}

/// Whether two orders are of one participant and could trade with each other.
pub fn is_self_trade(one: &Order, other: &Order) -> bool {
    let (bid, offer) = if one.side == Side::Bid { (one, other) } else { (other, one) };
    let are_of_one = one.owner == other.owner && one.side != other.side;
    are_of_one && Units::paid(ways([bid])).reach(&Units::asked(ways([offer])))
}

/// The alternatives of orders of one side, with the most that each pays or the least that it asks.
fn ways<'a>(orders: impl IntoIterator<Item = &'a Order>) -> impl Iterator<Item = (i64, Vec<(&'a ProductKey, i64)>)> {
    let of_order = |o: &'a Order| {
        let (limit, is_bid) = (o.limit.units(), o.side == Side::Bid);
        let rows = |a: &'a Alternative| a.quantities.iter().map(|q| (&q.product, q.quantity)).collect();
        let way = move |a: &'a Alternative| (if is_bid { limit - a.adder.units() } else { limit }, rows(a));
        o.alternatives.iter().map(way)
    };
    orders.into_iter().flat_map(of_order)
}

/// Who has taken back so often what it had lent for a slot lends it no more there: once is a change of mind.
const TAKEN_BACK: usize = 2;

/// The places of an offer, without those that hold what its workload had lent for the same slot and has taken back time and
/// again. Else one who asks nothing could keep others from selling, at no cost: it wins, takes back, and lends anew.
pub fn not_taken_back(
    state: &State,
    offer: &orders::Order,
    mut places: Vec<orders::Alternative>,
) -> Vec<orders::Alternative> {
    let Some(instance) = offer.request.instance.filter(|_| offer.request.assurance == Assurance::Recallable) else {
        return places;
    };
    let mut times: BTreeMap<(Resource, Slot), usize> = BTreeMap::new();
    for award in state.awards_of(instance).filter(|a| a.kind == AwardKind::Lent) {
        let taken_back = award.lines.iter().filter(|l| l.recalled > 0 && l.is_recallable());
        taken_back.for_each(|l| *times.entry((l.resource, l.slot)).or_default() += 1);
    }
    let is_over = |slot: &Slot| {
        let mut known = offer.remaining.keys().filter_map(|resource| times.get(&(*resource, *slot)));
        known.any(|times| *times >= TAKEN_BACK)
    };
    places.retain(|place| !place.slots.iter().any(is_over));
    places
}

/// Offers of workloads that a bid of this round would have elsewhere by then. `workload_of` is whose an order of the book is.
pub fn offers_of_movers(
    state: &State,
    orders: &[Order],
    workload_of: &BTreeMap<String, InstanceId>,
) -> BTreeSet<String> {
    let slots =
        |o: &Order| -> Vec<i64> { o.alternatives.iter().flat_map(|a| &a.quantities).map(|q| q.product.slot).collect() };
    let instance_of = |o: &Order| workload_of.get(&o.id).and_then(|id| state.instances.get(id));
    let mut leaves: BTreeMap<InstanceId, i64> = BTreeMap::new();
    for bid in orders.iter().filter(|o| o.side == Side::Bid) {
        let goes_to = bid.node.as_deref().and_then(node_of);
        let Some(instance) = instance_of(bid).filter(|i| goes_to != Some(i.node)) else { continue };
        if let Some(first) = slots(bid).into_iter().min() {
            let slot = leaves.entry(instance.id).or_insert(first);
            *slot = first.min(*slot);
        }
    }
    let is_late = |o: &&Order| {
        let leaves = workload_of.get(&o.id).and_then(|id| leaves.get(id));
        o.side == Side::Offer && leaves.is_some_and(|first| slots(o).into_iter().any(|slot| slot >= *first))
    };
    orders.iter().filter(is_late).map(|o| o.id.clone()).collect()
}
