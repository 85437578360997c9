//! What a round tells the orders that did not win, or not all of it: the reason, its numbers, and the
//! node that has too little room where one has.
use crate::book::{NotWon, Order, Reason, Side, runs};
use crate::clearing::outcome::{self, Award, Bottleneck};
use crate::clearing::{self, Alternative, Outcome, ProductKey};
use crate::ids::OrderId;
use crate::state::SealedBook;
use crate::turn::Turn;
use crate::units::Credits;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Why orders did not win, where that has changed since the round before: a book of standing
/// orders would else be written anew every few seconds. And how many were held back that no round has taken yet.
pub fn list(turn: &Turn<'_>, number: u64, sealed: &SealedBook, outcome: &Outcome) -> (Vec<(OrderId, NotWon)>, u32) {
    let mut list = Vec::new();
    let mut held_back = 0;
    // Where nothing was traded, a price may be the limit of the order that set it: it is told to no other one.
    let traded = outcome.traded();
    let setter = |p: &outcome::PriceRow| {
        let key = crate::round::award::book_key(&p.pool, &p.resource, p.slot);
        let (_, order) = p.set_by.split_once(':').filter(|(kind, _)| ["bid", "offer"].contains(kind))?;
        (!traded.contains(&key)).then(|| (key, order.to_owned()))
    };
    let setters: BTreeMap<ProductKey, String> = outcome.prices.iter().filter_map(setter).collect();
    let shown = |o: &clearing::Order| {
        let mut products = o.alternatives.iter().flat_map(|a| &a.quantities).map(|q| &q.product);
        products.all(|product| setters.get(product).is_none_or(|order| *order == o.id))
    };
    let priced: BTreeSet<&str> = sealed.book.orders.iter().filter(|o| shown(o)).map(|o| o.id.as_str()).collect();
    for refused in &outcome.refused {
        let Ok(id) = refused.order.parse::<OrderId>() else { continue };
        let is_priced = priced.contains(refused.order.as_str());
        let money = |m: &Option<clearing::Money>| m.as_ref().filter(|_| is_priced).map(|m| Credits::from_units(m.0));
        let why = NotWon {
            price_faced: money(&refused.price),
            shortfall: money(&refused.shortfall),
            winning_limit: money(&refused.winning_limit),
            ..with_node(refused.reason, refused.binding.as_ref(), number)
        };
        list.push((id, why));
    }
    for award in outcome.awards.iter().filter(|a| a.limited_by.is_some()) {
        let (Ok(id), Some(reason)) = (award.order.parse::<OrderId>(), award.limited_by) else { continue };
        list.push((id, with_node(reason, award.binding.as_ref(), number)));
    }
    // Of a part that rounding left nothing of: who is in a round always learns how it ended.
    let of_nothing = |a: &&Award| a.limited_by.is_none() && a.quantities.iter().all(|q| q.quantity == 0);
    for id in outcome.awards.iter().filter(of_nothing).filter_map(|a| a.order.parse::<OrderId>().ok()) {
        list.push((id, with_node(outcome::Reason::MarginalProrata, None, number)));
    }
    for (id, reason) in &sealed.excluded {
        if *reason == Reason::RoundFull && turn.state.orders.get(id).is_some_and(Order::never_taken) {
            held_back += 1;
        } else {
            list.push((*id, NotWon::plain(*reason, number)));
        }
    }
    let costed: BTreeSet<&str> =
        outcome.refused.iter().filter(|r| r.price.is_some()).map(|r| r.order.as_str()).collect();
    for (id, why) in list.iter_mut().filter(|(id, _)| costed.contains(id.to_string().as_str())) {
        let bid = turn.state.orders.get(id).filter(|o| o.side == Side::Bid);
        let window = bid.and_then(|o| o.request.runs_of(turn.state.market.rhythm.slot_seconds));
        if let Some((order, window)) = bid.zip(window) {
            say_of_runs(why, order, window, sealed, outcome);
        }
    }
    let says_the_same = |before: &NotWon, now: &NotWon| NotWon { round: now.round, ..before.clone() } == *now;
    list.retain(|(id, why)| {
        turn.state.orders.get(id).is_some_and(|o| !o.last_reason.as_ref().is_some_and(|b| says_the_same(b, why)))
    });
    (list, held_back)
}

/// Which run a price is of, and the least limit for the whole window with which the prices would not have
/// refused one. The clearing reckons with adders as they stand in the book; those of shorter runs follow the limit.
fn say_of_runs(why: &mut NotWon, order: &Order, window: i64, sealed: &SealedBook, outcome: &Outcome) {
    let id = order.id.to_string();
    let Some(entry) = sealed.book.orders.iter().find(|o| o.id == id) else { return };
    let prices: BTreeMap<(&str, &str, i64), i64> =
        outcome.prices.iter().map(|p| ((p.pool.as_str(), p.resource.as_str(), p.slot), p.price.0)).collect();
    let price = |p: &ProductKey| prices.get(&(p.pool.as_str(), p.resource.as_str(), p.slot)).copied().unwrap_or(0);
    let cost = |a: &Alternative| -> i128 {
        a.quantities.iter().map(|q| i128::from(price(&q.product)) * i128::from(q.quantity)).sum()
    };
    let slots = |a: &Alternative| a.quantities.iter().map(|q| q.product.slot).collect::<BTreeSet<_>>().len() as i64;
    // The clearing names the price of the alternative that gains most, the first of several.
    let gain = |(n, a): &(usize, &Alternative)| (entry.effective_limit(*n) * NANO_PER_MICRO - cost(a), Reverse(*n));
    let nearest = entry.alternatives.iter().enumerate().max_by_key(gain);
    why.slots = nearest.and_then(|(_, a)| u32::try_from(slots(a)).ok());
    if why.winning_limit.is_none() {
        return;
    }
    let limit_for = |a: &Alternative| {
        // The pool's adder, and the fee of a move.
        let fixed = a.adder.0 - runs::beyond(order.remaining_limit, slots(a), window).units();
        runs::limit_for(-(-cost(a)).div_euclid(NANO_PER_MICRO) + i128::from(fixed) + 1, slots(a), window)
    };
    let above_its_own = i128::from(order.remaining_limit.units()) + 1;
    let least = entry.alternatives.iter().map(limit_for).min().map(|least| least.max(above_its_own));
    why.winning_limit = least.and_then(|least| i64::try_from(least).ok()).map(Credits::from_units);
}

/// Nano-credits in a micro-credit.
const NANO_PER_MICRO: i128 = 1_000;

/// A reason, and the node that has too little room where one has.
fn with_node(reason: outcome::Reason, binding: Option<&Bottleneck>, round: u64) -> NotWon {
    NotWon {
        binding_node: binding.map(|b| b.node.clone()),
        binding_resource: binding.map(|b| b.resource.clone()),
        ..NotWon::plain(reason.into(), round)
    }
}

/// The text that a value has in JSON: its stable code or number.
pub fn text_of(value: &impl serde::Serialize) -> String {
    let json = serde_json::to_value(value).unwrap_or_default();
    json.as_str().map_or_else(|| json.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_node_has_too_little_of_is_told_with_the_reason() {
        let full = Bottleneck { node: "node".into(), resource: "cpu_milli".into(), slot: 0, free: 0 };
        let why = with_node(outcome::Reason::NoHostFits, Some(&full), 7);
        assert_eq!((why.reason, why.round), (Reason::NoHostFits, 7));
        assert_eq!((why.binding_node.as_deref(), why.binding_resource.as_deref()), (Some("node"), Some("cpu_milli")));
        let why = with_node(outcome::Reason::MarginalProrata, None, 7);
        assert_eq!(why, NotWon::plain(Reason::MarginalProrata, 7));
    }
}
