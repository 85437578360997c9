//! Rounds: what is sealed, what it came to, and who won what.
pub mod admission;
pub mod awards;
pub mod book;
pub mod moves;
pub mod safe_state;
pub mod sealing;

pub use crate::records::round::*;
pub use admission::{away, capacity, left_out, sits_out};
pub use awards::{interruption, prices};
pub use book::{holding, occupancy, supply};
pub use moves::{excerpt, movers};
pub use sealing::merkle;
