//! Orders that the clearing would not take. None should get this far; one that does must not make the
//! round void for everybody else.
use crate::clearing::document::Book;
use std::collections::BTreeSet;

/// Takes out of a book what makes it faulty, and answers whose orders that were.
pub fn drop_faulty(book: &mut Book) -> Vec<String> {
    let mut dropped = Vec::new();
    while let Err(faults) = book.numbered() {
        let mut orders = BTreeSet::new();
        for fault in faults {
            let mut parts = fault.pointer.split('/').skip(1);
            if let (Some("orders"), Some(index)) = (parts.next(), parts.next().and_then(|n| n.parse::<usize>().ok())) {
                orders.extend(book.orders.get(index).map(|o| o.id.clone()));
            }
        }
        // Nobody's order is at fault: the round will say so.
        if orders.is_empty() {
            break;
        }
        book.orders.retain(|o| !orders.contains(&o.id));
        dropped.extend(orders);
    }
    dropped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clearing::book::{ProductKey, Side};
    use crate::clearing::document::{Alternative, Order, Quantity};
    use crate::units::{Credits, Share};

    fn bid(id: &str, quantity: i64) -> Order {
        let product = ProductKey { pool: "p".into(), resource: "cpu_milli".into(), slot: 0 };
        let alternative = Alternative { quantities: vec![Quantity { product, quantity }], ..Alternative::default() };
        Order {
            id: id.to_owned(),
            owner: "o".to_owned(),
            side: Side::Bid,
            limit: Credits::from_units(1),
            min_fill: Share::ZERO,
            replicas: None,
            node: None,
            class: Default::default(),
            incumbent: false,
            accepted: None,
            workload: None,
            alternatives: vec![alternative],
        }
    }

    #[test]
    fn one_fault_costs_nobody_else_the_round() {
        let mut book = Book { orders: vec![bid("a", 5), bid("b", 7)], ..Book::default() };
        assert_eq!(drop_faulty(&mut book), Vec::<String>::new());
        book.orders[0].alternatives[0].quantities[0].quantity = i64::MAX;
        assert_eq!(drop_faulty(&mut book), ["a"]);
        assert_eq!(book.orders.iter().map(|o| o.id.as_str()).collect::<Vec<_>>(), ["b"]);
    }
}
