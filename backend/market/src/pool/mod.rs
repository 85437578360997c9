//! Pools: what admins set, what the operator sells of them, and what their products have cost.
pub mod admin;
pub mod approval;
pub mod hourly;
pub mod level;
pub mod recallable;
pub mod reference;
pub mod release;
pub mod scarcity;
pub mod supply;

pub use crate::records::pool::*;
pub use crate::simulate;
