//! The embedded driver: wasm guests in this process, on nodes that are kept apart by limits,
//! epochs and properties.
//!
//! # What a module has to be (the guest ABI)
//!
//! Exports: `memory` (one, 32 bit, not shared) and `step: () -> i32`. Every mutable global is
//! exported too: the state is linear memory, mutable globals and the input position, and what
//! cannot be read cannot be moved. Refused at admission: see [`admission`].
//!
//! The host calls `step` once for each input, in order; 0 means done, anything else stops the
//! guest as faulty. Between steps it may be stopped, copied, moved and resumed; inside a step
//! never. A step may cost more than its slice: it runs to its end and the fuel is charged
//! against the time to come, up to a hard ceiling that makes it faulty. An instruction costs
//! one fuel, one that copies or fills memory a fuel for each byte; a call of an import costs
//! 50 and one for every 8 bytes that the host copies or zeroes for it, `memory.grow` 50. In
//! real time there is a ceiling of processor time besides, because fuel does not know how slow
//! memory is.
//!
//! Imports, all from module `headroom`, all optional:
//!
//! | name | type | meaning |
//! |---|---|---|
//! | `input` | `(ptr i32, len i32) -> i32` | copies up to `len` bytes of this step's input, answers its full length |
//! | `output` | `(ptr i32, len i32)` | appends to this step's output (one output a position, 256 bytes by default) |
//! | `hold` | `(kib i32) -> i32` | asks for that much memory in all from now on; answers what is granted. Contents above the grant are discarded (zeroed). A guest that never calls it holds its whole linear memory |
//! | `position` | `() -> i64` | position of this input |
//! | `now` | `() -> i64` | when this input was due, Unix microseconds: recorded, so a replay sees the same |
//! | `random` | `() -> i64` | a function of instance, position and call: a replay sees the same |
//! | `phase` | `(code i32)` | an execution-trace event, counted by code |
//! | `node_property` | `(ptr i32, len i32) -> i64` | a property of the node it runs on, 0 if unknown. *Not* recorded: a guest that lets it into its state diverges on another kind of node, which is what a shadow run is there to find |
//!
//! The state hash covers pages that are not zero, globals and position. The size of the
//! memory is left out, because a shadow run may get other limits than the live run.
//!
//! # Absent on purpose
//!
//! Physical release of memory while a guest runs (linear memory never shrinks; a smaller hold is
//! an accounting fact until the next checkpoint, and a suspended guest has none), precompiled modules (loading them needs unsafe code), pre-copy rounds (the shadow
//! run already moves the bulk while the job runs), page tracking by the kernel (unsafe code;
//! pages are compared with the base instead).

pub mod admission;
mod cell;
mod checkpoint;
mod cluster;
mod complexity;
mod drill;
mod drill_checkpoint;
pub(crate) mod guest;
pub(crate) mod host;
mod library;
mod moves;
mod operations;
mod outputs;
mod recovery;
mod refusal;
mod replica;
mod slot;
pub(crate) mod snapshot;
mod suspend;
mod threads;
pub mod transfer;
mod watch;

pub use cluster::Cluster;
pub use outputs::OutputRecord;
pub use recovery::{CheckpointSummary, Placement, RestoreSummary, Restored, Saved};
pub use snapshot::{PAGE_BYTES, Snapshot};
pub use threads::RunningThreads;

/// Puts the calling thread behind everything else.
pub fn low_priority() {
    /// Lowest priority that still gets its share on an idle machine.
    const NICE: i32 = 10;
    // On Linux this is the priority of the calling thread. Not allowed to lower it further is
    // no reason not to run.
    let _ = rustix::process::nice(NICE);
}
