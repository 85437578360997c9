//! Orders that the clearing would not take. None should get this far; one that does must not make the
//! round void for everybody else.
use crate::clearing::Book;
use std::collections::BTreeSet;

/// Takes out of a book what makes it faulty, and answers whose orders that were.
pub fn drop_faulty(book: &mut Book) -> Vec<String> {
    let mut dropped = Vec::new();
    loop {
        let (mut orders, mut instances) = (BTreeSet::new(), BTreeSet::new());
        for fault in book.validate() {
            let mut parts = fault.pointer.split('/').skip(1);
            match (parts.next(), parts.next().and_then(|index| index.parse::<usize>().ok())) {
                (Some("orders"), Some(index)) => orders.extend(book.orders.get(index).map(|o| o.id.clone())),
                (Some("instances"), Some(index)) => instances.extend(book.instances.get(index).map(|i| i.id.clone())),
                // Nobody's order is at fault: the round will say so.
                _ => {}
            }
        }
        let faulty = |o: &crate::clearing::Order| {
            orders.contains(&o.id) || o.instance.as_ref().is_some_and(|id| instances.contains(id))
        };
        let before = dropped.len();
        dropped.extend(book.orders.iter().filter(|o| faulty(o)).map(|o| o.id.clone()));
        book.orders.retain(|o| !dropped.contains(&o.id));
        book.instances.retain(|i| !instances.contains(&i.id));
        if dropped.len() == before {
            return dropped;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clearing::generate::{Size, book as generated};

    #[test]
    fn what_is_right_stays_and_one_fault_costs_nobody_else_the_round() {
        let size = Size { orders: 40, pools: 1, slots: 2, nodes: 2 };
        let mut book = generated(&size, 7);
        assert_eq!(drop_faulty(&mut book), Vec::<String>::new());
        let (all, faulty) = (book.orders.len(), book.orders[3].id.clone());
        book.orders[3].alternatives[0].quantities[0].quantity = i64::MAX;
        assert_eq!(drop_faulty(&mut book), [faulty]);
        assert_eq!((book.orders.len(), book.validate()), (all - 1, vec![]));

        let lender = book.orders.iter().find_map(|o| o.instance.clone()).expect("somebody lends");
        let row = book.instances.iter_mut().find(|i| i.id == lender).expect("it is listed");
        row.max_swap = row.holding.clone();
        row.max_swap[0].quantity = -1;
        let dropped = drop_faulty(&mut book);
        assert!(!dropped.is_empty() && book.orders.iter().all(|o| o.instance.as_ref() != Some(&lender)));
        assert_eq!(book.validate(), []);
    }
}
