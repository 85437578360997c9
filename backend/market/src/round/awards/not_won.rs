//! What a round tells the orders that did not win, or not all of it: the reason, its numbers, and the
//! node that has too little room where one has.
use crate::clearing::book::ProductKey;
use crate::clearing::document::{self, Alternative, Outcome, PriceRow};
use crate::clearing::outcome;
use crate::ids::OrderId;
use crate::records::order::{NotWon, Order, Side};
use crate::records::reason::Reason;
use crate::records::runs;
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
    let setter = |p: &PriceRow| {
        let (_, order) = p.set_by.split_once(':').filter(|(kind, _)| ["bid", "offer"].contains(kind))?;
        (!traded.contains(&p.key())).then(|| (p.key(), order.to_owned()))
    };
    let setters: BTreeMap<ProductKey, String> = outcome.prices.iter().filter_map(setter).collect();
    // So for premiums: they are not told apart by who set them, and nobody is told one where nothing changed hands.
    let (premiums, on_nodes) = (outcome.premiums(), outcome.traded_on());
    let shown = |o: &document::Order| {
        let mut products = o.alternatives.iter().flat_map(|a| &a.quantities).map(|q| &q.product);
        let is_told = |product: &ProductKey| {
            let on_node = o.node.as_ref().map(|node| (node.as_str(), product.resource.as_str(), product.slot));
            let is_secret = on_node.is_some_and(|at| premiums.contains_key(&at) && !on_nodes.contains(&at));
            !is_secret && setters.get(product).is_none_or(|order| *order == o.id)
        };
        products.all(is_told)
    };
    let entries: BTreeMap<&str, &document::Order> = sealed.book.orders.iter().map(|o| (o.id.as_str(), o)).collect();
    let mut costed = BTreeSet::new();
    for refused in &outcome.refused {
        let (Ok(id), Some(entry)) = (refused.order.parse::<OrderId>(), entries.get(refused.order.as_str())) else {
            continue;
        };
        let mut why = NotWon::plain(refused.reason.into(), number);
        if refused.reason != outcome::Reason::Interrupted && shown(entry) {
            costed.insert(id);
            (why.price_faced, why.shortfall) = (Some(refused.cost), Some(refused.shortfall));
            why.winning_limit = winning_limit(entry, refused);
        }
        bind(&mut why, entry, outcome);
        list.push((id, why));
    }
    for award in &outcome.awards {
        let (Ok(id), Some(reason)) = (award.order.parse::<OrderId>(), award.limited_by) else { continue };
        let mut why = NotWon::plain(reason.into(), number);
        entries.get(award.order.as_str()).iter().for_each(|entry| bind(&mut why, entry, outcome));
        list.push((id, why));
    }
    for (id, reason) in &sealed.excluded {
        if *reason == Reason::RoundFull && turn.state.orders.get(id).is_some_and(Order::never_taken) {
            held_back += 1;
        } else {
            list.push((*id, NotWon::plain(*reason, number)));
        }
    }
    for (id, why) in list.iter_mut().filter(|(id, _)| costed.contains(id)) {
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

/// The limit that the prices would not have refused: a bound, as another limit may move them. `None` where the price did not
/// decide, or nobody can offer for so little.
fn winning_limit(entry: &document::Order, refused: &document::Refusal) -> Option<Credits> {
    let decided = matches!(refused.reason, outcome::Reason::OutOfMoney | outcome::Reason::Tie);
    let tick = Credits::from_units(1);
    match entry.side {
        crate::clearing::book::Side::Bid => entry.limit.checked_add(refused.shortfall)?.checked_add(tick),
        crate::clearing::book::Side::Offer => entry.limit.checked_sub(refused.shortfall)?.checked_sub(tick),
    }
    .filter(|limit| decided && *limit > Credits::ZERO)
}

/// The full node that keeps an order from winning, and the resource that it has too little of: the one with the greatest
/// premium of those that the order needs.
fn bind(why: &mut NotWon, entry: &document::Order, outcome: &Outcome) {
    let Some(node) = &entry.node else { return };
    let needs = |resource: &str, slot: i64| {
        let mut rows = entry.alternatives.iter().flat_map(|a| &a.quantities);
        rows.any(|q| q.product.resource == resource && q.product.slot == slot)
    };
    let full = outcome.premiums.iter().filter(|row| row.node == *node && needs(&row.resource, row.slot));
    if let Some(row) = full.max_by_key(|row| row.premium) {
        (why.binding_node, why.binding_resource) = (Some(row.node.clone()), Some(row.resource.clone()));
    }
}

/// Which run a price is of, and the least limit for the whole window with which the prices would not have
/// refused one. The clearing reckons with adders as they stand in the book; those of shorter runs follow the limit.
fn say_of_runs(why: &mut NotWon, order: &Order, window: i64, sealed: &SealedBook, outcome: &Outcome) {
    let id = order.id.to_string();
    let Some(entry) = sealed.book.orders.iter().find(|o| o.id == id) else { return };
    let (prices, premiums) = (outcome.prices(), outcome.premiums());
    let price = |p: &ProductKey| {
        let at_node = entry.node.as_ref().and_then(|node| premiums.get(&(node.as_str(), p.resource.as_str(), p.slot)));
        prices.get(p).map_or(0, |price| price.units()) + at_node.map_or(0, |premium| premium.units())
    };
    let cost = |a: &Alternative| -> i128 {
        a.quantities.iter().map(|q| i128::from(price(&q.product)) * i128::from(q.quantity)).sum()
    };
    let slots = |a: &Alternative| a.quantities.iter().map(|q| q.product.slot).collect::<BTreeSet<_>>().len() as i64;
    // The clearing names the price of the alternative that gains most, the first of several.
    let gain = |(n, a): &(usize, &Alternative)| {
        (i128::from(entry.effective_limit(*n).units()) * NANO_PER_MICRO - cost(a), Reverse(*n))
    };
    let nearest = entry.alternatives.iter().enumerate().max_by_key(gain);
    why.slots = nearest.and_then(|(_, a)| u32::try_from(slots(a)).ok());
    if why.winning_limit.is_none() {
        return;
    }
    let limit_for = |a: &Alternative| {
        // The pool's adder, and the fee of a move.
        let fixed = a.adder.units() - runs::beyond(order.remaining_limit, slots(a), window).units();
        runs::limit_for(-(-cost(a)).div_euclid(NANO_PER_MICRO) + i128::from(fixed) + 1, slots(a), window)
    };
    let above_its_own = i128::from(order.remaining_limit.units()) + 1;
    let least = entry.alternatives.iter().map(limit_for).min().map(|least| least.max(above_its_own));
    why.winning_limit = least.and_then(|least| i64::try_from(least).ok()).map(Credits::from_units);
}

/// Nano-credits in a micro-credit.
const NANO_PER_MICRO: i128 = 1_000;

/// The text that a value has in JSON: its stable code or number.
pub fn text_of(value: &impl serde::Serialize) -> String {
    let json = serde_json::to_value(value).unwrap_or_default();
    json.as_str().map_or_else(|| json.to_string(), str::to_owned)
}
