//! V1 feasible, V2 one price, V3 nobody loses, V7 arcs.

use crate::clearing::book::{NANO_PER_MICRO, Side};
use crate::clearing::check::rules::{Broken, Check, Rule, value};

impl Check<'_> {
    pub(super) fn feasible(&mut self) {
        let book = self.book;
        for award in &self.outcome.awards {
            let (order, alternative) = (&book.orders[award.order], self.alternative(award));
            let (trades, sign) = match order.side {
                Side::Bid => (&mut self.bought, 1),
                Side::Offer => (&mut self.sold, -1),
            };
            for line in book.lines_of(alternative) {
                trades[line.product] += i128::from(line.quantity) * i128::from(award.lots);
            }
            for pool in book.pools_with_nodes(alternative) {
                let here = award.hosts.iter().filter(|(node, _)| book.nodes[*node].pool == pool);
                let mut placed = 0;
                for (node, lots) in here {
                    placed += lots;
                    for line in book.load_in(alternative, pool) {
                        let taken = i128::from(line.quantity) * i128::from(*lots) * sign;
                        *self.taken.entry((*node, line.product)).or_default() += taken;
                    }
                }
                if placed != award.lots {
                    let broken = Broken::new(Rule::V1, "not all lots are placed").order(book, award.order);
                    self.broken.push(broken.text("placed", placed).text("lots", award.lots));
                }
            }
        }
        for (product, steps) in self.outcome.used.iter().enumerate() {
            for (step, (used, of)) in steps.iter().zip(&book.products[product].supply).enumerate() {
                self.sold[product] += i128::from(*used);
                if *used > of.quantity {
                    let broken = Broken::new(Rule::V1, "more is sold than a supply step has").product(book, product);
                    self.broken.push(broken.text("step", step).text("used", used).text("quantity", of.quantity));
                }
            }
        }
        for (number, (arc, flow)) in book.arcs.iter().zip(&self.outcome.flows).enumerate() {
            self.bought[arc.from] += i128::from(*flow);
            self.sold[arc.to] += i128::from(*flow);
            if arc.limit.is_some_and(|limit| *flow > limit) {
                let broken = Broken::new(Rule::V1, "a flow is over its arc's limit").text("arc", number);
                self.broken.push(broken.text("flow", flow));
            }
        }
        for product in 0..book.products.len() {
            let over = self.bought[product] - self.sold[product];
            if over > 0 {
                let broken = Broken::new(Rule::V1, "more is bought than sold").product(book, product);
                self.broken.push(broken.text("over", over));
            }
        }
        for (node, product) in self.taken.keys().copied().collect::<Vec<_>>() {
            let left = self.room_left(node, product);
            if left < 0 {
                let broken = Broken::new(Rule::V1, "a node is over its room").product(book, product).node(book, node);
                self.broken.push(broken.text("over", -left));
            }
        }
    }

    pub(super) fn prices(&mut self) {
        let book = self.book;
        for award in &self.outcome.awards {
            let (order, alternative) = (&book.orders[award.order], self.alternative(award));
            let cost = self.cost(award);
            if (award.money_micro * NANO_PER_MICRO - cost).abs() > NANO_PER_MICRO {
                let broken = Broken::new(Rule::V2, "money is not lots times price").order(book, award.order);
                self.broken.push(broken.nano("cost", cost).nano("money", award.money_micro * NANO_PER_MICRO));
            }
            // Its lots are worth their part of the whole.
            let (lots, all) = (i128::from(award.lots), i128::from(alternative.lots));
            let tolerance = self.tolerance(alternative, award.lots);
            let loses = match order.side {
                Side::Bid => cost - tolerance > (value(alternative) * lots).div_euclid(all),
                Side::Offer => cost + tolerance < -(-value(alternative) * lots).div_euclid(all),
            };
            if loses && !self.is_exempt(order) {
                let what = if order.side == Side::Bid {
                    "a bid pays more than its limit"
                } else {
                    "an offer gets less than its limit"
                };
                let broken = Broken::new(Rule::V3, what).order(book, award.order).nano("cost", cost);
                self.broken.push(broken.nano("worth", (value(alternative) * lots).div_euclid(all)));
            }
        }
        for (product, steps) in self.outcome.used.iter().enumerate() {
            for (step, used) in steps.iter().enumerate().filter(|(_, used)| **used > 0) {
                let (price, reserve) =
                    (self.outcome.prices_nano[product], book.products[product].supply[step].reserve_nano);
                if price < reserve - 1 {
                    let broken =
                        Broken::new(Rule::V3, "a supply step is sold under its reserve price").product(book, product);
                    self.broken.push(broken.text("used", used).nano("price", price).nano("reserve", reserve));
                }
            }
        }
    }

    pub(super) fn arcs(&mut self) {
        for (number, (arc, flow)) in self.book.arcs.iter().zip(&self.outcome.flows).enumerate() {
            let profit = self.outcome.prices_nano[arc.to] - self.outcome.prices_nano[arc.from] - arc.cost_nano;
            let has_room = arc.limit.is_none_or(|limit| *flow < limit);
            if (profit > 1 && has_room) || (profit < -1 && *flow > 0) {
                let broken =
                    Broken::new(Rule::V7, "a flow and the difference of its prices disagree").text("arc", number);
                self.broken.push(broken.text("flow", flow).nano("profit", profit));
            }
        }
    }
}
