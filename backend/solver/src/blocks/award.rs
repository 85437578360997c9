//! An award in integers, and what it leaves.

use headroom_market::clearing::book::{Alternative, Book, Order, Side};

#[derive(Clone, Debug, PartialEq)]
pub struct Award {
    /// By alternative of the book.
    pub lots: Vec<i64>,
    /// Lots by node, by alternative of the book, in each pool with nodes.
    pub hosts: Vec<Vec<(usize, i64)>>,
    /// By product and step.
    pub used: Vec<Vec<i64>>,
    pub flows: Vec<i64>,
}

impl Award {
    pub fn none(book: &Book) -> Self {
        Award {
            lots: vec![0; book.alternatives.len()],
            hosts: vec![Vec::new(); book.alternatives.len()],
            used: book.products.iter().map(|product| vec![0; product.supply.len()]).collect(),
            flows: vec![0; book.arcs.len()],
        }
    }

    /// Sold less bought, by product.
    pub fn left(&self, book: &Book) -> Vec<i128> {
        let mut left: Vec<i128> = self.used.iter().map(|used| used.iter().map(|u| i128::from(*u)).sum()).collect();
        for order in &book.orders {
            let sign = if order.side == Side::Bid { -1 } else { 1 };
            for number in order.alternatives.clone().filter(|number| self.lots[*number] > 0) {
                for line in book.lines_of(&book.alternatives[number]) {
                    left[line.product] += sign * i128::from(line.quantity) * i128::from(self.lots[number]);
                }
            }
        }
        for (arc, flow) in book.arcs.iter().zip(&self.flows) {
            left[arc.from] -= i128::from(*flow);
            left[arc.to] += i128::from(*flow);
        }
        left
    }

    /// Room left on each node for each product of its pool.
    pub fn room(&self, book: &Book) -> Vec<Vec<i128>> {
        let mut room: Vec<Vec<i128>> =
            book.nodes.iter().map(|n| n.room.iter().map(|r| i128::from(*r)).collect()).collect();
        for order in &book.orders {
            let sign = if order.side == Side::Bid { -1 } else { 1 };
            for number in order.alternatives.clone() {
                for (node, lots) in &self.hosts[number] {
                    let pool = book.nodes[*node].pool;
                    for line in book.load_in(&book.alternatives[number], pool) {
                        let at = line.product - book.pools[pool].products.start;
                        room[*node][at] += sign * i128::from(line.quantity) * i128::from(*lots);
                    }
                }
            }
        }
        room
    }
}

/// Whether prices can serve an order to the unit; a block only once it has won.
pub fn is_divisible(book: &Book, joined: &[bool], order: &Order, alternative: &Alternative) -> bool {
    if order.side == Side::Offer {
        return true;
    }
    let lines = book.lines_of(alternative);
    if !alternative.room.is_empty() || lines.iter().any(|line| line.quantity != 1) {
        return false;
    }
    let mut products: Vec<usize> = lines.iter().map(|line| line.product).collect();
    products.sort_unstable();
    let follows = |pair: &[usize]| {
        let (a, b) = (&book.products[pair[0]].key, &book.products[pair[1]].key);
        a.pool == b.pool && a.resource == b.resource && b.slot == a.slot + 1
    };
    let pool = &book.pools[book.products[products[0]].pool];
    products.len() == 1
        || (products.windows(2).all(follows) && pool.nodes.is_empty() && products.iter().all(|p| !joined[*p]))
}

/// Products whose resource is joined to others by an arc, in any slot.
pub fn joined(book: &Book) -> Vec<bool> {
    let ends = book.arcs.iter().flat_map(|arc| [arc.from, arc.to]);
    let ends: std::collections::BTreeSet<(usize, &str)> =
        ends.map(|p| (book.products[p].pool, book.products[p].key.resource.as_str())).collect();
    book.products.iter().map(|product| ends.contains(&(product.pool, product.key.resource.as_str()))).collect()
}
