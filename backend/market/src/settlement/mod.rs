//! What was delivered, and the money that follows from it.
mod compensation;
mod delivered;
pub mod dispute;
mod reservation_fee;
pub mod settle;
mod shortfall;

pub use crate::records::meter;
pub use crate::records::settlement::*;
