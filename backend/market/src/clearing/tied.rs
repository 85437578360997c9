//! Of all choices of blocks that are worth as much as the best, the one that the tie rule prefers.
//!
//! A search for the best looks at nothing that is only as good. Where it left nodes aside for that, they are gone
//! through in the end, and what each choice comes to is put in the order of `ties`; one that is worth as much without
//! some of its blocks, not all of them incumbents, does not count. So names decide nothing but the hash, where there are
//! few enough of them; else `untie` and `prefer` look around the choice that was found first.
use super::Mode;
use super::model::Model;
use super::problem::lot;
use super::rational::Rat;
use super::search::{Allowance, Best, Node, Search};
use super::simplex::{End, Simplex};
use super::support::Support;
use super::ties::{self, TieOrder};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// How many programs are solved for ties of a component.
const PROGRAMS: u64 = 512;

/// Columns times nodes that are kept for it.
const KEPT: usize = 20_000;

/// Nodes that may hold choices as good as the best one.
#[derive(Default)]
pub(super) struct Tied {
    nodes: Vec<Node>,
    /// Whether there were too many.
    overflown: bool,
}

impl Tied {
    pub(super) fn keep(&mut self, node: Node) {
        if node.simplex.lp.cols.len() * (self.nodes.len() + 1) > KEPT {
            self.overflown = true;
        } else {
            self.nodes.push(node);
        }
    }
}

impl Search<'_> {
    /// Whether choices that are as good may take each other's place: on nodes one may need other room, which no row
    /// may say.
    pub(super) fn may_tie(&self) -> bool {
        let on_nodes = |k: &usize| self.m.book.nodes.iter().any(|n| n.pool == self.m.products[*k].pool);
        self.mode == Mode::Market && self.nodes > 1 && !self.c.products.iter().any(on_nodes)
    }

    /// The first of all choices that are as good as this one, if they could be gone through.
    pub(super) fn first_of_tied(&self, model: &Model, best: &Best, tied: Tied, left: &mut Allowance) -> Option<Best> {
        if best.shared.is_some() || tied.overflown || !self.may_tie() {
            return None;
        }
        let mut all = self.as_good(model, &best.welfare, tied.nodes, left)?;
        let kept: Vec<BTreeSet<usize>> = all.iter().map(|b| b.accepted.keys().copied().collect()).collect();
        // who gains nothing and was not there before does not win: as much is gained without them
        let in_vain = |b: &Best| {
            let accepted: BTreeSet<usize> = b.accepted.keys().copied().collect();
            kept.iter().any(|fewer| {
                fewer.len() < accepted.len()
                    && fewer.is_subset(&accepted)
                    && accepted.difference(fewer).any(|i| !self.m.orders[*i].incumbent)
            })
        };
        all.retain(|b| !in_vain(b));
        let mut incumbents: Vec<usize> = model.blocks.keys().copied().filter(|i| self.m.orders[*i].incumbent).collect();
        // a seed would draw anew in each round what an incumbent keeps
        incumbents.sort_by_cached_key(|i| lot(0, &self.m.book.orders[*i].id));
        let alternative = |b: &Best, i: &usize| model.blocks[i].iter().position(|j| b.accepted.get(i) == Some(j));
        all.sort_by_cached_key(|b| {
            let as_before = incumbents.iter().map(|i| alternative(b, i).map(Reverse)).collect();
            Reverse(TieOrder { as_before, ..self.tie_order(model, b) })
        });
        all.into_iter().next().map(|first| self.rank_alike(model, first, left))
    }

    /// Every choice in some nodes that is worth so much; nothing if there are too many to tell.
    fn as_good(&self, model: &Model, welfare: &Rat, mut stack: Vec<Node>, left: &mut Allowance) -> Option<Vec<Best>> {
        let mut seen = BTreeSet::new();
        let mut found = Vec::new();
        let mut programs = PROGRAMS.min(left.programs);
        while let Some(mut node) = stack.pop() {
            programs = programs.checked_sub(1)?;
            left.programs = left.programs.checked_sub(1)?;
            let before = node.simplex.effort;
            node.simplex.most_effort = before.saturating_add(self.effort.saturating_sub(left.effort));
            let end = node.simplex.solve();
            left.effort += node.simplex.effort - before;
            match end {
                End::Optimal => {}
                End::Infeasible => continue,
                End::Exhausted => return None,
            }
            let value = node.simplex.objective();
            if value < *welfare {
                continue;
            }
            let x = node.simplex.values();
            let next = match self.violated(model, &x, &node.decided) {
                Some(half) => Some(half),
                None => {
                    let mut choice = self.accepted(model, &x);
                    choice.extend(node.decided.iter().filter_map(|(i, j)| Some((*i, (*j)?))));
                    if let Some(best) = self.settled(model, &node.simplex, &choice)
                        && best.welfare == *welfare
                        && seen.insert(best.accepted.clone())
                    {
                        found.push(best);
                    }
                    self.open_at_no_cost(model, &node)
                }
            };
            if let Some((block, col)) = next {
                self.branch(model, node, block, col, &x, value, &mut stack);
            }
        }
        Some(found)
    }

    /// A choice with what the tie rule makes of it, if prices support that: one that may be filled to any part may be
    /// filled to none.
    fn settled(&self, model: &Model, start: &Simplex, choice: &BTreeMap<usize, usize>) -> Option<Best> {
        let with = |choice: &BTreeMap<usize, usize>| {
            let mut simplex = start.clone();
            for (i, cols) in &model.blocks {
                for j in cols {
                    self.decide(model, &mut simplex, *i, *j, choice.get(i) == Some(j));
                }
            }
            (simplex.solve() == End::Optimal).then_some(simplex)
        };
        let x = ties::settle(self.m, model, &with(choice)?);
        let accepted = self.accepted(model, &x);
        let simplex = with(&accepted)?;
        let welfare = simplex.objective();
        match self.support(model, &simplex, &x, &accepted) {
            Support::Yes => Some(Best { welfare, accepted, simplex: Some(Box::new(simplex)), shared: None }),
            _ => None,
        }
    }

    /// A block that may do otherwise than it does in a solved node without costing anything by its prices.
    fn open_at_no_cost(&self, model: &Model, node: &Node) -> Option<(usize, usize)> {
        let s = &node.simplex;
        let may = |j: &usize| s.reduced(*j).is_zero() && s.lp.cols[*j].hi.as_ref().is_some_and(Rat::is_pos);
        let open = model.blocks.iter().filter(|(i, _)| !node.decided.contains_key(i));
        open.filter_map(|(i, cols)| Some((*i, cols.iter().copied().find(may)?))).next()
    }
}
