//! One attempt at a round: components, search, rounding and placement, repeated until every
//! replica has a node.
//!
//! A node that is too small for what can only lie there becomes a row of its component's program
//! first, so that the program itself shares its room out. Only what the rows do not say (replicas,
//! orders that may lie on any node) is cut, order by order; for some of it `pin` finds nodes. The search itself is in
//! `solve`.
//!
//! Only the components whose bounds a placement changed are solved again. An order that was cut
//! for want of a host gets its place back if the final placement has room for it after all. Where
//! that goes round in a circle, a block that comes and goes with it is given up.
mod lifted;
mod solve;

use super::book::Book;
use super::cleared::Cleared;
use super::fault::ClearFault;
use super::hosting::{Placed, host_rows, hosts_at_best, own_bounds};
use super::model::Meaning;
use super::outcome::{Mode, Outcome};
use super::place::{Cut, Hosts, Leading, Packing, Precedence};
use super::problem::{Component, HostRow, Market};
use super::rational::{Rat, sum};
use super::rounding::{Filled, Whole};
use super::search::Solved;
use super::{Limits, Proposer, explain, nodal};
use lifted::Lifted;
use std::collections::{BTreeMap, BTreeSet};

/// How often a block, or another order, may get its place back before that counts as a circle.
const BLOCK_TURNS: u32 = 2;
const TURNS: u32 = 4;

/// How often an order is cut to just what fits before the steps grow, and their grain.
const PATIENCE: u32 = 4;
const GRAIN: i128 = 1 << 20;

/// How many nodes' rows a component may have.
const HOST_ROWS: usize = 32;

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
    /// What the attempts before have spent.
    pub work: u64,
    /// Entries that programs of rationing have worked on.
    rationing: u64,
}

impl Past {
    /// Forgets what was spent.
    pub fn start_anew(&mut self) {
        (self.work, self.rationing) = (0, 0);
        self.nodes.iter_mut().for_each(|nodes| *nodes = 0);
    }
}

/// What an attempt came to.
pub struct Run<'a> {
    pub outcome: Outcome,
    pub welfare: Rat,
    pub bound: Rat,
    /// The state that it ended in.
    pub end: Attempt<'a>,
}

/// Who won what, where it lies, and how often an order was cut or restored for that.
pub struct Settled<'a> {
    awards: BTreeMap<usize, Filled>,
    hosts: Hosts<'a>,
    packing: Packing,
    cuts: u32,
}

/// The state of an attempt.
#[derive(Clone)]
pub struct Attempt<'a> {
    m: &'a Market<'a>,
    /// The market as it is in the book, where `m` binds some of its bids to nodes (`pin`).
    real: &'a Market<'a>,
    mode: Mode,
    limits: &'a Limits,
    left_out: BTreeSet<usize>,
    pub parts: Vec<Component>,
    /// Component of each order.
    home: Vec<usize>,
    own: Vec<Vec<Rat>>,
    /// Bounds before any placement cut, and as they are now.
    first: Vec<Vec<Rat>>,
    upper: Vec<Vec<Rat>>,
    done: Vec<Option<(Solved, Whole)>>,
    pub past: Past,
    /// The placement to keep where it fits, and orders that go before all others.
    hint: Packing,
    boosted: BTreeSet<usize>,
    /// Who is given a node before everybody (`foremost`).
    leading: Leading,
    /// Blocks that won at any time.
    ever: BTreeSet<usize>,
    turns: BTreeMap<usize, u32>,
    cuts: BTreeMap<usize, u32>,
    /// Components with an order that was cut, and those that go without the rows of nodes because
    /// no prices were found for them.
    cut: BTreeSet<usize>,
    plain: BTreeSet<usize>,
    /// Components with an order that is bounded by whole replicas.
    whole: BTreeSet<usize>,
    lifted: Lifted<'a>,
    /// The first bid of each component that was cut although a node may be chosen for it, and its
    /// alternative.
    pub stuck: BTreeMap<usize, (usize, usize)>,
    /// Bounds of components that were searched for the nodes of their bids.
    known: BTreeMap<usize, Rat>,
    /// Columns times nodes and programs of all searches.
    pub work: u64,
    /// Cuts of the attempt that this one goes on from.
    before: u32,
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
        let own = own_bounds(m, limits.whole_replicas);
        let mut first = hosts_at_best(m, &Hosts::new(m), &own);
        for i in left_out {
            first[*i].iter_mut().for_each(|u| *u = Rat::ZERO);
        }
        let lifted = Lifted::of(m, &parts, mode);
        let n = parts.len();
        past.winners.resize(n, None);
        past.nodes.resize(n, 0);
        past.bounds.resize(n, None);
        Attempt {
            m,
            real: m,
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
            hint: Packing::new(),
            boosted: BTreeSet::new(),
            leading: Leading::new(),
            ever: BTreeSet::new(),
            turns: BTreeMap::new(),
            cuts: BTreeMap::new(),
            cut: BTreeSet::new(),
            plain: BTreeSet::new(),
            whole: BTreeSet::new(),
            lifted,
            stuck: BTreeMap::new(),
            known: BTreeMap::new(),
            work: 0,
            before: 0,
            exact: left_out.is_empty(),
        }
    }

    /// What no allocation can pass, as far as it has been solved.
    pub fn bounded(&self) -> Option<Rat> {
        self.past.bounds.iter().try_fold(Rat::ZERO, |t, b| Some(&t + b.as_ref()?))
    }

    /// The welfare of a component, and what none of its allocations can pass.
    pub fn value(&self, component: usize) -> (Option<Rat>, Option<Rat>) {
        let solved = self.done[component].as_ref().map(|d| d.0.welfare.clone());
        (solved, self.past.bounds[component].clone())
    }

    /// The same with these before everybody where nodes are given out.
    pub fn led_by(self, leading: &Leading) -> Attempt<'a> {
        Attempt { leading: leading.clone(), ..self }
    }

    /// The same with what is known of the bounds of components.
    pub fn knowing(self, known: BTreeMap<usize, Rat>) -> Attempt<'a> {
        Attempt { known, ..self }
    }

    /// The same in `m`, which binds bids of some components to nodes: these are solved anew. What such
    /// a market allows is no bound, so that of these components has to be known.
    pub fn bound_in(mut self, m: &'a Market<'a>, components: &BTreeSet<usize>) -> Attempt<'a> {
        self.m = m;
        let mut first = hosts_at_best(m, &Hosts::new(m), &self.own);
        for n in components {
            for i in &self.parts[*n].orders {
                self.first[*i] = std::mem::take(&mut first[*i]);
                self.upper[*i] = self.first[*i].clone();
                self.turns.remove(i);
                self.cuts.remove(i);
            }
            self.parts[*n].hosts.clear();
            self.cut.remove(n);
            self.plain.remove(n);
            self.whole.remove(n);
            self.stuck.remove(n);
            (self.done[*n], self.past.winners[*n], self.past.nodes[*n]) = (None, None, 0);
        }
        let home = &self.home;
        self.hint.retain(|(i, _, _), _| !components.contains(&home[*i]));
        self.ever.retain(|i| !components.contains(&home[*i]));
        self
    }

    /// The outcome, not verified yet, and what the next attempt may start from.
    pub fn run(mut self, proposer: &dyn Proposer, book: &Book) -> Result<Run<'a>, ClearFault> {
        loop {
            if let Some(settled) = self.settle(proposer, true)? {
                return Ok(self.tell(settled, book));
            }
        }
    }

    /// Solves and places until every replica has a node. `None` only without `cut`, and then as soon
    /// as a bid would be cut for which a node may be chosen: `stuck` has it.
    pub fn settle(&mut self, proposer: &dyn Proposer, cut: bool) -> Result<Option<Settled<'a>>, ClearFault> {
        let m = self.m;
        let base = Hosts::new(m);
        let mut placement_cuts = 0_u32;
        let most = 64 + 8 * m.orders.len() as u32;
        loop {
            let ends = placement_cuts >= most || self.is_exhausted();
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
                self.hint.clear();
                continue;
            }
            let order =
                Precedence { leading: &self.leading, first: &self.boosted, bound_first: self.limits.bound_first };
            let packing = match hosts.pack(&awards, &self.hint, &order) {
                Err(cuts) => {
                    for c in cuts.iter().filter(|c| !hosts.several(c.order, c.alternative).is_empty()) {
                        self.stuck.entry(self.home[c.order]).or_insert((c.order, c.alternative));
                    }
                    if !cut && !self.stuck.is_empty() {
                        return Ok(None);
                    }
                    for c in cuts {
                        placement_cuts += 1;
                        self.cut(c, &awards, ends);
                    }
                    self.hint.clear();
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
            let Some((i, a, reach)) = again.filter(|_| !ends) else {
                if self.with_collars() {
                    continue;
                }
                self.exact &= !ends;
                return Ok(Some(Settled { awards, hosts, packing, cuts: self.before + placement_cuts }));
            };
            placement_cuts += 1;
            let turns = self.turns.entry(i).or_insert(0);
            *turns += 1;
            if *turns >= TURNS && self.give_up(i, &awards) {
                self.turns.clear();
            }
            self.upper[i][a] = reach;
            self.boosted.insert(i);
            self.reopen(i);
            self.hint = packing;
        }
    }

    /// The orders that have a part in the program's solution and nothing of it in whole units.
    pub fn rounded_away(&self) -> BTreeSet<usize> {
        let mut gone = BTreeSet::new();
        for (solved, whole) in self.done.iter().flatten() {
            let filled = solved.model.meaning.iter().zip(&solved.values).filter(|(_, x)| x.is_pos());
            for (meaning, _) in filled {
                let Meaning::Orders { members, .. } = meaning else { continue };
                gone.extend(members.iter().map(|(i, _)| *i).filter(|i| !whole.orders.contains_key(i)));
            }
        }
        gone
    }

    /// Whether anything was rationed at a collar.
    pub fn is_rationed(&self) -> bool {
        self.past.rationing > 0
    }

    /// Whether the work of the round is spent.
    pub fn is_exhausted(&self) -> bool {
        // what is left of rationing after half an effort is for those that are cut for good
        self.past.work.saturating_add(self.work) > self.limits.work || self.past.rationing > self.limits.effort / 2
    }

    /// Cuts an order to what may still have a host, or to nothing if that does not help or at `last`.
    fn cut(&mut self, cut: Cut, awards: &BTreeMap<usize, Filled>, last: bool) {
        self.cut.insert(self.home[cut.order]);
        let times = self.cuts.entry(cut.order).or_insert(0);
        *times += 1;
        let fill = &awards[&cut.order].fill;
        let u = &mut self.upper[cut.order][cut.alternative];
        *u = if cut.upper >= *fill || last {
            Rat::ZERO
        } else if *times > PATIENCE {
            // what it lends on shrinks with it: go on in longer steps
            let step = &Rat::int((*times - PATIENCE).into()) * &(fill - &cut.upper);
            let to = (&cut.upper - &step).max(Rat::ZERO);
            let grain = Rat::int(self.m.orders[cut.order].replicas.unwrap_or(GRAIN));
            Rat::int((&to * &grain).floor()).div(&grain)
        } else {
            cut.upper.min(u.clone())
        };
        self.reopen(cut.order);
    }

    /// Writes the outcome of what was settled.
    pub fn tell(mut self, settled: Settled<'a>, book: &Book) -> Run<'a> {
        let Settled { awards, hosts, packing, cuts } = settled;
        // a node that a bid was bound to is no reason: others may have room for it
        let (hosts, upper) = (hosts.of(self.real), self.upper_by_book());
        let (packed, first) = (&packing, &self.first);
        let placed = Placed { m: self.real, hosts: &hosts, packing: packed, awards: &awards, upper: &upper, first };
        let homeless = placed.homeless(&self.own, &self.parts);
        let (cramped, bottlenecks) = (placed.cramped(), placed.bottlenecks());
        let (bound, only_placement) = self.bound();
        let parts = std::mem::take(&mut self.parts).into_iter();
        let done = std::mem::take(&mut self.done);
        let cleared = Cleared {
            m: self.real,
            components: parts.zip(done).filter_map(|(c, d)| d.map(|(s, w)| (c, s, w))).collect(),
            awards,
            packing,
            own: self.own.clone(),
            upper,
            homeless,
            bottlenecks,
            cramped,
            left_out: self.left_out.clone(),
            bound: bound.clone(),
            only_placement,
            placement_cuts: cuts,
            exact: self.exact,
        };
        let outcome = explain::outcome(&cleared, book, self.mode);
        let welfare = sum(cleared.components.iter().map(|c| c.1.welfare.clone()));
        for (n, (c, s, w)) in cleared.components.into_iter().enumerate() {
            self.past.winners[n] = Some(s.winners.clone());
            self.parts.push(c);
            self.done.push(Some((s, w)));
        }
        (self.hint, self.before) = (cleared.packing, cuts);
        self.past.work += std::mem::take(&mut self.work);
        Run { outcome, welfare, bound, end: self }
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

    /// The greatest fills as the book has it: a bid that was bound to a node, and not cut there, is
    /// limited by its own rows alone.
    fn upper_by_book(&self) -> Vec<Vec<Rat>> {
        let mut upper = self.upper.clone();
        for (i, u) in upper.iter_mut().enumerate().filter(|(i, _)| self.m.orders[*i].node != self.real.orders[*i].node)
        {
            for (a, u) in u.iter_mut().enumerate().filter(|(a, u)| **u == self.first[i][*a]) {
                *u = self.own[i][a].clone();
            }
        }
        upper
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
            let whole = self.whole.contains(&n);
            let best = s.exact && self.exact && self.parts[n].hosts.is_empty() && !self.cut.contains(&n) && !whole;
            let programs = self.past.bounds[n].as_ref().filter(|_| !best);
            let bound = self.known.get(&n).or(programs).unwrap_or(&s.welfare);
            alone &= !(blocks || whole) || *bound <= s.welfare;
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
}
