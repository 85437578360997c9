//! What an award leaves unsold at the prices: units by product, and room by node.

use super::assemble::{best_gain, tolerance};
use crate::auction::blocks::award::Award;
use crate::auction::model::only_host;
use crate::auction::price_choice::Prices;
use headroom_market::auction::book::{Book, Side};

pub struct Unsold {
    units: Vec<i128>,
    room: Vec<Vec<i128>>,
    /// Offers that would lend more: (node, alternative, all of its lots).
    lenders: Vec<(usize, usize, i64)>,
}

impl Unsold {
    pub fn of(book: &Book, award: &Award, prices: &Prices) -> Self {
        let mut unsold = Unsold { units: award.left(book), room: award.room(book), lenders: Vec::new() };
        unsold.units.iter_mut().for_each(|left| *left = (*left).max(0));
        for (product, of) in book.products.iter().enumerate() {
            let steps = of.supply.iter().zip(&award.used[product]);
            let at_price = steps.filter(|(step, _)| step.reserve_nano <= prices.of_product[product] + 1);
            unsold.units[product] += at_price.map(|(step, used)| i128::from(step.quantity - used)).sum::<i128>();
        }
        for of in book.orders.iter().filter(|of| of.side == Side::Offer) {
            let at = of.alternatives.start;
            let offer = &book.alternatives[at];
            let product = book.lines_of(offer)[0].product;
            if best_gain(book, prices, at, Side::Offer) < -tolerance(book, offer) {
                continue;
            }
            unsold.units[product] += i128::from(offer.lots - award.lots[at]);
            if let Some(node) = only_host(book, offer, book.products[product].pool) {
                unsold.lenders.push((node, at, offer.lots));
            }
        }
        unsold
    }

    /// How many lots of an alternative fit.
    pub fn lots(&self, book: &Book, number: usize) -> i128 {
        let alternative = &book.alternatives[number];
        let lines = book.lines_of(alternative).iter();
        let mut most = lines.map(|line| self.units[line.product] / i128::from(line.quantity)).min().unwrap_or(0);
        for pool in book.pools_with_nodes(alternative) {
            let (loads, start) = (book.load_in(alternative, pool), book.pools[pool].products.start);
            let fits = |node: usize| {
                let fits = loads.iter().map(|line| self.room[node][line.product - start] / i128::from(line.quantity));
                fits.min().unwrap_or(0).max(0)
            };
            most = most.min(book.hosts_in(alternative, pool).map(fits).sum());
        }
        most
    }

    pub fn take(&mut self, book: &Book, number: usize, lots: i128) {
        for line in book.lines_of(&book.alternatives[number]) {
            self.units[line.product] = (self.units[line.product] - lots * i128::from(line.quantity)).max(0);
        }
    }

    /// Offers on the nodes of an alternative, whose lots are room for it: (alternative, all of its lots).
    pub fn lenders(&self, book: &Book, number: usize) -> Vec<(usize, i64)> {
        let alternative = &book.alternatives[number];
        let pools = book.pools_with_nodes(alternative);
        let hosts: Vec<usize> = pools.iter().flat_map(|pool| book.hosts_in(alternative, *pool)).collect();
        let here = self.lenders.iter().filter(|(node, ..)| hosts.contains(node));
        here.map(|(_, at, lots)| (*at, *lots)).collect()
    }
}
