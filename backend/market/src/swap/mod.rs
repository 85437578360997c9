//! Swap orders: how an allocation becomes true, step by step, and how it is undone.
pub mod approval;
pub mod blame;
pub mod cause;
mod dependencies;
pub mod drain;
pub mod draw;
mod draw_price;
pub mod pair;
pub mod phase;
pub mod plan;
pub mod recall;
pub mod saga;
pub(crate) mod waiting;

pub use crate::records::swap::*;
pub use crate::workload::hold_time;
