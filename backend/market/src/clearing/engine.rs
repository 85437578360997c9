//! `clear`: components, search, rounding and placement, repeated until every replica has a node.
//!
//! Only the components whose bounds a placement changed are solved again. An order that was cut
//! for want of a host gets its place back if the final placement has room for it after all.
use super::book::{Book, Fault};
use super::branch::{Search, Solved};
use super::outcome::*;
use super::place::{Hosts, Packing};
use super::problem::{Component, Market, Meaning, Model};
use super::rational::Rat;
use super::round::{Filled, Whole, round};
use super::simplex::{End, Simplex};
use super::{Limits, Proposer, explain};
use std::collections::{BTreeMap, BTreeSet};

/// Why a book was not cleared.
#[derive(Debug, thiserror::Error)]
pub enum ClearFault {
    #[error("the book is refused: {} faults, the first at `{}`", .0.len(), .0.first().map_or("", |f| f.pointer.as_str()))]
    Refused(Vec<Fault>),
    #[error("no allocation of the component of {0} was found that prices support")]
    NoAllocation(String),
}

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
    /// Orders that a limit keeps out of the round.
    pub left_out: BTreeSet<usize>,
    pub bound: Rat,
    pub placement_cuts: u32,
    pub exact: bool,
}

/// Clears one round. The outcome is not verified yet; `verify` does that.
pub fn clear(
    book: &Book,
    mode: Mode,
    proposer: &dyn Proposer,
    limits: &Limits,
) -> Result<Outcome, ClearFault> {
    let faults = book.validate();
    if !faults.is_empty() {
        return Err(ClearFault::Refused(faults));
    }
    let sorted = book.sorted();
    let m = Market::new(&sorted);
    let mut parts = m.components();
    let mut left_out = BTreeSet::new();
    if limits.without_blocks {
        left_out = (0..m.orders.len()).filter(|i| m.orders[*i].block).collect();
        for c in &mut parts {
            c.orders.retain(|i| !left_out.contains(i));
        }
    }
    let base = Hosts::new(&m);
    let own = own_bounds(&m);
    let first = hosts_at_best(&m, &base, &own);
    let mut upper = first.clone();
    let mut done: Vec<Option<(Solved, Whole)>> = vec![None; parts.len()];
    let mut home = vec![0; m.orders.len()];
    for (n, c) in parts.iter().enumerate() {
        for i in &c.orders {
            home[*i] = n;
        }
    }
    let (mut hint, mut boosted) = (Packing::new(), BTreeSet::new());
    let (mut placement_cuts, mut bound, mut exact) = (0_u32, None, true);
    let most = 64 + 8 * m.orders.len() as u32;
    loop {
        for (n, c) in parts.iter().enumerate() {
            if done[n].is_none() {
                let proposal = proposer.propose(&Proposal {
                    market: &m,
                    component: c,
                    upper: &upper,
                });
                let mut part = c.clone();
                let mut given_up = BTreeSet::new();
                let mut solved = loop {
                    let search = Search {
                        m: &m,
                        c: &part,
                        upper: &upper,
                        mode,
                        limits,
                        proposal: proposal.clone(),
                    };
                    match search.run() {
                        Some(s) => break s,
                        None if part.orders.is_empty() => {
                            return Err(ClearFault::NoAllocation(
                                m.products[c.products[0]].to_string(),
                            ));
                        }
                        None => {
                            let gone = starved(&m, &part, &upper);
                            part.orders.retain(|i| !gone.contains(i));
                            given_up.extend(gone);
                        }
                    }
                };
                if !given_up.is_empty() {
                    solved.exact = false;
                    solved.dropped.extend(given_up);
                }
                let whole = round(&m, c, &solved, &upper);
                done[n] = Some((solved, whole));
            }
        }
        let solved: Vec<&(Solved, Whole)> = done.iter().flatten().collect();
        bound.get_or_insert_with(|| solved.iter().fold(Rat::ZERO, |t, s| &t + &s.0.bound));
        let awards: BTreeMap<usize, Filled> =
            solved.iter().flat_map(|s| s.1.orders.clone()).collect();
        let mut hosts = base.clone();
        for (i, f) in &awards {
            hosts.lend(*i, f.alternative, &f.quantities);
        }
        match hosts.pack(&awards, &hint, &boosted) {
            Err(cut) => {
                placement_cuts += 1;
                let u = &mut upper[cut.order][cut.alternative];
                *u = if cut.upper < awards[&cut.order].fill && placement_cuts < most {
                    cut.upper
                } else {
                    Rat::ZERO
                };
                hint.clear();
                done[home[cut.order]] = None;
            }
            Ok(packing) => {
                let again = if placement_cuts < most {
                    restore(&m, &hosts, &packing, &awards, &parts, &done, &upper, &first)
                } else {
                    Vec::new()
                };
                if placement_cuts >= most {
                    exact = false;
                }
                if again.is_empty() {
                    let components = parts
                        .into_iter()
                        .zip(done)
                        .filter_map(|(c, d)| d.map(|(s, w)| (c, s, w)))
                        .collect();
                    let bound = bound.unwrap_or_default();
                    let cleared = Cleared {
                        m: &m,
                        components,
                        awards,
                        packing,
                        own,
                        upper,
                        left_out,
                        bound,
                        placement_cuts,
                        exact,
                    };
                    return Ok(explain::outcome(&cleared, book, mode));
                }
                for (i, a, u) in again {
                    placement_cuts += 1;
                    upper[i][a] = u;
                    boosted.insert(i);
                    done[home[i]] = None;
                }
                hint = packing;
            }
        }
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
            && m.orders[*i]
                .alternatives
                .iter()
                .flat_map(|a| &a.quantities)
                .any(|(k, _)| missing.contains(k))
    };
    let gone: BTreeSet<usize> = c.orders.iter().copied().filter(uses).collect();
    if gone.is_empty() {
        c.orders.iter().copied().collect()
    } else {
        gone
    }
}

/// What an order's own row allows in whole replicas, where the row is its alone: the part of a
/// replica that the row would leave is no one's.
fn own_bounds(m: &Market) -> Vec<Vec<Rat>> {
    let mut own: Vec<Vec<Rat>> = m
        .orders
        .iter()
        .map(|o| vec![Rat::ONE; o.alternatives.len()])
        .collect();
    for r in &m.rows {
        let i = r.terms[0].0;
        let Some(n) = m.orders[i]
            .replicas
            .filter(|_| r.terms.iter().all(|t| t.0 == i))
        else {
            continue;
        };
        for (_, a, v) in r.terms.iter().filter(|t| t.2.is_pos()) {
            let whole = (&r.limit.div(v) * &Rat::int(n)).floor();
            own[i][*a] = own[i][*a].clone().min(Rat::ratio(whole, n));
        }
    }
    own
}

/// What could be hosted if everything lent were free and nobody else came.
fn hosts_at_best(m: &Market, base: &Hosts, own: &[Vec<Rat>]) -> Vec<Vec<Rat>> {
    let mut best = base.clone();
    for (i, o) in m.orders.iter().enumerate() {
        for (a, alt) in o.alternatives.iter().enumerate() {
            let all: Vec<i128> = alt.quantities.iter().map(|q| q.1).collect();
            best.lend(i, a, &all);
        }
    }
    m.orders
        .iter()
        .enumerate()
        .map(|(i, o)| {
            (0..o.alternatives.len())
                .map(|a| {
                    if o.bid {
                        best.reach(i, a, 0).min(own[i][a].clone())
                    } else {
                        own[i][a].clone()
                    }
                })
                .collect()
        })
        .collect()
}

/// Orders that were cut although the placement now has room for more of them.
#[allow(clippy::too_many_arguments)]
fn restore(
    m: &Market,
    hosts: &Hosts,
    packing: &Packing,
    awards: &BTreeMap<usize, Filled>,
    parts: &[Component],
    done: &[Option<(Solved, Whole)>],
    upper: &[Vec<Rat>],
    first: &[Vec<Rat>],
) -> Vec<(usize, usize, Rat)> {
    let mut price: BTreeMap<usize, &Rat> = BTreeMap::new();
    for (c, d) in parts.iter().zip(done) {
        if let Some((s, _)) = d {
            price.extend(c.products.iter().copied().zip(&s.low));
        }
    }
    let mut out = Vec::new();
    for (i, o) in m.orders.iter().enumerate().filter(|(_, o)| o.bid) {
        for (a, alt) in o.alternatives.iter().enumerate() {
            let award = awards.get(&i);
            if upper[i][a] >= first[i][a] || award.is_some_and(|f| f.alternative != a) {
                continue;
            }
            let cost = alt.quantities.iter().fold(Rat::ZERO, |t, (k, q)| {
                price
                    .get(k)
                    .map_or(t.clone(), |p| &t + &(*p * &Rat::int(*q)))
            });
            if cost > Rat::int(alt.value) {
                continue;
            }
            let placed = match (award, o.replicas) {
                (Some(f), Some(n)) => f.quantities[0] * n / alt.quantities[0].1,
                _ => 0,
            };
            let reach = match award.filter(|_| o.replicas.is_none()) {
                // an order that may shrink could grow where it lies, or move
                Some(f) => {
                    let mut lifted = hosts.clone();
                    lifted.lift(i, f, packing);
                    lifted.reach(i, a, 0)
                }
                None => hosts.reach(i, a, placed),
            }
            .min(first[i][a].clone());
            if reach > upper[i][a] && reach >= o.least && (o.replicas.is_some() || !reach.is_zero())
            {
                out.push((i, a, reach));
                return out;
            }
        }
    }
    out
}

/// What a proposer sees: a component by numbers.
pub struct Proposal<'a> {
    pub market: &'a Market<'a>,
    pub component: &'a Component,
    pub upper: &'a [Vec<Rat>],
}
