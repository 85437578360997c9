//! Asking a cluster: commands, their tables, and what is read from them.

pub(in crate::slurm) mod cluster;
pub(in crate::slurm) mod hosts;
pub(in crate::slurm) mod job;
pub(in crate::slurm) mod run;
pub(in crate::slurm) mod steps;
pub(in crate::slurm) mod table;
