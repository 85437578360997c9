//! Whoever is at the margin, or rationed at a collar, gives, takes or lends the units that rounding is short of or leaves
//! over: it costs nobody anything that they had a right to. Offers, and bids with alternatives, least fills or several
//! products, whose places keep step: none is further than a unit from one fill. One unit at a time, so that alike orders
//! stay alike.
use super::rational::Rat;
use super::rounding::{Filled, Rounding};
use super::search::Solved;

/// Units that are moved at once. A bid in replicas may be short of millions.
const MOST: i128 = 256;

impl Rounding<'_> {
    /// Takes units of a product from bids at the margin. Answers what is missing then.
    pub(super) fn yield_parts(&mut self, k: usize, missing: i128, s: &Solved) -> i128 {
        // whoever has most beyond their fill first
        let most_first = |over: &Rat| -over;
        self.one_by_one(k, true, missing, most_first, |r, i, p| r.one_less(i, p, s))
    }

    /// Whether a bid at the margin has a unit of a product to give.
    pub(super) fn yields_parts(&self, k: usize, s: &Solved) -> bool {
        self.users(k, true).any(|(i, p, _)| self.one_less(i, p, s).is_some())
    }

    /// Gives units of a product to bids at the margin. Answers what is left then.
    pub(super) fn take_more(&mut self, k: usize, over: i128, s: &Solved) -> i128 {
        self.one_by_one(k, true, over, Rat::clone, |r, i, p| r.one_more_bid(i, p, s))
    }

    /// Gives them units up to their floors. Answers what is left then.
    pub(super) fn take_parts_back(&mut self, k: usize, over: i128, s: &Solved) -> i128 {
        self.one_by_one(k, true, over, Rat::clone, |r, i, p| {
            let f = &r.whole.orders[&i];
            let all = r.m.orders[i].alternatives[f.alternative].quantities[p].1;
            let gave = f.quantities[p] < (&f.fill * &Rat::int(all)).floor();
            gave.then(|| r.one_more_bid(i, p, s))?
        })
    }

    /// Whether a bid at the margin has use for a unit of a product.
    pub(super) fn takes_more(&self, k: usize, s: &Solved) -> bool {
        self.users(k, true).any(|(i, p, _)| self.one_more_bid(i, p, s).is_some())
    }

    /// Has offers that are filled in part lend more of a product than their fill rounded up. Answers what is missing then.
    pub(super) fn lend_units(&mut self, k: usize, missing: i128) -> i128 {
        self.one_by_one(k, false, missing, Rat::clone, |r, i, p| r.one_more(i, p))
    }

    /// Whether an offer at the margin may lend a unit more of a product.
    pub(super) fn lends_more(&self, k: usize) -> bool {
        self.users(k, false).any(|(i, p, _)| self.one_more(i, p).is_some())
    }

    /// Moves units of a product by bids (or offers), each time by whoever comes first by what it has beyond its fill.
    /// Answers how many are left to move.
    fn one_by_one(
        &mut self,
        k: usize,
        bids: bool,
        mut units: i128,
        first: impl Fn(&Rat) -> Rat,
        moved: impl Fn(&Self, usize, usize) -> Option<Vec<i128>>,
    ) -> i128 {
        if units > MOST {
            return units;
        }
        while units > 0 {
            let each = self.users(k, bids).filter_map(|(i, p, f)| {
                let o = &self.m.orders[i];
                let over = Rat::int(f.quantities[p])
                    .sub_mul(&f.fill, &Rat::int(o.alternatives[f.alternative].quantities[p].1));
                Some((first(&over), o.lot, i, moved(self, i, p)?))
            });
            let Some((_, _, i, quantities)) = each.min() else { break };
            if let Some(f) = self.whole.orders.get_mut(&i) {
                f.quantities = quantities;
            }
            units -= 1;
        }
        units
    }

    /// Whether more or less of an offer costs it nothing: by its prices it gains nothing, as it would be whole else. A bid
    /// may also be held back.
    pub(super) fn is_marginal(&self, i: usize) -> bool {
        let (o, f) = (&self.m.orders[i], &self.whole.orders[&i]);
        f.fill > o.least && f.fill < Rat::ONE && o.replicas.is_none() && o.parent.is_none() && o.children.is_empty()
    }

    /// Whether a unit more or less of a bid breaks nothing: it gains nothing, or a collar rations it.
    fn moves_freely(&self, i: usize, f: &Filled, s: &Solved) -> bool {
        self.gains_nothing(i, f, s) || s.rationed && self.is_rationed(i, f)
    }

    /// Whether only a collar keeps a bid from more: neither its own rows nor a node.
    fn is_rationed(&self, i: usize, f: &Filled) -> bool {
        let o = &self.m.orders[i];
        let hosted = || self.hosts.iter().any(|h| h.terms.iter().any(|t| t.0 == i));
        !o.block && o.rows.is_empty() && self.upper[i][f.alternative] == Rat::ONE && !hosted()
    }

    /// Whether a bid pays all that it is worth at prices that are under the collars: at one it may be rationed.
    fn gains_nothing(&self, i: usize, f: &Filled, s: &Solved) -> bool {
        let alternative = &self.m.orders[i].alternatives[f.alternative];
        let mut cost = Rat::ZERO;
        for (k, q) in &alternative.quantities {
            let Some(price) = s.model.product_row.get(k).map(|row| &s.low[*row]) else { return false };
            if *price >= Rat::int(self.m.cap[*k]) {
                return false;
            }
            cost = &cost + &(price * &Rat::int(*q));
        }
        cost == Rat::int(alternative.value)
    }

    /// What an order at the margin has with a unit more in one place, the others in step; nothing where it is not at the
    /// margin or something of its own is in the way.
    fn one_more(&self, i: usize, at: usize) -> Option<Vec<i128>> {
        if !self.is_marginal(i) {
            return None;
        }
        let (o, f) = (&self.m.orders[i], &self.whole.orders[&i]);
        let full = &o.alternatives[f.alternative].quantities;
        let fill = Rat::ratio(f.quantities[at], full[at].1);
        let mut more = f.quantities.clone();
        for (p, (k, all)) in full.iter().enumerate() {
            let in_step = (&fill * &Rat::int(*all)).ceil() - 1;
            more[p] = if p == at { more[p] + 1 } else { more[p].max(in_step) };
            let by = more[p] - f.quantities[p];
            let most = (&self.upper[i][f.alternative] * &Rat::int(*all)).floor();
            if by > 0 && (more[p] > most || !self.rows_allow(i, *k, by)) {
                return None;
            }
        }
        Some(more)
    }

    fn one_more_bid(&self, i: usize, at: usize, s: &Solved) -> Option<Vec<i128>> {
        let f = &self.whole.orders[&i];
        let mut products = self.m.orders[i].alternatives[f.alternative].quantities.iter().map(|q| q.0);
        self.one_more(i, at).filter(|_| self.moves_freely(i, f, s) && products.all(|k| self.hosts_allow(i, k)))
    }

    /// The same of a bid with a unit less.
    fn one_less(&self, i: usize, at: usize, s: &Solved) -> Option<Vec<i128>> {
        let (o, f) = (&self.m.orders[i], &self.whole.orders[&i]);
        if !self.is_marginal(i) || !self.moves_freely(i, f, s) {
            return None;
        }
        let full = &o.alternatives[f.alternative].quantities;
        let fill = Rat::ratio(f.quantities[at], full[at].1);
        let mut less = f.quantities.clone();
        for (p, (k, all)) in full.iter().enumerate() {
            let in_step = (&fill * &Rat::int(*all)).ceil();
            less[p] = if p == at { less[p] - 1 } else { less[p].min(in_step) };
            let by = less[p] - f.quantities[p];
            let least = (&o.least * &Rat::int(*all)).ceil();
            if by < 0 && (less[p] < least || !self.rows_allow(i, *k, by)) {
                return None;
            }
        }
        // supply and arcs are used for nobody if who is rationed gives the last unit
        let something = less.iter().any(|q| *q > 0);
        (something || self.gains_nothing(i, f, s)).then_some(less)
    }

    /// Whether with a unit more in one place all places of an order still go with one fill.
    pub(super) fn stays_in_step(&self, i: usize, at: usize) -> bool {
        let f = &self.whole.orders[&i];
        let full = &self.m.orders[i].alternatives[f.alternative].quantities;
        let of = |p: usize, by: i128| Rat::ratio(f.quantities[p] + i128::from(p == at) + by, full[p].1);
        let least = (0..full.len()).map(|p| of(p, -1)).max();
        least < (0..full.len()).map(|p| of(p, 1)).min()
    }
}
