//! Bids of which no replica can be had: they can win nothing, so they must not set a price either.
//!
//! The clearing divides a bid into parts of a replica and rounds in the end. One whose replica is more than
//! all that there is of something, at what it would pay, would be at the margin with a part, hold the price at its own limit, and
//! get nothing: a way to move others' prices for free. Such bids sit the round out.
use crate::clearing::{Book, ProductKey, Side};
use crate::ids::OrderId;
use std::collections::BTreeMap;

/// Takes them out of a book, and answers which.
pub fn drop_unreachable(book: &mut Book) -> Vec<OrderId> {
    // what there is of each product, with the least that a unit of it costs (of a bundle it may be nothing)
    let mut there: BTreeMap<ProductKey, Vec<(i128, i128)>> = BTreeMap::new();
    for product in &book.products {
        let steps = product.supply.iter().map(|s| (i128::from(s.quantity), i128::from(s.reserve.0)));
        there.insert(product.key(), steps.collect());
    }
    for offer in book.orders.iter().filter(|o| o.side == Side::Offer) {
        for alternative in &offer.alternatives {
            let alone = alternative.quantities.len() == 1;
            for quantity in alternative.quantities.iter().filter(|q| q.quantity > 0) {
                let cost = if alone { i128::from(offer.limit.0) / i128::from(quantity.quantity) } else { 0 };
                there.entry(quantity.product.clone()).or_default().push((quantity.quantity.into(), cost));
            }
        }
    }
    let is_reachable = |order: &crate::clearing::Order| {
        let Some(replicas) = order.replicas.filter(|_| order.side == Side::Bid) else { return true };
        // of what costs more than the whole limit it can have nothing
        let worth = i128::from(order.limit.0) / i128::from(replicas.max(1));
        order.alternatives.iter().any(|a| {
            a.quantities.iter().all(|q| {
                let unit = i128::from(q.quantity / replicas.max(1));
                let supply = there.get(&q.product).map_or(&[][..], |s| s);
                unit <= supply.iter().filter(|(_, cost)| cost * unit <= worth).map(|(quantity, _)| quantity).sum()
            })
        })
    };
    let (stay, gone) = std::mem::take(&mut book.orders).into_iter().partition(is_reachable);
    book.orders = stay;
    let gone: Vec<crate::clearing::Order> = gone;
    gone.iter().filter_map(|o| o.id.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clearing::book::{Alternative, Class, Fraction, Money, Order, Product, Quantity, Step};
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
        assert_eq!(drop_unreachable(&mut book), [bid(1)]);
        assert_eq!(book.orders.len(), 3);
        // and so it is where the operator's supply costs more than all that the bid would pay
        book.products[0].supply[0].reserve = Money(1_000_000);
        assert_eq!(drop_unreachable(&mut book), [bid(2)]);
    }
}
