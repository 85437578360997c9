//! What an outcome comes to.
pub mod award;
pub mod interruption;
pub mod not_won;
pub mod prices;
pub(crate) mod products;
pub mod void;
