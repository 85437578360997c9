//! Offers that keep a price down and sell nothing for it.
//!
//! One price clears a product, and what is lent on a node makes room there alone. Where nodes are full, whoever asks for
//! less on a node where nobody buys keeps the price under what a lender asks on another, whose buyer then finds no room: an
//! offer of a single unit for nothing stops all trade. Nobody is served by that. So where a bid has no host although a
//! lender on its node asks for no more than it would pay, the cheaper offers of other nodes that are not sold are left out,
//! if the round is worth more without them.
//!
//! Absent on purpose: book files, where an outcome that keeps the rule book stands, be it that nothing is traded; and offers of several products or with alternatives, of which no single price says who asks for less.
use super::book::{Alternative, Book, Order, ProductKey, Side};
use super::outcome::{Award, Outcome, Reason};
use super::rational::Rat;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Micro-credits a unit, in a product that an order of one product trades.
fn unit_limit(order: &Order, alternative: &Alternative) -> Option<Rat> {
    let [only] = &alternative.quantities[..] else { return None };
    let sign = if order.side == Side::Bid { -1 } else { 1 };
    let limit = i128::from(order.limit.0) + sign * i128::from(alternative.adder.0);
    (only.quantity > 0).then(|| Rat::ratio(limit, i128::from(only.quantity)))
}

/// An offer on a node that is not all sold.
struct Unsold<'a> {
    at: usize,
    node: &'a str,
    asks: Rat,
}

/// Sets of offers (by their place in the `sorted` book) that may be left out, for the bids of the greatest limits first.
pub fn that_keep_others_out(sorted: &Book, outcome: &Outcome) -> Vec<BTreeSet<usize>> {
    let awards: BTreeMap<&str, &Award> = outcome.awards.iter().map(|a| (a.order.as_str(), a)).collect();
    let no_host: BTreeSet<&str> = {
        let refused = outcome.refused.iter().filter(|r| r.reason == Reason::NoHostFits).map(|r| r.order.as_str());
        let cut = outcome.awards.iter().filter(|a| a.limited_by == Some(Reason::NoHostFits)).map(|a| a.order.as_str());
        refused.chain(cut).collect()
    };
    let mut unsold: BTreeMap<&ProductKey, Vec<Unsold>> = BTreeMap::new();
    for (at, offer) in sorted.orders.iter().enumerate().filter(|(_, o)| o.side == Side::Offer) {
        let (Some(node), [only]) = (offer.node.as_deref(), &offer.alternatives[..]) else { continue };
        let Some(asks) = unit_limit(offer, only) else { continue };
        let lent = awards.get(offer.id.as_str()).map_or(0, |a| a.quantities.iter().map(|q| q.quantity).sum());
        if lent < only.quantities[0].quantity {
            unsold.entry(&only.quantities[0].product).or_default().push(Unsold { at, node, asks });
        }
    }
    let mut bids: Vec<&Order> =
        sorted.orders.iter().filter(|o| o.side == Side::Bid && no_host.contains(o.id.as_str())).collect();
    bids.sort_by_key(|o| Reverse(o.limit));
    let mut found: Vec<BTreeSet<usize>> = Vec::new();
    for bid in bids {
        let Some(node) = bid.node.as_deref() else { continue };
        for alternative in &bid.alternatives {
            let Some(pays) = unit_limit(bid, alternative) else { continue };
            let Some(offers) = unsold.get(&alternative.quantities[0].product) else { continue };
            let (own, others): (Vec<&Unsold>, Vec<&Unsold>) = offers.iter().partition(|o| o.node == node);
            let own: BTreeSet<&Rat> = own.iter().map(|o| &o.asks).filter(|asks| **asks <= pays).collect();
            // with the cheapest of its node, and with all that it would pay for
            for price in own.first().into_iter().chain(own.last()) {
                let cheaper: BTreeSet<usize> = others.iter().filter(|o| o.asks < **price).map(|o| o.at).collect();
                if !cheaper.is_empty() && !found.contains(&cheaper) {
                    found.push(cheaper);
                }
            }
        }
    }
    found
}
