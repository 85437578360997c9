//! Whether all that is in a book comes to the least of an order, as an upper bound: what the checker says is
//! unreachable is so, and what can come by several ways is counted for each.
use super::super::rational::Rat;
use super::facts::{Facts, OrderFacts};

/// Where more products than this have to be looked at, nobody is told that the reason is wrong.
const STEPS: usize = 1_000;

/// False too where that would take too long to say.
pub fn surely_reached(f: &Facts, i: usize) -> bool {
    let o = &f.orders[i];
    let enough = |(k, q): &(usize, i128)| {
        let mut steps = 0;
        let there = most(f, o.bid, *k, &[], &mut steps);
        steps <= STEPS && there >= &o.least * &Rat::int(*q)
    };
    o.alternatives.iter().zip(&o.worth).any(|(alternative, worth)| match o.bid {
        true => alternative.iter().all(enough),
        // What nobody asks for is paid nothing, which is enough for whoever asks for nothing, is paid for something
        // else, or is carried by children.
        false => *worth <= 0 || !o.children.is_empty() || alternative.iter().any(enough),
    })
}

/// What there is of a product for a bid, or is asked for of an offer, beyond what was `passed`.
fn most(f: &Facts, bid: bool, k: usize, passed: &[usize], steps: &mut usize) -> Rat {
    *steps += 1;
    let steps_of = if bid { f.steps[k].iter().map(|s| s.0).sum() } else { 0 };
    let orders = f.orders.iter().filter(|o| o.bid != bid).map(|o| of_order(o, k)).sum::<i128>();
    let mut sum = Rat::int(steps_of + orders);
    let passed = [passed, &[k]].concat();
    for (from, to, ratio, _, limit, _) in &f.arcs {
        let (here, there) = if bid { (to, from) } else { (from, to) };
        if *here != k || passed.contains(there) || *steps > STEPS {
            continue;
        }
        let beyond = most(f, bid, *there, &passed, steps);
        // In units that arrive for a bid, in units that are sent for an offer.
        let (could, limited) = match bid {
            true => (&beyond * ratio, limit.map(|l| &Rat::int(l) * ratio)),
            false => (beyond.div(ratio), limit.map(Rat::int)),
        };
        sum = &sum + &limited.map_or(could.clone(), |l| l.min(could));
    }
    sum
}

/// What an order asks for or offers of a product at most: one of its alternatives wins.
fn of_order(o: &OrderFacts, k: usize) -> i128 {
    o.alternatives.iter().flatten().filter(|q| q.0 == k).map(|q| q.1).max().unwrap_or(0)
}
