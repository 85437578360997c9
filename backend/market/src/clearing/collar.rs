//! Rationing at the collar: prices that stop at the cap leave more demand than there is.
//!
//! Prices are those of the book in which anything missing could be had at the caps. What is
//! really there is then shared: divisible orders in the money that use the same products at
//! their cap get equal fills, raised together until something runs out (incumbents before
//! newcomers); orders without surplus come after them. How the fills are found that agree with
//! such prices is in `ration`.
use super::behind::Behind;
use super::leave_out::least_value;
use super::model::{Meaning, Model};
use super::price::{Allocation, Polytope, losing};
use super::problem::{ArcRef, Component, Market};
use super::ration::Levelled;
use super::rational::Rat;
use super::simplex::{End, Lp, Simplex};
use super::ties;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

/// Fills and prices of a component with a product at its collar.
pub struct Rationed {
    pub values: Vec<Rat>,
    pub low: Vec<Rat>,
    pub high: Vec<Rat>,
    /// Whether the search that found them is known to have found the best.
    pub complete: bool,
}

#[derive(Clone)]
pub struct Sharing<'a> {
    pub m: &'a Market<'a>,
    pub c: &'a Component,
    /// The model with missing quantities allowed, and its bounds set to the accepted blocks.
    pub lp: &'a Lp,
    pub model: &'a Model,
    pub accepted: &'a BTreeMap<usize, usize>,
    /// Entries that programs may still work on for what is shared.
    pub left: &'a Cell<u64>,
    /// Where arcs send what is scarce.
    pub behind: Behind,
    /// Accepted blocks that lose at prices that everything else agrees with, the greatest loss first; looked for once.
    pub losers: &'a RefCell<Option<Vec<usize>>>,
    /// What was left before anything was sought.
    pub from: u64,
    /// Whether accepted blocks share with nobody: what is above their least fill is not rationed.
    pub apart: bool,
}

/// Entries that programs may work on although it is known already that a block is in the way: small books are searched
/// for other prices, at which it does not lose.
const IN_VAIN: u64 = 200_000;

impl Sharing<'_> {
    /// Whether anything would have to come at a collar; `solved` is a program of the same rows and columns. Where
    /// nothing has to, there is nothing to share.
    pub fn is_short(&self, solved: &Simplex) -> bool {
        let mut s = solved.clone().with(self.lp.clone());
        s.most_effort = s.effort.saturating_add(self.left.get());
        let end = s.solve();
        let missing = |(j, m): (usize, &Meaning)| matches!(m, Meaning::Missing(_)) && s.var(j).is_pos();
        end != End::Optimal || self.model.meaning.iter().enumerate().any(missing)
    }

    /// Fills that share what is scarce, and their prices.
    pub fn run(&self, choose: impl Fn(&Polytope, &[Rat]) -> Option<(Vec<Rat>, Vec<Rat>)>) -> Option<Rationed> {
        let by_rule = |uneven: bool| self.as_priced(uneven, |found| self.priced(found, true, &choose));
        let by_levels = || self.levelled(|found| self.priced(found, false, &choose));
        // who asks for a product at its collar shares it, and only where that does not do whoever is behind an arc
        by_rule(false).or_else(by_levels).or_else(|| self.as_sent(&choose)).or_else(|| by_rule(true))
    }

    /// The prices of fills that go with levels of what is scarce. `None` if an accepted block loses at them:
    /// then it is the block that can't be accepted. `as_if_there`: they have to be those of the book in which what is
    /// missing could be had.
    pub(super) fn priced(
        &self,
        found: Levelled,
        as_if_there: bool,
        choose: &impl Fn(&Polytope, &[Rat]) -> Option<(Vec<Rat>, Vec<Rat>)>,
    ) -> Option<Rationed> {
        let (model, accepted) = (self.model, self.accepted);
        let a = Allocation { model, values: &found.values, accepted, families: true };
        let Some(p) = Polytope::of_shared(self.m, self.c, &a, &found, self.left) else {
            self.find_losers(&found);
            return None;
        };
        // whoever has less than all of it shares at the collar of each product that is scarce
        let rationed = |j: &&usize| self.lp.cols[**j].hi.as_ref() != Some(&found.values[**j]);
        let is_short =
            |k: usize| found.shared.iter().filter(rationed).any(|j| found.behind.takes(model, self.c, *j, k));
        let held = |(i, k): (usize, &usize)| {
            let concerned = found.scarce.contains(k) && is_short(i);
            !concerned || p.lo[i] == Rat::int(self.m.cap[*k])
        };
        if !self.c.products.iter().enumerate().all(held) {
            return None;
        }
        let (low, high) = match self.carrying_all(&p) {
            Some((both, values)) => choose(&both, &values)?,
            None if as_if_there => return None,
            None => choose(&p, &found.values)?,
        };
        let first = self.first(&found, &low);
        if !first.is_empty() {
            let mut losers = self.losers.borrow_mut();
            if losers.as_ref().is_none_or(Vec::is_empty) {
                *losers = Some(first);
            }
            return None;
        }
        Some(Rationed { values: found.values, low, high, complete: true })
    }

    /// Which accepted blocks lose at prices that carry all but them.
    fn find_losers(&self, found: &Levelled) {
        if self.accepted.is_empty() || self.losers.borrow().is_some() {
            return;
        }
        *self.losers.borrow_mut() = Some(Vec::new());
        let nobody = BTreeMap::new();
        let (model, values) = (self.model, &found.values);
        let others = Allocation { model, values, accepted: &nobody, families: false };
        let Some(p) = Polytope::of_shared(self.m, self.c, &others, found, self.left) else { return };
        let Some(price) = p.point() else { return };
        let all = Allocation { model, values, accepted: self.accepted, families: true };
        *self.losers.borrow_mut() = Some(losing(self.m, self.c, &all, &price));
    }

    /// Of these prices those that also carry the book in which what is missing could be had at the collars, and
    /// what is traded there; `None` if there are none, as where a bid that has nothing in truth would set one.
    fn carrying_all(&self, p: &Polytope) -> Option<(Polytope, Vec<Rat>)> {
        let values = ties::settle(self.m, self.model, &self.solved(self.lp.clone())?);
        let a = Allocation { model: self.model, values: &values, accepted: self.accepted, families: true };
        let both = p.clone().and(Polytope::of(self.m, self.c, &a, true));
        both.feasible().then_some((both, values))
    }

    /// Solves a program within what may still be worked.
    pub(super) fn solved(&self, lp: Lp) -> Option<Simplex> {
        let mut s = Simplex::new(lp);
        self.solve(&mut s)?;
        Some(s)
    }

    /// Solves a program, or solves it on, within what may still be worked.
    pub(super) fn solve(&self, s: &mut Simplex) -> Option<()> {
        let worked = self.from.saturating_sub(self.left.get());
        if worked > IN_VAIN && self.losers.borrow().as_ref().is_some_and(|losers| !losers.is_empty()) {
            return None;
        }
        let before = s.effort;
        s.most_effort = before.saturating_add(self.left.get());
        let end = if self.left.get() == 0 { End::Exhausted } else { s.solve() };
        self.left.set(self.left.get().saturating_sub((s.effort - before).max(1)));
        (end == End::Optimal).then_some(())
    }

    /// The value of a column at a fill, as far as its own bounds allow it: an accepted block has its least fill.
    pub(super) fn at(&self, j: usize, fill: &Rat) -> Rat {
        let col = &self.lp.cols[j];
        (fill * &self.model.units(j)).max(col.lo.clone()).min(col.hi.clone().unwrap_or_default())
    }
}

/// How many bids stay out one by one before others do.
const ONE_BY_ONE: u32 = 6;

/// The last resort where no prices under the collars were found that agree with a rationing, at its
/// `turn`: some orders stay out of this round, and the outcome says so. First, one by one, the bid that
/// asks for most of what there is, if that is more than all of it: what nobody could fill must not keep the
/// others from trading. Then all bids on what is missing, or, where that would only come along arcs, one by one those
/// to whom it is worth least; and at last everybody.
pub fn starved(m: &Market, c: &Component, upper: &[Vec<Rat>], turn: u32) -> BTreeSet<usize> {
    let greedy = if turn < ONE_BY_ONE { greediest(m, c) } else { None };
    if let Some((_, i)) = greedy.filter(|(share, _)| *share > Rat::ONE) {
        return BTreeSet::from([i]);
    }
    let model = Model::build(m, c, upper, true);
    let mut s = Simplex::new(model.lp.clone());
    let mut missing = BTreeSet::new();
    if s.solve() == End::Optimal {
        for (j, meaning) in model.meaning.iter().enumerate() {
            if let Meaning::Missing(k) = meaning
                && s.var(j).is_pos()
            {
                missing.insert(*k);
            }
        }
    }
    let users = |products: &BTreeSet<usize>| -> BTreeSet<usize> {
        let uses = |i: &usize| {
            m.orders[*i].bid
                && m.orders[*i].alternatives.iter().flat_map(|a| &a.quantities).any(|(k, _)| products.contains(k))
        };
        c.orders.iter().copied().filter(uses).collect()
    };
    let gone = users(&missing);
    if !gone.is_empty() {
        return gone;
    }
    // what is missing would come along arcs: one by one, whoever it is worth least to
    let mut reached = missing;
    let leads_on = |a: &&ArcRef, reached: &BTreeSet<usize>| reached.contains(&a.from) && !reached.contains(&a.to);
    while let Some(a) = c.arcs.iter().map(|a| &m.arcs[*a]).find(|a| leads_on(a, &reached)) {
        reached.insert(a.to);
    }
    let least = users(&reached).into_iter().min_by_key(|i| (least_value(m, *i), m.orders[*i].lot));
    let one = least.filter(|_| turn < ONE_BY_ONE).map(|i| BTreeSet::from([i]));
    one.unwrap_or_else(|| c.orders.iter().copied().collect())
}

/// The bid that asks for most of what there is of a product, and how much of it that is.
fn greediest(m: &Market, c: &Component) -> Option<(Rat, usize)> {
    let mut supply: BTreeMap<usize, i128> = BTreeMap::new();
    for s in &c.steps {
        *supply.entry(m.steps[*s].product).or_default() += m.steps[*s].quantity;
    }
    for i in c.orders.iter().filter(|i| !m.orders[**i].bid) {
        for (k, q) in m.orders[*i].alternatives.iter().flat_map(|a| &a.quantities) {
            *supply.entry(*k).or_default() += q;
        }
    }
    let share = |i: &usize| {
        let parts = m.orders[*i].alternatives.iter().flat_map(|a| &a.quantities).map(|(k, q)| {
            let there = supply.get(k).copied().unwrap_or(0).max(1);
            Rat::ratio(*q, there)
        });
        parts.max()
    };
    let bids = c.orders.iter().filter(|i| m.orders[**i].bid);
    let greedy = bids.filter_map(|i| Some((share(i)?, m.orders[*i].lot, *i)));
    greedy.max_by(|a, b| a.0.cmp(&b.0).then(a.1.cmp(&b.1))).map(|g| (g.0, g.2))
}
