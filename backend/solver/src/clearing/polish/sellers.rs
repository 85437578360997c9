//! Supply, offers and arcs: what they sell more, and what they take back.

use super::Polish;
use headroom_market::clearing::book::{Book, NANO_PER_MICRO};

/// The most arcs in a row along which units are looked for.
const LONGEST_WAY: usize = 4;

/// Who sells units of a product.
#[derive(Clone, Copy)]
enum Seller {
    Step(usize),
    Offer(usize),
}

/// What an offer asks for all of its units, in nano-credits, and how many these are.
fn cost(book: &Book, at: usize) -> (i128, i128) {
    let offer = &book.alternatives[at];
    (i128::from(offer.value_micro) * NANO_PER_MICRO, i128::from(offer.lots))
}

impl Polish<'_> {
    /// Whether an offer would lose if its node had no premium.
    fn needs_premium(&self, at: usize) -> bool {
        let offer = &self.book.alternatives[at];
        let product = self.book.lines_of(offer)[0].product;
        let premium = self.node_of(at).map_or(0, |node| self.premium(node, product));
        premium > 0 && self.gain[at] - premium * i128::from(offer.lots) < -self.width(at)
    }

    /// Whether an offer sells more: on a node that needs room, else for the price alone.
    fn lends(&self, at: usize, node: Option<usize>) -> bool {
        (node.is_some() || !self.needs_premium(at)) && self.gain[at] >= -self.width(at)
    }

    /// Offers of a product; those on one node, where one is named.
    fn offers_of(&self, product: usize, node: Option<usize>) -> &[usize] {
        match node {
            Some(node) => self.lenders.get(&(node, product)).map_or(&[], Vec::as_slice),
            None => &self.offers[product],
        }
    }

    /// Whether more units, or fewer, may flow along an arc: only at the margin.
    fn is_open(&self, arc: usize) -> bool {
        let of = &self.book.arcs[arc];
        let profit = self.price(of.to) - self.price(of.from) - of.cost_nano;
        profit.abs() <= self.step(self.price(of.to) + self.price(of.from))
    }

    fn capacity(&self, arc: usize) -> i128 {
        let flow = i128::from(self.award.flows[arc]);
        self.book.arcs[arc].limit.map_or(i128::from(i64::MAX), i128::from) - flow
    }

    /// Units that sellers still have at the price; of offers those on one node, where one is named.
    pub(super) fn unsold(&self, product: usize, node: Option<usize>) -> i128 {
        self.unsold_along(product, node, LONGEST_WAY)
    }

    fn unsold_along(&self, product: usize, node: Option<usize>, way: usize) -> i128 {
        let offers = self.offers_of(product, node).iter().filter(|at| self.lends(**at, node));
        let lent: i128 = offers.map(|at| i128::from(self.book.alternatives[*at].lots - self.award.lots[*at])).sum();
        if node.is_some() {
            return lent;
        }
        let (price, step) = (self.price(product), self.step(self.price(product)));
        let steps = self.book.products[product].supply.iter().zip(&self.award.used[product]);
        let supplied = steps.filter(|(of, _)| of.reserve_nano <= price + step);
        let supplied: i128 = supplied.map(|(of, used)| i128::from(of.quantity - used)).sum();
        let arcs = self.arcs_in[product].iter().filter(|arc| way > 0 && self.is_open(**arc));
        let led = arcs.map(|arc| {
            let from = self.book.arcs[*arc].from;
            self.capacity(*arc).min(self.left[from].max(0) + self.unsold_along(from, None, way - 1))
        });
        lent + supplied + led.sum::<i128>()
    }

    /// Sells up to so many units more: of lenders on a node where one is named, else supply first.
    pub(super) fn sell(&mut self, product: usize, units: i128, node: Option<usize>) {
        if units > 0 {
            self.sell_along(product, units, node, LONGEST_WAY);
        }
    }

    fn sell_along(&mut self, product: usize, units: i128, node: Option<usize>, way: usize) {
        let wanted = self.left[product] + units;
        let (price, step) = (self.price(product), self.step(self.price(product)));
        if node.is_none() {
            for (number, of) in self.book.products[product].supply.iter().enumerate() {
                if of.reserve_nano <= price + step {
                    let used = self.award.used[product][number];
                    let more = (wanted - self.left[product]).min(i128::from(of.quantity - used));
                    self.award.used[product][number] += more as i64;
                    self.left[product] += more;
                }
            }
        }
        for number in 0..self.offers_of(product, node).len() {
            let at = self.offers_of(product, node)[number];
            let short = wanted - self.left[product];
            if short <= 0 {
                break;
            }
            if self.lends(at, node) {
                let more = short.min(i128::from(self.book.alternatives[at].lots - self.award.lots[at]));
                self.change(at, self.node_of(at), more as i64);
            }
        }
        if node.is_some() || way == 0 {
            return;
        }
        for arc in self.arcs_in[product].clone() {
            let more = (wanted - self.left[product]).min(self.capacity(arc));
            if more > 0 && self.is_open(arc) {
                let from = self.book.arcs[arc].from;
                self.sell_along(from, (more - self.left[from].max(0)).max(0), None, way - 1);
                self.lead(arc, more.min(self.left[from].max(0)).min(self.capacity(arc)));
            }
        }
    }

    /// Changes what flows along an arc.
    fn lead(&mut self, arc: usize, units: i128) {
        let of = &self.book.arcs[arc];
        self.award.flows[arc] += units as i64;
        self.left[of.from] -= units;
        self.left[of.to] += units;
    }

    /// What is sold and not bought goes back to sellers at the margin.
    pub(super) fn take_back(&mut self) {
        for product in 0..self.book.products.len() {
            if self.left[product] > 0 {
                self.sell_less(product, self.left[product], usize::MAX, LONGEST_WAY);
            }
        }
    }

    /// Sells up to so many units less, of all but one offer; answers what stays sold.
    fn sell_less(&mut self, product: usize, units: i128, but: usize, way: usize) -> i128 {
        let mut units = units;
        let (price, step) = (self.price(product), self.step(self.price(product)));
        for (number, of) in self.book.products[product].supply.iter().enumerate().rev() {
            if of.reserve_nano >= price - step {
                let less = units.min(i128::from(self.award.used[product][number]));
                self.award.used[product][number] -= less as i64;
                self.left[product] -= less;
                units -= less;
            }
        }
        for number in 0..self.offers[product].len() {
            let at = self.offers[product][number];
            if units > 0 && at != but && self.award.lots[at] > 0 && self.gain[at] <= self.width(at) {
                let node = self.node_of(at);
                let free = node.map_or(i128::MAX, |node| self.room[node][self.at(node, product)]);
                let less = units.min(i128::from(self.award.lots[at])).min(free.max(0));
                self.change(at, node, -(less as i64));
                units -= less;
            }
        }
        if units == 0 || way == 0 {
            return units;
        }
        let (arcs_in, arcs_out) = (self.arcs_in[product].clone(), self.arcs_out[product].clone());
        let back = arcs_in.into_iter().map(|arc| (arc, -1)).chain(arcs_out.into_iter().map(|arc| (arc, 1)));
        for (arc, sign) in back {
            let most = |polish: &Self, sign: i128| {
                if sign > 0 { polish.capacity(arc) } else { i128::from(polish.award.flows[arc]) }
            };
            let moved = units.min(most(self, sign));
            if moved > 0 && self.is_open(arc) {
                let of = &self.book.arcs[arc];
                let other = if sign > 0 { of.to } else { of.from };
                self.lead(arc, sign * moved);
                let stays = self.sell_less(other, moved, usize::MAX, way - 1);
                let stays = stays.min(most(self, -sign));
                self.lead(arc, -sign * stays);
                units -= moved - stays;
            }
        }
        units
    }

    /// Sellers under the price sell all that they have: in place of those at the margin, or to bids there.
    pub(super) fn sell_out(&mut self) {
        for product in 0..self.book.products.len() {
            for (step, of) in self.book.products[product].supply.iter().enumerate() {
                let unsold = of.quantity - self.award.used[product][step];
                if unsold > 0 && of.reserve_nano < self.price(product) - 1 {
                    self.award.used[product][step] += unsold;
                    self.left[product] += i128::from(unsold);
                    let kept = self.find_buyers(product, i128::from(unsold), usize::MAX, None);
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
        let mut units = self.sell_less(product, units, seller, 0);
        for number in self.bids[product].clone() {
            let of = &self.book.alternatives[number];
            let is_unit = matches!(self.book.lines_of(of), [line] if line.quantity == 1);
            if units == 0 {
                break;
            }
            if !is_unit || self.is_block(number) || self.gain[number] < -self.width(number) {
                continue;
            }
            for place in self.places(number) {
                let room = place.map_or(i128::MAX, |node| self.room[node][self.at(node, product)]);
                let short = i128::from(of.lots - self.award.lots[number]);
                let more = units.min(short).min(room.max(0));
                self.change(number, place, more as i64);
                units -= more;
            }
        }
        // A lender's units can go back only as far as its node has room without them.
        node.map_or(units, |node| units.min(self.room[node][self.at(node, product)].max(0)))
    }

    /// What is lent for a premium goes back as far as the node has room without it.
    pub(super) fn return_lent(&mut self) {
        for product in 0..self.book.products.len() {
            for at in self.offers[product].clone() {
                if let Some(node) = self.node_of(at).filter(|_| self.award.lots[at] > 0 && self.needs_premium(at)) {
                    let free = self.room[node][self.at(node, product)].max(0);
                    self.change(at, Some(node), -(i128::from(self.award.lots[at]).min(free) as i64));
                }
            }
        }
    }

    /// Of sellers that stand for each other, what is sold is of the cheapest: a float takes sellers that are some
    /// nano-credits apart for one.
    fn cheapest_first(&mut self) {
        let book = self.book;
        for product in 0..book.products.len() {
            let pool = &book.pools[book.products[product].pool];
            let steps = (0..book.products[product].supply.len()).map(Seller::Step);
            let mut groups = vec![steps.collect::<Vec<Seller>>()];
            if pool.nodes.is_empty() {
                groups[0].extend(self.offers[product].iter().copied().map(Seller::Offer));
            } else {
                let lenders = pool.nodes.iter().filter_map(|node| self.lenders.get(&(*node, product)));
                groups.extend(lenders.map(|offers| offers.iter().copied().map(Seller::Offer).collect()));
            }
            for mut group in groups.into_iter().filter(|group| group.len() > 1) {
                group.sort_by(|one, two| self.compare(product, *one, *two));
                let mut sold: i64 = group.iter().map(|seller| self.sold(product, *seller).0).sum();
                for seller in group {
                    let (sells, all) = self.sold(product, seller);
                    let more = sold.min(all) - sells;
                    sold -= sold.min(all);
                    match seller {
                        Seller::Step(step) => {
                            self.award.used[product][step] += more;
                            self.left[product] += i128::from(more);
                        }
                        Seller::Offer(at) => self.change(at, self.node_of(at), more),
                    }
                }
            }
        }
    }

    /// What a seller sells, and all that it has.
    fn sold(&self, product: usize, seller: Seller) -> (i64, i64) {
        match seller {
            Seller::Step(step) => (self.award.used[product][step], self.book.products[product].supply[step].quantity),
            Seller::Offer(at) => (self.award.lots[at], self.book.alternatives[at].lots),
        }
    }

    /// The cheaper one first; of equal ones lenders before the operator, and those by rank.
    fn compare(&self, product: usize, one: Seller, two: Seller) -> std::cmp::Ordering {
        let cost = |seller: Seller| match seller {
            Seller::Step(step) => (self.book.products[product].supply[step].reserve_nano, 1),
            Seller::Offer(at) => cost(self.book, at),
        };
        let ((of_one, units_of_one), (of_two, units_of_two)) = (cost(one), cost(two));
        let rank = |seller: Seller| match seller {
            Seller::Step(step) => (None, step),
            Seller::Offer(at) => (Some(self.book.orders[self.order_of[at]].rank), at),
        };
        let by_rank = || match (rank(one), rank(two)) {
            ((Some(one), _), (Some(two), _)) => one.cmp(&two),
            ((one, first), (two, second)) => one.is_none().cmp(&two.is_none()).then(first.cmp(&second)),
        };
        (of_one * units_of_two).cmp(&(of_two * units_of_one)).then_with(by_rank)
    }

    /// The cheapest sellers sell, and what a member lends for no more than the operator asks is sold before it.
    pub(super) fn order_sellers(&mut self) {
        self.cheapest_first();
        let book = self.book;
        let cost = |at: &usize| cost(book, *at);
        for product in 0..book.products.len() {
            let is_open = |at: &usize| self.award.lots[*at] < book.alternatives[*at].lots;
            let mut offers: Vec<usize> = self.offers[product].iter().copied().filter(is_open).collect();
            offers.sort_by(|one, two| {
                let ((one, of_one), (two, of_two)) = (cost(one), cost(two));
                (one * of_two).cmp(&(two * of_one))
            });
            for (step, of) in book.products[product].supply.iter().enumerate().rev() {
                for at in &offers {
                    let (cost, lots) = cost(at);
                    let more = self.award.used[product][step].min(book.alternatives[*at].lots - self.award.lots[*at]);
                    if more > 0 && cost <= of.reserve_nano * lots {
                        self.award.used[product][step] -= more;
                        self.left[product] -= i128::from(more);
                        self.change(*at, self.node_of(*at), more);
                    }
                }
            }
        }
    }

    /// Undoes what a float takes for a trade: a bid of one product that pays less than its seller asks.
    pub(super) fn undo_losses(&mut self) {
        for product in 0..self.book.products.len() {
            let mut bids = self.bids[product].clone();
            bids.retain(|number| {
                let is_unit =
                    matches!(self.book.lines_of(&self.book.alternatives[*number]), [line] if line.quantity == 1);
                is_unit && self.award.lots[*number] > 0 && !self.is_block(*number) && self.is_near(*number)
            });
            let mut offers = self.offers[product].clone();
            offers.retain(|at| self.award.lots[*at] > 0 && self.is_near(*at));
            // What loses most a lot comes first, so that the first pair that gains ends the search.
            let lots = |number: usize| i128::from(self.book.alternatives[number].lots);
            let order = |one: &usize, two: &usize| (self.gain[*one] * lots(*two)).cmp(&(self.gain[*two] * lots(*one)));
            bids.sort_by(order);
            offers.sort_by(order);
            for bid in bids {
                let loses = |offer: usize| self.gain[bid] * lots(offer) + self.gain[offer] * lots(bid) < 0;
                let lost: Vec<usize> = offers.iter().copied().take_while(|offer| loses(*offer)).collect();
                if lost.is_empty() {
                    break;
                }
                lost.into_iter().for_each(|offer| self.undo(product, bid, offer));
            }
        }
    }

    /// Whether a float may take the gain of an alternative for none.
    fn is_near(&self, number: usize) -> bool {
        self.gain[number].abs() <= 100 * self.width(number)
    }

    fn undo(&mut self, product: usize, bid: usize, offer: usize) {
        let lends = self.node_of(offer);
        let hosts: Vec<(Option<usize>, i64)> = match self.award.hosts[bid].as_slice() {
            [] => vec![(None, self.award.lots[bid])],
            hosts => hosts.iter().map(|(node, lots)| (Some(*node), *lots)).collect(),
        };
        for (node, lots) in hosts {
            let is_same = node == lends;
            if !is_same && node.into_iter().chain(lends).any(|node| self.premium(node, product) > 0) {
                continue;
            }
            let free = lends.filter(|_| !is_same).map_or(i128::MAX, |node| self.room[node][self.at(node, product)]);
            let less = i128::from(lots.min(self.award.lots[offer])).min(free.max(0)) as i64;
            self.change(bid, node, -less);
            self.change(offer, lends, -less);
        }
    }
}
