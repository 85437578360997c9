//! Floating-point proposals for the exact clearing; floats end here, integers leave.
//!
//! The relaxation of a component with blocks is solved in floats (good_lp on microlp, pure Rust),
//! and the blocks that it fills for the greater part are proposed as winners. The exact search
//! starts from that choice and proves or improves it; nothing that leaves this crate decides.
//!
//! Deliberately absent: prices, fills, and any time limit.
use good_lp::{Expression, ProblemVariables, Solution, SolverModel, Variable, variable};
use headroom_market::clearing::problem::{Component, Market};
use headroom_market::clearing::{Proposal, Proposer};
use std::collections::BTreeMap;

/// Above this many columns the float relaxation costs more than it saves.
const MOST_COLUMNS: usize = 5_000;

/// Proposes blocks from the rounded float relaxation.
pub struct Relaxation;

impl Proposer for Relaxation {
    fn propose(&self, problem: &Proposal) -> Option<BTreeMap<usize, usize>> {
        let (m, c) = (problem.market, problem.component);
        let columns: usize = c.orders.iter().map(|i| m.orders[*i].alternatives.len()).sum();
        if columns > MOST_COLUMNS || !c.orders.iter().any(|i| m.orders[*i].block) {
            return None;
        }
        relax(m, c, problem.upper)
    }
}

#[allow(clippy::cast_precision_loss)]
fn relax(
    m: &Market,
    c: &Component,
    upper: &[Vec<headroom_market::clearing::rational::Rat>],
) -> Option<BTreeMap<usize, usize>> {
    let mut vars = ProblemVariables::new();
    let mut balance: BTreeMap<usize, Expression> = c.products.iter().map(|k| (*k, Expression::default())).collect();
    let mut objective = Expression::default();
    let mut fills: Vec<(usize, usize, Variable)> = Vec::new();
    for &i in &c.orders {
        let o = &m.orders[i];
        let s = if o.bid { 1.0 } else { -1.0 };
        for (a, alt) in o.alternatives.iter().enumerate() {
            if upper[i][a] < o.least || upper[i][a].is_zero() {
                continue;
            }
            let x = vars.add(variable().min(0.0).max(1.0));
            objective += s * alt.value as f64 * x;
            for (k, q) in &alt.quantities {
                *balance.get_mut(k)? += s * *q as f64 * x;
            }
            fills.push((i, a, x));
        }
    }
    for &e in &c.steps {
        let s = &m.steps[e];
        let o = vars.add(variable().min(0.0).max(s.quantity as f64));
        objective += -(s.reserve as f64) * o;
        *balance.get_mut(&s.product)? += -1.0 * o;
    }
    let mut problem = vars.maximise(objective).using(good_lp::microlp);
    for b in balance.into_values() {
        problem = problem.with(b.leq(0.0));
    }
    let mut of: BTreeMap<usize, Vec<(usize, Variable)>> = BTreeMap::new();
    for (i, a, x) in &fills {
        of.entry(*i).or_default().push((*a, *x));
    }
    for alternatives in of.values().filter(|v| v.len() > 1) {
        let total = alternatives.iter().fold(Expression::default(), |t, (_, x)| t + *x);
        problem = problem.with(total.leq(1.0));
    }
    let solution = problem.solve().ok()?;
    Some(
        of.into_iter()
            .filter(|(i, _)| m.orders[*i].block)
            .filter_map(|(i, alternatives)| {
                let best = alternatives
                    .into_iter()
                    .map(|(a, x)| (a, solution.value(x)))
                    .max_by(|p, q| p.1.total_cmp(&q.1).then(q.0.cmp(&p.0)))?;
                (best.1 > 0.999).then_some((i, best.0))
            })
            .collect(),
    )
}
