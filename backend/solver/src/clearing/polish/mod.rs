//! An award made whole at given prices: what fits and gains is added, what is sold for nobody goes back. In integers, so that
//! the last units that a float leaves open are right.

mod bids;
mod sellers;

use super::assemble::{best_gain, tolerance};
use crate::blocks::award::Award;
use crate::model::only_host;
use crate::price_choice::Prices;
use headroom_market::clearing::book::{Book, Line, NANO_PER_MICRO, Side};
use std::collections::{BTreeMap, BTreeSet};

/// How exact prices are.
#[derive(Clone, Copy)]
enum Digits {
    All,
    /// What a float tells.
    Float,
}

/// A float tells a number from one that differs by this part.
const FLOAT: i128 = 100_000_000;

struct Polish<'b> {
    book: &'b Book,
    prices: &'b Prices,
    digits: Digits,
    award: Award,
    /// Sold less bought, by product.
    left: Vec<i128>,
    room: Vec<Vec<i128>>,
    /// By alternative: its order, and what all of its lots gain where they are cheapest.
    order_of: Vec<usize>,
    gain: Vec<i128>,
    /// Offers by product, and bids that have won lots or may.
    offers: Vec<Vec<usize>>,
    /// Offers by node and product.
    lenders: BTreeMap<(usize, usize), Vec<usize>>,
    bids: Vec<Vec<usize>>,
    /// By product: arcs that end there, and arcs that start there.
    arcs_in: Vec<Vec<usize>>,
    arcs_out: Vec<Vec<usize>>,
}

/// The award with more lots for these orders, as far as they fit, and with sellers that agree with prices.
pub fn polish(book: &Book, award: &Award, prices: &Prices, orders: &BTreeSet<usize>) -> Award {
    let mut polish = Polish::of(book, award, prices, Digits::All);
    polish.empty_full_nodes();
    polish.cover_what_is_bought(&|_| true);
    let short = orders.iter().filter_map(|order| polish.open(*order)).filter(|number| polish.gains(*number));
    let mut wanted: Vec<(i128, usize)> = short.map(|number| (polish.gain[number], number)).collect();
    wanted.sort_unstable_by(|a, b| b.cmp(a));
    for (_, number) in wanted {
        polish.fill(number, polish.width(number) + 1);
    }
    polish.take_back();
    if (0..book.products.len()).any(|product| polish.left[product] > 0 && polish.price(product) > 0) {
        polish.serve_margin(i128::MIN);
    }
    polish.sell_out();
    polish.order_sellers();
    polish.award
}

/// The award with the bids whose limit is just the price, in the order of rank, as far as they fit; `None` if none does.
pub fn serve_margin(book: &Book, award: &Award, prices: &Prices) -> Option<Award> {
    let mut polish = Polish::of(book, award, prices, Digits::All);
    polish.serve_margin(0);
    polish.order_sellers();
    (polish.award != *award).then_some(polish.award)
}

/// The award of a float made whole at its prices: what is sold is bought, and full nodes are filled to the last unit.
pub fn settle(book: &Book, award: &mut Award, prices: &Prices, is_open: &dyn Fn(usize) -> bool) {
    let mut polish = Polish::of(book, award, prices, Digits::Float);
    polish.undo_losses();
    let open = (0..book.orders.len()).filter_map(|order| Some((order, polish.open(order)?)));
    let mut wanted: Vec<_> = open
        .filter(|(_, number)| is_open(*number) && polish.gain[*number] >= -polish.width(*number))
        .map(|(order, number)| (!polish.gains(number), book.orders[order].rank, number))
        .collect();
    wanted.sort_unstable();
    wanted.iter().for_each(|(.., number)| polish.fill_full_nodes(*number));
    polish.empty_full_nodes();
    polish.return_lent();
    polish.cover_what_is_bought(is_open);
    for (.., number) in wanted {
        polish.fill(number, -polish.width(number));
    }
    polish.take_back();
    polish.order_sellers();
    *award = polish.award;
}

/// Within a tie whole lots go from the last in rank to the first, as far as the first finds hosts for them.
pub fn serve_by_rank(book: &Book, award: &mut Award, prices: &Prices, ties: &[Vec<(usize, i64)>]) {
    let mut polish = Polish::of(book, award, prices, Digits::Float);
    for group in ties {
        // Only winners give: nobody beyond the last of them is asked.
        let mut last = group.iter().rposition(|(at, _)| polish.award.lots[*at] > 0).unwrap_or(0);
        for first in 0..group.len() {
            while last > first && polish.award.lots[group[last].0] == 0 {
                last -= 1;
            }
            for later in (first + 1..=last).rev() {
                let (at, _) = group[first];
                if polish.award.lots[at] == book.alternatives[at].lots {
                    break;
                }
                polish.give(group[later], group[first]);
            }
        }
    }
    *award = polish.award;
}

impl<'b> Polish<'b> {
    fn of(book: &'b Book, award: &Award, prices: &'b Prices, digits: Digits) -> Self {
        let products = book.products.len();
        let mut polish = Polish {
            book,
            prices,
            digits,
            left: award.left(book),
            room: award.room(book),
            award: award.clone(),
            order_of: vec![0; book.alternatives.len()],
            gain: vec![0; book.alternatives.len()],
            offers: vec![Vec::new(); products],
            lenders: BTreeMap::new(),
            bids: vec![Vec::new(); products],
            arcs_in: vec![Vec::new(); products],
            arcs_out: vec![Vec::new(); products],
        };
        for (order, of) in book.orders.iter().enumerate() {
            for at in of.alternatives.clone() {
                polish.order_of[at] = order;
                polish.gain[at] = best_gain(book, prices, at, of.side);
                let lines = book.lines_of(&book.alternatives[at]);
                if of.side == Side::Offer {
                    polish.offers[lines[0].product].push(at);
                    if let Some(node) = polish.node_of(at) {
                        polish.lenders.entry((node, lines[0].product)).or_default().push(at);
                    }
                } else if award.lots[at] > 0 || polish.gain[at] >= -polish.width(at) {
                    lines.iter().for_each(|line| polish.bids[line.product].push(at));
                }
            }
        }
        for (number, arc) in book.arcs.iter().enumerate() {
            polish.arcs_in[arc.to].push(number);
            polish.arcs_out[arc.from].push(number);
        }
        polish
    }

    fn price(&self, product: usize) -> i128 {
        self.prices.of_product[product]
    }

    fn premium(&self, node: usize, product: usize) -> i128 {
        self.prices.premium.get(&(node, product)).copied().unwrap_or(0)
    }

    /// How far from the price of a unit another may be and still be one with it.
    fn step(&self, price: i128) -> i128 {
        match self.digits {
            Digits::All => 1,
            Digits::Float => price / FLOAT,
        }
    }

    /// How much an alternative may gain or lose at the margin.
    fn width(&self, number: usize) -> i128 {
        let alternative = &self.book.alternatives[number];
        match self.digits {
            Digits::All => tolerance(self.book, alternative),
            // Half a nano-credit a unit, by which a float's price is rounded: sellers and bids must not meet in between.
            Digits::Float => {
                let worth = i128::from(alternative.value_micro) * NANO_PER_MICRO;
                (tolerance(self.book, alternative) - NANO_PER_MICRO) / 2 + worth / FLOAT
            }
        }
    }

    fn gains(&self, number: usize) -> bool {
        self.gain[number] > self.width(number)
    }

    fn is_marginal(&self, number: usize) -> bool {
        self.gain[number].abs() <= self.width(number)
    }

    fn is_block(&self, number: usize) -> bool {
        self.book.orders[self.order_of[number]].is_block
    }

    /// What all lots gain on a node, in nano-credits.
    fn gain_on(&self, number: usize, node: usize) -> i128 {
        let (book, alternative) = (self.book, &self.book.alternatives[number]);
        let priced = |line: &Line| self.price(line.product) * i128::from(line.quantity);
        let premium = |line: &Line| self.premium(node, line.product) * i128::from(line.quantity);
        let cost = book.lines_of(alternative).iter().map(priced).sum::<i128>()
            + book.load_in(alternative, book.nodes[node].pool).iter().map(premium).sum::<i128>();
        i128::from(alternative.value_micro) * NANO_PER_MICRO - cost * i128::from(alternative.lots)
    }

    /// Where a product is in the room of the nodes of its pool.
    fn at(&self, node: usize, product: usize) -> usize {
        product - self.book.pools[self.book.nodes[node].pool].products.start
    }

    /// Changes the lots of an alternative, on a node where its pool has nodes.
    fn change(&mut self, number: usize, node: Option<usize>, lots: i64) {
        if lots == 0 {
            return;
        }
        let (book, alternative) = (self.book, &self.book.alternatives[number]);
        let sign = if book.orders[self.order_of[number]].side == Side::Bid { -1 } else { 1 };
        self.award.lots[number] += lots;
        for line in book.lines_of(alternative) {
            self.left[line.product] += sign * i128::from(lots) * i128::from(line.quantity);
        }
        let Some(node) = node else { return };
        for line in book.load_in(alternative, book.nodes[node].pool) {
            let at = self.at(node, line.product);
            self.room[node][at] += sign * i128::from(lots) * i128::from(line.quantity);
        }
        let hosts = &mut self.award.hosts[number];
        match hosts.iter_mut().find(|(known, _)| *known == node) {
            Some((_, here)) => *here += lots,
            None => hosts.push((node, lots)),
        }
        hosts.retain(|(_, lots)| *lots > 0);
        hosts.sort_unstable();
    }

    /// Where an alternative may have lots, the cheapest place first; none if in several pools at once: it stays as it is.
    fn places(&self, number: usize) -> Vec<Option<usize>> {
        let (book, alternative) = (self.book, &self.book.alternatives[number]);
        let pools = book.pools_with_nodes(alternative);
        let [pool] = pools.as_slice() else { return if pools.is_empty() { vec![None] } else { Vec::new() } };
        let mut hosts: Vec<usize> = book.hosts_in(alternative, *pool).collect();
        if !self.prices.premium.is_empty() && hosts.len() > 1 {
            let load = book.load_in(alternative, *pool);
            let premium = |node: usize, line: &Line| self.premium(node, line.product) * i128::from(line.quantity);
            hosts.sort_by_cached_key(|node| (load.iter().map(|line| premium(*node, line)).sum::<i128>(), *node));
        }
        hosts.into_iter().map(Some).collect()
    }

    /// The only node of an offer, if its pool has nodes.
    fn node_of(&self, at: usize) -> Option<usize> {
        let alternative = &self.book.alternatives[at];
        only_host(self.book, alternative, self.book.products[self.book.lines_of(alternative)[0].product].pool)
    }
}
