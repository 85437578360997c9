//! Bids of whole replicas beside less than a replica: they can't have a part of one, so they must not set a price by
//! one either.
//!
//! The clearing divides a bid into parts of a replica and rounds in the end. One whose replica is more than all that
//! there is of something would be at the margin with a part, hold the price at its own limit, and get nothing: a way to
//! move others' prices for free. Such bids sit the round out. One that could have a part, and no whole replica beside what
//! others want, would do the same: it takes part as all or none of a replica, which is what it is, and is told what that
//! would have cost. Others stay divisible: one at just the price of what is left over wins then, and a block would not.
use crate::clearing::book::{Alternative, Fraction};
use crate::clearing::rational::Rat;
use crate::clearing::{Book, Order, ProductKey, Side};
use crate::ids::OrderId;
use std::collections::BTreeMap;

/// A replica's part of an order is rounded down to so many parts of it: rounded up to whole replicas, it is one.
const PARTS: i128 = 1_000_000_000_000;

/// What there is of a product, the cheapest first: base units, and the least that one costs in micro-credits.
type Supply = Vec<(i128, i128)>;

/// What bids want of a product and what a unit is worth to each, where it wants nothing beside it: who may come before
/// all others first, then the dearest. With each what it and all before it want.
type Demand = BTreeMap<ProductKey, Vec<(Option<Rat>, i128)>>;

/// Takes out of a book those of which there is no replica at any price, and answers which.
pub fn take_out_unreachable(book: &mut Book) -> Vec<OrderId> {
    let there = supply(book, |_| true);
    let is_reachable = |order: &Order| {
        let Some(replicas) = replicas(order) else { return true };
        order.alternatives.iter().any(|a| Replica::of(a, replicas).marginal(&there, |_| 0).is_some())
    };
    let (stay, gone): (Vec<Order>, Vec<Order>) = std::mem::take(&mut book.orders).into_iter().partition(is_reachable);
    book.orders = stay;
    gone.iter().filter_map(|o| o.id.parse().ok()).collect()
}

/// Has bids that could have a part of a replica win a whole one at least.
pub fn hold_to_wholes(book: &mut Book) {
    let there = supply(book, |_| true);
    let others = Others { divisible: supply(book, is_divisible), demand: demand(book) };
    for order in &mut book.orders {
        let Some(replicas) = replicas(order) else { continue };
        let one = Rat::ratio(PARTS / i128::from(replicas), PARTS);
        if order.min_fill.0 < one && could_have_a_part(order, replicas, &there, &others) {
            order.min_fill = Fraction(one);
        }
    }
}

fn replicas(order: &Order) -> Option<i64> {
    order.replicas.filter(|_| order.side == Side::Bid).map(|replicas| replicas.max(1))
}

/// What is surely there to the last unit: an offer of all or a least part, of several products or one of several may be
/// refused for want of who takes the rest.
fn is_divisible(offer: &Order) -> bool {
    let alone = matches!(&offer.alternatives[..], [only] if only.quantities.len() == 1);
    alone && offer.min_fill.0.is_zero() && offer.replicas.is_none()
}

/// Of the operator and of those offers.
fn supply(book: &Book, counts: impl Fn(&Order) -> bool) -> BTreeMap<ProductKey, Supply> {
    let mut there: BTreeMap<ProductKey, Supply> = BTreeMap::new();
    for product in &book.products {
        let steps = product.supply.iter().map(|s| (i128::from(s.quantity), i128::from(s.reserve.0)));
        there.insert(product.key(), steps.collect());
    }
    for offer in book.orders.iter().filter(|o| o.side == Side::Offer && counts(o)) {
        for alternative in &offer.alternatives {
            // of a bundle one part may be had for nothing
            let alone = alternative.quantities.len() == 1;
            for quantity in alternative.quantities.iter().filter(|q| q.quantity > 0) {
                let cost = if alone { i128::from(offer.limit.0) / i128::from(quantity.quantity) } else { 0 };
                there.entry(quantity.product.clone()).or_default().push((quantity.quantity.into(), cost));
            }
        }
    }
    there.values_mut().for_each(|supply| supply.sort_by_key(|(_, cost)| *cost));
    there
}

fn demand(book: &Book) -> Demand {
    let mut demand = Demand::new();
    for bid in book.orders.iter().filter(|o| o.side == Side::Bid) {
        for alternative in &bid.alternatives {
            for quantity in &alternative.quantities {
                let each = unit_worth(bid, alternative);
                let wanted = (each, i128::from(quantity.quantity));
                demand.entry(quantity.product.clone()).or_default().push(wanted);
            }
        }
    }
    for wanted in demand.values_mut() {
        wanted.sort_by(|(one, _), (other, _)| match (one, other) {
            (Some(one), Some(other)) => other.cmp(one),
            _ => one.is_some().cmp(&other.is_some()),
        });
        let mut all = 0;
        for (_, quantity) in wanted {
            all += *quantity;
            *quantity = all;
        }
    }
    demand
}

/// What others want of a product who don't come after a bid: those to whom a unit is worth less do.
fn before(order: &Order, alternative: &Alternative, product: &ProductKey, demand: &Demand) -> i128 {
    let own = unit_worth(order, alternative);
    let comes_after = |each: &Option<Rat>| matches!((each, &own), (Some(each), Some(own)) if each < own);
    let Some(wanted) = demand.get(product) else { return 0 };
    let others = wanted.partition_point(|(each, _)| !comes_after(each));
    let all = others.checked_sub(1).map_or(0, |last| wanted[last].1);
    let itself = order.alternatives.iter().filter(|a| !comes_after(&unit_worth(order, a)));
    let itself = itself.flat_map(|a| &a.quantities).filter(|q| q.product == *product).map(|q| i128::from(q.quantity));
    all - itself.sum::<i128>()
}

/// What a unit is worth to a bid for one product alone.
fn unit_worth(bid: &Order, alternative: &Alternative) -> Option<Rat> {
    let [only] = &alternative.quantities[..] else { return None };
    (only.quantity > 0).then(|| Rat::ratio((bid.limit.0 - alternative.adder.0).into(), only.quantity.into()))
}

/// What others leave of what there is.
struct Others {
    divisible: BTreeMap<ProductKey, Supply>,
    demand: Demand,
}

/// Whether an alternative's price is more than its cheapest units cost, and does not surely pay for a replica of what others
/// leave. One that is under all that there is has nothing anyway, and divides.
fn could_have_a_part(order: &Order, replicas: i64, there: &BTreeMap<ProductKey, Supply>, others: &Others) -> bool {
    let pays = |a: &Alternative, cost: Option<i128>| {
        cost.is_some_and(|cost| cost * i128::from(replicas) <= i128::from(order.limit.0) - i128::from(a.adder.0))
    };
    order.alternatives.iter().any(|a| {
        let replica = Replica::of(a, replicas);
        let whole = replica.marginal(&others.divisible, |product| before(order, a, product, &others.demand));
        pays(a, replica.cheapest(there)) && !pays(a, whole)
    })
}

/// What one replica asks for.
struct Replica<'a>(Vec<(&'a ProductKey, i128)>);

impl<'a> Replica<'a> {
    fn of(alternative: &'a Alternative, replicas: i64) -> Self {
        let units = alternative.quantities.iter().map(|q| (&q.product, i128::from(q.quantity / replicas)));
        Self(units.collect())
    }

    /// What it costs at least where one price is paid for all units: that of the dearest that it needs once others have
    /// what comes before it. None where there are too few.
    fn marginal(&self, there: &BTreeMap<ProductKey, Supply>, before: impl Fn(&ProductKey) -> i128) -> Option<i128> {
        let cost = |(product, units): &(&ProductKey, i128)| {
            let mut left = before(product).saturating_add(*units);
            let last = there.get(product)?.iter().find(|(quantity, _)| {
                left -= quantity;
                left <= 0
            });
            Some(last?.1 * units)
        };
        self.0.iter().map(cost).sum()
    }

    /// What all of it would cost at the price of the cheapest units. None where something is not there at all.
    fn cheapest(&self, there: &BTreeMap<ProductKey, Supply>) -> Option<i128> {
        let first = |product: &ProductKey| there.get(product)?.iter().find(|(quantity, _)| *quantity > 0);
        self.0.iter().map(|(product, units)| Some(first(product)?.1 * units)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clearing::book::{Class, Money, Product, Quantity, Step};
    use crate::clearing::{Limits, Mode, NoProposal, clear, parse};
    use crate::ids::{BidId, OfferId};

    fn order(id: OrderId, side: Side, quantity: i64, replicas: Option<i64>) -> Order {
        let product = ProductKey { pool: "p".into(), resource: "cpu_milli".into(), slot: 0 };
        Order {
            id: id.to_string(),
            owner: String::new(),
            side,
            instance: None,
            limit: Money(if side == Side::Bid { 1_000_000_000 } else { 500 }),
            min_fill: Fraction::zero(),
            incumbent: false,
            alternatives: vec![Alternative { quantities: vec![Quantity { product, quantity }], adder: Money(0) }],
            parent: None,
            budget: None,
            replicas,
            node: None,
            class: Class::Standard,
        }
    }

    #[test]
    fn a_bid_whose_replica_is_more_than_there_is_sits_out_and_others_do_not() {
        let bid = |n| OrderId::Bid(BidId::from_raw(n));
        let mut book = Book::new(Money(1_000_000), 1);
        let supply = vec![Step { quantity: 1_000, reserve: Money(1) }];
        let (pool, resource) = ("p".to_owned(), "cpu_milli".to_owned());
        book.products.push(Product { pool, resource, slot: 0, supply, cap: None, reference: None });
        book.orders = vec![
            order(bid(1), Side::Bid, 4_000, Some(2)),
            order(bid(2), Side::Bid, 4_000, Some(3)),
            order(bid(3), Side::Bid, 4_000, None),
            order(OrderId::Offer(OfferId::from_raw(4)), Side::Offer, 500, None),
        ];
        // 2,000 a replica is more than 1,000 of the operator and 500 offered; 1,333 is not
        assert_eq!(take_out_unreachable(&mut book), [bid(1)]);
        hold_to_wholes(&mut book);
        assert_eq!(book.orders.len(), 3);
        let min_fill = |book: &Book| book.orders[0].min_fill.0.clone();
        assert!(!min_fill(&book).is_zero(), "another bid wants all that there is");
        book.products[0].supply[0].quantity = 10_000;
        book.orders[0].min_fill = Fraction::zero();
        assert_eq!(take_out_unreachable(&mut book), []);
        hold_to_wholes(&mut book);
        assert!(min_fill(&book).is_zero(), "it can pay for a replica of what is left");
        book.products[0].supply[0].quantity = 1_000;
        // where the operator's supply costs more than all that the bid would pay, and what is offered is less than a
        // replica, it takes part as a whole one
        book.products[0].supply[0].reserve = Money(1_000_000);
        assert_eq!(take_out_unreachable(&mut book), []);
        hold_to_wholes(&mut book);
        assert_eq!(min_fill(&book), Rat::ratio(333_333_333_333, PARTS));
        // and where nothing is as cheap as what it would pay it divides: it has nothing at any price under that
        book.orders[0].min_fill = Fraction::zero();
        book.orders.retain(|o| o.side == Side::Bid);
        book.products[0].supply[0].quantity = 2_000;
        hold_to_wholes(&mut book);
        assert!(min_fill(&book).is_zero());
    }

    /// What each bid but the one in replicas pays, and what that has won, with it in the book and without.
    fn beside(others: &str, attack: &str) -> [(Vec<(String, String)>, bool); 2] {
        let products = r#"{"pool":"p","resource":"cpu","slot":0,"supply":[{"quantity":1050,"reserve":"0.001"},{"quantity":450,"reserve":"0.0018"}]},
            {"pool":"q","resource":"cpu","slot":0,"supply":[{"quantity":1050,"reserve":"0.001"},{"quantity":450,"reserve":"0.0018"}]},
            {"pool":"p","resource":"cpu","slot":1}"#;
        [attack, ""].map(|attack| {
            let text = format!(
                r#"{{"format":"headroom.book/1","cap":"10","alpha":"0","seed":1,"products":[{products}],
                "orders":[{others}{attack}]}}"#
            );
            let mut book = parse(&text).expect("a book");
            assert_eq!(take_out_unreachable(&mut book), []);
            hold_to_wholes(&mut book);
            let outcome = clear(&book, Mode::Market, &NoProposal, &Limits::PRODUCTION).expect("an outcome");
            let won = outcome.awards.iter().any(|a| a.order == "attack");
            let others = outcome.awards.iter().filter(|a| a.order.starts_with("bid"));
            (others.map(|a| (a.order.clone(), format!("{:?}", a.money))).collect(), won)
        })
    }

    const BIDS: &str = r#"{"id":"bid-high","owner":"a","side":"bid","limit":"0.87","alternatives":[{"quantities":[["p","cpu",0,300]]}]},
        {"id":"bid-low","owner":"b","side":"bid","limit":"0.12","alternatives":[{"quantities":[["p","cpu",0,100]]}]}"#;

    fn attack(quantity: u32, limit: &str, more: &str) -> String {
        format!(
            r#",{{"id":"attack","owner":"x","side":"bid","replicas":2,"limit":"{limit}"{more},"alternatives":[{{"quantities":[["p","cpu",0,{quantity}]]}}]}}"#
        )
    }

    #[test]
    fn a_bid_that_wins_no_replica_moves_no_price() {
        let offer = |limit: &str, more: &str, also: &str| {
            format!(
                r#"{BIDS},{{"id":"offer","owner":"l","side":"offer","limit":"{limit}"{more},"alternatives":[{{"quantities":[["p","cpu",0,3000]{also}]}}]}}"#
            )
        };
        for (what, others, attack) in [
            ("alone", BIDS.to_owned(), attack(2_000, "3.2", "")),
            ("an offer of more than anybody takes", offer("3.6", r#","min_fill":"1""#, ""), attack(1_600, "2.5", "")),
            ("an offer of two slots", offer("3000", "", r#",["p","cpu",1,3000]"#), attack(1_600, "2.5", "")),
        ] {
            let [with, without] = beside(&others, &attack);
            assert!(!with.1, "{what}");
            assert_eq!(with, without, "{what}");
        }
    }

    /// One of its pools has a replica of which others have a part, the other a whole one that is worth its price.
    #[test]
    fn a_bid_in_two_pools_wins_where_there_is_a_replica() {
        let attack = r#",{"id":"attack","owner":"x","side":"bid","replicas":2,"limit":"3.2",
            "alternatives":[{"quantities":[["p","cpu",0,2000]]},{"quantities":[["q","cpu",0,2000]],"adder":"1.1"}]}"#;
        let [with, without] = beside(BIDS, attack);
        assert_eq!(with.0, without.0);
        assert!(with.1);
    }
}
