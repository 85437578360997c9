//! Bids that get lots, and bids that lose them.

use super::Polish;
use headroom_market::clearing::book::{Line, Side};
use std::cmp::Reverse;

impl Polish<'_> {
    /// The alternative in which a bid may have more lots: the one that it has won, else the best.
    pub(super) fn open(&self, order: usize) -> Option<usize> {
        let order = &self.book.orders[order];
        let won = order.alternatives.clone().find(|number| self.award.lots[*number] > 0);
        let number = won.or_else(|| order.alternatives.clone().max_by_key(|number| self.gain[*number]))?;
        let is_short = self.award.lots[number] < self.book.alternatives[number].lots;
        (order.side == Side::Bid && is_short).then_some(number)
    }

    /// Gives an alternative what fits where it gains so much.
    pub(super) fn fill(&mut self, number: usize, least_gain: i128) {
        let is_sold_out =
            |line: &Line| self.left[line.product].max(0) + self.unsold(line.product, None) < line.quantity.into();
        if self.book.lines_of(&self.book.alternatives[number]).iter().any(is_sold_out) {
            return;
        }
        for place in self.places(number) {
            let gain = place.map_or(self.gain[number], |node| self.gain_on(number, node));
            if gain >= least_gain {
                self.add(number, place, i64::MAX);
            }
        }
    }

    /// Bids at the margin that gain so much have what fits, in the order of rank.
    pub(super) fn serve_margin(&mut self, least_gain: i128) {
        let open = (0..self.book.orders.len()).filter_map(|o| Some((self.book.orders[o].rank, self.open(o)?)));
        let is_served = |number: usize| self.gain[number] >= least_gain && self.is_marginal(number);
        let mut at_margin: Vec<_> = open.filter(|(_, number)| is_served(*number)).collect();
        at_margin.sort_unstable();
        at_margin.iter().for_each(|(_, number)| self.fill(*number, least_gain.max(-self.width(*number))));
    }

    /// Whether a node has a premium for what an alternative uses there.
    fn is_dear(&self, number: usize, node: usize) -> bool {
        let load = self.book.load_in(&self.book.alternatives[number], self.book.nodes[node].pool);
        load.iter().any(|line| self.premium(node, line.product) > 0)
    }

    /// A bid at the margin of nodes with a premium has lots there as far as they have room, whatever is sold; one that gains
    /// has all its lots there.
    pub(super) fn fill_full_nodes(&mut self, number: usize) {
        let (book, alternative) = (self.book, &self.book.alternatives[number]);
        if self.prices.premium.is_empty() {
            return;
        }
        let nodes: Vec<usize> = self.places(number).into_iter().flatten().collect();
        for node in nodes.iter().copied().filter(|node| self.is_dear(number, *node)).collect::<Vec<_>>() {
            if self.gain_on(number, node) >= -self.width(number) {
                let load = book.load_in(alternative, book.nodes[node].pool);
                let room = |product: usize| self.room[node][self.at(node, product)];
                let fits = load.iter().map(|line| room(line.product) / i128::from(line.quantity)).min().unwrap_or(0);
                let short = i128::from(alternative.lots - self.award.lots[number]);
                self.change(number, Some(node), fits.clamp(0, short) as i64);
            }
        }
        if let Some(first) = nodes.first()
            && self.gains(number)
            && nodes.iter().all(|node| self.is_dear(number, *node))
        {
            self.change(number, Some(*first), alternative.lots - self.award.lots[number]);
        }
    }

    /// Adds at most so many lots there, as many as sellers and the node have room for.
    fn add(&mut self, number: usize, node: Option<usize>, most: i64) {
        let (book, alternative) = (self.book, &self.book.alternatives[number]);
        let mut most = i128::from(most.min(alternative.lots - self.award.lots[number]));
        let load = node.map(|node| book.load_in(alternative, book.nodes[node].pool)).unwrap_or_default();
        for (node, line) in load.iter().filter_map(|line| Some((node?, line))) {
            let room = self.room[node][self.at(node, line.product)] + self.unsold(line.product, Some(node));
            most = most.min(room / i128::from(line.quantity));
        }
        for line in book.lines_of(alternative) {
            if most <= 0 {
                return;
            }
            let there = self.left[line.product].max(0) + self.unsold(line.product, None);
            most = most.min(there / i128::from(line.quantity));
        }
        let least = if self.is_block(number) && self.award.lots[number] == 0 { alternative.least } else { 1 };
        if most < i128::from(least) {
            return;
        }
        for (node, line) in load.iter().filter_map(|line| Some((node?, line))) {
            let short = most * i128::from(line.quantity) - self.room[node][self.at(node, line.product)];
            self.sell(line.product, short, Some(node));
        }
        for line in book.lines_of(alternative) {
            let short = most * i128::from(line.quantity) - self.left[line.product];
            self.sell(line.product, short, None);
        }
        self.change(number, node, most as i64);
    }

    /// Gives lots of one bid to another that ties with it: (alternative, units of their common shape in a lot).
    pub(super) fn give(&mut self, (from, lot): (usize, i64), (to, size): (usize, i64)) {
        let needed = (size + lot - 1) / lot;
        if self.award.lots[from] < needed {
            return;
        }
        let hosts: Vec<(Option<usize>, i64)> = match self.book.pools_with_nodes(&self.book.alternatives[from]).len() {
            0 => vec![(None, self.award.lots[from])],
            1 => self.award.hosts[from].iter().map(|(node, lots)| (Some(*node), *lots)).collect(),
            _ => return,
        };
        let may_use = |node: usize| {
            let alternative = &self.book.alternatives[to];
            self.book.hosts_in(alternative, self.book.nodes[node].pool).any(|host| host == node)
        };
        // Elsewhere a lot costs the same only where neither node has a premium.
        let is_free =
            |polish: &Self, number: usize, place: Option<usize>| place.is_none_or(|node| !polish.is_dear(number, node));
        let same: Vec<bool> = hosts.iter().map(|(node, _)| node.is_none_or(may_use)).collect();
        for ((node, lots), is_same) in hosts.into_iter().zip(same) {
            let before = self.award.lots[to];
            let moved = (lots / needed).min(self.book.alternatives[to].lots - before);
            if moved == 0 {
                continue;
            }
            self.change(from, node, -moved * needed);
            if is_same {
                self.add(to, node, moved);
            }
            let is_short = |polish: &Self| polish.award.lots[to] - before < moved;
            if is_short(self) && is_free(self, from, node) {
                for place in self.places(to) {
                    if is_short(self) && is_free(self, to, place) {
                        self.add(to, place, moved - (self.award.lots[to] - before));
                    }
                }
            }
            self.change(from, node, (moved - (self.award.lots[to] - before)) * needed);
        }
    }

    /// Lenders make room on a node that is over its own; else the bids that gain least lose lots there.
    pub(super) fn empty_full_nodes(&mut self) {
        for node in 0..self.book.nodes.len() {
            let products = self.book.pools[self.book.nodes[node].pool].products.clone();
            for (at, product) in products.enumerate().filter(|(at, _)| self.room[node][*at] < 0).collect::<Vec<_>>() {
                self.sell(product, -self.room[node][at], Some(node));
                let is_here = |number: &usize| self.award.hosts[*number].iter().any(|(host, _)| *host == node);
                let mut bids: Vec<usize> = self.bids[product].iter().copied().filter(is_here).collect();
                bids.sort_by_key(|number| (self.gains(*number), self.gain[*number]));
                for number in bids {
                    self.remove(number, product, Some(node), -self.room[node][at]);
                }
            }
        }
    }

    /// What is bought beyond what is sold comes from sellers at the price, else the bids that gain least go without.
    pub(super) fn cover_what_is_bought(&mut self, is_open: &dyn Fn(usize) -> bool) {
        for product in 0..self.book.products.len() {
            self.sell(product, -self.left[product], None);
            if self.left[product] >= 0 {
                continue;
            }
            let has_lots = |number: &usize| self.award.lots[*number] > 0 && is_open(*number);
            let mut bids: Vec<usize> = self.bids[product].iter().copied().filter(has_lots).collect();
            bids.sort_by_key(|number| {
                // A node with a premium stays full.
                let hosts = &self.award.hosts[*number];
                let is_dear = !hosts.is_empty() && hosts.iter().all(|(node, _)| self.premium(*node, product) > 0);
                let rank = self.book.orders[self.order_of[*number]].rank;
                (self.gains(*number), is_dear, self.gain[*number], Reverse(rank))
            });
            for number in bids {
                let mut hosts: Vec<usize> = self.award.hosts[number].iter().map(|(node, _)| *node).collect();
                hosts.sort_by_key(|node| (self.premium(*node, product), Reverse(*node)));
                let places = if hosts.is_empty() { vec![None] } else { hosts.into_iter().map(Some).collect() };
                for node in places {
                    self.remove(number, product, node, -self.left[product]);
                }
            }
        }
    }

    /// Takes lots of a bid there, for so many units; all that it has where less than its minimum would stay.
    fn remove(&mut self, number: usize, product: usize, node: Option<usize>, units: i128) {
        let lines = self.book.lines_of(&self.book.alternatives[number]).iter();
        let quantity: i128 = lines.filter(|l| l.product == product).map(|l| i128::from(l.quantity)).sum();
        let hosts = self.award.hosts[number].clone();
        let here = match node {
            Some(node) => hosts.iter().find(|(host, _)| *host == node).map_or(0, |(_, lots)| *lots),
            None => self.award.lots[number],
        };
        let lots = ((units.max(0) + quantity - 1) / quantity.max(1)).min(i128::from(here)) as i64;
        if lots > 0 && self.is_block(number) && self.award.lots[number] - lots < self.book.alternatives[number].least {
            match hosts.is_empty() {
                true => self.change(number, None, -self.award.lots[number]),
                false => hosts.into_iter().for_each(|(node, lots)| self.change(number, Some(node), -lots)),
            }
        } else {
            self.change(number, node, -lots);
        }
    }
}
