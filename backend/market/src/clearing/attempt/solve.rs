//! The search of one component: without the rows of nodes where no prices carry them, without those that
//! starve where there are none at all, and again until nobody in the money has a part of a replica.
use super::super::collar::starved;
use super::super::fault::ClearFault;
use super::super::outcome::Mode;
use super::super::rational::{Rat, sum};
use super::super::rounding::round;
use super::super::search::{APART, Search, search_nodes};
use super::super::{Proposal, Proposer, lots, nodal};
use super::{Attempt, lifted};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

/// So many entries of a simplex cost as much as a column of a node or program.
const EFFORT: u64 = 64;

/// How many times the effort of a component's search all rationing of a round may take.
const RATIONING: u64 = 2;

/// How often orders are bounded by the whole replicas that they were rounded to, before by nothing.
const LOTS: usize = 12;

impl Attempt<'_> {
    /// Solves a component, until nobody in the money has a part of a replica.
    pub(super) fn solve(&mut self, n: usize, proposer: &dyn Proposer) -> Result<(), ClearFault> {
        if self.lifted.market(n).is_some() {
            // parts of replicas are rounded, and stay with nobody: what holds bids back is not known yet
            return self.solve_once(n, proposer, false);
        }
        // what each might have had before it was bounded; `None` once it got something back
        let mut before: BTreeMap<(usize, usize), Option<Rat>> = BTreeMap::new();
        let rule_book = !self.limits.whole_replicas;
        // as it is with parts of replicas, and what the orders that are bounded then might have had
        let (was_whole, mut parts) = (self.whole.contains(&n), None);
        let mut unbounded: BTreeMap<(usize, usize), [Rat; 3]> = BTreeMap::new();
        for turn in 0.. {
            self.solve_once(n, proposer, turn > 0)?;
            if before.is_empty() {
                parts = self.done[n].clone();
            }
            let Some((s, w)) = &self.done[n] else { break };
            let mut bounds = lots::bounds(self.m, &self.parts[n], s, w, self.limits.whole_replicas);
            // A share of less than a replica is nobody's: the rest share as if its bid were not there. In a bundle, or along
            // arcs, what it leaves may do more elsewhere.
            let of_one = self.parts[n].products.len() == 1;
            let none: Vec<(usize, usize)> =
                bounds.iter().filter(|(i, _, to)| self.m.orders[*i].bid && to.is_zero()).map(|b| (b.0, b.1)).collect();
            if of_one && rule_book && self.mode == Mode::Market && before.is_empty() && s.rationed && !none.is_empty() {
                self.whole.insert(n);
                for (i, a) in none {
                    for u in [&mut self.own, &mut self.first, &mut self.upper] {
                        u[i][a] = Rat::ZERO;
                    }
                }
                self.reopen_part(n);
                continue;
            }
            if bounds.is_empty() {
                bounds = lots::room(self.m, &self.parts[n], s, &before);
                bounds.iter().for_each(|(i, a, _)| {
                    before.insert((*i, *a), None);
                });
            } else {
                for (i, a, to) in bounds.iter_mut() {
                    before.entry((*i, *a)).or_insert_with(|| Some(self.upper[*i][*a].clone()));
                    *to = if turn < LOTS { to.clone() } else { Rat::ZERO };
                }
            }
            // those that are rounded up to their bounds have whole replicas already
            if bounds.iter().all(|(i, a, to)| self.upper[*i][*a] == *to) {
                break;
            }
            self.whole.insert(n);
            for (i, a, to) in bounds {
                unbounded
                    .entry((i, a))
                    .or_insert_with(|| [&self.own, &self.first, &self.upper].map(|u| u[i][a].clone()));
                for u in [&mut self.own, &mut self.first, &mut self.upper] {
                    u[i][a] = to.clone();
                }
            }
            self.reopen_part(n);
        }
        let told = match (&parts, &self.done[n]) {
            (Some(parts), Some(now))
                if self.mode == Mode::Market && !before.is_empty() && parts.0.dropped.is_empty() =>
            {
                lots::told(
                    self.m,
                    &self.parts[n],
                    (&parts.0, &parts.1),
                    (&now.0, &now.1),
                    &before,
                    rule_book,
                    self.limits.parts_at_collars,
                )
            }
            _ => lots::Told::Bounded,
        };
        match told {
            lots::Told::Bounded => {}
            lots::Told::AtCollar => {
                if let (Some((now, _)), Some((with_parts, _))) = (&mut self.done[n], parts) {
                    (now.low, now.high, now.rationed) = (with_parts.low, with_parts.high, true);
                }
            }
            lots::Told::Parts => {
                for ((i, a), [own, first, upper]) in unbounded {
                    (self.own[i][a], self.first[i][a], self.upper[i][a]) = (own, first, upper);
                }
                self.done[n] = parts;
                if !was_whole {
                    self.whole.remove(&n);
                }
            }
        }
        Ok(())
    }

    /// What one search of a component may work on what is shared: of half of what is left for all of a round, or of all
    /// of it in the `last` search, the part that is its own of the orders that no search has seen.
    fn rationing_of(&self, n: usize, last: bool) -> u64 {
        let left = self.limits.effort.saturating_mul(RATIONING).saturating_sub(self.past.rationing);
        let most = if last { left } else { left / 2 };
        let unseen = (0..self.parts.len()).filter(|k| *k == n || self.done[*k].is_none());
        let all = unseen.map(|k| self.parts[k].orders.len() as u64).sum::<u64>().max(1);
        let own = u128::from(most) * self.parts[n].orders.len() as u128 / u128::from(all);
        u64::try_from(own).unwrap_or(most).min(self.lifted.rationing(n, self.limits))
    }

    fn solve_once(&mut self, n: usize, proposer: &dyn Proposer, again: bool) -> Result<(), ClearFault> {
        let open = self.lifted.market(n);
        let (m, c) = (open.as_deref().unwrap_or(self.m), &self.parts[n]);
        let proposal = self.past.winners[n]
            .take()
            .or_else(|| proposer.propose(&Proposal { market: m, component: c, upper: &self.upper }));
        let mut part = c.clone();
        let (mut given_up, mut turn) = (BTreeSet::new(), 0);
        let mut blocks: Vec<usize> = c.orders.iter().copied().filter(|i| m.orders[*i].block).collect();
        let all = search_nodes(m, c, self.limits);
        let all = if open.is_some() { all.min(lifted::NODES) } else { all };
        let rationing = Cell::new(self.rationing_of(n, false));
        let columns = nodal::columns(m, c) as u64;
        let mut solved = loop {
            let search = Search {
                m,
                c: &part,
                upper: &self.upper,
                mode: self.mode,
                nodes: (all * 2).saturating_sub(self.past.nodes[n]).clamp(1, all),
                max_cuts: self.limits.max_cuts,
                effort: self.limits.effort,
                proposal: proposal.clone(),
                programs: Cell::new(nodal::programs(m, &part).unwrap_or_default()),
                rationing: &rationing,
                apart: Cell::new(APART),
                again,
            };
            let programs = search.programs.get();
            let before = rationing.get();
            let found = search.run();
            let (nodes, effort) = found.as_ref().map_or((1, 0), |s| (s.nodes, s.effort));
            let programs = (programs - search.programs.get()) as u64;
            let rationed = before - rationing.get();
            self.past.rationing += rationed;
            let shared = rationed + (APART - search.apart.get());
            self.work += columns * programs + (columns * nodes).max(effort / EFFORT) + shared / EFFORT;
            match found {
                Some(s) => break s,
                // no prices for what the nodes' rows leave: orders are cut one by one instead
                None if !part.hosts.is_empty() => {
                    part.hosts.clear();
                    self.plain.insert(n);
                }
                None if part.orders.is_empty() => {
                    let first = m.products[c.products[0]].to_string();
                    return Err(ClearFault::NoAllocation(first));
                }
                None => {
                    // blocks go before those whom the rule book lets nobody give up, those with a least fill first
                    let mut gone: BTreeSet<usize> = std::mem::take(&mut blocks).into_iter().collect();
                    let (least, others): (Vec<usize>, Vec<usize>) =
                        gone.iter().partition(|i| m.orders[**i].least.is_pos());
                    if !least.is_empty() && !others.is_empty() {
                        (gone, blocks) = (least.into_iter().collect(), others);
                    }
                    if gone.is_empty() {
                        gone = starved(m, &part, &self.upper, turn);
                        turn += 1;
                    }
                    rationing.set(self.rationing_of(n, blocks.is_empty()));
                    part.orders.retain(|i| !gone.contains(i));
                    given_up.extend(gone);
                }
            }
        };
        if self.plain.contains(&n) {
            self.parts[n].hosts.clear();
        }
        self.past.nodes[n] += solved.nodes;
        let whole_book = self.left_out.is_empty() || self.past.bounds[n].is_none();
        let untouched = !self.cut.contains(&n) && !self.whole.contains(&n);
        if whole_book && untouched && given_up.is_empty() {
            // prices without collars may not carry what those with collars do
            let bound = if open.is_some() { self.relaxed(n) } else { solved.bound.clone() };
            let known = self.past.bounds[n].take();
            self.past.bounds[n] = known.into_iter().chain([bound]).min();
        }
        if !given_up.is_empty() {
            // what it could have come to with them, prices or not
            if self.left_out.is_empty() && untouched {
                let known = self.past.bounds[n].take();
                self.past.bounds[n] = known.into_iter().chain([self.relaxed(n)]).min();
            }
            solved.exact = false;
            solved.dropped.extend(given_up);
        }
        let whole = round(m, &self.parts[n], &solved, &self.upper, self.limits, proposer);
        // whoever is cut by a unit loses what it gains by it; at the margin the unit is worth its price
        let price: BTreeMap<usize, Rat> =
            self.parts[n].products.iter().copied().zip(solved.low.iter().cloned()).collect();
        for (o, f) in whole.cut.iter().map(|i| (&m.orders[*i], &whole.orders[i])) {
            let alternative = &o.alternatives[f.alternative];
            let paid = sum(alternative.quantities.iter().map(|(k, q)| &price[k] * &Rat::int(*q)));
            let gain = &Rat::int(alternative.value) - &paid;
            let missing = &(&Rat::ONE - &f.fill) * &if o.bid { gain } else { -&gain };
            solved.welfare = &solved.welfare - &missing;
            solved.exact = false;
        }
        self.done[n] = Some((solved, whole));
        Ok(())
    }
}
