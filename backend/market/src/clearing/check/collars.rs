//! Which collars keep something scarce: that of a product itself, and those of products from which it is sent.
//!
//! Behind an arc under its limit a price is at most the one before it and the cost of the arc (I11). Where that one is
//! at its collar no price can sort out who gets what is sent, whatever the collar behind the arc.
use super::super::rational::Rat;
use super::facts::Facts;
use std::collections::BTreeSet;

/// For each product those that are at their collar at these prices: itself, and those before it on arcs that could
/// send more and whose prices agree.
pub fn scarce(f: &Facts, price: &[i128]) -> Vec<BTreeSet<usize>> {
    spread(f, price, |limit, flow| limit.is_none_or(|l| l > flow))
}

/// The same along arcs that do send something: from there what is scarce has come.
pub fn fed(f: &Facts, price: &[i128]) -> Vec<BTreeSet<usize>> {
    spread(f, price, |_, flow| flow > 0)
}

fn spread(f: &Facts, price: &[i128], counts: impl Fn(Option<i128>, i128) -> bool) -> Vec<BTreeSet<usize>> {
    let own = |k: usize| if price[k] >= f.cap[k] { BTreeSet::from([k]) } else { BTreeSet::new() };
    let mut scarce: Vec<BTreeSet<usize>> = (0..f.keys.len()).map(own).collect();
    let sends = |(from, to, ratio, cost, limit, flow): &(usize, usize, Rat, i128, Option<i128>, i128)| {
        let gain = &(&(ratio * &Rat::int(price[*to])) - &Rat::int(price[*from])) - &Rat::int(*cost);
        (counts(*limit, *flow) && gain.abs() <= &Rat::ONE + ratio).then_some((*from, *to))
    };
    let sent: Vec<(usize, usize)> = f.arcs.iter().filter_map(sends).collect();
    loop {
        let missing = |(from, to): &&(usize, usize)| !scarce[*from].is_subset(&scarce[*to]);
        let Some((from, to)) = sent.iter().find(missing) else { return scarce };
        let more = scarce[*from].clone();
        scarce[*to].extend(more);
    }
}
