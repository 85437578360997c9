//! Who was given up though a row left nothing for it is told of the row: that reason applies first.
//!
//! Whether it does is not known while the round is cleared: orders are given up before those that took the room for
//! them are. So the outcome is told so once it is there, where it then breaks no rule.
use super::book::{Book, Order, Side};
use super::check::{self, Lending};
use super::outcome::{Mode, Outcome, Reason};
use super::whole_welfare::sign;
use std::collections::BTreeMap;

/// How many orders are tried alone where not all may be told so at once.
const ALONE: usize = 8;

/// `book` is the outcome's own, sorted.
pub fn tell(book: &Book, outcome: &mut Outcome, mode: Mode, lending: Lending) {
    if outcome.refused.iter().all(|r| r.reason != Reason::SolverFallback) {
        return;
    }
    let orders: BTreeMap<&str, &Order> = book.orders.iter().map(|o| (o.id.as_str(), o)).collect();
    for reason in [Reason::Budget, Reason::FloorProtected, Reason::ThrashLimit] {
        let concerns = |o: &&Order| match reason {
            Reason::Budget => o.budget.is_some(),
            Reason::FloorProtected => o.instance.is_some() && o.side == Side::Offer,
            _ => o.instance.is_some(),
        };
        let given_up = |at: &usize| {
            let refusal = &outcome.refused[*at];
            refusal.reason == Reason::SolverFallback && orders.get(refusal.order.as_str()).is_some_and(concerns)
        };
        let places: Vec<usize> = (0..outcome.refused.len()).filter(given_up).collect();
        if places.is_empty() {
            continue;
        }
        let mut told = |places: &[usize]| {
            let mut other = outcome.clone();
            places.iter().for_each(|at| other.refused[*at].reason = reason);
            let passes = check::faults(book, &other, mode, lending).is_empty();
            if passes {
                sign(&mut other);
                *outcome = other;
            }
            passes
        };
        if !told(&places) && places.len() > 1 {
            places.iter().take(ALONE).for_each(|at| {
                told(&[*at]);
            });
        }
    }
}
