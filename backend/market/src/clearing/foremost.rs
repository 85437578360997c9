//! Who is given a node first, where nodes are too few.
//!
//! Nodes are given out by value per dominant share, the best first, and who then finds none is cut. That is a guess: a large
//! bid may go before two that are worth more together. So in small books whoever was cut goes before everybody, one after
//! the other, and where that is better it stays so. The welfare rises every time, so this ends.
//!
//! Absent on purpose: rounds of a market, which have no time for it, and the best of all orders of precedence, of which
//! there are too many.
use super::book::{Book, Side};
use super::outcome::{Outcome, Quality, Reason};
use std::collections::BTreeSet;

/// How often a book is cleared for it, and how many orders times that.
const TRIES: usize = 64;
const WORK: usize = 4_000;

/// The outcome, or a better one. `sorted` is the book as its orders are numbered; `cleared` is what the book comes to with
/// these before everybody, where that is better than the outcome.
pub fn improve(
    sorted: &Book,
    mut best: Outcome,
    cleared: impl Fn(&Outcome, &BTreeSet<usize>) -> Option<Outcome>,
) -> Outcome {
    let mut tries = TRIES.min(WORK / sorted.orders.len().max(1));
    let mut leading = BTreeSet::new();
    'better: while best.quality == Quality::Fallback {
        for i in homeless(sorted, &best) {
            if leading.contains(&i) {
                continue;
            }
            if tries == 0 {
                break 'better;
            }
            tries -= 1;
            let mut with = leading.clone();
            with.insert(i);
            if let Some(better) = cleared(&best, &with) {
                (best, leading) = (better, with);
                continue 'better;
            }
        }
        break;
    }
    best
}

/// The bids that have less than they could for want of a host, by what they bid.
fn homeless(sorted: &Book, outcome: &Outcome) -> Vec<usize> {
    let none = Some(Reason::NoHostFits);
    let refused = outcome.refused.iter().filter(|r| Some(r.reason) == none).map(|r| r.order.as_str());
    let cut = outcome.awards.iter().filter(|a| a.limited_by == none).map(|a| a.order.as_str());
    let ids: BTreeSet<&str> = refused.chain(cut).collect();
    let mut found: Vec<usize> = (0..sorted.orders.len())
        .filter(|i| sorted.orders[*i].side == Side::Bid && ids.contains(sorted.orders[*i].id.as_str()))
        .collect();
    found.sort_by_key(|i| std::cmp::Reverse(sorted.orders[*i].limit));
    found
}
