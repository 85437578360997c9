//! Of several reasons that apply a refused order is told the first. Several would stand up to their own rule: a bid under
//! the price may ask for more than its budget has, or for more than all there is.
//!
//! Asked only where nobody else decides about an order, and only of what the published prices say beyond their rounding:
//! within it another program may have seen the price on the other side of the limit. A block in the money at a collar may
//! be told of either, as both hold.
use super::super::outcome::{Outcome, Reason};
use super::super::rational::Rat;
use super::Report;
use super::facts::{Facts, NANO_PER_MICRO};
use super::{rows, upstream};
use std::collections::BTreeMap;

/// Whether another reason applies to a refused order before the one that it is told.
pub fn is_another(f: &Facts, i: usize, told: Reason, tight: &Tight) -> bool {
    if !f.single(i) || told == Reason::SolverFallback {
        return false;
    }
    first(f, i, tight).is_some_and(|first| before(first, told))
}

/// Who has a part, and of whose rows one leaves not a unit more, is not told that the product is short.
pub fn awards(f: &Facts, out: &Outcome, r: &mut Report) {
    let tight = Tight::of(f);
    let ids: BTreeMap<&str, usize> = f.orders.iter().enumerate().map(|(i, o)| (o.id.as_str(), i)).collect();
    for told in &out.awards {
        let Some((reason, &i)) = told.limited_by.zip(ids.get(told.order.as_str())) else { continue };
        let Some(award) = f.awards[i].as_ref().filter(|a| !a.full && f.single(i)) else { continue };
        let a = award.alternative;
        // of the last unit it may have a part before rounding
        let missing = (&Rat::ONE - &award.hi).max(Rat::ZERO);
        let gains = f.surplus(i, a, &f.price) > f.tolerance(i, a);
        let first = tight.row(f, i, a, &rows::unit(f, i, a).min(missing)).filter(|_| gains);
        if let Some(first) = first.filter(|_| !is_row(reason) && reason != Reason::NoHostFits) {
            r.bad(
                "REASON",
                "a row leaves an award not a unit more, and that is not what is said to limit it",
                &[("order", &told.order), ("reason", &reason.code()), ("row", &first.code())],
            );
        }
    }
}

/// The first reason that surely applies, if one does: the price; a row that has nothing left for the least of it; less in
/// all the book than its minimum fill.
fn first(f: &Facts, i: usize, tight: &Tight) -> Option<Reason> {
    let o = &f.orders[i];
    let gain = |a: usize| (f.surplus(i, a, &f.price), f.tolerance(i, a));
    if (0..o.alternatives.len()).map(gain).all(|(gain, tolerance)| gain < -tolerance) {
        return Some(Reason::OutOfMoney);
    }
    // of the best of them
    let gains = (0..o.alternatives.len()).map(gain).max().is_some_and(|(gain, tolerance)| gain > tolerance);
    let row = |a: usize| tight.row(f, i, a, &rows::least(f, i, a));
    if gains && (0..o.alternatives.len()).all(|a| row(a).is_some()) {
        return row(0);
    }
    (o.least.is_pos() && upstream::surely_short(f, i)).then_some(Reason::MinFillUnreachable)
}

/// Whether the first of two reasons applies before the second, which is told. Which of several rows is told is not asked,
/// nor whether the price keeps an order out that its rows would as well.
fn before(first: Reason, told: Reason) -> bool {
    match first {
        // all that need a price at which it would win have rules of their own
        Reason::OutOfMoney => told == Reason::MinFillUnreachable,
        Reason::MinFillUnreachable => {
            matches!(told, Reason::ForecastHeadroom | Reason::ParentRejected | Reason::Paradoxical | Reason::TieLost)
        }
        _ => !is_row(told),
    }
}

fn is_row(reason: Reason) -> bool {
    matches!(reason, Reason::Budget | Reason::FloorProtected | Reason::ThrashLimit)
}

/// What rows surely have no room for, however awards were rounded.
pub struct Tight {
    spent: Vec<Rat>,
    /// What each workload wins of a product at least beyond what it lends, and the other way round.
    changes: BTreeMap<(usize, usize), (Rat, Rat)>,
}

impl Tight {
    pub fn of(f: &Facts) -> Tight {
        let mut changes: BTreeMap<(usize, usize), (Rat, Rat)> = BTreeMap::new();
        for (o, award) in f.orders.iter().zip(&f.awards) {
            let Some((inst, award)) = o.instance.zip(award.as_ref()) else { continue };
            for (k, quantity) in &o.alternatives[award.alternative] {
                let (least, most) = (&award.lo * &Rat::int(*quantity), &award.hi * &Rat::int(*quantity));
                let (won, lent) = changes.entry((inst, *k)).or_default();
                *won = if o.bid { &*won + &least } else { &*won - &most };
                *lent = if o.bid { &*lent - &most } else { &*lent + &least };
            }
        }
        Tight { spent: rows::spent(f), changes }
    }

    /// Whether a row is told and one surely has no room for the least of an alternative.
    pub fn refuses(&self, f: &Facts, i: usize, alternative: usize, told: Reason) -> bool {
        is_row(told) && self.row(f, i, alternative, &rows::least(f, i, alternative)).is_some()
    }

    /// The row that has no room for this part of an alternative, if one surely has none.
    fn row(&self, f: &Facts, i: usize, alternative: usize, part: &Rat) -> Option<Reason> {
        let o = &f.orders[i];
        let too_dear = |h: usize| {
            let amount = Rat::int(i128::from(f.book.budgets[h].amount.0) * NANO_PER_MICRO);
            &self.spent[h] + &(part * &Rat::int(rows::hold(f, i, alternative))) > amount
        };
        if o.budget.is_some_and(too_dear) {
            return Some(Reason::Budget);
        }
        let inst = o.instance?;
        let rows = &f.book.instances[inst];
        o.alternatives[alternative].iter().find_map(|(k, quantity)| {
            let (won, lent) = self.changes.get(&(inst, *k)).cloned().unwrap_or_default();
            let after = &(if o.bid { won } else { lent }) + &(part * &Rat::int(*quantity));
            let beyond = |most: Option<i128>| most.is_some_and(|most| after > Rat::int(most));
            if !o.bid && beyond(rows::lendable(rows, &f.keys[*k])) {
                return Some(Reason::FloorProtected);
            }
            beyond(rows::listed(&rows.max_swap, &f.keys[*k])).then_some(Reason::ThrashLimit)
        })
    }
}
