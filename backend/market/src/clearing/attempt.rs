//! One attempt at a round: components, search, rounding and placement, repeated until every
//! replica has a node.
//!
//! A node that is too small for what can only lie there becomes a row of its component's program
//! first, so that the program itself shares its room out. Only what the rows do not say (replicas,
//! orders that may lie on any node) is cut, order by order.
//!
//! Only the components whose bounds a placement changed are solved again. An order that was cut
//! for want of a host gets its place back if the final placement has room for it after all. Where
//! that goes round in a circle, a block that comes and goes with it is given up.
use super::book::Book;
use super::branch::{Search, Solved, search_nodes};
use super::engine::{ClearFault, Proposal};
use super::hosting::{Placed, host_rows, hosts_at_best, own_bounds};
use super::model::{Meaning, Model};
use super::outcome::{Mode, Outcome};
use super::place::{Hosts, Packing};
use super::problem::{Component, HostRow, Market};
use super::rational::Rat;
use super::round::{Filled, Whole, round};
use super::simplex::{End, Simplex};
use super::{Limits, Proposer, explain, nodal};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

/// How often a block, or another order, may get its place back before that counts as a circle.
const BLOCK_TURNS: u32 = 2;
const TURNS: u32 = 4;

/// How often an order is cut to just what fits before the steps grow, and their grain.
const PATIENCE: u32 = 4;
const GRAIN: i128 = 1 << 20;

/// How many nodes' rows a component may have.
const HOST_ROWS: usize = 32;

/// Everything an outcome is written from.
pub struct Cleared<'a> {
    pub m: &'a Market<'a>,
    pub components: Vec<(Component, Solved, Whole)>,
    pub awards: BTreeMap<usize, Filled>,
    pub packing: Packing,
    /// Greatest fill by order and alternative for which a host may be found.
    pub upper: Vec<Vec<Rat>>,
    /// The part of it that comes from the order's own rows.
    pub own: Vec<Vec<Rat>>,
    /// Alternatives of refused bids for which there is no host.
    pub homeless: Vec<Vec<bool>>,
    /// By refused bid and alternative: node, product and what is free of it where nothing fits.
    pub bottlenecks: BTreeMap<(usize, usize), (usize, usize, i128)>,
    /// Partly filled bids that nodes have no room for more of, and the same of what is short.
    pub cramped: BTreeMap<usize, (usize, usize, i128)>,
    /// Orders that have no part in the round.
    pub left_out: BTreeSet<usize>,
    /// No allocation that the nodes have room for is better.
    pub bound: Rat,
    /// Whether what lies between welfare and bound is due to placement alone.
    pub only_placement: bool,
    pub placement_cuts: u32,
    pub exact: bool,
}

/// What one attempt leaves to the next, by component.
#[derive(Clone, Default)]
pub struct Past {
    /// Blocks that won last time.
    winners: Vec<Option<BTreeMap<usize, usize>>>,
    /// How many nodes the searches have used.
    nodes: Vec<u64>,
    /// No allocation of a component is better than this: the least bound of the programs that
    /// left no order out and cut none.
    bounds: Vec<Option<Rat>>,
}

/// The state of an attempt.
pub struct Attempt<'a> {
    m: &'a Market<'a>,
    mode: Mode,
    limits: &'a Limits,
    left_out: BTreeSet<usize>,
    parts: Vec<Component>,
    /// Component of each order.
    home: Vec<usize>,
    own: Vec<Vec<Rat>>,
    /// Bounds before any placement cut, and as they are now.
    first: Vec<Vec<Rat>>,
    upper: Vec<Vec<Rat>>,
    done: Vec<Option<(Solved, Whole)>>,
    past: Past,
    /// Blocks that won at any time.
    ever: BTreeSet<usize>,
    turns: BTreeMap<usize, u32>,
    cuts: BTreeMap<usize, u32>,
    /// Components with an order that was cut, and those that go without the rows of nodes because
    /// no prices were found for them.
    cut: BTreeSet<usize>,
    plain: BTreeSet<usize>,
    exact: bool,
}

impl<'a> Attempt<'a> {
    pub fn new(
        m: &'a Market<'a>,
        mode: Mode,
        limits: &'a Limits,
        left_out: &BTreeSet<usize>,
        mut past: Past,
    ) -> Attempt<'a> {
        let mut parts = m.components();
        let mut home = vec![0; m.orders.len()];
        for (n, c) in parts.iter_mut().enumerate() {
            for i in &c.orders {
                home[*i] = n;
            }
            c.orders.retain(|i| !left_out.contains(i));
        }
        let own = own_bounds(m);
        let mut first = hosts_at_best(m, &Hosts::new(m), &own);
        for i in left_out {
            first[*i].iter_mut().for_each(|u| *u = Rat::ZERO);
        }
        let n = parts.len();
        past.winners.resize(n, None);
        past.nodes.resize(n, 0);
        past.bounds.resize(n, None);
        Attempt {
            m,
            mode,
            limits,
            left_out: left_out.clone(),
            parts,
            home,
            own,
            upper: first.clone(),
            first,
            done: vec![None; n],
            past,
            ever: BTreeSet::new(),
            turns: BTreeMap::new(),
            cuts: BTreeMap::new(),
            cut: BTreeSet::new(),
            plain: BTreeSet::new(),
            exact: left_out.is_empty(),
        }
    }

    /// The outcome, not verified yet, and what the next attempt may start from.
    pub fn run(mut self, proposer: &dyn Proposer, book: &Book) -> Result<(Outcome, Past), ClearFault> {
        let m = self.m;
        let base = Hosts::new(m);
        let (mut hint, mut boosted) = (Packing::new(), BTreeSet::new());
        let mut placement_cuts = 0_u32;
        let most = 64 + 8 * m.orders.len() as u32;
        loop {
            for n in 0..self.parts.len() {
                if self.done[n].is_none() {
                    self.solve(n, proposer)?;
                }
            }
            let awards: BTreeMap<usize, Filled> = self.done.iter().flatten().flat_map(|s| s.1.orders.clone()).collect();
            self.ever.extend(awards.keys().filter(|i| m.orders[**i].block));
            let mut hosts = base.clone();
            for (i, f) in &awards {
                hosts.lend(*i, f.alternative, &f.quantities);
            }
            let overfull = hosts.overfull(&awards);
            if self.add_rows(&base, overfull) {
                hint.clear();
                continue;
            }
            let packing = match hosts.pack(&awards, &hint, &boosted) {
                Err(cuts) => {
                    for cut in cuts {
                        self.cut.insert(self.home[cut.order]);
                        placement_cuts += 1;
                        let times = self.cuts.entry(cut.order).or_insert(0);
                        *times += 1;
                        let fill = &awards[&cut.order].fill;
                        let u = &mut self.upper[cut.order][cut.alternative];
                        *u = if cut.upper >= *fill || placement_cuts >= most {
                            Rat::ZERO
                        } else if *times > PATIENCE {
                            // what it lends on shrinks with it: go on in longer steps
                            let step = &Rat::int((*times - PATIENCE).into()) * &(fill - &cut.upper);
                            let to = (&cut.upper - &step).max(Rat::ZERO);
                            let grain = Rat::int(m.orders[cut.order].replicas.unwrap_or(GRAIN));
                            Rat::int((&to * &grain).floor()).div(&grain)
                        } else {
                            cut.upper.min(u.clone())
                        };
                        self.reopen(cut.order);
                    }
                    hint.clear();
                    continue;
                }
                Ok(packing) => packing,
            };
            let placed =
                Placed { m, hosts: &hosts, packing: &packing, awards: &awards, upper: &self.upper, first: &self.first };
            let again = placed.restore(&self.parts, &self.done, |i| {
                let turns = self.turns.get(&i).copied().unwrap_or(0);
                // a block that is refused is owed nothing; one that is partly filled is
                let refused = m.orders[i].block && !awards.contains_key(&i);
                turns < if refused { BLOCK_TURNS } else { 3 * TURNS }
            });
            match again.filter(|_| placement_cuts < most) {
                Some((i, a, reach)) => {
                    placement_cuts += 1;
                    let turns = self.turns.entry(i).or_insert(0);
                    *turns += 1;
                    if *turns >= TURNS && self.give_up(i, &awards) {
                        self.turns.clear();
                    }
                    self.upper[i][a] = reach;
                    boosted.insert(i);
                    self.reopen(i);
                    hint = packing;
                }
                None => {
                    self.exact &= placement_cuts < most;
                    let homeless = placed.homeless(&self.own, &self.parts);
                    let (cramped, bottlenecks) = (placed.cramped(), placed.bottlenecks());
                    let (bound, placement) = self.bound();
                    let parts = std::mem::take(&mut self.parts).into_iter();
                    let done = std::mem::take(&mut self.done);
                    let cleared = Cleared {
                        m,
                        components: parts.zip(done).filter_map(|(c, d)| d.map(|(s, w)| (c, s, w))).collect(),
                        awards,
                        packing,
                        own: self.own.clone(),
                        upper: self.upper.clone(),
                        homeless,
                        bottlenecks,
                        cramped,
                        left_out: self.left_out.clone(),
                        bound,
                        only_placement: placement,
                        placement_cuts,
                        exact: self.exact,
                    };
                    let outcome = explain::outcome(&cleared, book, self.mode);
                    for (n, (_, s, _)) in cleared.components.into_iter().enumerate() {
                        self.past.winners[n] = Some(s.winners);
                    }
                    return Ok((outcome, self.past));
                }
            }
        }
    }

    /// Where a node is short of room, makes rows of all nodes of its component that could be: a node
    /// that was not may be full, and excuse its bids, once another holds bids back. False if they
    /// are rows already.
    fn add_rows(&mut self, base: &Hosts, overfull: BTreeSet<(usize, usize)>) -> bool {
        let short: BTreeSet<usize> = overfull.into_iter().map(|(_, k)| k).collect();
        let mut any = false;
        for n in 0..self.parts.len() {
            let part = &self.parts[n];
            let concerned = part.hosts.is_empty() && part.products.iter().any(|k| short.contains(k));
            if !concerned || self.plain.contains(&n) || nodal::programs(self.m, part).is_none() {
                continue;
            }
            let rows: Vec<HostRow> = part.products.iter().flat_map(|k| host_rows(self.m, base, *k)).collect();
            if rows.is_empty() || rows.len() > HOST_ROWS {
                continue;
            }
            self.parts[n].hosts = rows;
            any = true;
            self.reopen_part(n);
        }
        any
    }

    /// What no allocation can pass, and whether placement alone keeps the welfare under it.
    ///
    /// Where neither a node nor a cut held anything back, a search that ended has shown that no
    /// outcome of the rules is better than its own, paradoxically refused blocks or not.
    fn bound(&self) -> (Rat, bool) {
        let (mut total, mut exact, mut alone) = (Rat::ZERO, self.exact, true);
        for (n, d) in self.done.iter().enumerate() {
            let Some((s, _)) = d else { continue };
            exact &= s.exact;
            let blocks = self.parts[n].orders.iter().any(|i| self.m.orders[*i].block);
            let best = s.exact && self.exact && self.parts[n].hosts.is_empty() && !self.cut.contains(&n);
            let bound = self.past.bounds[n].as_ref().filter(|_| !best).unwrap_or(&s.welfare);
            alone &= !blocks || *bound <= s.welfare;
            total = &total + &bound.clone().max(s.welfare.clone());
        }
        (total, alone && exact)
    }

    fn reopen(&mut self, order: usize) {
        self.reopen_part(self.home[order]);
    }

    fn reopen_part(&mut self, n: usize) {
        if let Some((s, _)) = self.done[n].take() {
            self.past.winners[n] = Some(s.winners);
        }
    }

    /// Gives up a block that comes and goes while an order is cut and restored.
    fn give_up(&mut self, order: usize, awards: &BTreeMap<usize, Filled>) -> bool {
        let n = self.home[order];
        let toggled =
            self.ever.iter().copied().filter(|i| self.home[*i] == n && self.first[*i].iter().any(Rat::is_pos));
        let Some(block) = toggled.min_by_key(|i| (awards.contains_key(i), self.m.orders[*i].lot)) else {
            return false;
        };
        for u in [&mut self.upper[block], &mut self.first[block]] {
            u.iter_mut().for_each(|u| *u = Rat::ZERO);
        }
        self.exact = false;
        self.reopen(block);
        true
    }

    fn solve(&mut self, n: usize, proposer: &dyn Proposer) -> Result<(), ClearFault> {
        let (m, c) = (self.m, &self.parts[n]);
        let proposal = self.past.winners[n]
            .take()
            .or_else(|| proposer.propose(&Proposal { market: m, component: c, upper: &self.upper }));
        let mut part = c.clone();
        let mut given_up = BTreeSet::new();
        let all = search_nodes(m, c, self.limits);
        let mut solved = loop {
            let search = Search {
                m,
                c: &part,
                upper: &self.upper,
                mode: self.mode,
                nodes: (all * 2).saturating_sub(self.past.nodes[n]).clamp(1, all),
                max_cuts: self.limits.max_cuts,
                proposal: proposal.clone(),
                programs: Cell::new(nodal::programs(m, &part).unwrap_or_default()),
            };
            match search.run() {
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
                    let gone = starved(m, &part, &self.upper);
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
        if whole_book && !self.cut.contains(&n) && given_up.is_empty() {
            let least = self.past.bounds[n].take().map_or(solved.bound.clone(), |b| b.min(solved.bound.clone()));
            self.past.bounds[n] = Some(least);
        }
        if !given_up.is_empty() {
            solved.exact = false;
            solved.dropped.extend(given_up);
        }
        let whole = round(m, &self.parts[n], &solved, &self.upper);
        self.done[n] = Some((solved, whole));
        Ok(())
    }
}

/// The last resort where no prices under the collars were found that agree with a rationing: the
/// bids on what is missing at the collars stay out of this round, and the outcome says so.
fn starved(m: &Market, c: &Component, upper: &[Vec<Rat>]) -> BTreeSet<usize> {
    let model = Model::build(m, c, upper, true);
    let mut s = Simplex::new(model.lp.clone());
    let mut missing = BTreeSet::new();
    if s.solve() == End::Optimal {
        for (j, meaning) in model.meaning.iter().enumerate() {
            if let Meaning::Missing(k) = meaning
                && s.var(j).is_pos()
            {
                missing.insert(*k);
            }
        }
    }
    let uses = |i: &usize| {
        m.orders[*i].bid
            && m.orders[*i].alternatives.iter().flat_map(|a| &a.quantities).any(|(k, _)| missing.contains(k))
    };
    let gone: BTreeSet<usize> = c.orders.iter().copied().filter(uses).collect();
    if gone.is_empty() { c.orders.iter().copied().collect() } else { gone }
}
