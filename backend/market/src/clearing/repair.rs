//! From a choice of blocks that no prices support to one that they do, and back in what can be.
//!
//! The blocks that lose are dropped one at a time, the one that loses most first, everything else
//! staying as it is, until prices support the rest (the rule book's step C, in small). What the
//! relaxation would take beside them comes in at once (`fill_up`). Then every block that is refused though it would gain at the prices reached is tried once, the one that
//! gains most first, and stays if the allocation is supported and worth more with it (step D); one
//! that only wins in another's place takes it.
//!
//! Where the search has found nothing at all, the relaxation is rounded (`dive`).
//!
//! Invariants: only what prices support leaves, and never less than what was handed in; the number
//! of programs is bounded.
use super::model::Model;
use super::prefer::Accepted;
use super::rational::Rat;
use super::search::{Allowance, Best, Node, Search};
use super::simplex::{End, Simplex};
use super::support::Support;
use std::collections::{BTreeMap, BTreeSet};

/// How many blocks may go for one that is tried.
const EXCHANGED: usize = 3;

/// Of blocks that lose at a collar, the part (as one over this) that goes before prices are sought again.
const AT_ONCE: usize = 4;

/// How many accepted blocks are tried for whether as much is gained without them.
const TIED: usize = 32;

/// The part of a search's effort, as one over this, that a repair may spend on what is shared at collars.
const REPAIR: u64 = 8;

/// A choice of blocks that prices support.
pub(super) struct Supported {
    pub simplex: Simplex,
    pub best: Best,
    /// Blocks that went for it.
    gone: BTreeSet<usize>,
}

impl Search<'_> {
    /// The best supported choice found near the one in `accepted`, which may not be; `floor` is the
    /// welfare that it has to pass.
    pub(super) fn repair(
        &self,
        model: &Model,
        start: &Simplex,
        accepted: &BTreeMap<usize, usize>,
        floor: Option<&Rat>,
        left: &mut Allowance,
    ) -> Option<Best> {
        let mut simplex = start.clone();
        self.decide_all(model, &mut simplex, accepted);
        // shares at collars that are sought here are not counted as the search's own
        let rationing = self.rationing.get();
        self.rationing.set(rationing.min(self.effort / REPAIR));
        let first = self.drop_losers(model, simplex, accepted.clone(), usize::MAX, None, left);
        let found = first.map(|first| {
            let filled = self.fill_up(model, &first, left).filter(|f| f.best.welfare > first.best.welfare);
            self.reinsert(model, filled.unwrap_or(first), left)
        });
        self.rationing.set(rationing);
        let mut found = found?;
        if floor.is_some_and(|f| found.best.welfare <= *f) {
            return None;
        }
        if found.best.shared.is_none() {
            found.best.simplex = Some(Box::new(found.simplex));
        }
        Some(found.best)
    }

    /// The same welfare without blocks that gain nothing and were not there before: a tie is no reason to win. Those that
    /// only have each other to trade with go together, and an incumbent that gains nothing with them. Blocks without which as much is gained have gained nothing at any
    /// prices that support them, and one of them gains nothing at those of the program, whichever these are.
    pub(super) fn untie(&self, model: &Model, best: Best, left: &mut Allowance) -> Best {
        let (None, Some(start)) = (&best.shared, &best.simplex) else { return best };
        // what is lent on a node may be the room that another's bid lies on, which no row may say
        let makes_room = |i: &usize| !self.m.orders[*i].bid && self.m.orders[*i].node.is_some();
        let may_go = |i: &usize| !self.m.orders[*i].incumbent && !makes_room(i);
        let all: BTreeSet<usize> = best.accepted.keys().copied().filter(may_go).collect();
        let gains = |i: &usize| start.reduced(best.accepted[i]).is_pos();
        if all.iter().all(gains) {
            return best;
        }
        // who gains nothing first; beside one that does not, one that seems to gain may be the other side of a tie
        let mut tied: Vec<usize> = all.iter().copied().collect();
        tied.sort_by_key(|i| (gains(i), self.m.orders[*i].lot));
        tied.truncate(TIED);
        let mut found = best;
        for i in tied {
            if !found.accepted.contains_key(&i) {
                continue;
            }
            let Some(mut without) = found.simplex.as_deref().cloned() else { break };
            let mut accepted = found.accepted.clone();
            accepted.remove(&i);
            self.decide_all(model, &mut without, &accepted);
            let Some(same) = self.drop_losers(model, without, accepted, all.len(), None, left) else { continue };
            let best = &same.best;
            if best.welfare == found.welfare
                && !best.accepted.contains_key(&i)
                && best.shared.is_none()
                && !same.gone.iter().any(makes_room)
            {
                found = Best { simplex: Some(Box::new(same.simplex)), ..same.best };
            }
        }
        found
    }

    /// The same with blocks tried that are refused. `best` is supported.
    pub(super) fn improve(&self, model: &Model, best: Best, left: &mut Allowance) -> Best {
        let start = best.simplex.as_ref().map_or_else(|| Simplex::new(model.lp.clone()), |s| (**s).clone());
        match self.repair(model, &start, &best.accepted, Some(&best.welfare), left) {
            Some(better) => better,
            None => best,
        }
    }

    /// What the search does past its limits, or where no choice of blocks is supported: the
    /// relaxation rounded block by block; whichever block loses is dropped for good.
    pub(super) fn dive(&self, model: &mut Model) -> (Option<Best>, BTreeSet<usize>) {
        let mut dropped = BTreeSet::new();
        let mut root = Simplex::new(model.lp.clone());
        loop {
            let mut node = Node { simplex: root.clone(), decided: BTreeMap::new(), bound: None };
            let mut found = None;
            while node.simplex.solve() == End::Optimal {
                let x = node.simplex.values();
                let Some((block, col)) = self.violated(model, &x, &node.decided) else {
                    found = Some(x);
                    break;
                };
                let mut sides = Vec::new();
                self.branch(model, node.clone(), block, col, &x, Rat::ZERO, &mut sides);
                let solvable = |n: &mut Node| n.simplex.solve() == End::Optimal;
                match sides.into_iter().rev().find_map(|mut n| solvable(&mut n).then_some(n)) {
                    Some(n) => node = n,
                    None => break,
                }
            }
            let worst = match found {
                Some(x) => {
                    let accepted = self.accepted(model, &x);
                    let value = node.simplex.objective();
                    match self.support(model, &node.simplex, &x, &accepted) {
                        Support::Yes => {
                            let simplex = Some(Box::new(node.simplex));
                            return (Some(Best { welfare: value, accepted, simplex, shared: None }), dropped);
                        }
                        Support::Shared(r, welfare) => {
                            let best = Best { welfare, accepted, simplex: None, shared: Some(r) };
                            return (Some(best), dropped);
                        }
                        Support::No(losers) if losers.is_empty() => {
                            self.least_gain(model, &node.simplex, accepted.iter()).into_iter().collect()
                        }
                        Support::No(losers) => at_once(losers),
                    }
                }
                None => Vec::new(),
            };
            let left = |i: &usize| !dropped.contains(i);
            let mut gone: Vec<usize> = worst.into_iter().filter(left).collect();
            if gone.is_empty() {
                gone.extend(model.blocks.keys().copied().filter(left).min_by_key(|i| self.m.orders[*i].lot));
            }
            if gone.is_empty() {
                return (None, dropped);
            }
            for j in gone.iter().flat_map(|i| model.blocks[i].clone()) {
                model.lp.cols[j].hi = Some(Rat::ZERO);
                root.set_bounds(j, Rat::ZERO, Some(Rat::ZERO));
            }
            dropped.extend(gone);
        }
    }

    /// Has every block do what a choice says.
    pub(super) fn decide_all(&self, model: &Model, simplex: &mut Simplex, choice: &Accepted) {
        for (block, cols) in &model.blocks {
            for col in cols {
                self.decide(model, simplex, *block, *col, choice.get(block) == Some(col));
            }
        }
    }

    pub(super) fn decide(&self, model: &Model, simplex: &mut Simplex, block: usize, col: usize, wins: bool) {
        let most = model.lp.cols[col].hi.clone().unwrap_or_default();
        let least = &self.m.orders[block].least * &model.units(col);
        match wins && least <= most {
            true => simplex.set_bounds(col, least, Some(most)),
            false => simplex.set_bounds(col, Rat::ZERO, Some(Rat::ZERO)),
        }
    }

    /// Drops blocks until prices support the rest: at most so many, and as long as it is worth more
    /// than `floor`.
    pub(super) fn drop_losers(
        &self,
        model: &Model,
        mut simplex: Simplex,
        mut accepted: BTreeMap<usize, usize>,
        most: usize,
        floor: Option<&Rat>,
        left: &mut Allowance,
    ) -> Option<Supported> {
        let mut all_gone = BTreeSet::new();
        for _ in 0..=most.min(accepted.len()) {
            left.programs = left.programs.checked_sub(1)?;
            let before = simplex.effort;
            simplex.most_effort = before.saturating_add(self.effort.saturating_sub(left.effort));
            let end = simplex.solve();
            left.effort += simplex.effort - before;
            if end != End::Optimal {
                return None;
            }
            let welfare = simplex.objective();
            if floor.is_some_and(|f| welfare <= *f) {
                return None;
            }
            let x = simplex.values();
            let winning = self.accepted(model, &x);
            let (welfare, shared) = match self.support(model, &simplex, &x, &winning) {
                Support::Yes => (welfare, None),
                Support::Shared(r, welfare) => (welfare, Some(r)),
                Support::No(losers) => {
                    // of many those that lose most go together; without a loser at the program's own prices the one
                    // goes that gains least by them
                    let mut gone = at_once(losers);
                    gone.truncate(most.saturating_sub(all_gone.len()).max(1));
                    if gone.is_empty() {
                        gone.extend(self.least_gain(model, &simplex, winning.iter()));
                    }
                    if gone.is_empty() {
                        return None;
                    }
                    while let Some(i) = gone.pop() {
                        all_gone.insert(i);
                        accepted.remove(&i);
                        for j in model.blocks.get(&i).into_iter().flatten() {
                            self.decide(model, &mut simplex, i, *j, false);
                        }
                        gone.extend(self.m.orders[i].children.iter().filter(|c| accepted.contains_key(c)));
                    }
                    continue;
                }
            };
            // one that may be filled to any part and is to none has not won: it may in another way
            for (i, j) in accepted.iter().filter(|a| !winning.contains_key(a.0)) {
                self.decide(model, &mut simplex, *i, *j, false);
            }
            if simplex.solve() != End::Optimal {
                return None;
            }
            let best = Best { welfare, accepted: winning, simplex: None, shared };
            return Some(Supported { simplex, best, gone: all_gone });
        }
        None
    }

    /// More blocks beside the accepted ones, several at once as a bid may need an offer that needs it: those that
    /// the relaxation takes, rounded one by one, without the ones that went.
    fn fill_up(&self, model: &Model, found: &Supported, left: &mut Allowance) -> Option<Supported> {
        let decided = found.best.accepted.iter().map(|(i, j)| (*i, Some(*j)));
        let decided = decided.chain(found.gone.iter().map(|i| (*i, None))).collect();
        let mut node = Node { simplex: found.simplex.clone(), decided, bound: None };
        for (_, cols) in model.blocks.iter().filter(|b| !node.decided.contains_key(b.0)) {
            for j in cols {
                node.simplex.set_bounds(*j, Rat::ZERO, model.lp.cols[*j].hi.clone());
            }
        }
        let mut solve = |n: &mut Node| {
            let Some(rest) = left.programs.checked_sub(1) else { return false };
            left.programs = rest;
            let before = n.simplex.effort;
            n.simplex.most_effort = before.saturating_add(self.effort.saturating_sub(left.effort));
            let end = n.simplex.solve();
            left.effort += n.simplex.effort - before;
            end == End::Optimal
        };
        if !solve(&mut node) {
            return None;
        }
        let x = loop {
            let x = node.simplex.values();
            let Some((block, col)) = self.violated(model, &x, &node.decided) else { break x };
            let mut sides = Vec::new();
            self.branch(model, node, block, col, &x, Rat::ZERO, &mut sides);
            node = sides.into_iter().rev().find_map(|mut n| solve(&mut n).then_some(n))?;
        };
        let accepted = self.accepted(model, &x);
        self.decide_all(model, &mut node.simplex, &accepted);
        self.drop_losers(model, node.simplex, accepted, usize::MAX, None, left)
    }

    /// Tries the refused blocks that would gain at the prices reached.
    fn reinsert(&self, model: &Model, mut found: Supported, left: &mut Allowance) -> Supported {
        let mut refused: Vec<(Rat, [u8; 32], usize, usize)> = Vec::new();
        for (i, cols) in model.blocks.iter().filter(|b| !found.best.accepted.contains_key(b.0)) {
            for j in cols.iter().filter(|j| model.lp.cols[**j].hi.as_ref().is_some_and(Rat::is_pos)) {
                let gain = found.simplex.reduced(*j) * &model.units(*j);
                if gain.is_pos() {
                    refused.push((-&gain, self.m.orders[*i].lot, *i, *j));
                }
            }
        }
        refused.sort();
        for (_, _, i, j) in refused {
            if left.programs == 0 {
                break;
            }
            if found.best.accepted.contains_key(&i) {
                continue;
            }
            let mut with = found.simplex.clone();
            self.decide(model, &mut with, i, j, true);
            let mut accepted = found.best.accepted.clone();
            accepted.insert(i, j);
            if let Some(better) = self.drop_losers(model, with, accepted, EXCHANGED, Some(&found.best.welfare), left)
                && better.best.welfare > found.best.welfare
            {
                found = better;
            }
        }
        found
    }
}

/// Of blocks that lose, the greatest loss first, those that go before prices are sought again.
fn at_once(mut losers: Vec<usize>) -> Vec<usize> {
    losers.truncate(losers.len().div_ceil(AT_ONCE));
    losers
}
