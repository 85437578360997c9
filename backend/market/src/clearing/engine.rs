//! `clear`: one round, checked before it leaves.
//!
//! Where a bid was cut that may lie on several nodes, nodes are searched for such bids (`pin`).
//!
//! An outcome that does not pass the independent checker never leaves. Mostly whole replicas leave a
//! product with more than prices allow; then the round is cleared without one of the blocks that buy it,
//! which are owed nothing and bring another order to the margin. Else it is cleared without each of the
//! orders that the broken rule names, and the best of that is kept: which one goes is a matter of what is
//! left, not of names. Either is `SOLVER_FALLBACK`, quality `fallback`, and is done a bounded number of
//! times; then the round is cleared without all blocks; last of all nobody trades.
use super::attempt::{Attempt, Past, Run};
use super::book::{Book, Fault};
use super::check::{self, Broken};
use super::outcome::{Mode, Outcome};
use super::pin::Round;
use super::problem::{Component, Market};
use super::rational::Rat;
use super::{Limits, Proposer};
use std::collections::BTreeSet;

/// How often one order is left out before all that are named are, and how often that is done.
const ONE_BY_ONE: usize = 8;
const ALL_NAMED: usize = 4;

/// Of how many named orders, those of least value, one is chosen to be left out, and for how many orders
/// times those that are named the round is cleared to choose; beyond that the first is left out.
const CHOICES: usize = 8;
const CHOICE_WORK: usize = 20_000;

/// How many blocks are tried so in a round, and how many orders times blocks in large ones.
const BLOCKS: usize = 32;
const BLOCK_WORK: usize = 100_000;

/// Why a book was not cleared.
#[derive(Debug, thiserror::Error)]
pub enum ClearFault {
    #[error("the book is refused: {} faults, the first at `{}`", .0.len(), .0.first().map_or("", |f| f.pointer.as_str()))]
    Refused(Vec<Fault>),
    #[error("no allocation of the component of {0} was found that prices support")]
    NoAllocation(String),
}

/// Clears one round. The outcome passes `verify`.
pub fn clear(book: &Book, mode: Mode, proposer: &dyn Proposer, limits: &Limits) -> Result<Outcome, ClearFault> {
    let faults = book.validate();
    if !faults.is_empty() {
        return Err(ClearFault::Refused(faults));
    }
    let sorted = book.sorted();
    let m = Market::new(&sorted);
    let blocks = || (0..m.orders.len()).filter(|i| m.orders[*i].block);
    let mut out: BTreeSet<usize> = BTreeSet::new();
    if limits.without_blocks {
        out.extend(blocks());
    }
    let mut past = Past::default();
    let run = |out: &BTreeSet<usize>, past: &Past| -> Result<(Run<'_>, Vec<Broken>), ClearFault> {
        let attempt = Attempt::new(&m, mode, limits, out, past.clone());
        let run = attempt.run(proposer, book)?;
        let broken = check::faults(&sorted, &run.outcome, mode, limits.lending());
        Ok((run, broken))
    };
    let mut blocks_left = BLOCKS.min(BLOCK_WORK / m.orders.len().max(1));
    let mut choices_left = CHOICE_WORK / m.orders.len().max(1);
    // what was cleared to choose who is left out is where the next turn begins
    let mut chosen: Option<(Run<'_>, Vec<Broken>)> = None;
    for turn in 0..ONE_BY_ONE + ALL_NAMED {
        let Ok((mut plain, mut broken)) = chosen.take().map_or_else(|| run(&out, &past), Ok) else {
            break;
        };
        past = plain.end.past.clone();
        let exhausted = plain.end.is_exhausted();
        if turn == 0 && !exhausted && !plain.end.stuck.is_empty() && (plain.welfare < plain.bound || !broken.is_empty())
        {
            let round = Round { book, sorted: &sorted, m: &m, mode, limits };
            if let Ok(Some(better)) = round.improve(&plain, broken.is_empty(), proposer) {
                return Ok(better);
            }
        }
        // a block at a time, as long as less is broken for it
        'fewer: while !broken.is_empty() && !exhausted {
            for block in yielding(&m, &plain.outcome, &broken) {
                // a round that has had its share of work ends soon
                if blocks_left == 0 || past.work > limits.work {
                    break 'fewer;
                }
                blocks_left -= 1;
                let mut with = out.clone();
                with.insert(block);
                let Ok((tried, left)) = run(&with, &past) else { continue };
                past.work = tried.end.past.work;
                if left.len() < broken.len() {
                    (out, broken, past) = (with, left, tried.end.past.clone());
                    plain = tried;
                    continue 'fewer;
                }
            }
            break;
        }
        if broken.is_empty() {
            return Ok(plain.outcome);
        }
        let mut named = offenders(&m, &plain, &broken);
        named.retain(|i| !out.contains(i));
        if named.is_empty() {
            break;
        }
        if turn >= ONE_BY_ONE || exhausted {
            out.extend(named);
            continue;
        }
        let mut named: Vec<usize> = named.into_iter().collect();
        named.sort_by_key(|i| (least_value(&m, *i), m.orders[*i].lot));
        let mut best: Option<usize> = None;
        for i in named.iter().take(CHOICES).copied() {
            if named.len() == 1 || choices_left == 0 || past.work > limits.work {
                break;
            }
            choices_left -= 1;
            let mut with = out.clone();
            with.insert(i);
            let Ok((tried, left)) = run(&with, &past) else { continue };
            past.work = tried.end.past.work;
            let better = chosen.as_ref().is_none_or(|(r, b)| (left.len(), &r.welfare) < (b.len(), &tried.welfare));
            if better {
                (best, chosen) = (Some(i), Some((tried, left)));
            }
        }
        if let Some((run, _)) = &mut chosen {
            run.end.past.work = past.work;
        }
        out.extend(best.or(named.first().copied()));
    }
    // without the blocks, then without anybody, where something is broken; then so everywhere
    for everybody in [false, true] {
        for everywhere in [false, true] {
            let near = match run(&out, &past) {
                Ok((last, broken)) if broken.is_empty() => return Ok(last.outcome),
                Ok((last, broken)) if !everywhere => together(&m, &offenders(&m, &last, &broken)),
                _ => (0..m.orders.len()).collect(),
            };
            let gone = |i: &usize| (everybody || m.orders[*i].block) && near.contains(i);
            out.extend((0..m.orders.len()).filter(gone));
        }
    }
    let nobody = run(&(0..m.orders.len()).collect(), &past)?;
    Ok(nobody.0.outcome)
}

/// All orders of the components that these are in.
fn together(m: &Market, orders: &BTreeSet<usize>) -> BTreeSet<usize> {
    let parts = m.components().into_iter().filter(|c| c.orders.iter().any(|i| orders.contains(i)));
    parts.flat_map(|c| c.orders).collect()
}

/// What an order offers or asks for the alternative that is worth least.
fn least_value(m: &Market, order: usize) -> i128 {
    m.orders[order].alternatives.iter().map(|a| a.value.abs()).min().unwrap_or(0)
}

/// The accepted blocks that buy what broken rules name, those of least value first.
fn yielding(m: &Market, outcome: &Outcome, broken: &[Broken]) -> Vec<usize> {
    let mut products: BTreeSet<usize> = BTreeSet::new();
    let position = |id: &str| m.book.orders.binary_search_by(|o| o.id.as_str().cmp(id)).ok();
    for b in broken.iter().filter(|b| ["I2", "I6", "I9"].contains(&b.rule)) {
        for (name, value) in &b.numbers {
            match *name {
                "order" => {
                    let concerned = position(value).into_iter().flat_map(|i| &m.orders[i].alternatives);
                    products.extend(concerned.flat_map(|a| &a.quantities).map(|q| q.0));
                }
                "product" => products.extend(m.products.iter().position(|k| k.to_string() == *value)),
                _ => {}
            }
        }
    }
    let won = outcome.awards.iter().filter_map(|a| Some((position(&a.order)?, a.alternative)));
    let buys = |(i, a): &(usize, usize)| {
        let o = &m.orders[*i];
        let alone = o.parent.is_none() && o.children.is_empty();
        o.bid && o.block && alone && o.alternatives[*a].quantities.iter().any(|q| products.contains(&q.0))
    };
    let mut found: Vec<(usize, usize)> = won.filter(buys).collect();
    found.sort_by_key(|(i, a)| (m.orders[*i].alternatives[*a].value, m.orders[*i].lot));
    found.into_iter().map(|(i, _)| i).collect()
}

/// The orders that broken rules name, or that a product or an instance named there concerns. Where nothing is named,
/// as with the welfare, those that were rounded to nothing.
fn offenders(m: &Market, run: &Run, broken: &[Broken]) -> BTreeSet<usize> {
    let mut named = BTreeSet::new();
    let mut concerned = BTreeSet::new();
    let position = |id: &str| m.book.orders.iter().position(|o| o.id == id);
    for (name, value) in broken.iter().flat_map(|b| &b.numbers) {
        match *name {
            "order" => named.extend(position(value)),
            "orders" | "served" => named.extend(value.split(',').filter_map(position)),
            "product" => {
                for (i, o) in m.orders.iter().enumerate() {
                    let uses = o.alternatives.iter().flat_map(|a| &a.quantities);
                    if uses.clone().any(|(k, _)| m.products[*k].to_string() == *value) {
                        concerned.insert(i);
                    }
                }
            }
            "instance" => {
                let mine = |o: &super::book::Order| o.instance.as_deref() == Some(value);
                concerned.extend((0..m.orders.len()).filter(|i| mine(&m.book.orders[*i])));
            }
            _ => {}
        }
    }
    if !named.is_empty() {
        return named;
    }
    let awarded: BTreeSet<usize> = run.outcome.awards.iter().filter_map(|a| position(&a.order)).collect();
    let partly: BTreeSet<usize> = concerned.intersection(&awarded).copied().collect();
    match (partly.is_empty(), concerned.is_empty()) {
        (false, _) => partly,
        (true, false) => concerned,
        (true, true) => Some(run.end.rounded_away()).filter(|gone| !gone.is_empty()).unwrap_or(awarded),
    }
}

/// What a proposer sees: a component by numbers.
pub struct Proposal<'a> {
    pub market: &'a Market<'a>,
    pub component: &'a Component,
    pub upper: &'a [Vec<Rat>],
}
