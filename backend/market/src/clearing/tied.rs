//! Of all choices of blocks that are worth as much as the best, the one that the tie rule prefers.
//!
//! A search for the best looks at nothing that is only as good. What it left aside for that is searched in the end, with
//! costs that leave fewer ties: a block that is no incumbent pays a fee so small that nothing else is decided by it, so
//! none wins that gains nothing and that nothing needs; and bids are worth more by even less. Choices that are as good even
//! so are put in the order of `ties`: names count by the hash alone.
//!
//! Where there are too many, on nodes and in large books, `untie` and `prefer` look around the choice that was found.
use super::Mode;
use super::model::{Meaning, Model};
use super::prefer::Accepted;
use super::problem::lot;
use super::rational::{Rat, sum};
use super::search::{Allowance, Best, Node, Search};
use super::simplex::{End, Simplex};
use super::support::Support;
use super::ties::{self, TieOrder};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// How many programs are solved for choices that are as good.
const PROGRAMS: u64 = 1024;

/// Columns times nodes that are kept for it.
const KEPT: usize = 20_000;

/// Columns of a program whose ties are searched.
const COLUMNS: usize = 500;

/// The fee of blocks, in micro-credits for all that is in the book, is one over this; what bids are worth more is as much
/// less again.
const FEE: i128 = 1_000_000_000_000;

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
    /// Whether choices that are as good may take each other's place, and are gone through: on nodes one may need other room,
    /// which no row may say.
    pub(super) fn may_tie(&self, model: &Model) -> bool {
        let on_nodes = |k: &usize| self.m.book.nodes.iter().any(|n| n.pool == self.m.products[*k].pool);
        let is_small = model.lp.cols.len() <= COLUMNS && self.nodes > 1;
        self.mode == Mode::Market && is_small && !self.c.products.iter().any(on_nodes)
    }

    /// The first of all choices that are as good as this one; nothing if there is no other, or too many to tell.
    pub(super) fn first_of_tied(&self, model: &Model, best: &Best, tied: Tied, left: &mut Allowance) -> Option<Best> {
        let alone = tied.nodes.len() <= 1 && tied.nodes.iter().all(|n| self.open_at_no_cost(model, n).is_none());
        if alone || tied.overflown || best.shared.is_some() || !self.may_tie(model) {
            return None;
        }
        let mut all = self.as_good(model, &best.welfare, tied.nodes, left)?;
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

    /// The costs that leave fewer ties, by column.
    fn sharp_costs(&self, model: &Model) -> Vec<Rat> {
        let units = sum(model.lp.cols.iter().filter_map(|col| col.hi.clone()));
        let fee = Rat::ONE.div(&(&Rat::int(FEE) * &units.max(Rat::ONE)));
        let bonus = &Rat::ONE + &fee.div(&Rat::int(FEE));
        let sharp = model.meaning.iter().zip(&model.lp.cols).map(|(meaning, col)| {
            let Meaning::Orders { members, .. } = meaning else { return col.cost.clone() };
            let order = &self.m.orders[members[0].0];
            let cost = if order.bid { &col.cost * &bonus } else { col.cost.clone() };
            let pays = order.least.is_pos() && !order.incumbent;
            if pays { &cost - &fee } else { cost }
        });
        sharp.collect()
    }

    /// The best choices by these costs of those in some nodes that are worth so much; nothing if there are too many to tell.
    fn as_good(&self, model: &Model, welfare: &Rat, nodes: Vec<Node>, left: &mut Allowance) -> Option<Vec<Best>> {
        let costs = self.sharp_costs(model);
        let sharpened = |node: Node| {
            let mut lp = node.simplex.lp;
            lp.cols.iter_mut().zip(&costs).for_each(|(col, cost)| col.cost = cost.clone());
            Node { simplex: Simplex::new(lp), decided: node.decided, bound: None }
        };
        let mut stack: Vec<Node> = nodes.into_iter().map(sharpened).collect();
        let start = Simplex::new(model.lp.clone());
        let mut found: BTreeMap<Accepted, Best> = BTreeMap::new();
        let mut most: Option<Rat> = None;
        // the other half is for looking around one choice, if this comes to nothing
        let mut programs = PROGRAMS.min(left.programs / 2);
        let most_effort = left.effort + self.effort.saturating_sub(left.effort) / 2;
        // where most may be had first: what is left has less, mostly
        let next = |stack: &mut Vec<Node>| {
            let most = (0..stack.len()).max_by_key(|n| (stack[*n].bound.is_none(), &stack[*n].bound))?;
            Some(stack.swap_remove(most))
        };
        while let Some(mut node) = next(&mut stack) {
            if node.bound.as_ref().zip(most.as_ref()).is_some_and(|(bound, most)| bound < most) {
                continue;
            }
            programs = programs.checked_sub(1)?;
            left.programs -= 1;
            let before = node.simplex.effort;
            node.simplex.most_effort = before.saturating_add(most_effort.saturating_sub(left.effort));
            let end = node.simplex.solve();
            left.effort += node.simplex.effort - before;
            match end {
                End::Optimal => {}
                End::Infeasible => continue,
                End::Exhausted => return None,
            }
            let value = node.simplex.objective();
            if most.as_ref().is_some_and(|most| value < *most) {
                continue;
            }
            let x = node.simplex.values();
            let next = self.violated(model, &x, &node.decided).or_else(|| {
                let choice = self.accepted(model, &x);
                match self.settled(model, &start, &choice).filter(|b| b.welfare == *welfare) {
                    Some(best) => {
                        if most.as_ref().is_none_or(|most| value > *most) {
                            found.clear();
                            most = Some(value.clone());
                        }
                        found.insert(best.accepted.clone(), best);
                        self.open_at_no_cost(model, &node)
                    }
                    None => self.undecided(model, &node, &choice, None),
                }
            });
            if let Some((block, col)) = next {
                self.branch(model, node, block, col, &x, value, &mut stack);
            }
        }
        Some(found.into_values().collect())
    }

    /// A choice with what the tie rule makes of it, if prices support that: one that may be filled to any part may be
    /// filled to none.
    fn settled(&self, model: &Model, start: &Simplex, choice: &Accepted) -> Option<Best> {
        let with = |choice: &Accepted| {
            let mut simplex = start.clone();
            self.decide_all(model, &mut simplex, choice);
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
