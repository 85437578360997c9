//! The demo market: seeded on first start, driven by a real trace.
pub mod access;
pub mod errands;
pub mod seed;
pub mod trace;
