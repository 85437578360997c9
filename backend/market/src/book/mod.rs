//! Bids and offers: whether an order is accepted, and what becomes of it.
pub mod away;
pub mod close;
pub mod expire;
pub mod growth;
pub mod lent;
pub mod open;
pub mod place;
pub mod self_trade;
pub mod together;
pub mod validate;

pub use crate::records::grounds::*;
pub use crate::records::order::*;
pub use crate::records::reason::Reason;
pub use crate::records::rejection::Rejection;
pub use crate::records::runs;
