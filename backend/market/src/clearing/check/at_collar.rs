//! What a collar excuses: a bid that is short of what a higher price would have to ration, and nobody else.
use super::super::rational::Rat;
use super::facts::Facts;
use super::{Report, lots, prices};
use std::collections::BTreeSet;

/// Whether a collar keeps an alternative from having more. No collar keeps a seller out, and none a bid where the operator
/// has a unit of it left for no more than the price. Beside bids in replicas what is left may be what came to no whole one.
pub fn rations(f: &Facts, i: usize, alternative: usize, price: &[i128], scarce: &[BTreeSet<usize>]) -> bool {
    let o = &f.orders[i];
    let is_short = |k: &usize| f.lots[*k] > 0 || idle(f, *k, price) <= f.rounding[*k];
    o.bid && o.alternatives[alternative].iter().flat_map(|(k, _)| &scarce[*k]).any(is_short)
}

fn idle(f: &Facts, k: usize, price: &[i128]) -> i128 {
    f.steps[k].iter().filter(|(_, reserve, _)| *reserve <= price[k]).map(|(quantity, _, used)| quantity - used).sum()
}

/// Whoever gains nothing at the collar has nothing of what a bid is short of that gains. Asked where everybody asks for that
/// product alone, and none in replicas: in a bundle it may be what keeps another product used up, or what others' equal
/// shares leave.
pub fn idle_gains_wait(f: &Facts, price: &[i128], waiting: &[usize], r: &mut Report) {
    let alone = |i: usize| match &f.orders[i].alternatives[..] {
        [only] if only.len() == 1 => Some(only[0].0),
        _ => None,
    };
    let in_bundles: BTreeSet<usize> = (0..f.orders.len())
        .filter(|i| alone(*i).is_none())
        .flat_map(|i| f.orders[i].alternatives.iter().flatten().map(|q| q.0))
        .collect();
    for (j, o) in f.orders.iter().enumerate() {
        let Some(k) =
            alone(j).filter(|k| f.single(j) && o.bid && o.divisible() && !in_bundles.contains(k) && f.lots[*k] == 0)
        else {
            continue;
        };
        let gains = f.surplus(j, 0, price) > f.tolerance(j, 0);
        if gains || o.incumbent || f.awards[j].is_none() || prices::span(f, j).0 <= Rat::ZERO || price[k] < f.cap[k] {
            continue;
        }
        let waits = |i: &&usize| alone(**i) == Some(k) && lots::could_have_more(f, &[**i, j], **i, price);
        if let Some(waits) = waiting.iter().find(waits) {
            r.bad(
                "RATION",
                "at a cap who gains nothing has what a bid that gains is short of",
                &[("order", &f.orders[*waits].id), ("instead", &o.id)],
            );
        }
    }
}
