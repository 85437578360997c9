//! The HTTP front of an ordinary service: clients reach an unchanged program through it.
//!
//! While the service is to move, a copy of it runs elsewhere as a shadow run. The front mirrors requests to the copy and
//! compares the answers ([`Rules`], [`Report`]). Then [`Front::fence`] lets new requests wait and those in flight end, and
//! [`Front::switch`] sends all of them to the copy. No connection is dropped and no request is answered by both. Whether the
//! service answers worse since then, [`Front::watched`] says.
//!
//! Invariants: a client never waits for the copy; nothing that the rules do not allow is sent to the copy; a request that
//! a backend may have seen is sent again only if it is idempotent and has no body; everything that waits is bounded in
//! number, bytes and time; whatever is called twice with the same arguments is as if called once.
//!
//! Absent on purpose: the market, TLS, floats in rules and comparisons, changes to bodies.

mod backend;
mod body;
mod error;
mod front;
mod gate;
mod headers;
mod listen;
mod options;
mod serve;
mod shadow;
mod tunnel;
mod watch;

pub use error::FrontError;
pub use front::{Counts, Front};
pub use gate::Fenced;
pub use options::{Options, Protocol};
pub use shadow::{BodyRule, Difference, Differs, NotMirrored, Percentiles, Report, RuleFault, Rules, Verdict};
pub use watch::{Level, Outcome, WatchRules, Watched};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks what no panic leaves half done: all changes under these locks are single steps.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
