//! Journal, state tables, ledger and outbox on SQLite and PostgreSQL, with the same SQL text.
//!
//! On SQLite two files: `headroom.db` (only the sequencer writes) and `observations.db`;
//! on PostgreSQL two schemas. Nothing in the first refers to the second. Absent on purpose:
//! any decision about the market, and any way to change a journal row.
pub mod bus;
mod checkpoint;
pub mod database;
pub mod error;
mod flushed;
pub mod journal;
pub mod lease;
pub mod load;
pub mod lookups;
pub mod observations;
pub mod proof;
mod reach;
pub mod read;
pub mod reference;
mod seen;
pub mod sql;
mod sqlite_writer;
mod under_way;
pub mod write;

pub use database::{Database, Observations, Store};
pub use error::StoreError;
pub use under_way::UnderWay;
