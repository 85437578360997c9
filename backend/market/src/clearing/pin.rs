//! Nodes for bids that may lie on several.
//!
//! What is lent on a full node makes room for a bid only if the program knows that the bid lies
//! there. A bid bound to a node is a term of that node's row; one that may lie on several is in no
//! row, and is cut to what one node happens to offer. This search binds the bids that would be cut,
//! one at a time, to each node in turn: depth first, the node with the greatest reach first, and the
//! program's bound to prune by. The best outcome that the checker accepts stands; where that is the
//! one with the cuts, nothing changes but, perhaps, its bound.
//!
//! Invariants: an outcome replaces another only if its welfare is greater; a bound covers every
//! node that a bid was not tried on; limits count the work of the programs, never time.
//!
//! Deliberately absent: orders with replicas (their room comes in lumps, which no row says), bids
//! that name a node in one pool and leave another open, and components too large for rows of nodes.
use super::attempt::{Attempt, Past, Run};
use super::book::Book;
use super::check;
use super::fault::ClearFault;
use super::nodal;
use super::outcome::{Mode, Outcome};
use super::place::Hosts;
use super::problem::{Component, Market};
use super::rational::Rat;
use super::{Limits, NoProposal, Proposer};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// How much work (`Attempt::work`) the search of a component may take, and those of a book together.
const WORK: u64 = 20_000;
const IN_ALL: u64 = 60_000;

/// Nodes of bids, by order.
type Nodes = BTreeMap<usize, usize>;

/// A round as the book has it.
#[derive(Clone, Copy)]
pub struct Round<'a> {
    pub book: &'a Book,
    pub sorted: &'a Book,
    pub m: &'a Market<'a>,
    pub mode: Mode,
    pub limits: &'a Limits,
}

impl Round<'_> {
    /// A verified outcome that is better than the plain one, or the same under a tighter bound; `None`
    /// if there is nothing to choose or nothing is gained. `accepted`: the plain one is verified.
    pub fn improve(&self, plain: &Run, accepted: bool, proposer: &dyn Proposer) -> Result<Option<Outcome>, ClearFault> {
        let (mut nodes, mut known, mut concerned) = (Nodes::new(), BTreeMap::new(), BTreeSet::new());
        let mut left = IN_ALL;
        for (n, stuck) in &plain.end.stuck {
            let part = &plain.end.parts[*n];
            // without rows of nodes there is nothing that a bound bid would change
            if nodal::programs(self.m, part).is_none() {
                continue;
            }
            let book = self.alone(part);
            let m = Market::new(&book);
            let (welfare, bound) = plain.end.value(*n);
            let at = part.orders.iter().position(|o| *o == stuck.0);
            let (Some(i), Some(bound)) = (at, bound) else { continue };
            let best = welfare.filter(|_| accepted).map(|w| (w, Nodes::new()));
            let budget = WORK.min(left);
            let mut search = Search { round: self, book: &book, m: &m, best, bound: None, left: budget };
            search.run(Branch { nodes: Nodes::new(), bound }, i, stuck.1);
            left -= budget - search.left;
            if let Some((welfare, found)) = search.best {
                if !found.is_empty() {
                    concerned.insert(*n);
                }
                nodes.extend(found.into_iter().map(|(i, v)| (part.orders[i], v)));
                known.insert(*n, search.bound.map_or(welfare.clone(), |b| b.max(welfare)));
            }
        }
        let start = || plain.end.clone().knowing(known.clone());
        if !nodes.is_empty() {
            let m = self.m.with_nodes(&nodes);
            let run = start().bound_in(&m, &concerned).run(proposer, self.book)?;
            if (!accepted || run.welfare > plain.welfare) && self.accepts(&run.outcome) {
                return Ok(Some(run.outcome));
            }
        }
        if accepted && !known.is_empty() {
            let run = start().run(proposer, self.book)?;
            if run.bound < plain.bound && self.accepts(&run.outcome) {
                return Ok(Some(run.outcome));
            }
        }
        Ok(None)
    }

    fn accepts(&self, outcome: &Outcome) -> bool {
        check::faults(self.sorted, outcome, self.mode, self.limits.lending()).is_empty()
    }

    /// The book of a component alone. Its nodes are all nodes, so that their numbers stay what they are.
    fn alone(&self, part: &Component) -> Book {
        let (whole, m) = (self.sorted, self.m);
        let mut book = Book::new(whole.cap, whole.seed);
        book.alpha = whole.alpha.clone();
        book.orders = part.orders.iter().map(|i| whole.orders[*i].clone()).collect();
        let keys: BTreeSet<_> = part.products.iter().map(|k| &m.products[*k]).collect();
        book.products = whole.products.iter().filter(|p| keys.contains(&p.key())).cloned().collect();
        book.arcs = part.arcs.iter().map(|e| whole.arcs[*e].clone()).collect();
        book.nodes = whole.nodes.clone();
        let instances: BTreeSet<_> = book.orders.iter().filter_map(|o| o.instance.as_deref()).collect();
        let budgets: BTreeSet<_> = book.orders.iter().filter_map(|o| o.budget.as_deref()).collect();
        book.instances = whole.instances.iter().filter(|i| instances.contains(i.id.as_str())).cloned().collect();
        book.budgets = whole.budgets.iter().filter(|b| budgets.contains(b.id.as_str())).cloned().collect();
        book
    }
}

/// A part of a search: bids bound so far, and what no outcome with them can pass.
struct Branch {
    nodes: Nodes,
    bound: Rat,
}

impl Branch {
    /// The same under a bound that may be tighter.
    fn under(mut self, bound: Option<Rat>) -> Branch {
        self.bound = bound.map_or(self.bound.clone(), |b| b.min(self.bound));
        self
    }
}

/// The search of one component, on a book of its own.
struct Search<'a> {
    round: &'a Round<'a>,
    book: &'a Book,
    m: &'a Market<'a>,
    /// The greatest welfare of a verified outcome, and the nodes that it takes.
    best: Option<(Rat, Nodes)>,
    /// What was not followed to its end, or ended in an outcome, can't pass this.
    bound: Option<Rat>,
    left: u64,
}

impl<'a> Search<'a> {
    /// From a branch where an alternative of a bid would be cut.
    fn run(&mut self, root: Branch, order: usize, alternative: usize) {
        let mut stack = Vec::new();
        let mut deepest = Nodes::new();
        self.split(root, order, alternative, &mut stack);
        while let Some(branch) = stack.pop() {
            if self.best.as_ref().is_some_and(|best| branch.bound <= best.0) {
                continue;
            }
            if self.left == 0 {
                self.leave(branch.bound);
                continue;
            }
            let m = self.m.with_nodes(&branch.nodes);
            let mut attempt = self.attempt(&m);
            let settled = attempt.settle(&NoProposal, false);
            self.left = self.left.saturating_sub(attempt.work.max(1));
            match (settled, attempt.stuck.values().next().copied()) {
                (Ok(Some(settled)), _) => {
                    let run = attempt.tell(settled, self.book);
                    self.judge(&run, &branch.nodes);
                    self.leave(branch.under(Some(run.bound)).bound);
                }
                (Ok(None), Some((i, a))) => {
                    if branch.nodes.len() > deepest.len() {
                        deepest = branch.nodes.clone();
                    }
                    self.split(branch.under(attempt.bounded()), i, a, &mut stack);
                }
                // nothing was learnt
                (Ok(None), None) | (Err(_), _) => self.leave(branch.bound),
            }
        }
        // past the limit: the nodes that most bids were given, and cuts for the rest
        if self.left == 0 && !deepest.is_empty() {
            let m = self.m.with_nodes(&deepest);
            if let Ok(run) = self.attempt(&m).run(&NoProposal, self.book) {
                self.judge(&run, &deepest);
            }
        }
    }

    fn attempt<'b>(&self, m: &'b Market<'b>) -> Attempt<'b>
    where
        'a: 'b,
    {
        let all = (0..self.m.components().len()).collect();
        Attempt::new(self.m, self.round.mode, self.round.limits, &BTreeSet::new(), Past::default()).bound_in(m, &all)
    }

    /// A branch that is not followed any further.
    fn leave(&mut self, bound: Rat) {
        self.bound = self.bound.take().max(Some(bound));
    }

    fn judge(&mut self, run: &Run, nodes: &Nodes) {
        let better = self.best.as_ref().is_none_or(|b| run.welfare > b.0);
        let (mode, lending) = (self.round.mode, self.round.limits.lending());
        if better && check::faults(self.book, &run.outcome, mode, lending).is_empty() {
            self.best = Some((run.welfare.clone(), nodes.clone()));
        }
    }

    /// Adds the branches in which a bid lies on one of its nodes, the best on top.
    fn split(&mut self, branch: Branch, order: usize, alternative: usize, stack: &mut Vec<Branch>) {
        let choices = choices(&self.m.with_nodes(&branch.nodes), order, alternative);
        if choices.is_empty() {
            self.leave(branch.bound);
            return;
        }
        for v in choices.into_iter().rev() {
            let mut nodes = branch.nodes.clone();
            nodes.insert(order, v);
            stack.push(Branch { nodes, bound: branch.bound.clone() });
        }
    }
}

/// The nodes that an alternative of a bid could lie on in a pool, those with the greatest reach
/// first if everything that may be lent were lent. Of nodes that nothing tells apart only one, and
/// none that has no room even then: what a bid without room takes is no more elsewhere.
fn choices(m: &Market, order: usize, alternative: usize) -> Vec<usize> {
    let base = Hosts::new(m);
    let best = base.at_best();
    let named: BTreeSet<usize> = m.orders.iter().filter_map(|o| o.node).collect();
    let mut seen = BTreeSet::new();
    let mut list = Vec::new();
    for v in base.several(order, alternative) {
        let with = m.with_nodes(&[(order, v)].into());
        let reach = best.of(&with).reach(order, alternative, 0);
        if reach.is_pos() && (named.contains(&v) || seen.insert(base.room(v).clone())) {
            list.push((Reverse(reach), v));
        }
    }
    list.sort();
    list.into_iter().map(|l| l.1).collect()
}
