//! What a clearing prints, `headroom.outcome/2`: prices and premiums, who won how many lots where, and the proof.

pub(crate) mod parts;
mod print;
mod read;

pub use crate::clearing::outcome::parts::*;
pub use print::print;
pub use read::{Malformed, read};
