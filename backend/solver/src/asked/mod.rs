//! What is asked after a round: with which limit an order would have won, and what its winning costs all others.
//!
//! Every answer comes of clearing the round's book again with one thing changed: what the printed prices say is only where
//! a search begins, as another limit may itself move the price. Nothing here is part of a round.
mod externality;
mod limit;
mod trial;
mod winning;

pub use externality::{Externality, externality};
pub use limit::beyond_all;
pub use trial::{Asked, award_with};
pub use winning::{Winning, full_fill_limit, winning_limit};

#[cfg(test)]
mod tests;
