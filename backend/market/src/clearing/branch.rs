//! The search for the best supportable allocation of one component.
//!
//! Branch and bound on the blocks (min_fill, alternatives) over the exact relaxation, in depth
//! until something is found and then by turns in depth and where most may still be had; a node without a violated block
//! is a candidate, and in market mode it counts only if prices support it: no accepted block may
//! lose. A candidate that is not supported is a cut: its set of accepted blocks is excluded by
//! branching on the block that loses most, nodes that accept that block come last, and now and then
//! the nearest supported choice is sought (`repair`). Inside its limits the search is exact. Past
//! them the best candidate stands; if there is none, the relaxation is rounded block by block and
//! whichever block loses is dropped for good, and the result says so.
//!
//! Invariants: limits count nodes and pivots, never time, and shrink with the size of the
//! component; a proposal can only save work, not change values.
use super::Mode;
use super::model::Model;
use super::rational::Rat;
use super::search::{Allowance, Best, Found, Node, Search, Solved};
use super::simplex::{End, Simplex};
use super::support::Support;
use super::tied::Tied;
use std::collections::{BTreeMap, BTreeSet};

/// Pivots that count as another node.
const PIVOTS: u64 = 10;

/// Nodes that a cut counts as: prices are sought in vain.
const CUT: u64 = 8;

/// Columns times nodes that may be open before the search goes on in depth: each keeps its program.
const OPEN: usize = 100_000;

/// The part of what may be worked on for what collars ration, as one over this, that a search leaves for choices of
/// blocks near what it found.
const RESERVE: u64 = 4;

/// The part of it, as one over this, that a search may work on once it has found something, where it follows others of
/// the same component that whole replicas have bounded since.
const AGAIN: u64 = 4;

impl Search<'_> {
    pub fn run(&self) -> Option<Solved> {
        let mut model = Model::build(self.m, self.c, self.upper, false);
        for (i, cols) in model.blocks.clone() {
            // a block whose least fill is out of reach can't be accepted
            for j in cols {
                let least = &self.m.orders[i].least * &model.units(j);
                if model.lp.cols[j].hi.as_ref().is_some_and(|h| *h < least) {
                    model.lp.cols[j].hi = Some(Rat::ZERO);
                }
            }
        }
        if self.mode == Mode::Market {
            self.leave_out_too_dear(&mut model);
        }
        let reserve = self.rationing.get() / RESERVE;
        self.rationing.set(self.rationing.get() - reserve);
        let mut found = self.tree(&model);
        self.rationing.set(self.rationing.get() + reserve);
        let mut dropped = BTreeSet::new();
        if found.best.is_none() {
            let proposed = self.proposal.as_ref().filter(|_| self.nodes <= 1 || found.exhausted);
            if proposed.is_some() || found.exhausted {
                // no search any more: only the winners of before, or those proposed, may win
                for (i, cols) in model.blocks.clone() {
                    for (a, j) in cols.into_iter().enumerate() {
                        if proposed.and_then(|p| p.get(&i)) != Some(&a) {
                            model.lp.cols[j].hi = Some(Rat::ZERO);
                        }
                    }
                }
            }
            (found.best, dropped) = self.dive(&mut model);
        }
        if self.mode == Mode::Market && self.nodes > 1 {
            let mut left = Allowance { programs: self.nodes / 2, effort: found.effort };
            let before = left.programs;
            if !found.exact {
                found.best = found.best.map(|best| self.improve(&model, best, &mut left));
                if found.cuts > 0 && dropped.is_empty() {
                    // a second opinion: the relaxation rounded
                    let mut copy = model.clone();
                    let (other, gone) = self.dive(&mut copy);
                    let other = other.map(|best| self.improve(&copy, best, &mut left));
                    let welfare = found.best.as_ref().map(|b| b.welfare.clone());
                    if let Some(better) = other.filter(|b| welfare.is_none_or(|w| b.welfare > w)) {
                        (found.best, dropped) = (Some(better), gone);
                    }
                }
            }
            let tied = std::mem::take(&mut found.tied);
            found.best = found.best.map(|best| {
                let first = if found.exact { self.first_of_tied(&model, &best, tied, &mut left) } else { None };
                first.unwrap_or_else(|| {
                    let best = self.untie(&model, best, &mut left);
                    self.prefer(&model, best, &mut left)
                })
            });
            found.nodes += before - left.programs;
            found.effort = left.effort;
        }
        if self.mode == Mode::Market {
            found.best = found.best.map(|best| self.with_idle(&model, best));
        }
        self.finish(model, found, dropped)
    }

    /// The blocks that a point accepts, with their columns. One that may be filled to any part, and is to
    /// none, is as one refused: prices owe it nothing.
    pub(super) fn accepted(&self, model: &Model, x: &[Rat]) -> BTreeMap<usize, usize> {
        let chosen = |(i, cols): (&usize, &Vec<usize>)| Some((*i, *cols.iter().find(|j| x[**j].is_pos())?));
        model.blocks.iter().filter_map(chosen).collect()
    }

    fn tree(&self, model: &Model) -> Found {
        let mut best: Option<Best> = None;
        let mut bound = Rat::ZERO;
        let (mut nodes, mut cuts, mut exact, mut effort) = (0_u64, 0_u32, true, 0_u64);
        let simplex = Simplex::new(model.lp.clone());
        let first = simplex.objective();
        let mut stack = vec![Node { simplex, decided: BTreeMap::new(), bound: Some(first) }];
        if let Some(p) = &self.proposal
            && let Some(n) = self.proposed(model, p)
        {
            stack.push(n);
        }
        let (mut tied, may_tie) = (Tied::default(), self.may_tie(model));
        let rationing = self.rationing.get();
        let enough = if self.again { rationing - rationing / AGAIN } else { 0 };
        let mut exhausted = false;
        let mut repairs = Allowance { programs: self.nodes / 2, effort: 0 };
        let mut turn = 0_u64;
        while let Some(mut node) = next(&mut stack, best.is_some() && turn % 2 == 1) {
            turn += 1;
            let beaten = |b: &Rat, best: &Option<Best>| {
                best.as_ref().is_some_and(|x| *b < x.welfare || (*b == x.welfare && x.shared.is_none()))
            };
            let as_good = |b: &Rat, best: &Option<Best>| best.as_ref().is_some_and(|x| *b == x.welfare);
            if node.bound.as_ref().is_some_and(|b| beaten(b, &best)) {
                if may_tie && node.bound.as_ref().is_some_and(|b| as_good(b, &best)) {
                    tied.keep(node);
                }
                continue;
            }
            // what one more choice would have to be shared by is not there any more, or is kept for searches that follow
            let is_shared = best.as_ref().is_some_and(|b| b.shared.is_some());
            let spent = is_shared && self.rationing.get() < rationing && self.rationing.get() <= enough;
            if nodes >= self.nodes || cuts > self.max_cuts || spent {
                exact = false;
                for b in stack.iter().chain([&node]).filter_map(|n| n.bound.clone()) {
                    bound = bound.max(b);
                }
                break;
            }
            let before = node.simplex.pivots;
            let worked = node.simplex.effort;
            node.simplex.most_effort = worked.saturating_add(self.effort.saturating_sub(effort));
            let end = node.simplex.solve();
            effort += node.simplex.effort - worked;
            nodes += 1 + (node.simplex.pivots - before) / PIVOTS;
            let value = node.simplex.objective();
            match end {
                End::Optimal => {}
                End::Infeasible => continue,
                End::Exhausted => {
                    (exact, exhausted) = (false, true);
                    for b in stack.iter().filter_map(|n| n.bound.clone()).chain([value]) {
                        bound = bound.max(b);
                    }
                    break;
                }
            }
            if beaten(&value, &best) {
                if may_tie && as_good(&value, &best) {
                    tied.keep(node);
                }
                continue;
            }
            let x = node.simplex.values();
            if let Some((block, col)) = self.violated(model, &x, &node.decided) {
                self.branch(model, node, block, col, &x, value, &mut stack);
                continue;
            }
            let accepted = self.accepted(model, &x);
            match self.support(model, &node.simplex, &x, &accepted) {
                Support::Yes => {
                    bound = bound.max(value.clone());
                    tied = Tied::default();
                    if may_tie {
                        tied.keep(node.clone());
                    }
                    let simplex = Some(Box::new(node.simplex));
                    best = Some(Best { welfare: value, accepted, simplex, shared: None });
                }
                verdict => {
                    bound = bound.max(value.clone());
                    let mut first = None;
                    match verdict {
                        Support::Shared(r, w) => {
                            exact &= r.complete;
                            // with one more to share it who gains by it, as much is worth more
                            let with_more = |b: &Best| {
                                let kept = b.accepted.iter().all(|(i, j)| accepted.get(i) == Some(j));
                                let mut more = accepted.iter().filter(|(i, _)| !b.accepted.contains_key(i)).peekable();
                                let any = w == b.welfare && kept && more.peek().is_some();
                                any && more.all(|(_, j)| model.gain(self.c, *j, &r.low).is_pos())
                            };
                            if best.as_ref().is_none_or(|b| w > b.welfare || (b.shared.is_some() && with_more(b))) {
                                let accepted = accepted.clone();
                                best = Some(Best { welfare: w, accepted, simplex: None, shared: Some(r) });
                            }
                        }
                        Support::No(losers) => {
                            cuts += 1;
                            nodes += CUT;
                            first = losers.first().copied();
                            if cuts.is_power_of_two() {
                                let floor = best.as_ref().map(|b| &b.welfare);
                                if let Some(b) = self.repair(model, &node.simplex, &accepted, floor, &mut repairs) {
                                    best = Some(b);
                                    tied = Tied::default();
                                }
                            }
                        }
                        Support::Yes => {}
                    }
                    if let Some((block, col)) = self.undecided(model, &node, &accepted, first) {
                        self.branch(model, node, block, col, &x, value, &mut stack);
                    }
                    if let Some(loser) = first {
                        // little is found where it is accepted
                        stack.sort_by_key(|n| !matches!(n.decided.get(&loser), Some(Some(_))));
                    }
                }
            }
        }
        let nodes = nodes + self.nodes / 2 - repairs.programs;
        Found { best, bound, cuts, exact, exhausted, nodes, effort: effort + repairs.effort, tied }
    }

    /// The node in which every block does what the proposal says.
    fn proposed(&self, model: &Model, p: &BTreeMap<usize, usize>) -> Option<Node> {
        let mut n = Node { simplex: Simplex::new(model.lp.clone()), decided: BTreeMap::new(), bound: None };
        for (i, cols) in &model.blocks {
            match p.get(i).and_then(|a| cols.get(*a)) {
                Some(j) => self.accept(model, &mut n, *i, *j)?,
                None => reject(model, &mut n, *i),
            }
        }
        Some(n)
    }

    /// What to branch on at a candidate that does not stand: the block that loses most, else the accepted
    /// one that gains least, else any that could win.
    pub(super) fn undecided(
        &self,
        model: &Model,
        node: &Node,
        accepted: &BTreeMap<usize, usize>,
        loser: Option<usize>,
    ) -> Option<(usize, usize)> {
        let open = |i: &usize| !node.decided.contains_key(i);
        let may_win = |j: &usize| node.simplex.lp.cols[*j].hi.as_ref().is_some_and(Rat::is_pos);
        let worst = || self.least_gain(model, &node.simplex, accepted.iter().filter(|a| open(a.0)));
        if let Some(i) = loser.filter(open).or_else(worst) {
            return Some((i, accepted.get(&i).copied().or_else(|| model.blocks[&i].iter().copied().find(may_win))?));
        }
        let possible = model.blocks.iter().filter(|b| open(b.0));
        let possible = possible.filter_map(|(i, cols)| Some((*i, cols.iter().copied().find(may_win)?)));
        possible.min_by_key(|(i, _)| self.m.orders[*i].lot)
    }

    /// Of some blocks, with their columns, the one that gains least at the prices of a program.
    pub(super) fn least_gain<'b>(
        &self,
        model: &Model,
        s: &Simplex,
        blocks: impl Iterator<Item = (&'b usize, &'b usize)>,
    ) -> Option<usize> {
        let gains = blocks.map(|(i, j)| (s.reduced(*j) * &model.units(*j), self.m.orders[*i].lot, *i));
        gains.min().map(|g| g.2)
    }

    /// A block that the point leaves undecided: partly under its min_fill, or in two ways at once.
    pub(super) fn violated(
        &self,
        model: &Model,
        x: &[Rat],
        decided: &BTreeMap<usize, Option<usize>>,
    ) -> Option<(usize, usize)> {
        let mut best: Option<(Rat, [u8; 32], usize, usize)> = None;
        for (i, cols) in &model.blocks {
            if decided.contains_key(i) {
                continue;
            }
            let used: Vec<usize> = cols.iter().copied().filter(|j| x[*j].is_pos()).collect();
            let bad = match used.len() {
                0 => false,
                1 => x[used[0]] < &self.m.orders[*i].least * &model.units(used[0]),
                _ => true,
            };
            if !bad {
                continue;
            }
            for j in used {
                // the most valuable fraction decides most
                let worth = (&model.lp.cols[j].cost * &x[j]).abs();
                let lot = self.m.orders[*i].lot;
                if best.as_ref().is_none_or(|b| worth > b.0 || (worth == b.0 && lot < b.1)) {
                    best = Some((worth, lot, *i, j));
                }
            }
        }
        best.map(|b| (b.2, b.3))
    }

    fn accept(&self, model: &Model, n: &mut Node, block: usize, col: usize) -> Option<()> {
        for j in &model.blocks[&block] {
            if *j != col {
                n.simplex.set_bounds(*j, Rat::ZERO, Some(Rat::ZERO));
            }
        }
        let hi = n.simplex.lp.cols[col].hi.clone().unwrap_or_default();
        let lo = &self.m.orders[block].least * &model.units(col);
        if lo > hi || hi.is_zero() {
            return None;
        }
        n.simplex.set_bounds(col, lo, Some(hi));
        n.decided.insert(block, Some(col));
        Some(())
    }

    /// Pushes both sides of a decision, the likelier one on top.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn branch(
        &self,
        model: &Model,
        node: Node,
        block: usize,
        col: usize,
        x: &[Rat],
        value: Rat,
        stack: &mut Vec<Node>,
    ) {
        let mut without = node.clone();
        without.bound = Some(value.clone());
        without.simplex.set_bounds(col, Rat::ZERO, Some(Rat::ZERO));
        let left =
            model.blocks[&block].iter().any(|j| without.simplex.lp.cols[*j].hi.as_ref().is_some_and(Rat::is_pos));
        if !left {
            without.decided.insert(block, None);
        }
        let mut with = node;
        with.bound = Some(value);
        let likely = (&x[col] * &Rat::int(2)) >= model.units(col) && x[col] != model.units(col);
        let with = self.accept(model, &mut with, block, col).map(|()| with);
        if likely {
            stack.push(without);
            stack.extend(with);
        } else {
            stack.extend(with);
            stack.push(without);
        }
    }
}

/// The node to go on with: the last one, or, if asked for and few are open, where most may still be had.
fn next(stack: &mut Vec<Node>, where_most: bool) -> Option<Node> {
    let columns = stack.last()?.simplex.lp.cols.len();
    if !where_most || columns * stack.len() > OPEN {
        return stack.pop();
    }
    let most = (0..stack.len()).max_by_key(|n| &stack[*n].bound)?;
    Some(stack.remove(most))
}

fn reject(model: &Model, n: &mut Node, block: usize) {
    for j in &model.blocks[&block] {
        n.simplex.set_bounds(*j, Rat::ZERO, Some(Rat::ZERO));
    }
    n.decided.insert(block, None);
}
