//! Offers that keep a price down and sell nothing for it.
//!
//! One price clears a product, and what is lent on a node makes room there alone. Where nodes are full, whoever asks for
//! less on a node where nobody buys keeps the price under what a lender asks on another, whose buyer then finds no room: an
//! offer of a single unit for nothing stops all trade. Nobody is served by that. So where bids have no host, what is lent on
//! a node that could serve them is cleared without the offers of all other nodes that are idle, if the round is worth
//! more so and bids win far more by it than others lose; who was left out in vain comes back (`Clearing::with_those_back`).
//!
//! Absent on purpose: book files, where an outcome that keeps the rule book stands, be it that nothing is traded.
use super::book::{Alternative, Book, Order, ProductKey, Side};
use super::outcome::{Award, Outcome, Reason};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Of which less than one part in so many is sold, that is idle.
const LITTLE: i128 = 20;

/// What bids win more, in what they bid, must be so many times what others lose for it.
const WORTH_IT: i128 = 4;

/// Whether what bids win by it is out of all proportion to what other bids lose.
pub fn is_worth_it(sorted: &Book, before: &Outcome, now: &Outcome) -> bool {
    let bids = sorted.orders.iter().filter(|o| o.side == Side::Bid);
    let bids: BTreeMap<&str, &Order> = bids.map(|o| (o.id.as_str(), o)).collect();
    let won = |outcome: &Outcome| -> BTreeMap<String, i128> {
        let of = |a: &Award| {
            let order = bids.get(a.order.as_str())?;
            let alternative = order.alternatives.get(a.alternative)?;
            let asked: i128 = alternative.quantities.iter().map(|q| i128::from(q.quantity)).sum();
            let got: i128 = a.quantities.iter().map(|q| i128::from(q.quantity)).sum();
            Some((a.order.clone(), i128::from(order.limit.0 - alternative.adder.0) * got / asked.max(1)))
        };
        outcome.awards.iter().filter_map(of).collect()
    };
    let (before, now) = (won(before), won(now));
    let more = |than: &BTreeMap<String, i128>, of: &BTreeMap<String, i128>| -> i128 {
        of.iter().map(|(id, won)| (won - than.get(id).copied().unwrap_or(0)).max(0)).sum()
    };
    let (gained, lost) = (more(&before, &now), more(&now, &before));
    gained > 0 && gained >= WORTH_IT * lost
}

/// For each node whose lenders might serve a bid that has no host, the offers of other nodes that are idle, and then all of
/// them: one that is sold may be what keeps its buyer from more (by their place in the `sorted` book). Nodes of the bids with
/// the greatest limits come first.
pub fn on_other_nodes(sorted: &Book, outcome: &Outcome) -> Vec<BTreeSet<usize>> {
    let awards: BTreeMap<&str, &Award> = outcome.awards.iter().map(|a| (a.order.as_str(), a)).collect();
    let unsold = |o: &Order| match awards.get(o.id.as_str()) {
        Some(award) => {
            let asked = o.alternatives.get(award.alternative).map(|a| a.quantities.as_slice()).unwrap_or_default();
            let units = |rows: &[super::book::Quantity]| rows.iter().map(|q| i128::from(q.quantity)).sum::<i128>();
            units(&award.quantities) * LITTLE < units(asked)
        }
        None => true,
    };
    // by node: those that are idle, and all
    let mut offers: BTreeMap<&str, [BTreeSet<usize>; 2]> = BTreeMap::new();
    for (at, offer) in sorted.orders.iter().enumerate().filter(|(_, o)| o.side == Side::Offer) {
        let Some(node) = offer.node.as_deref() else { continue };
        let [idle, all] = offers.entry(node).or_default();
        all.insert(at);
        if unsold(offer) {
            idle.insert(at);
        }
    }
    let no_host: BTreeSet<&str> = {
        let refused = outcome.refused.iter().filter(|r| r.reason == Reason::NoHostFits).map(|r| r.order.as_str());
        let cut = outcome.awards.iter().filter(|a| a.limited_by == Some(Reason::NoHostFits)).map(|a| a.order.as_str());
        let elsewise =
            sorted.orders.iter().filter(|o| awards.get(o.id.as_str()).is_some_and(|a| would_rather(o, a, outcome)));
        refused.chain(cut).chain(elsewise.map(|o| o.id.as_str())).collect()
    };
    let bids = || sorted.orders.iter().filter(|o| o.side == Side::Bid && no_host.contains(o.id.as_str()));
    let wanted = |node: &str| -> i128 {
        let may = bids().filter(|o| o.node.as_deref().is_none_or(|own| own == node));
        may.map(|o| i128::from(o.limit.0)).sum()
    };
    let mut nodes: Vec<(Reverse<i128>, &str)> =
        offers.keys().map(|node| (Reverse(wanted(node)), *node)).filter(|(worth, _)| worth.0 > 0).collect();
    nodes.sort();
    let others = |node: &str, which: usize| -> BTreeSet<usize> {
        offers.iter().filter(|(v, _)| **v != node).flat_map(|(_, of)| of[which].iter().copied()).collect()
    };
    let mut found: Vec<BTreeSet<usize>> = Vec::new();
    for (which, (_, node)) in [0, 1].into_iter().flat_map(|which| nodes.iter().map(move |node| (which, node))) {
        let out = others(node, which);
        if !out.is_empty() && !found.contains(&out) {
            found.push(out);
        }
    }
    found
}

/// Whether a bid would gain more by another of its alternatives than by the one that it won, which nothing but room can keep
/// it from: of a run of slots, say, it has the one slot that is lent on its node, as an idle offer elsewhere holds the price of the next.
fn would_rather(order: &Order, won: &Award, outcome: &Outcome) -> bool {
    if order.side != Side::Bid || order.alternatives.len() < 2 {
        return false;
    }
    let price = |key: &ProductKey| {
        let row =
            outcome.prices.iter().find(|r| (&r.pool, &r.resource, r.slot) == (&key.pool, &key.resource, key.slot));
        row.map_or(0, |r| i128::from(r.price.0))
    };
    // in parts of a micro-credit that prices count in
    let gain = |a: &Alternative| {
        let cost: i128 = a.quantities.iter().map(|q| i128::from(q.quantity) * price(&q.product)).sum();
        i128::from(order.limit.0 - a.adder.0) * 1_000 - cost
    };
    let own = order.alternatives.get(won.alternative).map_or(i128::MAX, gain);
    order.alternatives.iter().any(|other| gain(other) > own)
}
