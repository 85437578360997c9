//! The functional core of the exchange: every rule of the market and nothing else.
//!
//! Deliberately absent: async, I/O, clocks, randomness and floating point. Time, ids and
//! seeds are arguments; the same command on the same state gives the same events, for ever.
//!
//! What there is, is in [`records`]: [`state`], [`event`] and [`command`] hold them. The modules
//! follow the way of the data, [`book`] → [`clearing`] and [`round`] → [`swap`] → [`shadow`] →
//! [`settlement`], and a later one imports an earlier one, never the reverse. All of it is
//! behind [`apply::apply`] but [`clearing`] and [`shadow`], which a worker calls. What a shadow
//! run came to enters as a [`swap::saga::StepResult`].
pub mod advice;
pub mod apply;
pub mod audit;
pub mod book;
pub mod clearing;
pub mod command;
pub mod event;
pub mod ids;
pub mod ledger;
pub mod market;
pub mod notice;
pub mod participant;
pub mod pool;
pub mod printable;
pub mod project;
pub mod records;
pub mod refusal;
pub mod round;
pub mod settlement;
pub mod shadow;
pub mod shape;
pub mod simulate;
pub mod state;
pub mod swap;
pub mod time;
pub mod turn;
pub mod units;
pub mod workload;

pub use records::row as record;
