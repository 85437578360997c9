//! Bids and offers: what an order says, whether it is accepted, and what becomes of it.
pub mod away;
pub mod compact;
pub mod expire;
pub mod grounds;
pub mod order;
pub mod place;
pub mod reason;
pub mod rejection;
mod rejection_detail;
pub mod runs;
pub mod self_trade;
pub mod together;
pub mod validate;

pub use grounds::{ForecastUsed, Grounds, Input, PlacedBy, Rule};
pub use order::*;
pub use reason::Reason;
pub use rejection::Rejection;
