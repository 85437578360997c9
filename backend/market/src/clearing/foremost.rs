//! Who is given a node first, where nodes are too few.
//!
//! Nodes are given out by value per dominant share, the best first, and who then finds none is cut. That is a guess: a large
//! bid may go before two that are worth more together. So in small books whoever was cut goes before everybody, with a
//! replica more than it has or with all, one after the other and then two at a time, and where that is better it stays so.
//! The welfare rises every time, so this ends.
//!
//! Absent on purpose: rounds of a market, which have no time for it, and the best of all orders of precedence, of which
//! there are too many.
use super::book::{Book, Quantity, Side};
use super::outcome::{Award, Outcome, Quality, Reason};
use super::place::Leading;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// How often a book is cleared for it, and how many orders times that.
const TRIES: usize = 128;
const WORK: usize = 8_000;

/// The outcome, or a better one. `sorted` is the book as its orders are numbered; `cleared` is what the book comes to with
/// these before everybody, where that is better than the outcome.
pub fn improve(sorted: &Book, mut best: Outcome, cleared: impl Fn(&Outcome, &Leading) -> Option<Outcome>) -> Outcome {
    let mut tries = TRIES.min(WORK / sorted.orders.len().max(1));
    let mut leading = Leading::new();
    'better: while best.quality == Quality::Fallback && tries > 0 {
        let mut one = homeless(sorted, &best);
        one.retain(|(i, replicas)| leading.get(i) != Some(replicas));
        let two = (0..one.len()).flat_map(|b| (0..b).map(move |a| (a, b))).filter(|(a, b)| one[*a].0 != one[*b].0);
        let singles = one.iter().map(|at| vec![*at]);
        for others in singles.chain(two.map(|(a, b)| vec![one[a], one[b]])) {
            if tries == 0 {
                break 'better;
            }
            tries -= 1;
            let mut with = leading.clone();
            with.extend(others);
            if let Some(better) = cleared(&best, &with) {
                (best, leading) = (better, with);
                continue 'better;
            }
        }
        break;
    }
    best
}

/// The bids that have less than they could for want of a host, by what they bid, with a replica more than they have and with
/// all.
fn homeless(sorted: &Book, outcome: &Outcome) -> Vec<(usize, i128)> {
    let awards: BTreeMap<&str, &Award> = outcome.awards.iter().map(|a| (a.order.as_str(), a)).collect();
    let homeless = |reason: Option<Reason>| reason == Some(Reason::NoHostFits);
    let refused: BTreeSet<&str> =
        outcome.refused.iter().filter(|r| homeless(Some(r.reason))).map(|r| r.order.as_str()).collect();
    let mut found = Vec::new();
    for (i, o) in sorted.orders.iter().enumerate().filter(|(_, o)| o.side == Side::Bid) {
        let award = awards.get(o.id.as_str());
        if !award.map_or(refused.contains(o.id.as_str()), |a| homeless(a.limited_by)) {
            continue;
        }
        let all = i128::from(o.replicas.unwrap_or(1));
        let had = award.map_or(0, |a| {
            let asked = &o.alternatives[a.alternative].quantities;
            let replicas = |won: &Quantity| {
                let asked = asked.iter().find(|q| q.product == won.product)?;
                Some(i128::from(won.quantity) * all / i128::from(asked.quantity.max(1)))
            };
            a.quantities.iter().filter_map(replicas).min().unwrap_or(0)
        });
        found.push((i, (had + 1).min(all)));
        if had + 1 < all {
            found.push((i, all));
        }
    }
    found.sort_by_key(|(i, _)| Reverse(sorted.orders[*i].limit));
    found
}
