//! The clearing of a market book by the rule book's second edition: what is read, checked and printed.
//!
//! `book` reads and validates, `outcome` is what a clearing prints, `check` is the independent exact check of V1 to V8.
//! Integers only; the search for prices and fills is in the crate `headroom-solver`.

pub mod book;
pub mod check;
pub mod outcome;
