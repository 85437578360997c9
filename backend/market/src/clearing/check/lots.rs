//! Whole replicas: what a part of one excuses.
use super::super::rational::Rat;
use super::facts::{Facts, OrderFacts};

/// Whether an order in the money could have no whole replica more, of a bid because there is not so much of
/// something, of an offer because nobody would take it.
pub fn fits_nobody(f: &Facts, i: usize, alternative: usize, price: &[i128]) -> bool {
    let o = &f.orders[i];
    let reach = |k: usize| if o.bid { to_be_had(f, i, k, price) } else { takers(f, i, k, price) };
    o.replicas.is_some()
        && o.alternatives[alternative].iter().enumerate().any(|(p, (k, _))| o.unit(alternative, p) > reach(*k))
}

/// The most that the alternatives of each other order come to.
fn others(f: &Facts, i: usize, of: impl Fn(usize, &OrderFacts, usize) -> i128) -> i128 {
    let orders = f.orders.iter().enumerate().filter(|(n, _)| *n != i);
    orders.map(|(n, o)| (0..o.alternatives.len()).map(|a| of(n, o, a)).max().unwrap_or(0)).sum()
}

/// What an alternative asks for of a product, and what of that was awarded.
fn asked_and_got(f: &Facts, n: usize, a: usize, k: usize) -> (i128, i128) {
    let o = &f.orders[n];
    let asked = o.alternatives[a].iter().filter(|q| q.0 == k).map(|q| q.1).sum();
    let at = o.alternatives[a].iter().position(|q| q.0 == k);
    let award = f.awards[n].as_ref().filter(|w| w.alternative == a);
    (asked, award.zip(at).map_or(0, |(w, p)| w.got[p]))
}

fn through_arcs(f: &Facts, k: usize) -> i128 {
    let mine = f.arcs.iter().filter(|a| a.0 == k || a.1 == k);
    mine.map(|a| a.4.unwrap_or_else(|| i128::from(i64::MAX))).sum()
}

/// What is idle, what others would give at the collar, and what those have who gain nothing by it.
fn to_be_had(f: &Facts, i: usize, k: usize, price: &[i128]) -> i128 {
    let steps = f.steps[k].iter().filter(|s| s.1 <= f.cap[k]).map(|s| s.0 - s.2).sum::<i128>();
    let of = |n: usize, o: &OrderFacts, a: usize| {
        let (asked, got) = asked_and_got(f, n, a, k);
        match o.bid {
            true if f.surplus(n, a, price) <= f.tolerance(n, a) => got,
            false if f.surplus(n, a, &f.cap) >= -f.tolerance(n, a) => asked - got,
            _ => 0,
        }
    };
    steps + others(f, i, of) + through_arcs(f, k) + f.slack[k].floor().max(0)
}

/// What bids are short of, and what is supplied at no gain.
fn takers(f: &Facts, i: usize, k: usize, price: &[i128]) -> i128 {
    let steps = f.steps[k].iter().filter(|s| price[k] - s.1 <= 1).map(|s| s.2).sum::<i128>();
    let of = |n: usize, o: &OrderFacts, a: usize| {
        let (asked, got) = asked_and_got(f, n, a, k);
        match o.bid {
            true if f.surplus(n, a, price) >= -f.tolerance(n, a) => asked - got,
            false if f.surplus(n, a, price).abs() <= f.tolerance(n, a) => got,
            _ => 0,
        }
    };
    steps + others(f, i, of) + through_arcs(f, k)
}

/// Whether an order of a group that shares what is scarce could have a whole replica more without those that
/// give it up for that having less of theirs than it.
pub fn could_have_more(f: &Facts, group: &[usize], i: usize, price: &[i128]) -> bool {
    let o = &f.orders[i];
    let Some(n) = o.replicas else { return true };
    let raised = Rat::ratio(f.awards[i].as_ref().map_or(0, |a| a.replicas) + 1, n);
    o.alternatives[0].iter().enumerate().filter(|(_, (k, _))| price[*k] >= f.cap[*k]).all(|(p, (k, _))| {
        let spare = |j: &usize| {
            let (asked, got) = asked_and_got(f, *j, 0, *k);
            if *j == i { Rat::ZERO } else { (&Rat::int(got) - &(&raised * &Rat::int(asked))).max(Rat::ZERO) }
        };
        let idle = f.steps[*k].iter().map(|s| s.0 - s.2).sum::<i128>() + f.slack[*k].floor().max(0);
        let there = group.iter().map(spare).fold(Rat::int(idle), |t, s| &t + &s);
        Rat::int(o.unit(0, p)) <= there
    })
}
