//! Changing a job: taking it in, giving it nodes and taking them back, letting it go.

mod adopt;
pub(in crate::slurm) mod grow;
pub(in crate::slurm) mod mark;
mod shrink;
mod stop;
