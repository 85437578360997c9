//! Asking a cluster: its API server, and what is read from its answers.

pub(in crate::kubernetes) mod cluster;
pub(in crate::kubernetes) mod failure;
pub(in crate::kubernetes) mod metrics;
pub(in crate::kubernetes) mod pod;
pub(in crate::kubernetes) mod pods;
pub(in crate::kubernetes) mod quantity;
