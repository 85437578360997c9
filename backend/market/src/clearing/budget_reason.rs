//! Who was given up though its budget has no unit left for it is told of the budget: that reason applies first.
//!
//! Whether it does is not known while the round is cleared: orders are given up before those that took the budget for
//! them are. So the outcome is told so once it is there, where it then breaks no rule.
use super::book::Book;
use super::check::{self, Lending};
use super::outcome::{Mode, Outcome, Reason};
use super::problem::{Market, RowKind};
use super::rational::Rat;
use super::whole_welfare::sign;
use std::collections::{BTreeMap, BTreeSet};

/// How many orders are tried alone where not all may be told so at once.
const ALONE: usize = 8;

/// `book` is the outcome's own, sorted.
pub fn tell(book: &Book, outcome: &mut Outcome, mode: Mode, lending: Lending) {
    let given_up: Vec<usize> =
        (0..outcome.refused.len()).filter(|at| outcome.refused[*at].reason == Reason::SolverFallback).collect();
    if given_up.is_empty() {
        return;
    }
    let without = without_a_unit(&Market::new(book), outcome);
    let places: Vec<usize> = given_up.into_iter().filter(|at| without.contains(&outcome.refused[*at].order)).collect();
    let mut told = |places: &[usize]| {
        let mut other = outcome.clone();
        places.iter().for_each(|at| other.refused[*at].reason = Reason::Budget);
        let passes = check::faults(book, &other, mode, lending).is_empty();
        if passes {
            sign(&mut other);
            *outcome = other;
        }
        passes
    };
    if !places.is_empty() && !told(&places) && places.len() > 1 {
        places.iter().take(ALONE).for_each(|at| {
            told(&[*at]);
        });
    }
}

/// The orders whose least is more than the whole of their budget, whatever alternative is taken: no price would have them win.
pub fn beyond(m: &Market) -> BTreeSet<usize> {
    let mut beyond = BTreeSet::new();
    for row in m.rows.iter().filter(|row| row.kind == RowKind::Budget) {
        let mut too_dear: BTreeMap<usize, usize> = BTreeMap::new();
        for (i, a, value) in &row.terms {
            *too_dear.entry(*i).or_default() += usize::from(value * &least(m, *i, *a) > row.limit);
        }
        beyond.extend(too_dear.into_iter().filter(|(i, n)| *n == m.orders[*i].alternatives.len()).map(|x| x.0));
    }
    beyond
}

/// The least part of an alternative that an order can have: a unit of all of it or a replica, and its least fill.
pub fn least(m: &Market, i: usize, alternative: usize) -> Rat {
    let o = &m.orders[i];
    let unit = o.alternatives[alternative].quantities.iter().map(|q| Rat::ratio(1, q.1)).max().unwrap_or_default();
    o.replicas.map_or(unit, |n| Rat::ratio(1, n)).max(o.least.clone())
}

/// The orders for whose least, in whole units, their budget has not enough left beside the units that are awarded.
fn without_a_unit(m: &Market, outcome: &Outcome) -> BTreeSet<String> {
    let awards: BTreeMap<&str, _> = outcome.awards.iter().map(|a| (a.order.as_str(), a)).collect();
    let (mut without, mut with) = (BTreeSet::new(), BTreeSet::new());
    for row in m.rows.iter().filter(|row| row.kind == RowKind::Budget) {
        let used = row.terms.iter().fold(Rat::ZERO, |used, (i, a, value)| {
            let Some(award) = awards.get(m.id(*i)).filter(|award| award.alternative == *a) else { return used };
            let asked = m.orders[*i].alternatives[*a].quantities.iter();
            let fill =
                asked.zip(&award.quantities).map(|((_, asked), got)| Rat::ratio(got.quantity.into(), *asked)).max();
            &used + &(value * &fill.unwrap_or_default())
        });
        for (i, a, value) in row.terms.iter().filter(|(i, ..)| !awards.contains_key(m.id(*i))) {
            let fits = &used + &(value * &least(m, *i, *a)) <= row.limit;
            if fits { &mut with } else { &mut without }.insert(m.id(*i).to_owned());
        }
    }
    // one of several ways that fits is enough
    &without - &with
}
