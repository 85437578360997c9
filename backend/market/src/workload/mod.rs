//! What runs: wasm modules and commands, instances with their baselines and floors, and their strategies.
pub mod adopt;
pub mod auto;
pub mod away;
pub mod baseline;
mod buy_back;
pub(crate) mod check;
pub mod guidance;
pub mod hold_time;
pub mod need;
pub mod newsvendor;
pub mod register;
pub mod relocation;
pub mod run;
pub mod service;
pub mod strategy;
pub mod strategy_check;
pub mod target;
pub mod vacate;

pub use crate::records::class::*;
pub use crate::records::relocation::*;
pub use crate::records::strategy::*;
pub use crate::records::workload::*;
