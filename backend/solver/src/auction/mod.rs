//! The second edition's clearing: prices and fills in floats, whole lots, and prices for them.
//!
//! `model` writes a book down as a problem in price space; `price_search` finds the continuous optimum; `blocks` makes it
//! whole; `price_choice` picks the prices; `clearing` runs them and repairs until the core's exact check finds nothing.
//! What leaves is an outcome in integers that the check has passed.

mod blocks;
mod clearing;
mod model;
mod price_choice;
mod price_search;

pub use clearing::{Step, clear, clear_watched};
