//! The functional core of the exchange: every rule of the market and nothing else.
//!
//! Deliberately absent: async, I/O, clocks, randomness and floating point. Time, ids and
//! seeds are arguments; the same command on the same state gives the same events, for ever.
pub mod clearing;
