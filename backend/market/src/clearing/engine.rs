//! `clear`: one round, checked before it leaves.
//!
//! Where a bid was cut that may lie on several nodes, nodes are searched for such bids (`pin`).
//!
//! An outcome that does not pass the independent checker never leaves. Mostly whole replicas leave a
//! product with more than prices allow; then the round is cleared without one of the blocks that buy it,
//! which are owed nothing and bring another order to the margin. Else it is cleared without each of the
//! orders that the broken rule names, and the best of that is kept: which one goes is a matter of what is
//! left, not of names. Either is `SOLVER_FALLBACK`, quality `fallback`, and is done a bounded number of
//! times; then the round is cleared without all blocks; last of all nobody trades. Who comes into question
//! each time says `leave_out`.
use super::attempt::{Attempt, Past, Run};
use super::book::{Book, Side};
use super::check::{self, Broken};
use super::fault::ClearFault;
use super::leave_out::{least_value, offenders, together, yielding};
use super::outcome::{Mode, Outcome, Quality, Reason};
use super::pin::Round;
use super::place::Leading;
use super::problem::Market;
use super::{Limits, Proposer, budget_reason, foremost, unsold, whole_welfare};
use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// How often one order is left out before all that are named are, and how often that is done.
const ONE_BY_ONE: usize = 8;
const ALL_NAMED: usize = 4;

/// Of how many named orders, those of least value, one is chosen to be left out, and for how many orders
/// times those that are named the round is cleared to choose; beyond that the first is left out.
const CHOICES: usize = 8;
const CHOICE_WORK: usize = 20_000;

/// How many sets of offers are left out in turn for bids without a host.
const UNSOLD: usize = 12;

/// How much work may go into who is given a node first: so many times what all before has worked, or so much at least.
const FOREMOST: u64 = 3;
const FOREMOST_WORK: u64 = 10_000;

/// How many blocks are tried so in a round, and how many orders times blocks in large ones.
const BLOCKS: usize = 32;
const BLOCK_WORK: usize = 100_000;

/// Clears one round. The outcome passes `verify`.
pub fn clear(book: &Book, mode: Mode, proposer: &dyn Proposer, limits: &Limits) -> Result<Outcome, ClearFault> {
    let faults = book.validate();
    if !faults.is_empty() {
        return Err(ClearFault::Refused(faults));
    }
    let work = Cell::new(0);
    let once = |limits: &Limits, leading: &Leading, without: &BTreeSet<usize>| {
        clear_once(book, mode, proposer, limits, Given { leading, without, work: &work })
    };
    let (nobody, mut without) = (Leading::new(), BTreeSet::new());
    let mut best = once(limits, &nobody, &without)?;
    // rounds of a market have no time for another try
    let others =
        if mode == Mode::Welfare || limits.whole_replicas { Vec::new() } else { other_ways(book, &best, limits) };
    let mut way = limits.clone();
    let better = |best: &Outcome, outcome: Outcome| {
        let better = outcome.welfare.0 > best.welfare.0 && check::broken(book, &outcome, mode).is_empty();
        better.then_some(outcome)
    };
    for other in others {
        if let Some(outcome) = once(&other, &nobody, &without).ok().and_then(|o| better(&best, o)) {
            (best, way) = (outcome, other);
        }
    }
    let sorted = book.sorted();
    // a book's outcome that keeps the rules stands; a market has to trade
    let most = work.get().saturating_mul(FOREMOST).max(FOREMOST_WORK);
    // a round that has cost a good part of what it may is not cleared again
    let is_cheap = work.get() <= limits.work / 4;
    let mut left = if limits.whole_replicas && mode == Mode::Market && is_cheap { UNSOLD } else { 0 };
    'more: while best.quality == Quality::Fallback {
        for unsold in unsold::on_other_nodes(&sorted, &best) {
            if left == 0 || work.get() > most.min(limits.work) {
                break 'more;
            }
            left -= 1;
            let out: BTreeSet<usize> = without.union(&unsold).copied().collect();
            let outcome = once(&way, &nobody, &out).ok().filter(|o| unsold::is_worth_it(&sorted, &best, o));
            if let Some(outcome) = outcome.and_then(|o| better(&best, o)) {
                (best, without) = (outcome, out);
                continue 'more;
            }
        }
        break;
    }
    if !limits.whole_replicas {
        let most = work.get().saturating_mul(FOREMOST).max(FOREMOST_WORK);
        best = foremost::improve(&sorted, best, |best, leading| {
            if work.get() > most {
                return None;
            }
            let outcome = once(&way, leading, &without).ok().filter(|o| given_up(o) <= given_up(best));
            outcome.and_then(|outcome| better(best, outcome))
        });
    }
    budget_reason::tell(&sorted, &mut best, mode, limits.lending());
    whole_welfare::settle(&sorted, &mut best, limits.lending());
    Ok(best)
}

/// How many orders it gives up.
fn given_up(outcome: &Outcome) -> usize {
    outcome.refused.iter().filter(|r| r.reason == Reason::SolverFallback).count()
}

/// What a book is cleared by once more where orders were given up or have no host: where lending a whole replica for a
/// part is more than prices allow, nobody lends parts; where integers do not give everybody all along arcs, somebody has a
/// unit or two less; and who is cut for want of a host may bring others on.
fn other_ways(book: &Book, outcome: &Outcome, limits: &Limits) -> Vec<Limits> {
    let refused = |reason: Reason| outcome.refused.iter().any(|r| r.reason == reason);
    let in_replicas = |side: Side| book.orders.iter().any(|o| o.side == side && o.replicas.is_some());
    let mut ways = Vec::new();
    if refused(Reason::SolverFallback) && (in_replicas(Side::Offer) || in_replicas(Side::Bid)) {
        ways.push(Limits { whole_replicas: true, ..limits.clone() });
    }
    if refused(Reason::SolverFallback) && !book.arcs.is_empty() {
        ways.push(Limits { cut_units: true, ..limits.clone() });
    }
    if outcome.quality == Quality::Fallback && in_replicas(Side::Bid) && book.orders.iter().any(|o| o.node.is_some()) {
        ways.push(Limits { bound_first: true, ..limits.clone() });
    }
    ways
}

fn clear_once(
    book: &Book,
    mode: Mode,
    proposer: &dyn Proposer,
    limits: &Limits,
    given: Given<'_>,
) -> Result<Outcome, ClearFault> {
    let sorted = book.sorted();
    let m = Market::new(&sorted);
    let orders = m.orders.len();
    let blocks = (0..orders).filter(|i| limits.without_blocks && m.orders[*i].block);
    let parts_at_collars = Limits { parts_at_collars: true, ..limits.clone() };
    let clearing = Clearing {
        parts_at_collars: &parts_at_collars,
        round: Round { book, sorted: &sorted, m: &m, mode, limits },
        proposer,
        given,
        out: blocks.chain(given.without.iter().copied()).collect(),
        past: Past::default(),
        blocks_left: BLOCKS.min(BLOCK_WORK / orders.max(1)),
        choices_left: CHOICE_WORK / orders.max(1),
    };
    clearing.run()
}

/// What a book is cleared with.
#[derive(Clone, Copy)]
struct Given<'a> {
    /// Who is given a node before everybody (`foremost`).
    leading: &'a Leading,
    /// Who has no part (`unsold`).
    without: &'a BTreeSet<usize>,
    /// What clearings of the book have worked together (`Attempt::work`).
    work: &'a Cell<u64>,
}

/// The round without some orders, and the rules that its outcome breaks.
struct Tried<'a> {
    run: Run<'a>,
    broken: Vec<Broken>,
}

/// A round that is cleared again and again until its outcome breaks no rule.
struct Clearing<'a> {
    round: Round<'a>,
    proposer: &'a dyn Proposer,
    given: Given<'a>,
    /// Who has no part in the round.
    out: BTreeSet<usize>,
    /// The limits with which it is cleared once more where whole replicas at a collar break a rule.
    parts_at_collars: &'a Limits,
    past: Past,
    blocks_left: usize,
    choices_left: usize,
}

impl<'a> Clearing<'a> {
    fn run(mut self) -> Result<Outcome, ClearFault> {
        // what was cleared to choose who is left out is where the next turn begins
        let mut chosen: Option<Tried<'_>> = None;
        let mut fewest: Option<(usize, BTreeSet<usize>)> = None;
        for turn in 0..ONE_BY_ONE + ALL_NAMED {
            let Ok(tried) = chosen.take().map_or_else(|| self.without(&self.out), Ok) else {
                break;
            };
            self.past = tried.run.end.past.clone();
            let exhausted = tried.run.end.is_exhausted();
            if turn == 0
                && !exhausted
                && let Some(better) = self.on_other_nodes(&tried)
            {
                return Ok(better);
            }
            if turn == 0
                && let Some(rounded) = self.with_parts(&tried)
            {
                return Ok(self.with_those_back(rounded));
            }
            let tried = if exhausted { tried } else { self.without_blocks(tried) };
            if tried.broken.is_empty() {
                return Ok(self.with_those_back(tried));
            }
            let mut named = offenders(self.round.m, &tried.run, &tried.broken);
            named.retain(|i| !self.out.contains(i));
            // a turn that had nothing left to work with breaks more than the one before: that one is gone on from, once
            if let Some((_, out)) = fewest.take_if(|(broken, _)| exhausted && *broken < tried.broken.len()) {
                self.out = out;
                self.past.start_anew();
                continue;
            }
            if turn == 0 && !exhausted {
                fewest = Some((tried.broken.len(), self.out.union(&named).copied().collect::<BTreeSet<usize>>()));
            }
            if named.is_empty() {
                break;
            }
            if turn >= ONE_BY_ONE || exhausted {
                self.out.extend(named);
            } else {
                // whoever was rounded to nothing may be why, and then says nothing of it
                named.extend(tried.run.end.rounded_away().into_iter().filter(|i| !self.out.contains(i)));
                chosen = self.without_one_of(&named);
            }
        }
        self.last_resort()
    }

    /// The round without these.
    fn without(&self, out: &BTreeSet<usize>) -> Result<Tried<'a>, ClearFault> {
        let Round { book, sorted, m, mode, limits } = self.round;
        let attempt = Attempt::new(m, mode, limits, out, self.past.clone()).led_by(self.given.leading);
        let mut run = attempt.run(self.proposer, book)?;
        let worked = run.end.past.work.saturating_sub(self.past.work);
        self.given.work.set(self.given.work.get().saturating_add(worked));
        let mut broken = check::faults(sorted, &run.outcome, mode, limits.lending());
        if broken.iter().any(|b| b.rule == "WELFARE") {
            whole_welfare::settle(sorted, &mut run.outcome, limits.lending());
            broken = check::faults(sorted, &run.outcome, mode, limits.lending());
            // what a collar rations is worth more than it costs, so units that are lost on the way are missed
            if broken.iter().all(|b| b.rule == "GAP") && !broken.is_empty() {
                whole_welfare::not_optimal(&mut run.outcome);
                broken = check::faults(sorted, &run.outcome, mode, limits.lending());
            }
        }
        Ok(Tried { run, broken })
    }

    /// The whole round with shares of replicas at collars that are rounded, where that breaks nothing.
    fn with_parts(&mut self, tried: &Tried<'a>) -> Option<Tried<'a>> {
        let in_replicas = |i: &usize| self.round.m.orders[*i].bid && self.round.m.orders[*i].replicas.is_some();
        let concerned = tried.run.end.is_rationed() && (0..self.round.m.orders.len()).any(|i| in_replicas(&i));
        if tried.broken.is_empty() || self.round.limits.whole_replicas || !concerned {
            return None;
        }
        let (limits, past) = (self.round.limits, std::mem::take(&mut self.past));
        self.round.limits = self.parts_at_collars;
        let rounded = self.without(&self.out).ok().filter(|rounded| rounded.broken.is_empty());
        if rounded.is_none() {
            (self.round.limits, self.past) = (limits, past);
        }
        rounded
    }

    /// The round without one more, whose work counts whatever becomes of it.
    fn without_one_more(&mut self, order: usize) -> Option<(BTreeSet<usize>, Tried<'a>)> {
        let mut out = self.out.clone();
        out.insert(order);
        let tried = self.without(&out).ok()?;
        self.past.work = tried.run.end.past.work;
        Some((out, tried))
    }

    /// Nodes for bids that were cut though they may lie on several, where that may be better.
    fn on_other_nodes(&self, tried: &Tried<'a>) -> Option<Outcome> {
        let (run, passes) = (&tried.run, tried.broken.is_empty());
        if run.end.stuck.is_empty() || (run.welfare >= run.bound && passes) {
            return None;
        }
        self.round.improve(run, passes, self.proposer).ok().flatten()
    }

    /// The round without a block at a time, as long as less is broken for it.
    fn without_blocks(&mut self, mut tried: Tried<'a>) -> Tried<'a> {
        'fewer: while !tried.broken.is_empty() {
            for block in yielding(self.round.m, &tried.run.outcome, &tried.broken) {
                // a round that has had its share of work ends soon
                if self.blocks_left == 0 || self.past.work > self.round.limits.work {
                    return tried;
                }
                self.blocks_left -= 1;
                let Some((out, next)) = self.without_one_more(block) else { continue };
                if next.broken.len() < tried.broken.len() {
                    (self.out, self.past) = (out, next.run.end.past.clone());
                    tried = next;
                    continue 'fewer;
                }
            }
            break;
        }
        tried
    }

    /// Leaves out the one of the named without whom the round is best, and says what it was then;
    /// nothing where it was not tried.
    fn without_one_of(&mut self, named: &BTreeSet<usize>) -> Option<Tried<'a>> {
        let m = self.round.m;
        let mut named: Vec<usize> = named.iter().copied().collect();
        named.sort_by_key(|i| (least_value(m, *i), m.orders[*i].lot));
        let mut best: Option<(usize, Tried<'_>)> = None;
        for i in named.iter().take(CHOICES).copied() {
            if named.len() == 1 || self.choices_left == 0 || self.past.work > self.round.limits.work {
                break;
            }
            self.choices_left -= 1;
            let Some((_, tried)) = self.without_one_more(i) else { continue };
            let better = best
                .as_ref()
                .is_none_or(|(_, b)| (tried.broken.len(), &b.run.welfare) < (b.broken.len(), &tried.run.welfare));
            if better {
                best = Some((i, tried));
            }
        }
        let Some((gone, mut tried)) = best else {
            self.out.extend(named.first());
            return None;
        };
        self.out.insert(gone);
        tried.run.end.past.work = self.past.work;
        Some(tried)
    }

    /// The round without the blocks, then without anybody, where something is broken; then the same everywhere.
    fn last_resort(mut self) -> Result<Outcome, ClearFault> {
        let m = self.round.m;
        let all: BTreeSet<usize> = (0..m.orders.len()).collect();
        for everywhere in [false, true] {
            for everybody in [false, true] {
                let near = match self.without(&self.out).map(|tried| self.under_its_bound(tried)) {
                    Ok(tried) if tried.broken.is_empty() => return Ok(self.with_those_back(tried)),
                    Ok(Tried { run, broken }) if !everywhere => together(m, &offenders(m, &run, &broken)),
                    _ => all.clone(),
                };
                self.out.extend(near.into_iter().filter(|i| everybody || m.orders[*i].block));
            }
        }
        self.out = all;
        let nobody = self.without(&self.out)?;
        Ok(self.with_those_back(nobody))
    }

    /// With a bound that holds all that those who are given up could have, where nothing else is broken: it was found
    /// without them.
    fn under_its_bound(&self, mut tried: Tried<'a>) -> Tried<'a> {
        let Round { sorted, m, mode, limits, .. } = self.round;
        if !tried.broken.is_empty() && tried.broken.iter().all(|b| b.rule == "I7") {
            let given_up = tried.run.outcome.refused.iter().filter(|r| r.reason == Reason::SolverFallback);
            let ids: BTreeSet<&str> = given_up.map(|r| r.order.as_str()).collect();
            let bids = (0..m.orders.len()).filter(|i| m.orders[*i].bid && ids.contains(m.id(*i)));
            let worth = bids.filter_map(|i| m.orders[i].alternatives.iter().map(|a| a.value).max()).sum();
            whole_welfare::widen(&mut tried.run.outcome, worth);
            tried.broken = check::faults(sorted, &tried.run.outcome, mode, limits.lending());
        }
        tried
    }

    /// The outcome with whoever was left out in vain, those of most value first: who is named by a broken rule is not
    /// always who breaks it, and after the last resort many may trade again.
    fn with_those_back(mut self, mut tried: Tried<'a>) -> Outcome {
        let m = self.round.m;
        let mut gone: Vec<usize> = self.out.iter().copied().collect();
        if self.round.limits.without_blocks {
            gone.retain(|i| !m.orders[*i].block);
        }
        // the one that was left out alone is known to break something
        if gone.len() > 1 {
            gone.sort_by_key(|i| (Reverse(least_value(m, *i)), m.orders[*i].lot));
            for i in gone {
                if self.choices_left == 0 || self.past.work > self.round.limits.work {
                    break;
                }
                self.choices_left -= 1;
                let mut out = self.out.clone();
                out.remove(&i);
                let Ok(next) = self.without(&out) else { continue };
                self.past.work = next.run.end.past.work;
                if next.broken.is_empty() && next.run.welfare >= tried.run.welfare {
                    (self.out, tried) = (out, next);
                }
            }
        }
        tried.run.outcome
    }
}
