//! V4: what is not sold out costs its price at most, what is free has no price, a premium needs a full node. Excused
//! where less is left than a lot of a bid at the margin there takes.

use crate::clearing::book::{NANO_PER_MICRO, Side};
use crate::clearing::check::rules::{Broken, Check, Rule};
use std::collections::BTreeMap;

/// A breach unless excused: what is left at a place (a product, and where it is a premium the node).
struct Over {
    product: usize,
    node: Option<usize>,
    left: i128,
    broken: Broken,
}

impl Check<'_> {
    pub(super) fn supply(&mut self) {
        let mut over = self.unsold();
        for (&(node, product), premium) in &self.outcome.premiums_nano {
            let left = self.room_left(node, product);
            if *premium > 1 && left > 0 {
                let broken = Broken::new(Rule::V4, "a premium where the node has room left").node(self.book, node);
                over.push(Over { product, node: Some(node), left, broken: broken.nano("premium", *premium) });
            }
        }
        for product in 0..self.book.products.len() {
            let (price, free) = (self.outcome.prices_nano[product], self.sold[product] - self.bought[product]);
            if free > 0 && price > 1 {
                let broken = Broken::new(Rule::V4, "sold but not bought, and not free").product(self.book, product);
                self.broken.push(broken.text("left", free).nano("price", price));
            }
        }
        let largest = self.largest_marginal_lots(&over);
        for Over { product, node, left, broken } in over {
            if left >= largest[&(product, node)] {
                self.broken.push(broken.product(self.book, product).text("left", left));
            }
        }
    }

    /// Steps and offers that are not sold out under their price.
    fn unsold(&self) -> Vec<Over> {
        let (book, mut over) = (self.book, Vec::new());
        for (product, steps) in self.outcome.used.iter().enumerate() {
            let price = self.outcome.prices_nano[product];
            for (used, step) in steps.iter().zip(&book.products[product].supply) {
                let left = i128::from(step.quantity) - i128::from(*used);
                if left > 0 && price > step.reserve_nano + 1 {
                    let broken = Broken::new(Rule::V4, "a supply step is not sold out under the price");
                    let broken = broken.nano("price", price).nano("reserve", step.reserve_nano);
                    over.push(Over { product, node: None, left, broken });
                }
            }
        }
        for (number, order) in book.orders.iter().enumerate().filter(|(_, order)| order.side == Side::Offer) {
            for alternative in book.alternatives_of(order) {
                let left = alternative.lots - self.award[number].map_or(0, |award| award.lots);
                let gain = self.gain(order, alternative);
                if left > 0 && gain > self.tolerance(alternative, alternative.lots) {
                    let broken = Broken::new(Rule::V4, "an offer is not sold out under its price").order(book, number);
                    let (product, left) = (book.lines_of(alternative)[0].product, i128::from(left));
                    over.push(Over { product, node: None, left, broken: broken.nano("gain", gain) });
                }
            }
        }
        over
    }

    /// The largest lot of a bid at the margin, at each of these places.
    fn largest_marginal_lots(&self, over: &[Over]) -> BTreeMap<(usize, Option<usize>), i128> {
        let mut largest: BTreeMap<_, i128> = over.iter().map(|at| ((at.product, at.node), 0)).collect();
        let bids = self.book.orders.iter().filter(|order| !over.is_empty() && order.side == Side::Bid);
        for alternative in bids.flat_map(|order| self.book.alternatives_of(order)) {
            let cheapest = self.cheapest(alternative);
            for line in self.book.lines_of(alternative) {
                let (pool, quantity) = (self.book.products[line.product].pool, i128::from(line.quantity));
                let is_marginal = |cost| self.is_marginal(alternative, Self::gain_at(Side::Bid, alternative, cost));
                let mut found = |node: Option<usize>, cost: i128| {
                    if let Some(most) = largest.get_mut(&(line.product, node)).filter(|most| **most < quantity)
                        && is_marginal(cost)
                    {
                        *most = quantity;
                    }
                };
                found(None, cheapest);
                if self.has_nodes(line.product) && !self.dear.is_empty() {
                    let least = self.least_premium(alternative, pool);
                    for node in self.book.hosts_in(alternative, pool) {
                        found(Some(node), cheapest - least + self.premium_of(alternative, node));
                    }
                }
            }
        }
        largest
    }

    /// What is left unsold of a product at its price: (cost, units, node) of each seller.
    pub(super) fn sellers(&self) -> Vec<Vec<(i128, i128, Option<usize>)>> {
        let book = self.book;
        let mut sellers = vec![Vec::new(); book.products.len()];
        for (product, steps) in self.outcome.used.iter().enumerate() {
            for (used, step) in steps.iter().zip(&book.products[product].supply).filter(|(used, s)| s.quantity > **used)
            {
                sellers[product].push((step.reserve_nano, i128::from(step.quantity - used), None));
            }
        }
        for (number, order) in book.orders.iter().enumerate().filter(|(_, order)| order.side == Side::Offer) {
            for alternative in book.alternatives_of(order) {
                let left = alternative.lots - self.award[number].map_or(0, |award| award.lots);
                let product = book.lines_of(alternative)[0].product;
                let cost =
                    -(-i128::from(alternative.value_micro) * NANO_PER_MICRO).div_euclid(i128::from(alternative.lots));
                let node = book.hosts_in(alternative, book.products[product].pool).next();
                if left > 0 {
                    sellers[product].push((cost, i128::from(left), node));
                }
            }
        }
        sellers
    }
}
