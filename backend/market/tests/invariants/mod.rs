//! The rule book's invariants by name, on random books of every feature mix and on random runs of
//! the whole exchange. Each test says what must hold in its own words, without the engine's checker,
//! and is shown to notice a seeded mutant: an outcome, an engine or a history that breaks exactly it.
//!
//! `outcome` and `prices` have I1 to I11 (what one round shows), `engine` I12 to I18 (how two rounds compare), `thrash`
//! I20, `exchange` the rest. `HEADROOM_RANDOM_BOOKS` sets how many books each takes (default 600).

mod engine;
mod exchange;
mod outcome;
mod prices;
mod thrash;
mod view;

pub fn count(default: u64) -> u64 {
    std::env::var("HEADROOM_RANDOM_BOOKS").ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}
