//! Offers that sit a round out for what else their owners ask of it.
use crate::clearing::{self, Order, Side};
use crate::pool::recallable::node_of;
use crate::state::State;
use std::collections::{BTreeMap, BTreeSet};

/// Nobody trades with itself: a bid of the same participant asks for what it offers.
pub const SELF_TRADE: &str = "SELF_TRADE";
/// Its workload is to be on another node by then; what it offers is on the node where it runs.
pub const LEAVES_NODE: &str = "LEAVES_NODE";

/// Offers in products that their participants bid for.
pub fn self_trades(orders: &[Order]) -> BTreeSet<String> {
    let products = |o: &Order| -> Vec<(String, clearing::ProductKey)> {
        let rows = o.alternatives.iter().flat_map(|a| a.quantities.iter());
        rows.map(|q| (o.owner.clone(), q.product.clone())).collect()
    };
    let wanted: BTreeSet<_> = orders.iter().filter(|o| o.side == Side::Bid).flat_map(products).collect();
    let offers = orders.iter().filter(|o| o.side == Side::Offer);
    offers.filter(|o| products(o).iter().any(|key| wanted.contains(key))).map(|o| o.id.clone()).collect()
}

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
