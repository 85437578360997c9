//! Searches for prices and fills in floats; floats end here, integers leave.
//!
//! [`clear`] clears a book in numbers, [`clear_document`] the book of a round by its names; what leaves has passed the
//! core's exact check. `model` writes a book down as a problem in price space; `price_search` finds the continuous
//! optimum; `blocks` makes it whole; `price_choice` picks the prices; `clearing` runs them and repairs until the check finds
//! nothing.
//!
//! Deliberately absent: any time limit. All limits are counts of work, so the same book always has the same outcome.
//!
//! The concept's linear program is in [`recommend_swaps`]; its proposals are checked likewise.
mod asked;
mod blocks;
mod clearing;
mod model;
mod price_choice;
mod price_search;
mod swaps;

pub use asked::{Asked, Externality, Winning, award_with, beyond_all, externality, full_fill_limit, winning_limit};
pub use clearing::{Step, clear, clear_watched};
pub use swaps::recommend_swaps;

use headroom_market::clearing::book::Fault;
use headroom_market::clearing::check::Broken;
use headroom_market::clearing::document::{Book, Outcome, Verified, verify};
use headroom_market::clearing::outcome::Mode;

/// Why a round has no outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClearFault {
    /// The book is refused, with all its faults.
    Refused(Vec<Fault>),
    /// No outcome was found that passes the check: a defect.
    Void,
    /// The check outside of the search refuses what the search found: a defect.
    Broken(Vec<Broken>),
}

/// Clears the book of a round: read as any file of its format, searched, and checked by what shares no code with the search.
///
/// # Errors
/// The book is refused, or no outcome passes the check.
pub fn clear_document(book: &Book) -> Result<Verified<Outcome>, ClearFault> {
    let book = book.numbered().map_err(ClearFault::Refused)?;
    let outcome = clear(&book, Mode::Market).ok_or(ClearFault::Void)?;
    verify(&book, &outcome).map_err(ClearFault::Broken)
}
