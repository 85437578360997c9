//! Placement before collars.
//!
//! Where full nodes hold bids back, a product is often short only until they have: what has no host asks for
//! nothing. To ration at a collar meanwhile takes a program a level, and for each choice of blocks again, until
//! the work of the round is spent on shortages that do not last. So a component with blocks and nodes is placed
//! first as if nothing had a collar, best value first as ever, and then solved with its collars and the bounds (or
//! the rows of nodes) that it ended with; whatever these leave room for comes back as after any cut.
//!
//! Absent on purpose: components without blocks, whose shortages are shared once a program, which costs little; and
//! small ones, whose search with collars ends, and so proves what it finds before anybody is cut.
//!
//! Invariants: nothing leaves that was not solved with its collars, and what was solved without them bounds
//! nothing but by the relaxation, which knows none.
use super::super::Limits;
use super::super::model::Model;
use super::super::outcome::Mode;
use super::super::problem::{Component, Market};
use super::super::rational::Rat;
use super::super::search::search_nodes;
use super::super::simplex::Simplex;
use super::Attempt;
use std::collections::BTreeSet;
use std::rc::Rc;

/// Nodes of a search of blocks without collars, and of one in which collars ration each choice of them.
pub(super) const NODES: u64 = 200;

/// Components of no more orders are solved with their collars from the beginning.
const SMALL: usize = 16;

/// The part of a search's effort, as one over this, that goes into what is shared once everything is placed.
const PART: u64 = 8;

/// Components that are solved without their collars, and the market that has none.
#[derive(Clone, Default)]
pub(super) struct Lifted<'a> {
    components: BTreeSet<usize>,
    market: Option<Rc<Market<'a>>>,
    /// Those that were, and whose collars count now.
    placed: BTreeSet<usize>,
}

impl<'a> Lifted<'a> {
    pub(super) fn of(m: &Market<'a>, parts: &[Component], mode: Mode) -> Lifted<'a> {
        let pools: BTreeSet<&str> = m.book.nodes.iter().map(|node| node.pool.as_str()).collect();
        let concerned = |c: &Component| {
            c.orders.len() > SMALL
                && c.products.iter().any(|k| pools.contains(m.products[*k].pool.as_str()))
                && c.orders.iter().any(|i| m.orders[*i].block)
        };
        let components: BTreeSet<usize> =
            (0..parts.len()).filter(|n| mode == Mode::Market && concerned(&parts[*n])).collect();
        let market = (!components.is_empty()).then(|| Rc::new(without_collars(m)));
        Lifted { components, market, placed: BTreeSet::new() }
    }

    /// The market that a component is solved in, if its collars do not count yet.
    pub(super) fn market(&self, component: usize) -> Option<Rc<Market<'a>>> {
        self.market.clone().filter(|_| self.components.contains(&component))
    }

    /// What one search of a component may work on what is shared: of those that were placed, each a part, as several
    /// follow on each other.
    pub(super) fn rationing(&self, component: usize, limits: &Limits) -> u64 {
        if self.placed.contains(&component) { limits.effort / PART } else { u64::MAX }
    }
}

/// The same market with collars that no price reaches. What its collar keeps from being sold still is not.
fn without_collars<'a>(m: &Market<'a>) -> Market<'a> {
    let values = m.orders.iter().flat_map(|o| &o.alternatives).map(|a| a.value.abs());
    let most = values.chain(m.cap.iter().copied()).chain(m.steps.iter().map(|s| s.reserve)).sum::<i128>();
    let mut open = m.clone();
    for step in open.steps.iter_mut().filter(|s| s.reserve > m.cap[s.product]) {
        step.quantity = 0;
    }
    open.cap.iter_mut().for_each(|cap| *cap = most);
    open
}

impl Attempt<'_> {
    /// Lets the collars count, once everything has a node. False if they count already.
    pub(super) fn with_collars(&mut self) -> bool {
        let Lifted { components, placed, .. } = std::mem::take(&mut self.lifted);
        for n in &components {
            let collars = self.parts[*n].products.iter().map(|k| Rat::int(self.m.cap[*k]));
            let scarce =
                self.done[*n].as_ref().is_none_or(|(s, _)| s.high.iter().zip(collars).any(|(high, c)| *high > c));
            self.reopen_part(*n);
            // one whole search is left for it; a short one where collars ration each choice of blocks
            let all = search_nodes(self.m, &self.parts[*n], self.limits);
            self.past.nodes[*n] = if scarce { all * 2 - all.min(NODES) } else { all };
        }
        self.turns.clear();
        let changed = !components.is_empty();
        self.lifted.placed = placed.into_iter().chain(components).collect();
        changed
    }

    /// What no allocation of a component can pass, whatever its collars and prices.
    pub(super) fn relaxed(&self, component: usize) -> Rat {
        let mut relaxation = Simplex::new(Model::build(self.m, &self.parts[component], &self.upper, false).lp);
        relaxation.most_effort = self.limits.effort;
        relaxation.solve();
        relaxation.objective()
    }
}
