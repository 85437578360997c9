//! I20: a constant book does not swing. What wins keeps its place as an incumbent, round after round.
use crate::support::anything::anything;
use headroom_market::clearing::book::{Book, Side};
use headroom_market::clearing::outcome::Reason;
use headroom_market::clearing::{Limits, Mode, NoProposal, clear, verify};
use std::collections::{BTreeMap, BTreeSet};

const ROUNDS: usize = 100;

type Allocation = BTreeMap<String, Vec<(usize, Vec<i64>)>>;

/// Each round's awards, where the winners of a round are the incumbents of the next, in place. `None` where a
/// search gives an order up: what it tries first then decides.
fn rounds(book: &Book, keeps: impl Fn(usize) -> bool) -> Option<Vec<Allocation>> {
    let mut book = book.clone();
    let homes: BTreeMap<String, Option<String>> = book.orders.iter().map(|o| (o.id.clone(), o.node.clone())).collect();
    (0..ROUNDS)
        .map(|round| {
            let outcome = clear(&book, Mode::Market, &NoProposal, &Limits::PRODUCTION).expect("it can be cleared");
            let outcome = verify(&book, outcome, Mode::Market).expect("it is verified").into_inner();
            if outcome.refused.iter().any(|r| r.reason == Reason::SolverFallback) {
                return None;
            }
            let mut allocation = Allocation::new();
            for a in &outcome.awards {
                let quantities = a.quantities.iter().map(|q| q.quantity).collect();
                allocation.entry(a.order.clone()).or_default().push((a.alternative, quantities));
            }
            // the seed differs from round to round, as in a market
            book.seed = book.seed.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(round as u64) % 1_000_003;
            for o in &mut book.orders {
                o.incumbent = keeps(round) && o.side == Side::Bid && allocation.contains_key(&o.id);
                let lies_on = outcome.placements.iter().find(|p| p.order == o.id && o.replicas.is_none());
                o.node = lies_on.filter(|_| o.incumbent).map(|p| p.node.clone()).or_else(|| homes[&o.id].clone());
            }
            Some(allocation)
        })
        .collect()
}

/// Rounds in which somebody has again what was taken from it: A→B→A.
fn swings(rounds: &[Allocation]) -> usize {
    let mut count = 0;
    let orders: BTreeSet<&String> = rounds.iter().flat_map(BTreeMap::keys).collect();
    for order in orders {
        let mut seen: Vec<Option<&Vec<_>>> = Vec::new();
        for allocation in rounds {
            let now = allocation.get(order);
            if seen.last() != Some(&now) {
                count += usize::from(seen.contains(&now));
                seen.push(now);
            }
        }
    }
    count
}

#[test]
fn i20_no_order_swings_on_a_constant_book_over_a_hundred_rounds() {
    let (mut changes, mut mutant, mut given_up) = (0, 0, 0);
    for seed in 0..super::count(600) / 5 {
        let book = anything(seed * 5 + 1);
        let Some(kept) = rounds(&book, |_| true) else {
            given_up += 1;
            continue;
        };
        // the first round knows no incumbents
        assert_eq!(swings(&kept[1..]), 0, "seed {seed}");
        changes += kept.windows(2).filter(|w| w[0] != w[1]).count();
        // a market that forgets its incumbents in every second round swings
        mutant += usize::from(rounds(&book, |round| round % 2 == 0).is_some_and(|r| swings(&r[1..]) > 0));
    }
    println!(
        "I20: {changes} changes in all after a round, {mutant} books swing where incumbents are forgotten, {given_up} give an order up"
    );
    assert!(mutant > 0 && given_up * 100 <= super::count(600));
}
