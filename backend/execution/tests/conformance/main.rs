//! What every driver has to keep, written over `&dyn Driver` and run here on the wasm driver.
//!
//! The harness knows how to let time pass and what came out; the tests know nothing of the
//! engine. Under a simulated clock, so each run is the same.

mod checkpoints;
mod commands;
mod drill;
mod fencing;
mod guests;
mod harness;
mod hogs;
mod relocation;
mod resize;
mod restart;
mod shadow_run;
mod suspend;
