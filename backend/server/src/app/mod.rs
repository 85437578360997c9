//! Use cases: what the HTTP layer and the workers ask for. No routes and no requests here; what can't be done is a
//! [`failure::Failure`], so that it is worded once.
pub mod advice;
pub mod allowance;
pub mod bottlenecks;
pub mod costs;
pub mod credential;
pub mod directory;
pub mod disk;
pub mod exchange;
pub mod explanation;
pub mod externality;
pub mod failure;
pub mod held_back;
pub mod key_uses;
pub mod last_round;
pub mod limiter;
pub mod passwords;
pub mod past_prices;
pub mod predict_load;
pub mod questions;
pub mod refresh;
pub mod secret;
pub mod service_level;
pub mod sessions;
pub mod sign_ins;
pub mod simulation;
mod token_signing;
pub mod tokens;
pub mod turns;
pub mod winning;

pub use exchange::App;
