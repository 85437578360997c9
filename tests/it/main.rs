//! Integration tests: the real binary over HTTP, each test with its own data and port.
//!
//! `cargo test --release -p headroom-tests` after `cargo build --release`. The clock of most
//! servers here is simulated, so nothing happens by itself and nothing depends on the machine's
//! speed.
mod approvals;
mod arrows;
mod audit;
mod away;
mod bad_input;
mod common;
mod disk;
mod documents;
mod draws;
mod drills;
mod events;
mod idempotency;
mod lenders;
mod limits;
mod make_way;
mod modules;
mod offline;
mod operations;
mod orders;
mod parents;
mod preview;
mod projects;
mod proofs;
mod recallable;
mod recovery;
mod redis;
mod reserve_prices;
mod roles;
mod rounds;
mod runs;
mod safe_state;
mod scarcity;
mod service_level;
mod session;
mod sim;
mod startup;
mod startup_files;
mod store_postgres;
mod suspended;
mod swap_request;
mod trades;
mod versions;
mod workloads;
