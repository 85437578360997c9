//! The commitment to a round's book.
pub mod merkle;
pub mod seal;
