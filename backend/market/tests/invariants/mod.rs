//! The invariants of the exchange by name, on random histories. Each test says what must hold in its own words and is shown to
//! notice a seeded mutant: a history that breaks exactly it. Those of one round (V1 to V8) are in the solver's tests.

mod exchange;
