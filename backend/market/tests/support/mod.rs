//! What the tests of the core share: small worlds, random exchanges and their auditors.
#![allow(dead_code)]
pub mod approvals;
pub mod away;
pub mod compensations;
pub mod crowded;
pub mod draw;
pub mod draws;
pub mod movers;
pub mod one_node;
pub mod own_orders;
pub mod projects;
pub mod recallable;
pub mod recallable_paid;
pub mod reserve_world;
pub mod rolls;
pub mod runs;
pub mod self_trade;
pub mod world;
pub mod world_rolls;
pub mod world_settle;
pub mod world_steps;

use headroom_market::clearing::document::{Book, Outcome, Verified};

/// A round's book cleared as the exchange clears it.
pub fn cleared(book: &Book) -> Verified<Outcome> {
    headroom_solver::clear_document(book).unwrap_or_else(|fault| panic!("{fault:?}\n{}", book.text()))
}
