//! Telling of jobs: what they have and use, how they ended, which may be adopted, and where nodes are.

pub(in crate::slurm) mod candidates;
mod look;
pub(in crate::slurm) mod partitions;
pub(in crate::slurm) mod segments;
pub(in crate::slurm) mod usage;
