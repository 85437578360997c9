//! The invariants of the exchange by name, on random histories. Each test says what must hold in its own words and is shown to
//! notice a seeded mutant: a history that breaks exactly it. Those of one round (V1 to V8) are in the solver's tests.
//! `HEADROOM_RANDOM_BOOKS` sets how many histories each takes (default 600).

mod exchange;

#[allow(dead_code)]
pub fn count(default: u64) -> u64 {
    std::env::var("HEADROOM_RANDOM_BOOKS").ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}
