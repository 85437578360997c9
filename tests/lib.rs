//! What the integration tests and the load tests share: a real server in a process of its own
//! with its own data directory and port, an HTTP client that keeps whole answers, throw-away
//! PostgreSQL and Redis servers, and time as the API writes it.
//!
//! Nothing in here knows the server's code: it is a user of the binary and of its HTTP API.
pub mod api;
pub mod backing;
pub mod money;
pub mod orders;
pub mod server;
pub mod time;

pub use api::{Api, Reply};
pub use server::{Finished, Launch, Server};

/// Says on stderr that a test could not run, and why: never silently.
pub fn skip(test: &str, reason: &str) {
    eprintln!("SKIPPED {test}: {reason}");
}

/// A short name that no other caller of this process or another one gets.
pub fn unique(prefix: &str) -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("{prefix}-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}
