//! What an award leaves unsold at the prices: units by product, and room by node.

use super::assemble::{best_gain, tolerance};
use crate::blocks::award::Award;
use crate::model::only_host;
use crate::price_choice::Prices;
use headroom_market::clearing::book::{Book, Side};
use headroom_market::clearing::outcome::Reason;

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
        self.for_sale(book, number).min(self.hosted(book, number))
    }

    /// How many lots of an alternative sellers have.
    fn for_sale(&self, book: &Book, number: usize) -> i128 {
        let lines = book.lines_of(&book.alternatives[number]).iter();
        lines.map(|line| self.units[line.product] / i128::from(line.quantity)).min().unwrap_or(0)
    }

    /// How many lots of an alternative nodes have room for.
    fn hosted(&self, book: &Book, number: usize) -> i128 {
        let alternative = &book.alternatives[number];
        let pools = book.pools_with_nodes(alternative).into_iter().map(|pool| {
            let (loads, start) = (book.load_in(alternative, pool), book.pools[pool].products.start);
            let fits = |node: usize| {
                let fits = loads.iter().map(|line| self.room[node][line.product - start] / i128::from(line.quantity));
                fits.min().unwrap_or(0).max(0)
            };
            book.hosts_in(alternative, pool).map(fits).sum()
        });
        pools.min().unwrap_or(i128::MAX)
    }

    /// The first reason that applies to a bid that gains and has won nothing.
    pub fn first_reason(&self, book: &Book, number: usize, is_block: bool) -> Reason {
        let least = if is_block { i128::from(book.alternatives[number].least) } else { 1 };
        match (self.for_sale(book, number) < least, self.hosted(book, number) < least) {
            (true, _) => Reason::NoRoom,
            (_, true) => Reason::NoHost,
            _ if is_block => Reason::Block,
            _ => Reason::NoRoom,
        }
    }

    /// Takes lots of an alternative, on the first nodes where they fit.
    pub fn take(&mut self, book: &Book, number: usize, lots: i128) {
        let alternative = &book.alternatives[number];
        for line in book.lines_of(alternative) {
            self.units[line.product] = (self.units[line.product] - lots * i128::from(line.quantity)).max(0);
        }
        for pool in book.pools_with_nodes(alternative) {
            let (loads, start) = (book.load_in(alternative, pool), book.pools[pool].products.start);
            let mut left = lots;
            for node in book.hosts_in(alternative, pool) {
                let room = &mut self.room[node];
                let fits = loads.iter().map(|line| room[line.product - start] / i128::from(line.quantity)).min();
                let here = left.min(fits.unwrap_or(0).max(0));
                loads.iter().for_each(|line| room[line.product - start] -= here * i128::from(line.quantity));
                left -= here;
            }
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
