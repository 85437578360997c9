//! A job gives nodes back.

use crate::driver::DriverError;
use crate::slurm::Slurm;
use crate::slurm::job::Job;
use crate::slurm::steps::Step;

/// The nodes that a job keeps: that of its script, then those where it has launched something, then the first ones.
pub(in crate::slurm) fn kept(job: &Job, steps: &[Step], nodes: usize) -> Vec<String> {
    let runs_there = |host: &String| steps.iter().any(|step| step.is_of(job) && step.hosts.contains(host));
    let mut order: Vec<(u8, usize, &String)> = job
        .hosts
        .iter()
        .enumerate()
        .map(|(at, host)| {
            let rank = if *host == job.batch_host { 0 } else { 2 - u8::from(runs_there(host)) };
            (rank, at, host)
        })
        .collect();
    order.sort();
    order.into_iter().take(nodes.max(1)).map(|(_, _, host)| host.clone()).collect()
}

impl Slurm {
    /// Leaves a job so many of its nodes. Steps on the others end.
    pub(in crate::slurm) fn shrink(&self, job: &Job, nodes: u64) -> Result<(), DriverError> {
        let steps = self.steps(&["--jobs", &job.number.to_string()]).unwrap_or_default();
        let kept = kept(job, &steps, usize::try_from(nodes).unwrap_or(usize::MAX));
        let (id, list) = (format!("JobId={}", job.id()), format!("NodeList={}", kept.join(",")));
        self.commands.run("scontrol", &["update", &id, &list])?.output().map(|_| ())
    }
}
