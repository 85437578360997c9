//! The exact check of an outcome: V1 to V8 of the rule book (§3), in integers, without a solver. It shares no code with
//! the search. Each rule is tested on its own, and every broken one is told with its numbers.
//!
//! Tolerance: a nano-credit per base unit, and a micro-credit per award.

mod bids;
mod feasible;
mod gap;
pub(crate) mod rules;
mod supply;
mod ties;

use crate::clearing::book::Book;
use crate::clearing::check::rules::Check;
pub use crate::clearing::check::rules::{Broken, Rule};
use crate::clearing::outcome::parts::Outcome;

/// All rules that an outcome breaks; `found` are those that its form breaks already.
pub fn check(book: &Book, outcome: &Outcome, found: Vec<Broken>) -> Vec<Broken> {
    let mut check = Check::new(book, outcome, found);
    check.feasible();
    check.prices();
    check.supply();
    check.arcs();
    check.bids();
    check.ties();
    check.gap();
    check.broken
}
