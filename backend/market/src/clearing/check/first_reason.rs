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
pub fn is_another(f: &Facts, i: usize, told: Reason, spent: &[Rat]) -> bool {
    if !f.single(i) || told == Reason::SolverFallback {
        return false;
    }
    first(f, i, spent).is_some_and(|first| before(first, told))
}

/// Who has a part, and of whose budget nothing is left for a unit more, is not told that the product is short.
pub fn awards(f: &Facts, out: &Outcome, r: &mut Report) {
    let spent = rows::spent(f);
    let ids: BTreeMap<&str, usize> = f.orders.iter().enumerate().map(|(i, o)| (o.id.as_str(), i)).collect();
    for told in &out.awards {
        let Some((reason, &i)) = told.limited_by.zip(ids.get(told.order.as_str())) else { continue };
        let Some((award, h)) = f.awards[i].as_ref().zip(f.orders[i].budget).filter(|_| f.single(i)) else { continue };
        let a = award.alternative;
        // of the last unit it may have a part before rounding
        let missing = (&Rat::ONE - &award.hi).max(Rat::ZERO);
        let unit = &rows::unit(f, i, a).min(missing) * &Rat::int(rows::hold(f, i, a));
        let gains = f.surplus(i, a, &f.price) > f.tolerance(i, a);
        let first = gains && !award.full && &spent[h] + &unit > amount(f, h);
        if first && !matches!(reason, Reason::Budget | Reason::NoHostFits) {
            r.bad(
                "REASON",
                "the budget of an award has no unit left, and that is not what is said to limit it",
                &[("order", &told.order), ("reason", &reason.code()), ("budget", &f.book.budgets[h].id)],
            );
        }
    }
}

/// The first reason that surely applies, if one does: the price; a budget that has nothing left for the least of it; less
/// in all the book than its minimum fill.
fn first(f: &Facts, i: usize, spent: &[Rat]) -> Option<Reason> {
    let o = &f.orders[i];
    let gain = |a: usize| (f.surplus(i, a, &f.price), f.tolerance(i, a));
    if (0..o.alternatives.len()).map(gain).all(|(gain, tolerance)| gain < -tolerance) {
        return Some(Reason::OutOfMoney);
    }
    // of the best of them
    let gains = (0..o.alternatives.len()).map(gain).max().is_some_and(|(gain, tolerance)| gain > tolerance);
    let spends = |a: usize| &rows::least(f, i, a) * &Rat::int(rows::hold(f, i, a));
    let too_much = |h: usize| (0..o.alternatives.len()).all(|a| &spent[h] + &spends(a) > amount(f, h));
    if gains && o.budget.is_some_and(too_much) {
        return Some(Reason::Budget);
    }
    (o.least.is_pos() && upstream::surely_short(f, i)).then_some(Reason::MinFillUnreachable)
}

fn amount(f: &Facts, budget: usize) -> Rat {
    Rat::int(i128::from(f.book.budgets[budget].amount.0) * NANO_PER_MICRO)
}

/// Whether the first of two reasons applies before the second, which is told. Which of several rows is told is not asked,
/// nor whether the price keeps an order out that its rows would as well.
fn before(first: Reason, told: Reason) -> bool {
    match first {
        Reason::Budget => !matches!(told, Reason::Budget | Reason::FloorProtected | Reason::ThrashLimit),
        Reason::MinFillUnreachable => {
            matches!(told, Reason::ForecastHeadroom | Reason::ParentRejected | Reason::Paradoxical | Reason::TieLost)
        }
        // all that need a price at which it would win have rules of their own
        _ => told == Reason::MinFillUnreachable,
    }
}
