//! Whether all that is in a book comes to the least of a bid, or to a replica of it, as an upper bound: what the checker says is
//! unreachable is so, and what can come by several ways is counted for each.
use super::super::rational::Rat;
use super::facts::{Facts, OrderFacts};

/// Where more products than this have to be looked at, nobody is told that the reason is wrong.
const STEPS: usize = 1_000;

/// An offer always can: what nobody takes may stay idle. False too where it would take too long to say.
pub fn surely_reached(f: &Facts, i: usize) -> bool {
    let enough = |q: &(usize, i128)| reaches(f, i, q) == Some(true);
    !f.orders[i].bid || f.orders[i].alternatives.iter().any(|alternative| alternative.iter().all(enough))
}

/// Whether of every alternative something doesn't come to that, wherever it comes from.
pub fn surely_short(f: &Facts, i: usize) -> bool {
    let short = |q: &(usize, i128)| reaches(f, i, q) == Some(false);
    f.orders[i].bid && f.orders[i].alternatives.iter().all(|alternative| alternative.iter().any(short))
}

/// Whether what there is of a product comes to the least that an order asks of it; nothing where that would take too long.
fn reaches(f: &Facts, i: usize, (k, q): &(usize, i128)) -> Option<bool> {
    let o = &f.orders[i];
    let least = o.replicas.map_or(Rat::ZERO, |n| Rat::ratio(1, n)).max(o.least.clone());
    let mut steps = 0;
    let there = most(f, *k, &[], &mut steps);
    (steps <= STEPS).then(|| there >= &least * &Rat::int(*q))
}

/// What there is of a product beyond what was `passed`.
fn most(f: &Facts, k: usize, passed: &[usize], steps: &mut usize) -> Rat {
    *steps += 1;
    let of_steps: i128 = f.steps[k].iter().map(|s| s.0).sum();
    let orders = f.orders.iter().filter(|o| !o.bid).map(|o| of_order(o, k)).sum::<i128>();
    let mut sum = Rat::int(of_steps + orders);
    let passed = [passed, &[k]].concat();
    for (from, to, ratio, _, limit, _) in &f.arcs {
        if *to != k || passed.contains(from) || *steps > STEPS {
            continue;
        }
        let could = &most(f, *from, &passed, steps) * ratio;
        sum = &sum + &limit.map_or(could.clone(), |l| (&Rat::int(l) * ratio).min(could));
    }
    sum
}

/// What an order offers of a product at most: one of its alternatives wins.
fn of_order(o: &OrderFacts, k: usize) -> i128 {
    o.alternatives.iter().flatten().filter(|q| q.0 == k).map(|q| q.1).max().unwrap_or(0)
}
