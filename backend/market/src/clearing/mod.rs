//! The clearing of a market book (rule book §3): what is read, checked and printed.
//!
//! `book` reads and validates, `outcome` is what a clearing prints, `check` is the independent exact check of V1 to V8,
//! `document` has both by their names. Integers only; the search for prices and fills is in the crate `headroom-solver`.

pub mod book;
pub mod check;
pub mod document;
pub mod outcome;
