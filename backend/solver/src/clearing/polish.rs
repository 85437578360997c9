//! An award made whole at given prices: what fits and gains is added, what is sold for nobody goes back. In integers, so that
//! the last units that a float leaves open are right.

use super::assemble::{best_gain, tolerance};
use crate::blocks::award::Award;
use crate::model::only_host;
use crate::price_choice::Prices;
use headroom_market::clearing::book::{Book, Line, NANO_PER_MICRO, Side};
use std::collections::BTreeSet;

struct Polish<'b> {
    book: &'b Book,
    prices: &'b Prices,
    award: Award,
    /// Sold less bought, by product.
    left: Vec<i128>,
    room: Vec<Vec<i128>>,
    /// Offers by product.
    offers: Vec<Vec<usize>>,
    /// By alternative: its order.
    order_of: Vec<usize>,
}

/// The award with more lots for these orders, as far as they fit, and with sellers that agree with prices.
pub fn polish(book: &Book, award: &Award, prices: &Prices, orders: &BTreeSet<usize>) -> Award {
    let mut polish = Polish::of(book, award, prices);
    polish.empty_full_nodes();
    polish.cover_what_is_bought();
    let mut wanted: Vec<(i128, usize)> =
        orders.iter().filter_map(|order| polish.open(*order)).map(|number| (polish.gain(number), number)).collect();
    wanted.sort_unstable_by(|a, b| b.cmp(a));
    for (_, number) in wanted {
        polish.fill(number, tolerance(book, &book.alternatives[number]) + 1);
    }
    polish.take_back();
    polish.sell_out();
    polish.award
}

/// The award with the bids whose limit is just the price, in the order of rank, as far as they fit; `None` if none does.
pub fn serve_margin(book: &Book, award: &Award, prices: &Prices) -> Option<Award> {
    let mut polish = Polish::of(book, award, prices);
    let open = (0..book.orders.len()).filter_map(|order| Some((book.orders[order].rank, polish.open(order)?)));
    let mut at_margin: Vec<_> =
        open.filter(|(_, number)| polish.gain(*number) >= 0 && polish.is_marginal(*number)).collect();
    at_margin.sort_unstable();
    at_margin.iter().for_each(|(_, number)| polish.fill(*number, 0));
    (polish.award != *award).then_some(polish.award)
}

impl<'b> Polish<'b> {
    fn of(book: &'b Book, award: &Award, prices: &'b Prices) -> Self {
        let mut offers = vec![Vec::new(); book.products.len()];
        let mut order_of = vec![0; book.alternatives.len()];
        for (number, order) in book.orders.iter().enumerate() {
            order.alternatives.clone().for_each(|at| order_of[at] = number);
            if order.side == Side::Offer {
                let at = order.alternatives.start;
                offers[book.lines_of(&book.alternatives[at])[0].product].push(at);
            }
        }
        let (left, room) = (award.left(book), award.room(book));
        Polish { book, prices, award: award.clone(), left, room, offers, order_of }
    }

    /// The alternative in which a bid may have more lots: the one that it has won, else the best.
    fn open(&self, order: usize) -> Option<usize> {
        let order = &self.book.orders[order];
        let won = order.alternatives.clone().find(|number| self.award.lots[*number] > 0);
        let number = won.or_else(|| order.alternatives.clone().max_by_key(|number| self.gain(*number)))?;
        let is_short = self.award.lots[number] < self.book.alternatives[number].lots;
        (order.side == Side::Bid && is_short).then_some(number)
    }

    fn price(&self, product: usize) -> i128 {
        self.prices.of_product[product]
    }

    fn gain(&self, number: usize) -> i128 {
        best_gain(self.book, self.prices, number, self.book.orders[self.order_of[number]].side)
    }

    fn gains(&self, number: usize) -> bool {
        self.gain(number) > tolerance(self.book, &self.book.alternatives[number])
    }

    fn is_marginal(&self, number: usize) -> bool {
        self.gain(number).abs() <= tolerance(self.book, &self.book.alternatives[number])
    }

    /// What all lots gain on a node, in nano-credits.
    fn gain_on(&self, number: usize, node: usize) -> i128 {
        let (book, alternative) = (self.book, &self.book.alternatives[number]);
        let priced = |line: &Line| self.price(line.product) * i128::from(line.quantity);
        let premium = |line: &Line| {
            let premium = self.prices.premium.get(&(node, line.product)).copied().unwrap_or(0);
            premium * i128::from(line.quantity)
        };
        let cost = book.lines_of(alternative).iter().map(priced).sum::<i128>()
            + book.load_in(alternative, book.nodes[node].pool).iter().map(premium).sum::<i128>();
        i128::from(alternative.value_micro) * NANO_PER_MICRO - cost * i128::from(alternative.lots)
    }

    /// Changes the lots of an alternative, on a node where its pool has nodes.
    fn change(&mut self, number: usize, node: Option<usize>, lots: i64) {
        let (book, alternative) = (self.book, &self.book.alternatives[number]);
        let sign = if book.orders[self.order_of[number]].side == Side::Bid { -1 } else { 1 };
        self.award.lots[number] += lots;
        for line in book.lines_of(alternative) {
            self.left[line.product] += sign * i128::from(lots) * i128::from(line.quantity);
        }
        let Some(node) = node else { return };
        let pool = book.nodes[node].pool;
        for line in book.load_in(alternative, pool) {
            let at = line.product - book.pools[pool].products.start;
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

    /// Where an alternative has lots: in at most one pool, else it is left as it is.
    fn places(&self, number: usize) -> Option<Vec<Option<usize>>> {
        match self.book.pools_with_nodes(&self.book.alternatives[number]).as_slice() {
            [] => Some(vec![None]),
            [pool] => {
                let mut hosts: Vec<usize> = self.book.hosts_in(&self.book.alternatives[number], *pool).collect();
                hosts.sort_by_key(|node| (-self.gain_on(number, *node), *node));
                Some(hosts.into_iter().map(Some).collect())
            }
            _ => None,
        }
    }

    /// Lenders make room on a node that is over its own; else the bids that gain least lose lots there.
    fn empty_full_nodes(&mut self) {
        for node in 0..self.book.nodes.len() {
            let pool = self.book.nodes[node].pool;
            let products = self.book.pools[pool].products.clone();
            while let Some(at) = self.room[node].iter().position(|room| *room < 0) {
                let product = products.start + at;
                self.sell(product, -self.room[node][at], Some(node));
                if self.room[node][at] >= 0 {
                    continue;
                }
                let on_node = |number: &usize| {
                    let uses =
                        self.book.lines_of(&self.book.alternatives[*number]).iter().any(|l| l.product == product);
                    uses && self.award.hosts[*number].iter().any(|(host, _)| *host == node)
                };
                let bids = (0..self.book.alternatives.len())
                    .filter(|n| self.book.orders[self.order_of[*n]].side == Side::Bid && on_node(n));
                let Some(last) = bids.min_by_key(|number| (self.gains(*number), self.gain(*number))) else { return };
                let quantity = self.book.lines_of(&self.book.alternatives[last]).iter();
                let quantity = quantity.filter(|l| l.product == product).map(|l| i128::from(l.quantity)).sum::<i128>();
                let over = (-self.room[node][at] + quantity - 1) / quantity.max(1);
                self.remove(last, Some(node), over);
            }
        }
    }

    /// Takes so many lots of a bid on a node; all that it has where less than its minimum would be left.
    fn remove(&mut self, number: usize, node: Option<usize>, lots: i128) {
        let here = match node {
            Some(node) => self.award.hosts[number].iter().find(|(host, _)| *host == node).map_or(0, |(_, lots)| *lots),
            None => self.award.lots[number],
        };
        let lots = i64::try_from(lots).unwrap_or(here).min(here);
        let is_block = self.book.orders[self.order_of[number]].is_block;
        if is_block && self.award.lots[number] - lots < self.book.alternatives[number].least {
            let hosts = self.award.hosts[number].clone();
            match hosts.is_empty() {
                true => self.change(number, None, -self.award.lots[number]),
                false => hosts.into_iter().for_each(|(node, lots)| self.change(number, Some(node), -lots)),
            }
        } else {
            self.change(number, node, -lots);
        }
    }

    /// What is bought beyond what is sold comes from sellers at the price, else the bids that gain least go without.
    fn cover_what_is_bought(&mut self) {
        for product in 0..self.book.products.len() {
            let short = -self.left[product];
            self.sell(product, short, None);
            while self.left[product] < 0 {
                let buys = |n: &usize| {
                    self.award.lots[*n] > 0
                        && self.book.orders[self.order_of[*n]].side == Side::Bid
                        && self.book.lines_of(&self.book.alternatives[*n]).iter().any(|l| l.product == product)
                };
                let bids = (0..self.book.alternatives.len()).filter(buys);
                let Some(last) = bids.min_by_key(|n| (self.gains(*n), self.gain(*n))) else { break };
                let node = self.award.hosts[last].last().map(|(node, _)| *node);
                let lines = self.book.lines_of(&self.book.alternatives[last]).iter();
                let quantity = lines.filter(|l| l.product == product).map(|l| i128::from(l.quantity)).sum::<i128>();
                self.remove(last, node, (-self.left[product] + quantity - 1) / quantity.max(1));
            }
        }
    }

    /// Units that sellers still have at the price; of offers those on one node, where one is named.
    fn unsold(&self, product: usize, node: Option<usize>) -> i128 {
        let steps = self.book.products[product].supply.iter().zip(&self.award.used[product]);
        let steps = steps.filter(|(step, _)| node.is_none() && step.reserve_nano <= self.price(product) + 1);
        let offers = self.offers[product].iter().filter(|at| self.lends(**at, node));
        steps.map(|(step, used)| i128::from(step.quantity - used)).sum::<i128>()
            + offers.map(|at| i128::from(self.book.alternatives[*at].lots - self.award.lots[*at])).sum::<i128>()
    }

    fn lends(&self, at: usize, node: Option<usize>) -> bool {
        let is_there = node.is_none() || self.node_of(at) == node;
        is_there && (self.gains(at) || self.is_marginal(at))
    }

    fn node_of(&self, at: usize) -> Option<usize> {
        let alternative = &self.book.alternatives[at];
        only_host(self.book, alternative, self.book.products[self.book.lines_of(alternative)[0].product].pool)
    }

    /// Sells up to so many units more: of lenders on a node where one is named, else supply first.
    fn sell(&mut self, product: usize, units: i128, node: Option<usize>) {
        let mut units = units.max(0);
        if node.is_none() {
            for step in 0..self.book.products[product].supply.len() {
                let of = self.book.products[product].supply[step];
                if of.reserve_nano <= self.price(product) + 1 {
                    let more = units.min(i128::from(of.quantity - self.award.used[product][step]));
                    self.award.used[product][step] += more as i64;
                    self.left[product] += more;
                    units -= more;
                }
            }
        }
        for at in self.offers[product].clone() {
            if units > 0 && self.lends(at, node) {
                let more = units.min(i128::from(self.book.alternatives[at].lots - self.award.lots[at]));
                self.change(at, self.node_of(at), more as i64);
                units -= more;
            }
        }
    }

    /// Gives an alternative what fits where it gains so much.
    fn fill(&mut self, number: usize, least_gain: i128) {
        for place in self.places(number).unwrap_or_default() {
            let gain = place.map_or_else(|| self.gain(number), |node| self.gain_on(number, node));
            if gain >= least_gain {
                self.add(number, place);
            }
        }
    }

    fn add(&mut self, number: usize, node: Option<usize>) {
        let (book, alternative) = (self.book, &self.book.alternatives[number]);
        let mut most = i128::from(alternative.lots - self.award.lots[number]);
        for line in book.lines_of(alternative) {
            let there = self.left[line.product].max(0) + self.unsold(line.product, None);
            most = most.min(there / i128::from(line.quantity));
        }
        let load = node.map(|node| book.load_in(alternative, book.nodes[node].pool)).unwrap_or_default();
        if let Some(node) = node {
            let start = book.pools[book.nodes[node].pool].products.start;
            for line in &load {
                let room = self.room[node][line.product - start] + self.unsold(line.product, Some(node));
                most = most.min(room / i128::from(line.quantity));
            }
        }
        let is_block = book.orders[self.order_of[number]].is_block;
        let least = if is_block && self.award.lots[number] == 0 { alternative.least } else { 1 };
        if most < i128::from(least) {
            return;
        }
        if let Some(node) = node {
            let start = book.pools[book.nodes[node].pool].products.start;
            for line in &load {
                let short = most * i128::from(line.quantity) - self.room[node][line.product - start];
                self.sell(line.product, short, Some(node));
            }
        }
        for line in book.lines_of(alternative) {
            let short = most * i128::from(line.quantity) - self.left[line.product];
            self.sell(line.product, short, None);
        }
        self.change(number, node, most as i64);
    }

    /// What is sold and not bought goes back to sellers at the margin.
    fn take_back(&mut self) {
        for product in 0..self.book.products.len() {
            let over = self.left[product].max(0);
            self.sell_less(product, over, usize::MAX);
        }
    }

    fn sell_less(&mut self, product: usize, units: i128, but: usize) -> i128 {
        let mut units = units;
        for step in (0..self.book.products[product].supply.len()).rev() {
            if self.book.products[product].supply[step].reserve_nano >= self.price(product) - 1 {
                let less = units.min(i128::from(self.award.used[product][step]));
                self.award.used[product][step] -= less as i64;
                self.left[product] -= less;
                units -= less;
            }
        }
        for at in self.offers[product].clone() {
            if units > 0 && at != but && self.award.lots[at] > 0 && self.is_marginal(at) {
                let node = self.node_of(at);
                let free = node.map_or(i128::MAX, |node| {
                    let pool = self.book.nodes[node].pool;
                    self.room[node][product - self.book.pools[pool].products.start]
                });
                let less = units.min(i128::from(self.award.lots[at])).min(free.max(0));
                self.change(at, node, -(less as i64));
                units -= less;
            }
        }
        units
    }

    /// Sellers under the price sell all that they have: in place of those at the margin, or to bids there.
    fn sell_out(&mut self) {
        for product in 0..self.book.products.len() {
            for step in 0..self.book.products[product].supply.len() {
                let of = self.book.products[product].supply[step];
                let unsold = i128::from(of.quantity - self.award.used[product][step]);
                if unsold > 0 && of.reserve_nano < self.price(product) - 1 {
                    self.award.used[product][step] += unsold as i64;
                    self.left[product] += unsold;
                    let kept = self.find_buyers(product, unsold, usize::MAX, None);
                    self.award.used[product][step] -= kept as i64;
                    self.left[product] -= kept;
                }
            }
            for at in self.offers[product].clone() {
                let unsold = self.book.alternatives[at].lots - self.award.lots[at];
                if unsold > 0 && self.gains(at) {
                    let node = self.node_of(at);
                    self.change(at, node, unsold);
                    let kept = self.find_buyers(product, i128::from(unsold), at, node);
                    self.change(at, node, -(kept as i64));
                }
            }
        }
    }

    /// What of so many units finds nobody: they replace sellers at the margin, else bids there have them.
    fn find_buyers(&mut self, product: usize, units: i128, seller: usize, node: Option<usize>) -> i128 {
        let mut units = self.sell_less(product, units, seller);
        let bids: Vec<usize> = (0..self.book.alternatives.len())
            .filter(|n| {
                let of = &self.book.orders[self.order_of[*n]];
                let lines = self.book.lines_of(&self.book.alternatives[*n]);
                let buys = matches!(lines, [line] if line.product == product && line.quantity == 1);
                buys && of.side == Side::Bid && !of.is_block && (self.is_marginal(*n) || self.gains(*n))
            })
            .collect();
        for number in bids {
            for place in self.places(number).unwrap_or_default() {
                let room = place.map_or(i128::MAX, |node| {
                    let pool = self.book.nodes[node].pool;
                    self.room[node][product - self.book.pools[pool].products.start]
                });
                let short = i128::from(self.book.alternatives[number].lots - self.award.lots[number]);
                let more = units.min(short).min(room.max(0));
                if more > 0 {
                    self.change(number, place, more as i64);
                    units -= more;
                }
            }
        }
        // A lender's units can go back only as far as its node has room without them.
        match node {
            Some(node) => {
                let pool = self.book.nodes[node].pool;
                units.min(self.room[node][product - self.book.pools[pool].products.start].max(0))
            }
            None => units,
        }
    }
}
