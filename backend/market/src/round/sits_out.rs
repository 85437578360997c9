//! Offers that sit a round out for what else their owners ask of it.
use crate::book::{self, Assurance};
use crate::clearing::{self, Order, Side};
use crate::ids::OrderId;
use crate::pool::PoolSlug;
use crate::pool::recallable::node_of;
use crate::round::AwardKind;
use crate::state::State;
use crate::time::Slot;
use crate::units::Resource;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// Offers in products that their participants bid for, and pay as much for as is asked. What could be netted (`netting.rs`)
/// is no longer among them.
pub fn self_trades(orders: &[Order]) -> BTreeSet<String> {
    let products = |o: &Order| -> Vec<(String, clearing::ProductKey)> {
        let rows = o.alternatives.iter().flat_map(|a| a.quantities.iter());
        rows.map(|q| (o.owner.clone(), q.product.clone())).collect()
    };
    let mut wanted: BTreeMap<_, Unit> = BTreeMap::new();
    for bid in orders.iter().filter(|o| o.side == Side::Bid) {
        for product in products(bid) {
            let most = Unit::paid(bid, &product.1);
            wanted.entry(product).and_modify(|known| *known = (*known).max(most)).or_insert(most);
        }
    }
    let meets = |o: &Order| {
        let asked = Unit::asked(o);
        products(o).iter().any(|product| wanted.get(product).is_some_and(|paid| *paid >= asked))
    };
    orders.iter().filter(|o| o.side == Side::Offer && meets(o)).map(|o| o.id.clone()).collect()
}

/// The open bids of an offer's owner for what it offers, those of its own workload first: what `self_trades` looks for,
/// among the orders as they are now and whatever they pay.
pub fn own_bids(state: &State, offer: &book::Order) -> Vec<OrderId> {
    let seconds = state.market.rhythm.slot_seconds;
    let products = |o: &book::Order| -> BTreeSet<(PoolSlug, Slot, Resource)> {
        let slots = |a: &book::Alternative| a.slots.iter().map(|s| (a.pool.clone(), *s)).collect::<Vec<_>>();
        let places = o.request.alternatives(seconds).iter().flat_map(slots).collect::<Vec<_>>();
        places.into_iter().flat_map(|(p, s)| o.remaining.keys().map(move |r| (p.clone(), s, *r))).collect()
    };
    let offered = products(offer);
    let is_met = |o: &&book::Order| {
        let is_own = o.side == book::Side::Bid && o.participant == offer.participant && o.status.is_live();
        is_own && products(o).iter().any(|product| offered.contains(product))
    };
    let mut met: Vec<&book::Order> = state.orders.values().filter(is_met).collect();
    met.sort_by_key(|o| (o.request.instance != offer.request.instance, o.id));
    met.into_iter().map(|o| o.id).collect()
}

/// Who has taken back so often what it had lent for a slot lends it no more there: once is a change of mind.
const TAKEN_BACK: usize = 2;

/// The places of an offer, without those that hold what its workload had lent for the same slot and has taken back time and
/// again. Else one who asks nothing could keep others from selling, at no cost: it wins, takes back, and lends anew.
pub fn not_taken_back(
    state: &State,
    offer: &book::Order,
    mut places: Vec<book::Alternative>,
) -> Vec<book::Alternative> {
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

/// Micro-credits for so many units.
#[derive(Clone, Copy)]
struct Unit(i128, i128);

impl Unit {
    /// What a bid would pay for a unit of a product at most, were all else for nothing.
    fn paid(bid: &Order, product: &clearing::ProductKey) -> Self {
        let rows = bid.alternatives.iter().map(|a| {
            let units: i64 = a.quantities.iter().filter(|q| q.product == *product).map(|q| q.quantity).sum();
            Self(i128::from(bid.limit.0 - a.adder.0), i128::from(units))
        });
        rows.filter(|unit| unit.1 > 0).max().unwrap_or(Self(0, 1))
    }
    /// What an offer asks for a unit at least: of one of several products any of them may be given for nothing.
    fn asked(offer: &Order) -> Self {
        let rows = offer.alternatives.iter().map(|a| match &a.quantities[..] {
            [only] => Self(i128::from(offer.limit.0 + a.adder.0), i128::from(only.quantity.max(1))),
            _ => Self(0, 1),
        });
        rows.min().unwrap_or(Self(0, 1))
    }
}

impl Ord for Unit {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.0 * other.1).cmp(&(other.0 * self.1))
    }
}
impl PartialOrd for Unit {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl PartialEq for Unit {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Unit {}

/// Offers of workloads that a bid of this round would have elsewhere by then.
pub fn offers_of_movers(state: &State, orders: &[Order]) -> BTreeSet<String> {
    let slots =
        |o: &Order| -> Vec<i64> { o.alternatives.iter().flat_map(|a| &a.quantities).map(|q| q.product.slot).collect() };
    let mut leaves: BTreeMap<String, i64> = BTreeMap::new();
    for bid in orders.iter().filter(|o| o.side == Side::Bid) {
        let instance = bid.instance.as_ref().and_then(|id| state.instances.get(&id.parse().ok()?));
        let goes_to = bid.node.as_deref().and_then(node_of);
        let Some(instance) = instance.filter(|i| goes_to != Some(i.node)) else { continue };
        if let Some(first) = slots(bid).into_iter().min() {
            let slot = leaves.entry(instance.id.to_string()).or_insert(first);
            *slot = first.min(*slot);
        }
    }
    let is_late = |o: &&Order| {
        let leaves = o.instance.as_ref().and_then(|id| leaves.get(id));
        o.side == Side::Offer && leaves.is_some_and(|first| slots(o).into_iter().any(|slot| slot >= *first))
    };
    orders.iter().filter(is_late).map(|o| o.id.clone()).collect()
}
