//! Bids of which no replica can be had: they can win nothing, so they must not set a price either.
//!
//! The clearing divides a bid into parts of a replica and rounds in the end. One whose replica is more than
//! all that there is of something would be at the margin with a part, hold the price at its own limit, and
//! get nothing: a way to move others' prices for free. Such bids sit the round out.
use crate::clearing::{Book, ProductKey, Side};
use crate::ids::OrderId;
use std::collections::BTreeMap;

/// Why such a bid sits a round out: not even all the supply together is enough for the least of it.
pub const UNREACHABLE: &str = "MIN_FILL_UNREACHABLE";

/// Takes them out of a book, and answers which.
pub fn drop_unreachable(book: &mut Book) -> Vec<OrderId> {
    let mut there: BTreeMap<ProductKey, i64> = BTreeMap::new();
    for product in &book.products {
        let supply = product.supply.iter().map(|s| s.quantity).fold(0, i64::saturating_add);
        there.insert(product.key(), supply);
    }
    for offer in book.orders.iter().filter(|o| o.side == Side::Offer) {
        let mut most: BTreeMap<&ProductKey, i64> = BTreeMap::new();
        for quantity in offer.alternatives.iter().flat_map(|a| &a.quantities) {
            let entry = most.entry(&quantity.product).or_default();
            *entry = (*entry).max(quantity.quantity);
        }
        for (product, quantity) in most {
            let entry = there.entry(product.clone()).or_default();
            *entry = entry.saturating_add(quantity);
        }
    }
    let is_reachable = |order: &crate::clearing::Order| {
        let Some(replicas) = order.replicas.filter(|_| order.side == Side::Bid) else { return true };
        order.alternatives.iter().any(|a| {
            a.quantities.iter().all(|q| q.quantity / replicas.max(1) <= there.get(&q.product).copied().unwrap_or(0))
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
            limit: Money(1_000_000),
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
    }
}
