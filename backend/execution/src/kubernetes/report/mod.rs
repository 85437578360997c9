//! What is told of pods: those that may be adopted, and those that are.

pub(in crate::kubernetes) mod candidates;
mod look;
pub(in crate::kubernetes) mod refusal;
pub(in crate::kubernetes) mod usage;
