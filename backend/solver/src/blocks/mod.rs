//! Whole lots: from the fills of the continuous optimum to an award in integers.
//!
//! Divisible orders are those that prices can serve to the unit: offers, supply, arcs, and bids of one product in lots of one
//! unit. Everything else is coarse. Coarse lots are fixed first; the divisible rest is then solved again and comes out whole,
//! since its constraints are those of a network.

pub mod award;
pub mod divisible;
pub mod place;
pub mod round;
pub mod tree;
