//! Who takes part in a round.
pub mod away;
pub mod capacity;
pub mod left_out;
pub mod sits_out;
