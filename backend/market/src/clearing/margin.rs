//! Bids of one product at the margin give units that rounding is short of, or take what it leaves over: it costs them
//! nothing. Alike bids share what is left as they did before. Whoever is at the margin besides: `in_step`.
use super::model::Meaning;
use super::problem::Component;
use super::rational::{Rat, sum};
use super::rounding::Rounding;
use super::search::Solved;
use std::collections::BTreeMap;

/// Units that rounding explains, by order.
const FEW: i128 = 2;

/// A bid of one product and how much it asks for.
type Asked = (usize, i128);

impl Rounding<'_> {
    /// Takes units of a product from bids of it alone that are filled in part. Answers what is missing then.
    pub(super) fn yield_units(&mut self, k: usize, mut missing: i128, s: &Solved) -> i128 {
        for alike in self.marginal(k, s) {
            let had = self.had(alike);
            let left = (had - missing.max(0)).max(0);
            missing -= had - left;
            if left < had {
                self.share_out(alike, left);
            }
        }
        missing
    }

    /// Has offers that are filled in part lend less of a product: the few units that rounding left over, not the part of a
    /// replica. Answers what is left over then.
    pub(super) fn lend_less(&mut self, k: usize, mut over: i128) -> i128 {
        if !self.are_few(k, over) {
            return over;
        }
        let lenders: Vec<(usize, usize)> = self.users(k, false).map(|(i, p, _)| (i, p)).collect();
        for (i, p) in lenders {
            let by = over.min(self.may_keep(i, p));
            if by > 0 && self.rows_allow(i, k, -by) {
                if let Some(f) = self.whole.orders.get_mut(&i) {
                    f.quantities[p] -= by;
                }
                over -= by;
            }
        }
        over
    }

    /// Whether rounding to units explains so many of a product: nobody has it in replicas, and they are a few for each order.
    pub(super) fn are_few(&self, k: usize, units: i128) -> bool {
        let users = || self.users(k, true).chain(self.users(k, false));
        users().all(|(i, ..)| self.m.orders[i].replicas.is_none()) && units <= FEW * (1 + users().count()) as i128
    }

    /// How much an offer at the margin may lend less in one place: of a bundle no more than keeps its places in step.
    pub(super) fn may_keep(&self, i: usize, at: usize) -> i128 {
        if !self.is_marginal(i) {
            return 0;
        }
        let (o, f) = (&self.m.orders[i], &self.whole.orders[&i]);
        match &o.alternatives[f.alternative].quantities[..] {
            [(_, all)] => f.quantities[at] - (&o.least * &Rat::int(*all)).ceil(),
            _ => self.lent_beyond(i, at),
        }
    }

    /// What an offer lends in one place beyond its fill, as far as that keeps step with its other places.
    pub(super) fn lent_beyond(&self, i: usize, at: usize) -> i128 {
        let f = &self.whole.orders[&i];
        let full = &self.m.orders[i].alternatives[f.alternative].quantities;
        let all = Rat::int(full[at].1);
        let beside = (0..full.len()).filter(|p| *p != at).map(|p| Rat::ratio(f.quantities[p] - 1, full[p].1));
        let in_step = beside.map(|fill| (&fill * &all).ceil() - 1).max().unwrap_or(0);
        f.quantities[at] - (&f.fill * &all).floor().max(in_step)
    }

    /// Gives units of a product to bids of it alone that are filled in part. Answers what is left then.
    pub(super) fn take_units(&mut self, k: usize, mut over: i128, s: &Solved) -> i128 {
        for alike in self.marginal(k, s) {
            let had = self.had(alike);
            let now = (had + over.max(0)).min(alike.iter().map(|a| a.1).sum());
            over -= now - had;
            if now > had {
                self.share_out(alike, now);
            }
        }
        over
    }

    /// Has bids that gave more on the way than was short in the end take back what is left, up to their floors. True if
    /// one did.
    pub(super) fn take_back(&mut self, c: &Component, steps: &BTreeMap<usize, Rat>, s: &Solved) -> bool {
        if self.between(s).is_empty() {
            return false;
        }
        let mut any = false;
        for k in c.products.iter().copied() {
            let mut over = self.over(k, steps);
            for alike in self.marginal(k, s) {
                let had = self.had(alike);
                let fill = alike.iter().find_map(|(i, _)| Some(&self.whole.orders.get(i)?.fill));
                let floor = fill.map_or(0, |f| (f * &Rat::int(alike.iter().map(|a| a.1).sum())).floor());
                let more = over.min(floor - had);
                if more > 0 {
                    self.share_out(alike, had + more);
                    over -= more;
                    any = true;
                }
            }
            any |= self.take_parts_back(k, over, s) < over;
        }
        any
    }

    /// Gives units of a product to whichever bids were rounded down in it, the largest remainder first. A budget counts
    /// what its bids are worth, so what they cost may go up a little. Answers what is left then.
    pub(super) fn take_parts(&mut self, k: usize, mut over: i128, s: &Solved) -> i128 {
        for (_, _, i, p) in self.rounded_down(k, true) {
            if over <= 0 {
                break;
            }
            if (self.may_add(i, p) || self.costs_no_more(i, p, s))
                && self.stays_in_step(i, p)
                && let Some(f) = self.whole.orders.get_mut(&i)
            {
                f.quantities[p] += 1;
                over -= 1;
            }
        }
        over
    }

    /// Whether only a budget is in the way of a unit more of a bid, and the bid costs less with it than it counts with.
    fn costs_no_more(&self, i: usize, at: usize, s: &Solved) -> bool {
        let (o, f) = (&self.m.orders[i], &self.whole.orders[&i]);
        let (alternative, upper) = (&o.alternatives[f.alternative], &self.upper[i][f.alternative]);
        let (k, all) = alternative.quantities[at];
        let in_bounds = f.quantities[at] < (upper * &Rat::int(all)).floor()
            && o.rows.iter().all(|r| self.m.rows[*r].product.is_none() || self.row_allows(*r, i, k, 1))
            && self.hosts_allow(i, k);
        let price = |k: &usize| s.model.product_row.get(k).map_or(Rat::ZERO, |row| s.high[*row].clone());
        let parts = alternative.quantities.iter().zip(&f.quantities).enumerate();
        let cost = sum(parts.map(|(p, ((k, _), q))| &price(k) * &Rat::int(q + i128::from(p == at))));
        in_bounds && cost <= &Rat::int(alternative.value) * &f.fill
    }

    /// Groups of alike bids of a product alone that are filled in part.
    pub(super) fn marginal<'s>(&self, k: usize, s: &'s Solved) -> Vec<&'s [Asked]> {
        // one that a node or a cut holds back, or a collar rations, gains from every unit
        let Some(price) = s.model.product_row.get(&k).map(|row| &s.low[*row]) else { return Vec::new() };
        if *price >= Rat::int(self.m.cap[k]) {
            return Vec::new();
        }
        let held = |i: usize| self.hosts.iter().any(|h| h.terms.iter().any(|t| t.0 == i));
        let gains_nothing = |i: usize| {
            let (value, asked) =
                (self.m.orders[i].alternatives[0].value, self.m.orders[i].alternatives[0].quantities[0].1);
            Rat::int(value) == price * &Rat::int(asked)
        };
        let free = |i: usize| {
            let o = &self.m.orders[i];
            let alone = o.replicas.is_none() && o.parent.is_none() && o.children.is_empty() && o.rows.is_empty();
            let partly = self.whole.orders.get(&i).is_some_and(|f| f.fill < Rat::ONE);
            o.bid && !o.block && alone && partly && self.upper[i][0] == Rat::ONE && !held(i) && gains_nothing(i)
        };
        let mine = |meaning: &'s Meaning| {
            let Meaning::Orders { alternative, members } = meaning else { return None };
            let asked = &self.m.orders[members[0].0].alternatives[*alternative].quantities;
            let alone = asked.len() == 1 && asked[0].0 == k && members.iter().all(|m| free(m.0));
            alone.then_some(&members[..])
        };
        s.model.meaning.iter().filter_map(mine).collect()
    }

    pub(super) fn had(&self, alike: &[Asked]) -> i128 {
        alike.iter().filter_map(|(i, _)| self.whole.orders.get(i)).map(|f| f.quantities[0]).sum()
    }

    /// Shares so many units among alike bids: floors of what each asks for, then by largest remainder.
    fn share_out(&mut self, alike: &[Asked], units: i128) {
        let fill = Rat::ratio(units, alike.iter().map(|a| a.1).sum());
        let mut over = units;
        let mut queue: Vec<(Rat, [u8; 32], usize)> = Vec::new();
        for (i, asked) in alike {
            let x = &fill * &Rat::int(*asked);
            over -= x.floor();
            queue.push((&Rat::int(x.floor()) - &x, self.m.orders[*i].lot, *i));
            if let Some(f) = self.whole.orders.get_mut(i) {
                f.quantities[0] = x.floor();
            }
        }
        queue.sort();
        for (_, _, i) in queue.into_iter().take(usize::try_from(over).unwrap_or(0)) {
            if let Some(f) = self.whole.orders.get_mut(&i) {
                f.quantities[0] += 1;
            }
        }
    }

    /// Fills of bids that gave more than rounding takes: as near to what they were as what they have allows, the same
    /// for all that are alike.
    pub(super) fn fill_again(&mut self, s: &Solved) {
        for meaning in &s.model.meaning {
            let Meaning::Orders { alternative, members } = meaning else { continue };
            let (mut least, mut most, mut fill) = (Rat::ZERO, Rat::ONE, None);
            for (i, _) in members {
                let o = &self.m.orders[*i];
                let Some(f) = self.whole.orders.get(i).filter(|f| f.alternative == *alternative) else { continue };
                if o.replicas.is_some() {
                    continue;
                }
                fill = Some(f.fill.clone());
                for ((_, full), q) in o.alternatives[*alternative].quantities.iter().zip(&f.quantities) {
                    least = least.max(Rat::ratio(q - 1, *full));
                    most = most.min(Rat::ratio(q + 1, *full));
                }
            }
            let Some(fill) = fill.filter(|f| least <= most && (*f < least || *f > most)) else { continue };
            let to = if fill < least { least } else { most };
            for (i, _) in members {
                if let Some(f) = self.whole.orders.get_mut(i).filter(|f| f.alternative == *alternative) {
                    f.fill = to.clone();
                }
            }
        }
    }
}
