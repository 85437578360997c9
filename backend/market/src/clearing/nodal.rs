//! Uniform prices where a node is full.
//!
//! With the nodes' rows in the program the best allocation may let an offer lend only because its
//! node is full, at a public price under its cost, or leave a cheaper offer on another node idle.
//! One price a product can't carry that. This search finds the best allocation that one price can:
//! depth first over what an offer (a step, an arc) does at the public prices — nothing, all of it,
//! or a part where it neither gains nor loses — with the program as the bound and the polytope of
//! the prices decided so far to prune by. Whatever those prices leave no choice about is set at once.
//!
//! Invariants: what it returns is supported by prices under the collars; its limit counts programs
//! solved; orders with rows of their participant are never branched on, so with them the search
//! may end incomplete, and it says so.
use super::model::{Meaning, Model};
use super::price::{Allocation, Polytope, Rule};
use super::problem::{Component, Market};
use super::rational::Rat;
use super::simplex::{End, Lp, Simplex};
use super::ties;
use std::cell::Cell;
use std::collections::BTreeMap;

/// Columns times programs that the searches of one component may solve, and the least of them.
const WORK: usize = 4_000;
const LEAST: usize = 20;

/// Columns and blocks that a component with rows of nodes may have; beyond them orders are cut
/// one by one, which takes no search.
const COLUMNS: usize = 150;
const BLOCKS: usize = 8;

/// How many columns the program of a component has.
pub fn columns(m: &Market, c: &Component) -> usize {
    let alternatives = c.orders.iter().map(|i| m.orders[*i].alternatives.len()).sum::<usize>();
    alternatives + c.steps.len() + c.arcs.len()
}

/// How many programs the searches of a component may solve in all; `None` = it is too large.
pub fn programs(m: &Market, c: &Component) -> Option<usize> {
    let columns = columns(m, c);
    let blocks = c.orders.iter().filter(|i| m.orders[**i].block).count();
    (columns <= COLUMNS && blocks <= BLOCKS).then(|| (WORK / columns.max(1)).max(LEAST))
}

/// What a column does at the public prices.
#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// Nothing, and it gains nothing by more.
    Idle,
    /// All of it, and it loses nothing by it.
    Full,
    /// Any part: it neither gains nor loses.
    Even,
    /// A bid in the money that a full node may hold back.
    Held,
}

/// What is decided so far.
#[derive(Clone, Default)]
struct Decided {
    columns: BTreeMap<usize, State>,
    /// Products (by position in the component) that leave nothing over, or cost nothing.
    scarce: BTreeMap<usize, bool>,
}

/// What to decide next.
enum Conflict {
    Column(usize),
    Product(usize),
}

pub struct Nodal<'a> {
    pub m: &'a Market<'a>,
    pub c: &'a Component,
    /// The model with the bounds of the accepted blocks.
    pub model: &'a Model,
    pub accepted: &'a BTreeMap<usize, usize>,
    /// Programs that may still be solved.
    pub left: &'a Cell<usize>,
}

/// The best allocation found, with its welfare, and whether none better can be.
pub struct Hosted {
    pub best: Option<(Vec<Rat>, Rat)>,
    pub complete: bool,
}

impl Nodal<'_> {
    pub fn run(&self) -> Hosted {
        let mut out = Hosted { best: None, complete: true };
        let mut stack = vec![Decided::default()];
        while let Some(d) = stack.pop() {
            let rules = self.rules(&d);
            let mut bounds = rules.clone();
            if !bounds.reduce() || !bounds.feasible() {
                continue;
            }
            if self.left.get() == 0 {
                out.complete = false;
                break;
            }
            self.left.set(self.left.get() - 1);
            let mut s = Simplex::new(self.program(&d, &bounds));
            if s.solve() != End::Optimal {
                continue;
            }
            let value = s.objective();
            if out.best.as_ref().is_some_and(|b| value <= b.1) {
                continue;
            }
            let x = s.values();
            let settled = ties::settle(self.m, self.model, &s);
            if let Some(v) = [settled, x.clone()].into_iter().find(|v| self.supported(v)) {
                out.best = Some((v, value));
                continue;
            }
            let duals: Vec<Rat> = self.c.products.iter().map(|k| s.dual(self.model.product_row[k])).collect();
            let next = self
                .conflict(&d, &s.lp, &x, &duals)
                .or_else(|| rules.point().and_then(|p| self.conflict(&d, &s.lp, &x, &p)));
            match next {
                Some(Conflict::Column(j)) => {
                    let states: &[State] = match self.model.hosted(self.m, j) {
                        true => &[State::Held, State::Idle],
                        false => &[State::Idle, State::Full, State::Even],
                    };
                    for state in states {
                        let mut more = d.clone();
                        more.columns.insert(j, *state);
                        stack.push(more);
                    }
                }
                Some(Conflict::Product(k)) => {
                    for scarce in [false, true] {
                        let mut more = d.clone();
                        more.scarce.insert(k, scarce);
                        stack.push(more);
                    }
                }
                None => out.complete = false,
            }
        }
        out
    }

    fn supported(&self, values: &[Rat]) -> bool {
        let a = Allocation { model: self.model, values, accepted: self.accepted, families: true };
        Polytope::of(self.m, self.c, &a, true).feasible()
    }

    /// A column that the public prices alone decide about (bids on full nodes: almost).
    fn public(&self, j: usize) -> bool {
        let col = &self.model.lp.cols[j];
        let own = match &self.model.meaning[j] {
            Meaning::Orders { members, .. } => {
                let o = &self.m.orders[members[0].0];
                o.block || !o.rows.is_empty()
            }
            Meaning::Missing(_) => true,
            Meaning::Step(_) | Meaning::Arc(_) => false,
        };
        !own && col.hi.as_ref() != Some(&col.lo)
    }

    /// The entries of a column over products, by position in the component.
    fn over_products(&self, j: usize) -> Vec<(usize, Rat)> {
        let row = |r: usize| self.c.products.iter().position(|k| self.model.product_row[k] == r);
        self.model.lp.cols[j].entries.iter().filter_map(|(r, e)| row(*r).map(|k| (k, e.clone()))).collect()
    }

    /// The prices that agree with what is decided.
    fn rules(&self, d: &Decided) -> Polytope {
        let n = self.c.products.len();
        let mut p = Polytope {
            prices: n,
            lo: vec![Rat::ZERO; n],
            hi: self.c.products.iter().map(|k| Some(Rat::int(self.m.cap[*k]))).collect(),
            rules: Vec::new(),
        };
        for (k, scarce) in &d.scarce {
            if !scarce {
                p.hi[*k] = Some(Rat::ZERO);
            }
        }
        for (j, state) in &d.columns {
            let (terms, limit) = (self.over_products(*j), self.model.lp.cols[*j].cost.clone());
            p.rules.push(match state {
                State::Idle => {
                    Rule { terms: terms.into_iter().map(|(v, e)| (v, -&e)).collect(), limit: -&limit, equal: false }
                }
                State::Full | State::Held => Rule { terms, limit, equal: false },
                State::Even => Rule { terms, limit, equal: true },
            });
        }
        p
    }

    /// The program under what is decided and what the prices that are left say about the rest.
    fn program(&self, d: &Decided, bounds: &Polytope) -> Lp {
        let mut lp = self.model.lp.clone();
        for j in (0..lp.cols.len()).filter(|j| self.public(*j)) {
            let state = d.columns.get(&j).copied().or_else(|| {
                let (mut least, mut most) = (lp.cols[j].cost.clone(), lp.cols[j].cost.clone());
                for (v, e) in self.over_products(j) {
                    let hi = bounds.hi[v].clone().unwrap_or_default();
                    let (cheap, dear) = if e.is_pos() { (&bounds.lo[v], &hi) } else { (&hi, &bounds.lo[v]) };
                    least = least.sub_mul(&e, dear);
                    most = most.sub_mul(&e, cheap);
                }
                if most.is_neg() {
                    Some(State::Idle)
                } else {
                    (least.is_pos() && !self.model.hosted(self.m, j)).then_some(State::Full)
                }
            });
            let col = &mut lp.cols[j];
            match state {
                Some(State::Idle) => col.hi = Some(col.lo.clone()),
                Some(State::Full) => col.lo = col.hi.clone().unwrap_or_default(),
                Some(State::Even | State::Held) | None => {}
            }
        }
        for (n, k) in self.c.products.iter().enumerate() {
            if bounds.lo[n].is_pos() || d.scarce.get(&n) == Some(&true) {
                lp.range[self.model.product_row[k]] = Some(Rat::ZERO);
            }
        }
        lp
    }

    /// What disagrees most with these prices, columns before products.
    fn conflict(&self, d: &Decided, lp: &Lp, x: &[Rat], price: &[Rat]) -> Option<Conflict> {
        let mut left = lp.rhs.clone();
        for (j, col) in lp.cols.iter().enumerate() {
            for (r, e) in col.entries.iter() {
                left[*r] = left[*r].sub_mul(e, &x[j]);
            }
        }
        let mut worst: Option<(Rat, usize)> = None;
        for j in (0..lp.cols.len()).filter(|j| self.public(*j) && !d.columns.contains_key(j)) {
            let col = &self.model.lp.cols[j];
            let surplus = self.over_products(j).iter().fold(col.cost.clone(), |t, (v, e)| t.sub_mul(e, &price[*v]));
            let wrong = if surplus.is_neg() {
                &x[j] - &col.lo
            } else {
                let full = |r: &usize| self.model.host_row.contains(r) && left[*r].is_zero();
                let held = self.model.hosted(self.m, j) && col.entries.iter().any(|e| full(&e.0));
                if held { Rat::ZERO } else { &col.hi.clone().unwrap_or_default() - &x[j] }
            };
            let weight = &surplus.abs() * &wrong;
            if weight.is_pos() && worst.as_ref().is_none_or(|w| weight > w.0) {
                worst = Some((weight, j));
            }
        }
        if let Some((_, j)) = worst {
            return Some(Conflict::Column(j));
        }
        let open = |n: &usize| {
            let row = self.model.product_row[&self.c.products[*n]];
            !d.scarce.contains_key(n) && left[row].is_pos() && price[*n].is_pos()
        };
        (0..self.c.products.len()).find(open).map(Conflict::Product)
    }
}
