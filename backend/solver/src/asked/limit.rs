//! Limits worth trying: what a round's prices say, and one that nobody outbids. In micro-credits.
use headroom_market::clearing::book::{GREATEST, NANO_PER_MICRO, Side};
use headroom_market::clearing::document::{Alternative, Book, Order, Outcome, Quantity};
use headroom_market::units::Credits;

/// With which limit the prices of an outcome, premiums included, let an order win all of what it asks for.
pub(super) fn said(outcome: &Outcome, order: &Order) -> i64 {
    let present = order.limit.units();
    if let Some(refused) = outcome.refused.iter().find(|r| r.order == order.id) {
        return match order.side {
            Side::Bid => present.saturating_add(refused.shortfall.units()),
            Side::Offer => present.saturating_sub(refused.shortfall.units()),
        };
    }
    let Some(award) = outcome.awards.iter().find(|a| a.order == order.id) else { return present };
    let all = i128::from(award.money.units()) * i128::from(order.lots(award.alternative));
    let (lots, adder) = (i128::from(award.lots.max(1)), order.alternatives[award.alternative].adder);
    match order.side {
        Side::Bid => i64::try_from((all + lots - 1) / lots).map_or(present, |cost| cost.saturating_add(adder.units())),
        Side::Offer => i64::try_from(all / lots).unwrap_or(present),
    }
}

/// More than all others together would pay, and more than what is for sale asks: a limit that nobody outbids.
pub fn beyond_all(book: &Book, order: &Order) -> Credits {
    let dearest = |resource: &str| {
        let products = book.products.iter().filter(|p| p.resource == resource);
        let steps = products.flat_map(|p| &p.supply).map(|s| i128::from(s.reserve.units()));
        let offers = book.orders.iter().filter(|o| o.side == Side::Offer);
        let rows = offers.flat_map(|o| o.alternatives.iter().flat_map(|a| &a.quantities).map(|q| (o.limit, q)));
        let of_resource = rows.filter(|(_, q)| q.product.resource == resource && q.quantity > 0);
        let asks = of_resource.map(|(limit, q)| nano(limit) / i128::from(q.quantity) + 1);
        steps.chain(asks).max().unwrap_or(0)
    };
    // What is for sale elsewhere may come over arcs.
    let ways: i128 = book.arcs.iter().map(|a| i128::from(a.cost.units())).sum();
    let cost = |a: &Alternative| {
        let line = |q: &Quantity| (dearest(&q.product.resource) + ways) * i128::from(q.quantity);
        a.quantities.iter().map(line).sum::<i128>() / NANO_PER_MICRO + 1 + i128::from(a.adder.units())
    };
    let own = order.alternatives.iter().map(cost).max().unwrap_or(0);
    let bids = book.orders.iter().filter(|o| o.side == Side::Bid).map(|o| i128::from(o.limit.units()));
    let all = (own + bids.sum::<i128>()).min(i128::from(GREATEST) * 1_000_000);
    Credits::from_units(i64::try_from(all).unwrap_or(i64::MAX)).max(order.limit)
}

fn nano(money: Credits) -> i128 {
    i128::from(money.units()) * NANO_PER_MICRO
}
