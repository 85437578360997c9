//! What is given up is not nothing: where an order that a search gave up could surely have had something, the
//! printed bound has to be above the welfare.
//!
//! Surely: a unit (or a replica) of everything that it asks for is idle at the operator's, or had by a divisible bid of
//! that product alone which is worth less, there is room for it on a node, it is worth more than that, and no row of
//! its own holds the order back.
use super::super::outcome::{Outcome, Reason};
use super::super::rational::Rat;
use super::Report;
use super::facts::{Facts, NANO_PER_CREDIT, NANO_PER_MICRO};
use super::place::Hosting;

/// Welfare and bound are rounded to a micro-credit each.
const ROUNDED: i128 = 3 * NANO_PER_MICRO;

pub fn check(f: &Facts, out: &Outcome, hosting: &Hosting, r: &mut Report) {
    let Some(bound) = &out.bound else { return };
    for (i, x) in f.refused.iter().enumerate() {
        let o = &f.orders[i];
        let free = o.divisible() && f.single(i) && o.bid && o.budget.is_none() && o.instance.is_none();
        if x.is_none_or(|x| x.reason != Reason::SolverFallback) || !free || hosting.none_fits(f, i, 0) {
            continue;
        }
        let asked = &o.alternatives[0];
        let most = asked.iter().map(|q| q.1).max().unwrap_or(1);
        let part = Rat::ratio(1, o.replicas.unwrap_or(most));
        // the cheapest supply that has enough of it left, or the winner that would miss it least
        let cost = asked.iter().try_fold(Rat::ZERO, |total, (k, q)| {
            let needed = &part * &Rat::int(*q);
            let idle = f.steps[*k].iter().filter(|s| Rat::int(s.0 - s.2) >= needed).map(|s| Rat::int(s.1));
            let least = idle.chain(winners(f, *k, &needed)).min()?;
            Some(&total + &(&needed * &least))
        });
        let Some(cost) = cost else { continue };
        let gain = &(&Rat::int(o.worth[0]) * &part) - &cost;
        let printed = &(&bound.0 - &out.welfare.0) * &Rat::int(NANO_PER_CREDIT);
        if gain > Rat::int(ROUNDED) && printed < &gain - &Rat::int(ROUNDED) {
            r.bad(
                "I7",
                "an order is given up that could have been served, and the bound leaves it out",
                &[("order", &o.id), ("gain in nano-credits", &gain), ("bound", &bound.0)],
            );
            return;
        }
    }
}

/// What a unit is worth to the divisible bids that won enough of this product, and of nothing else.
fn winners<'a>(f: &'a Facts, product: usize, needed: &'a Rat) -> impl Iterator<Item = Rat> + 'a {
    f.awards.iter().enumerate().filter_map(move |(i, award)| {
        let (o, award) = (&f.orders[i], award.as_ref()?);
        let [(k, quantity)] = o.alternatives[award.alternative][..] else { return None };
        let [got] = award.got[..] else { return None };
        let frees = o.bid && o.divisible() && f.single(i) && o.replicas.is_none() && k == product;
        (frees && Rat::int(got) >= *needed).then(|| Rat::ratio(o.worth[award.alternative], quantity))
    })
}
