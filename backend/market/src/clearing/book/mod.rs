//! A market book, `headroom.book/2`, read and validated once: what is bid and offered, supply, arcs and nodes.
//!
//! Everything is an integer: quantities in base units, money in micro-credits, prices in nano-credits per base unit.
//! Products, nodes and resources are numbered; products in the order of (pool, resource, slot), so that the order of a
//! file changes nothing. A lot is the least part of an alternative that is won whole (rule book §1).

mod fields;
mod names;
mod orders;
pub(crate) mod parts;
mod read;
mod tree;

pub use crate::clearing::book::parts::*;
pub use fields::{Fault, GREATEST, parse, print};
pub use orders::gcd;
pub use read::read;
