//! The supporting prices of an allocation.
//!
//! The polytope comes from the fixed program by complementary slackness: one variable a product,
//! one private multiplier a tight participant row, and one a full node. A node's multiplier is what
//! its bids would pay for room there; it is no public price, so it holds bids back (`NO_HOST_FITS`)
//! and pays no offer: offers, steps and arcs answer to the public prices alone. The polytope is
//! bounded by the collars, and no accepted block may lose. Fixed variables and bounds are taken
//! out first, and what is left falls apart into small systems.
use super::model::{Meaning, Model};
use super::problem::{Component, Market};
use super::ration::Levelled;
use super::rational::{Rat, sum};
use super::simplex::{End, Lp, Simplex};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

/// `Σ value · variable ≤ limit` (or `=`).
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub terms: Vec<(usize, Rat)>,
    pub limit: Rat,
    pub equal: bool,
}

/// A polytope of prices (the first variables) and private multipliers.
#[derive(Clone, Debug)]
pub struct Polytope {
    pub(super) prices: usize,
    pub(super) lo: Vec<Rat>,
    pub(super) hi: Vec<Option<Rat>>,
    pub(super) rules: Vec<Rule>,
}

/// The allocation that prices have to support: values of a model's columns, and which are blocks.
pub struct Allocation<'a> {
    pub model: &'a Model,
    pub values: &'a [Rat],
    /// Accepted blocks with their column.
    pub accepted: &'a BTreeMap<usize, usize>,
    pub families: bool,
}

/// The columns of an accepted block and of what is accepted of its children.
fn family_columns(m: &Market, a: &Allocation, block: usize) -> Vec<usize> {
    let column = |i: usize| match a.model.blocks.get(&i) {
        Some(_) => a.accepted.get(&i).copied(),
        None => a.model.links.get(&i).and_then(|(cols, _)| cols.first().copied()),
    };
    let won = |i: usize| column(i).is_some_and(|j| a.values[j].is_pos());
    m.family(block, won).into_iter().filter_map(column).collect()
}

/// The accepted blocks that lose at these public prices (by position in the component), together with their accepted
/// children, and lose most first.
pub(super) fn losing(m: &Market, c: &Component, a: &Allocation, price: &[Rat]) -> Vec<usize> {
    let of_row: BTreeMap<usize, &Rat> = c.products.iter().map(|k| a.model.product_row[k]).zip(price).collect();
    let earns = |j: usize| {
        let col = &a.model.lp.cols[j];
        let paid = |gain: Rat, (r, e): &(usize, Rat)| of_row.get(r).map_or(gain.clone(), |p| gain.sub_mul(e, p));
        &col.entries.iter().fold(col.cost.clone(), paid) * &a.values[j]
    };
    let won = a.accepted.iter().filter(|(_, j)| a.values[**j].is_pos()).map(|(i, _)| *i);
    let mut losing: Vec<(Rat, [u8; 32], usize)> =
        won.map(|i| (sum(family_columns(m, a, i).into_iter().map(earns)), m.orders[i].lot, i)).collect();
    losing.retain(|(gain, ..)| gain.is_neg());
    losing.sort();
    losing.into_iter().map(|(.., i)| i).collect()
}

impl Polytope {
    /// The polytope of a component; `collars` bounds the prices by the caps.
    pub fn of(m: &Market, c: &Component, a: &Allocation, collars: bool) -> Polytope {
        Self::with_shares(m, c, a, collars, &BTreeSet::new())
    }

    /// The same where some columns are rationed: whatever they have, they do not lose, also by what a unit more is worth
    /// to others in a budget or a limit that they share.
    fn with_shares(m: &Market, c: &Component, a: &Allocation, collars: bool, rationed: &BTreeSet<usize>) -> Polytope {
        let (model, x) = (a.model, a.values);
        let at: BTreeMap<usize, usize> = c.products.iter().enumerate().map(|(i, k)| (*k, i)).collect();
        let n = c.products.len();
        let mut slack = model.lp.rhs.clone();
        for (j, col) in model.lp.cols.iter().enumerate() {
            if !x[j].is_zero() {
                for (r, e) in col.entries.iter() {
                    slack[*r] = slack[*r].sub_mul(e, &x[j]);
                }
            }
        }
        let mut p = Polytope {
            prices: n,
            lo: vec![Rat::ZERO; n],
            hi: c.products.iter().map(|k| collars.then(|| Rat::int(m.cap[*k]))).collect(),
            rules: Vec::new(),
        };
        let mut row_var: BTreeMap<usize, usize> = BTreeMap::new();
        for (k, row) in &model.product_row {
            row_var.insert(*row, at[k]);
            if slack[*row].is_pos() {
                p.bound(at[k], &Rat::ZERO, false);
            }
        }
        for row in model.own_row.values() {
            if slack[*row].is_zero() {
                row_var.insert(*row, p.lo.len());
                p.lo.push(Rat::ZERO);
                p.hi.push(None);
            }
        }
        let full: BTreeMap<usize, usize> = model
            .host_row
            .iter()
            .filter(|row| slack[**row].is_zero())
            .map(|row| {
                p.lo.push(Rat::ZERO);
                p.hi.push(None);
                (*row, p.lo.len() - 1)
            })
            .collect();
        for (j, col) in model.lp.cols.iter().enumerate() {
            let hi = col.hi.clone().unwrap_or_default();
            let (is_order, block) = match &model.meaning[j] {
                Meaning::Orders { members, .. } => {
                    (true, model.blocks.contains_key(&members[0].0).then_some(members[0].0))
                }
                _ => (false, None),
            };
            let mut lo = col.lo.clone();
            if let Some(b) = block {
                if a.accepted.get(&b) != Some(&j) {
                    continue;
                }
                lo = (&m.orders[b].least * &model.units(j)).min(hi.clone());
                if a.families && x[j].is_pos() {
                    p.rules.push(p.family(m, a, b, &row_var));
                }
            }
            if !rationed.contains(&j) && ((lo == hi && is_order) || hi.is_zero()) {
                continue;
            }
            // reduced cost v − Σ e·π (− private): ≤ 0 at the lower end, ≥ 0 at the upper, 0 between
            let hosted = model.hosted(m, j);
            let var = |r: &usize| row_var.get(r).or_else(|| full.get(r).filter(|_| hosted)).copied();
            let terms: Vec<_> = col.entries.iter().filter_map(|(r, e)| var(r).map(|v| (v, e.clone()))).collect();
            if rationed.contains(&j) {
                p.rules.push(Rule { terms, limit: col.cost.clone(), equal: false });
            } else if x[j] == lo {
                p.rules.push(Rule {
                    terms: terms.iter().map(|(v, e)| (*v, -e)).collect(),
                    limit: -&col.cost,
                    equal: false,
                });
            } else if x[j] == hi && !matches!(model.meaning[j], Meaning::Missing(_)) {
                p.rules.push(Rule { terms, limit: col.cost.clone(), equal: false });
            } else {
                p.rules.push(Rule { terms, limit: col.cost.clone(), equal: true });
            }
        }
        p
    }

    /// What an accepted block and its accepted children earn together is not under 0 at the public
    /// prices: Σ x·(v − Σ e·π) ≥ 0, over the block alone where it has none.
    fn family(&self, m: &Market, a: &Allocation, block: usize, row_var: &BTreeMap<usize, usize>) -> Rule {
        let mut columns = family_columns(m, a, block);
        // alone, its own units are the shorter numbers
        let one = if columns.len() == 1 { columns.pop() } else { None };
        let parts = one.map(|j| (j, Rat::ONE)).into_iter().chain(columns.into_iter().map(|j| (j, a.values[j].clone())));
        let mut terms: BTreeMap<usize, Rat> = BTreeMap::new();
        let mut limit = Rat::ZERO;
        for (j, x) in parts {
            let col = &a.model.lp.cols[j];
            limit = &limit + &(&col.cost * &x);
            for (r, e) in col.entries.iter() {
                if let Some(v) = row_var.get(r).filter(|v| **v < self.prices) {
                    let t = terms.entry(*v).or_default();
                    *t = &*t + &(e * &x);
                }
            }
        }
        Rule { terms: terms.into_iter().filter(|t| !t.1.is_zero()).collect(), limit, equal: false }
    }

    /// The polytope where some columns are rationed: their fills are given, they must not lose, and
    /// a product of each of them is at its cap (as many scarce products as the rest allows), or one that is
    /// sent on to it. Bids that are `even` keep no surplus: in the money they would have to share. `None` if
    /// there are no such prices, or looking for them would work on more entries than are `left`.
    pub(super) fn of_shared(
        m: &Market,
        c: &Component,
        a: &Allocation,
        found: &Levelled,
        left: &Cell<u64>,
    ) -> Option<Polytope> {
        let Levelled { scarce, shared, even, behind, .. } = found;
        let mut model = a.model.clone();
        let rationed: BTreeSet<usize> =
            shared.iter().copied().filter(|j| model.lp.cols[*j].hi.as_ref() != Some(&a.values[*j])).collect();
        for (j, col) in model.lp.cols.iter_mut().enumerate() {
            if matches!(model.meaning[j], Meaning::Missing(_)) {
                col.hi = Some(Rat::ZERO);
            }
        }
        let at: BTreeMap<usize, usize> =
            c.products.iter().enumerate().map(|(i, k)| (model.product_row[k], i)).collect();
        let mut even_rules = Vec::new();
        for &j in even.iter().filter(|j| model.lp.cols[**j].hi.as_ref() == Some(&a.values[**j])) {
            let col = &model.lp.cols[j];
            if col.entries.iter().all(|(r, _)| at.contains_key(r)) {
                let terms = col.entries.iter().map(|(r, e)| (at[r], e.clone())).collect();
                even_rules.push(Rule { terms, limit: col.cost.clone(), equal: true });
            }
        }
        let b = Allocation { model: &model, values: a.values, accepted: a.accepted, families: a.families };
        let mut p = Polytope::with_shares(m, c, &b, true, &rationed);
        p.rules.extend(even_rules);
        p.rules.extend(behind.arcs.iter().map(|j| {
            let col = &model.lp.cols[*j];
            Rule {
                terms: col.entries.iter().map(|(r, e)| (at[r], e.clone())).collect(),
                limit: col.cost.clone(),
                equal: true,
            }
        }));
        if !p.feasible_within(left) {
            return None;
        }
        let mut held = BTreeSet::new();
        for (i, k) in c.products.iter().enumerate() {
            if scarce.contains(k) && rationed.iter().any(|j| behind.takes(&model, c, *j, i)) {
                let mut q = p.clone();
                q.bound(i, &Rat::int(m.cap[*k]), true);
                if q.feasible_within(left) {
                    p = q;
                    held.insert(i);
                }
            }
        }
        let excused = rationed.iter().all(|j| held.iter().any(|k| behind.takes(&model, c, *j, *k)));
        excused.then_some(p)
    }

    /// The prices that are in both; each keeps its own private multipliers.
    pub fn and(mut self, other: Polytope) -> Polytope {
        let (prices, mine) = (self.prices, self.lo.len());
        for v in 0..prices {
            self.bound(v, &other.lo[v], true);
            if let Some(h) = &other.hi[v] {
                self.bound(v, h, false);
            }
        }
        self.lo.extend_from_slice(&other.lo[prices..]);
        self.hi.extend_from_slice(&other.hi[prices..]);
        let shift = |v: usize| if v < prices { v } else { v - prices + mine };
        for mut rule in other.rules {
            rule.terms.iter_mut().for_each(|t| t.0 = shift(t.0));
            self.rules.push(rule);
        }
        self
    }

    /// Tightens a bound of one variable.
    fn bound(&mut self, v: usize, limit: &Rat, lower: bool) {
        if lower {
            if *limit > self.lo[v] {
                self.lo[v] = limit.clone();
            }
        } else if self.hi[v].as_ref().is_none_or(|h| limit < h) {
            self.hi[v] = Some(limit.clone());
        }
    }

    fn fixed(&self, v: usize) -> bool {
        self.hi[v].as_ref() == Some(&self.lo[v])
    }

    /// Turns rules over one variable into bounds and takes fixed variables out. False = empty.
    pub(super) fn reduce(&mut self) -> bool {
        loop {
            let mut left = Vec::with_capacity(self.rules.len());
            let mut changed = false;
            for mut r in std::mem::take(&mut self.rules) {
                if r.terms.iter().any(|(v, _)| self.fixed(*v)) {
                    let mut terms = Vec::new();
                    for (v, e) in r.terms {
                        if self.fixed(v) {
                            r.limit = r.limit.sub_mul(&e, &self.lo[v]);
                        } else {
                            terms.push((v, e));
                        }
                    }
                    r.terms = terms;
                }
                match r.terms.len() {
                    0 => {
                        if r.limit.is_neg() || (r.equal && !r.limit.is_zero()) {
                            return false;
                        }
                    }
                    1 => {
                        let (v, e) = &r.terms[0];
                        let t = r.limit.div(e);
                        if r.equal || e.is_pos() {
                            self.bound(*v, &t, false);
                        }
                        if r.equal || e.is_neg() {
                            self.bound(*v, &t, true);
                        }
                        if self.hi[*v].as_ref().is_some_and(|h| *h < self.lo[*v]) {
                            return false;
                        }
                        changed = true;
                    }
                    _ => left.push(r),
                }
            }
            self.rules = left;
            if !changed {
                return (0..self.lo.len()).all(|v| self.hi[v].as_ref().is_none_or(|h| *h >= self.lo[v]));
            }
        }
    }

    /// The systems that are left: free variables connected by rules.
    pub(super) fn parts(&self) -> Vec<(Vec<usize>, Vec<usize>)> {
        let n = self.lo.len();
        let mut root: Vec<usize> = (0..n).collect();
        fn find(root: &mut [usize], mut k: usize) -> usize {
            while root[k] != k {
                root[k] = root[root[k]];
                k = root[k];
            }
            k
        }
        for r in &self.rules {
            for (v, _) in &r.terms {
                let (a, b) = (find(&mut root, r.terms[0].0), find(&mut root, *v));
                root[a.max(b)] = a.min(b);
            }
        }
        let mut parts: BTreeMap<usize, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
        for v in (0..n).filter(|v| !self.fixed(*v)) {
            parts.entry(find(&mut root, v)).or_default().0.push(v);
        }
        for (i, r) in self.rules.iter().enumerate() {
            parts.entry(find(&mut root, r.terms[0].0)).or_default().1.push(i);
        }
        parts.into_values().collect()
    }

    /// A linear program over a part, with the given objective.
    pub(super) fn program(&self, part: &(Vec<usize>, Vec<usize>), cost: impl Fn(usize) -> Rat) -> Simplex {
        let mut lp = Lp::default();
        let mut entries: BTreeMap<usize, Vec<(usize, Rat)>> = BTreeMap::new();
        for &i in &part.1 {
            let r = &self.rules[i];
            let row = if r.equal { lp.equality(r.limit.clone()) } else { lp.row(r.limit.clone()) };
            for (v, e) in &r.terms {
                entries.entry(*v).or_default().push((row, e.clone()));
            }
        }
        for &v in &part.0 {
            lp.col(cost(v), self.lo[v].clone(), self.hi[v].clone(), entries.remove(&v).unwrap_or_default());
        }
        Simplex::new(lp)
    }

    /// The same without the collars.
    pub fn uncapped(mut self) -> Polytope {
        for (lo, hi) in self.lo.iter().zip(&mut self.hi).take(self.prices) {
            // a product with slack stays free
            if hi.as_ref() != Some(lo) || lo.is_pos() {
                *hi = None;
            }
        }
        self
    }

    /// A vector of public prices in the polytope, if there is one.
    pub(super) fn point(&self) -> Option<Vec<Rat>> {
        let mut p = self.clone();
        if !p.reduce() {
            return None;
        }
        for part in p.parts() {
            let mut s = p.program(&part, |_| Rat::ZERO);
            if s.solve() != End::Optimal {
                return None;
            }
            for (i, v) in part.0.iter().enumerate() {
                p.lo[*v] = s.var(i);
            }
        }
        Some(p.lo[..p.prices].to_vec())
    }

    /// Whether any price vector supports the allocation.
    pub fn feasible(&self) -> bool {
        self.feasible_within(&Cell::new(u64::MAX))
    }

    /// The same within so many entries that programs may work on; beyond them it is said to be none.
    fn feasible_within(&self, left: &Cell<u64>) -> bool {
        let mut p = self.clone();
        if !p.reduce() {
            return false;
        }
        let solvable = |part: &(Vec<usize>, Vec<usize>)| {
            let mut s = p.program(part, |_| Rat::ZERO);
            s.most_effort = left.get();
            let end = s.solve();
            left.set(left.get().saturating_sub(s.effort));
            end == End::Optimal
        };
        p.parts().iter().all(solvable)
    }
}
