//! V5: an unfilled lot that would gain needs an excuse, and a reason that is told has to hold.

use crate::clearing::book::{Alternative, Order, Side};
use crate::clearing::check::rules::{Broken, Check, Rule, value};
use crate::clearing::outcome::parts::Reason;
use std::collections::{BTreeMap, BTreeSet};

/// Who sells what is left of a product: (cost, units, node).
type Sellers = Vec<Vec<(i128, i128, Option<usize>)>>;

/// What is left unsold at these prices.
struct Left {
    sellers: Sellers,
    /// By product: (units left at its price, that price).
    units: Vec<(i128, i128)>,
    /// By product: neighbours over arcs at their cost, and how much more may come from them.
    ways: BTreeMap<usize, Vec<(usize, i128)>>,
}

impl Check<'_> {
    pub(super) fn bids(&mut self) {
        let left = self.left();
        let book = self.book;
        let said: BTreeMap<usize, Reason> = self.outcome.refused.iter().map(|r| (r.order, r.reason)).collect();
        for (number, order) in book.orders.iter().enumerate() {
            let award = self.award[number];
            let chosen = award.map(|award| self.alternative(award));
            if award.zip(chosen).is_some_and(|(award, chosen)| order.side == Side::Offer || award.lots == chosen.lots) {
                continue;
            }
            let all = book.alternatives_of(order).iter();
            let beyond = |a: &&Alternative| self.gain(order, a) - self.tolerance(a, a.lots);
            let Some(best) = chosen.or_else(|| all.max_by_key(beyond)) else { continue };
            let gain = self.gain(order, best);
            let (gains, loses) = (beyond(&best) > 0, gain < -self.tolerance(best, best.lots));
            let exempt = self.is_exempt(order);
            let mut excuses = BTreeSet::new();
            let is_strict = self.is_strict(best) && (award.is_some() || !order.is_block);
            if order.side == Side::Bid && gains && !exempt {
                excuses = self.excuses(&left, best, if award.is_some() { 1 } else { best.least });
                if order.is_block && award.is_none() {
                    excuses.insert(Reason::Block);
                }
                if is_strict || excuses.is_empty() {
                    let broken = Broken::new(Rule::V5, "an unfilled lot would gain").order(book, number);
                    let broken = broken.nano("gain", gain).text("divisible_to_the_unit", is_strict);
                    self.broken.push(broken.text("holds", format!("{excuses:?}")));
                }
            }
            let Some(reason) = said.get(&number) else { continue };
            let is_money = matches!(reason, Reason::Tie | Reason::NoRoom | Reason::NoHost | Reason::Block);
            let wrong = match order.side {
                _ if exempt => false,
                Side::Bid if gains => !is_strict && !excuses.contains(reason),
                _ => loses && is_money,
            };
            if wrong {
                let broken = Broken::new(Rule::V5, "the reason does not hold").order(book, number);
                self.broken.push(broken.text("reason", format!("{reason:?}")).nano("gain", gain));
            }
        }
    }

    /// Bids that prices can always serve exactly: one product divisible to the unit, or consecutive slots of it where
    /// the pool has neither nodes nor arcs.
    fn is_strict(&self, alternative: &Alternative) -> bool {
        let lines = self.book.lines_of(alternative);
        let keys = || lines.iter().map(|line| &self.book.products[line.product].key);
        let (first, count) = (lines[0].product, lines.len() as i64);
        let one = keys()
            .all(|key| (&key.pool, &key.resource) == (&keys().next().unwrap().pool, &keys().next().unwrap().resource));
        let span = keys().map(|key| key.slot).max().unwrap_or(0) - keys().map(|key| key.slot).min().unwrap_or(0);
        let is_plain = !self.has_nodes(first) && !self.is_joined(first);
        one && lines.iter().all(|line| line.quantity == 1) && (count == 1 || (span == count - 1 && is_plain))
    }

    fn left(&self) -> Left {
        let sellers = self.sellers();
        let ends: BTreeSet<usize> = self.book.arcs.iter().flat_map(|arc| [arc.from, arc.to]).collect();
        let units = sellers.iter().enumerate().map(|(product, sellers)| {
            let mut price = self.outcome.prices_nano[product];
            // Nobody buys it: it counts at its cheapest cost.
            if self.bought[product] == 0 && !ends.contains(&product) {
                price = price.max(sellers.iter().map(|(cost, ..)| *cost).min().unwrap_or(price));
            }
            let unsold: i128 = sellers.iter().filter(|(cost, ..)| *cost <= price + 1).map(|(_, units, _)| units).sum();
            (unsold + (self.sold[product] - self.bought[product]).max(0), price)
        });
        let mut ways: BTreeMap<usize, Vec<(usize, i128)>> = BTreeMap::new();
        for (arc, flow) in self.book.arcs.iter().zip(&self.outcome.flows) {
            let profit = self.outcome.prices_nano[arc.to] - self.outcome.prices_nano[arc.from] - arc.cost_nano;
            if profit.abs() <= 1 {
                let more = arc.limit.map_or(i128::MAX, |limit| i128::from(limit - flow));
                ways.entry(arc.to).or_default().push((arc.from, more));
                ways.entry(arc.from).or_default().push((arc.to, i128::from(*flow)));
            }
        }
        Left { units: units.collect(), sellers, ways }
    }

    /// Why so many lots more of a bid may be left out although they would gain.
    fn excuses(&self, left: &Left, alternative: &Alternative, lots: i64) -> BTreeSet<Reason> {
        let mut excuses = BTreeSet::new();
        let (mut dearer, mut used) = (0, BTreeMap::new());
        for line in self.book.lines_of(alternative) {
            let (_, price) = left.units[line.product];
            dearer += (price - self.outcome.prices_nano[line.product]) * i128::from(line.quantity);
            let mut need = i128::from(line.quantity) * i128::from(lots);
            let ways = left.ways.get(&line.product).map_or(&[][..], Vec::as_slice);
            for (from, most) in std::iter::once(&(line.product, i128::MAX)).chain(ways) {
                let taken: &mut i128 = used.entry(*from).or_default();
                let got = need.min(*most).min(left.units[*from].0 - *taken).max(0);
                *taken += got;
                need -= got;
            }
            if need > 0 {
                excuses.insert(Reason::NoRoom);
            }
        }
        let (worth, tolerance) = (value(alternative), self.tolerance(alternative, alternative.lots));
        let cost = self.cheapest(alternative) + dearer;
        let would_gain = |cost: i128| worth - cost * i128::from(alternative.lots) > tolerance;
        if !would_gain(cost) {
            excuses.insert(Reason::NoRoom);
        }
        for pool in self.book.pools_with_nodes(alternative) {
            let elsewhere = cost - self.least_premium(alternative, pool);
            let load = self.book.load_in(alternative, pool);
            let gains_on = |node: &usize| would_gain(elsewhere + self.premium_of(alternative, *node));
            let fits = |node: usize| {
                let whole = load
                    .iter()
                    .map(|line| self.room_with_lenders(left, node, line.product) / i128::from(line.quantity));
                whole.min().unwrap_or(0).max(0)
            };
            let hosts = self.book.hosts_in(alternative, pool).filter(gains_on);
            if hosts.map(fits).sum::<i128>() < i128::from(lots) {
                excuses.insert(Reason::NoHost);
            }
        }
        excuses
    }

    /// Room of a node, and what a lender there would still lend at the price.
    fn room_with_lenders(&self, left: &Left, node: usize, product: usize) -> i128 {
        let premium = self.outcome.premiums_nano.get(&(node, product)).copied().unwrap_or(0);
        let price = self.outcome.prices_nano[product] + premium + 1;
        let here = left.sellers[product].iter().filter(|(cost, _, at)| *at == Some(node) && *cost <= price);
        self.room_left(node, product) + here.map(|(_, units, _)| units).sum::<i128>()
    }

    /// Whether an order is a bid that V6 ranks.
    pub(super) fn is_ranked(order: &Order) -> bool {
        order.side == Side::Bid && !order.is_block
    }
}
