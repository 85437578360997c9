//! Floating-point proposals for the exact clearing; floats end here, integers leave.
//!
//! A component with blocks is written down as a mixed-integer program (good_lp) and searched in
//! floats (microlp, pure Rust). The blocks that win there are proposed as winners. The exact
//! search starts from that choice and proves or improves it; nothing that leaves this crate
//! decides.
//!
//! Deliberately absent: prices, fills, and any time limit. The search ends after a number of
//! nodes, so the same component always gets the same proposal.
//!
//! The concept's linear program is in [`recommend_swaps`]; its proposals are checked likewise.
pub mod auction;
mod integers;
mod swaps;

pub use swaps::recommend_swaps;

use good_lp::{Expression, ProblemVariables, SolverModel, Variable, variable};
use headroom_market::clearing::problem::{Component, Market};
use headroom_market::clearing::rational::Rat;
use headroom_market::clearing::{IntegerProgram, Proposal, Proposer};
use microlp::SolveOptions;
use std::collections::BTreeMap;

/// Above this many columns the float program costs more than it saves.
const MOST_COLUMNS: usize = 5_000;

/// Money is handed over in credits, so that the objective's figures are of a size that floats
/// take well.
const MICRO: f64 = 1e6;

/// Proposes the blocks that win in a mixed-integer search of bounded length.
#[derive(Clone, Copy, Debug)]
pub struct MixedInteger {
    /// Columns times nodes that a component may use.
    pub work: u64,
}

impl MixedInteger {
    /// For the rounds of a market, which come every few seconds.
    pub const PRODUCTION: MixedInteger = MixedInteger { work: 40_000 };
    /// For books that are cleared one at a time, with nobody waiting.
    pub const OFFLINE: MixedInteger = MixedInteger { work: 20_000_000 };
}

impl Proposer for MixedInteger {
    fn propose(&self, problem: &Proposal) -> Option<BTreeMap<usize, usize>> {
        let (m, c) = (problem.market, problem.component);
        let columns: usize = c.orders.iter().map(|i| m.orders[*i].alternatives.len()).sum();
        if columns > MOST_COLUMNS || !c.orders.iter().any(|i| m.orders[*i].block) {
            return None;
        }
        let nodes = (self.work / columns.max(1) as u64).max(1);
        Program::of(m, c, problem.upper)?.winners(nodes)
    }

    fn integers(&self, program: &IntegerProgram) -> Option<Vec<i128>> {
        integers::solve(program)
    }
}

/// The float program of a component.
struct Program {
    variables: ProblemVariables,
    objective: Expression,
    /// `… ≤ limit`.
    rows: Vec<(Expression, f64)>,
    /// Order, alternative and the position of the variable that says whether a block wins with it.
    chosen: Vec<(usize, usize, usize)>,
    /// By block, whether it wins.
    wins: BTreeMap<usize, Expression>,
    made: usize,
}

impl Program {
    fn of(m: &Market, c: &Component, upper: &[Vec<Rat>]) -> Option<Program> {
        let mut p = Program {
            variables: ProblemVariables::new(),
            objective: Expression::default(),
            rows: Vec::new(),
            chosen: Vec::new(),
            wins: BTreeMap::new(),
            made: 0,
        };
        let mut balance: BTreeMap<usize, Expression> = c.products.iter().map(|k| (*k, Expression::default())).collect();
        let scale = scales(m, c);
        let mut fills: BTreeMap<(usize, usize), Variable> = BTreeMap::new();
        for &i in &c.orders {
            let fill = p.order(m, i, &upper[i]);
            let sign = if m.orders[i].bid { 1.0 } else { -1.0 };
            for (a, x) in fill {
                let alternative = &m.orders[i].alternatives[a];
                p.objective += sign * float(alternative.value) / MICRO * x;
                for (k, q) in &alternative.quantities {
                    *balance.get_mut(k)? += sign * float(*q) * scale[k] * x;
                }
                fills.insert((i, a), x);
            }
        }
        for &i in c.orders.iter().filter(|i| m.orders[**i].parent.is_some()) {
            // no more of a child than of its parent's win
            let mine = (0..m.orders[i].alternatives.len()).filter_map(|a| fills.get(&(i, a)));
            let fill = mine.fold(Expression::default(), |sum, x| sum + x);
            let parent = m.orders[i].parent.and_then(|parent| p.wins.get(&parent)).cloned().unwrap_or_default();
            p.rows.push((fill - parent, 0.0));
        }
        for &e in &c.steps {
            let s = &m.steps[e];
            let o = p.real(float(s.quantity));
            p.objective += -float(s.reserve) / MICRO * o;
            *balance.get_mut(&s.product)? += -scale[&s.product] * o;
        }
        for &e in &c.arcs {
            let a = &m.arcs[e];
            let z = p.real(a.limit.map_or(f64::INFINITY, float));
            p.objective += -float(a.cost) / MICRO * z;
            *balance.get_mut(&a.from)? += scale[&a.from] * z;
            *balance.get_mut(&a.to)? += -near(&a.ratio) * scale[&a.to] * z;
        }
        p.rows.extend(balance.into_values().map(|b| (b, 0.0)));
        for r in c.rows.iter().map(|r| &m.rows[*r]) {
            let terms = r.terms.iter().map(|(i, a, v)| ((*i, *a), near(v)));
            p.row(&fills, terms, near(&r.limit));
        }
        for h in &c.hosts {
            let terms = h.terms.iter().map(|(i, a, q)| ((*i, *a), float(*q)));
            p.row(&fills, terms, float(h.free));
        }
        Some(p)
    }

    /// Adds an order's fills, one an alternative that can be filled.
    fn order(&mut self, m: &Market, i: usize, upper: &[Rat]) -> Vec<(usize, Variable)> {
        let o = &m.orders[i];
        let mut fills = Vec::new();
        let mut choice = Expression::default();
        let open = |a: &usize| upper[*a].is_pos() && upper[*a] >= o.least;
        let alternatives: Vec<usize> = (0..o.alternatives.len()).filter(open).collect();
        for &a in &alternatives {
            let (least, most) = (near(&o.least), near(&upper[a]));
            if !o.block {
                fills.push((a, self.real(most)));
                continue;
            }
            let wins = self.binary();
            self.chosen.push((i, a, self.made - 1));
            choice += wins;
            if o.least == Rat::ONE {
                fills.push((a, wins));
                continue;
            }
            let x = self.real(most);
            self.rows.push((x - most * wins, 0.0));
            if least > 0.0 {
                self.rows.push((least * wins - x, 0.0));
            }
            fills.push((a, x));
        }
        if o.block && alternatives.len() > 1 {
            self.rows.push((choice.clone(), 1.0));
        }
        self.wins.insert(i, choice);
        fills
    }

    fn row(
        &mut self,
        fills: &BTreeMap<(usize, usize), Variable>,
        terms: impl Iterator<Item = ((usize, usize), f64)>,
        limit: f64,
    ) {
        let terms: Vec<_> = terms.filter_map(|(key, v)| Some((*fills.get(&key)?, v))).collect();
        let most = terms.iter().fold(1.0_f64, |most, t| most.max(t.1.abs()));
        let sum = terms.into_iter().fold(Expression::default(), |sum, (x, v)| sum + v / most * x);
        self.rows.push((sum, limit / most));
    }

    fn real(&mut self, most: f64) -> Variable {
        self.made += 1;
        self.variables.add(variable().min(0.0).max(most))
    }

    fn binary(&mut self) -> Variable {
        self.made += 1;
        self.variables.add(variable().binary())
    }

    /// The alternative of each block that wins in the best solution found.
    fn winners(self, nodes: u64) -> Option<BTreeMap<usize, usize>> {
        let mut problem = self.variables.maximise(self.objective).using(good_lp::microlp);
        for (sum, limit) in self.rows {
            problem = problem.with(sum.leq(limit));
        }
        let mut options = SolveOptions::default();
        options.node_limit = Some(nodes);
        let solution = problem.as_inner().solve_with(options).ok()?.into_solution().ok()?;
        let values: Vec<f64> = solution.iter().map(|(_, value)| value).collect();
        Some(self.chosen.into_iter().filter(|(_, _, at)| values[*at] > 0.5).map(|(i, a, _)| (i, a)).collect())
    }
}

/// One over the largest quantity of each product that an order asks for.
fn scales(m: &Market, c: &Component) -> BTreeMap<usize, f64> {
    let mut largest: BTreeMap<usize, i128> = c.products.iter().map(|k| (*k, 1)).collect();
    for (k, q) in c.orders.iter().flat_map(|i| &m.orders[*i].alternatives).flat_map(|a| &a.quantities) {
        let most = largest.entry(*k).or_insert(1);
        *most = (*most).max(*q);
    }
    largest.into_iter().map(|(k, q)| (k, 1.0 / float(q))).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a proposal; the exact search decides")]
fn float(number: i128) -> f64 {
    number as f64
}

/// A fraction to 40 binary digits after the point.
fn near(number: &Rat) -> f64 {
    const GRAIN: i128 = 1 << 40;
    float((number * &Rat::int(GRAIN)).floor()) / float(GRAIN)
}
