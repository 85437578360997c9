//! Who trades and who acts, as admins set it.
pub mod admin;

pub use crate::records::participant::*;
