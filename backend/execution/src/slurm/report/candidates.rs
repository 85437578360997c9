//! Jobs that may be adopted, and why others may not.

use headroom_market::workload::SlurmJob;

use crate::driver::{DriverError, InstanceId};
use crate::slurm::Slurm;
use crate::slurm::job::{Extra, Job};
use crate::slurm::mark::Mark;
use crate::slurm::steps::Step;

/// A running job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub job: SlurmJob,
    /// Number of its array and of the task in it.
    pub array: Option<(u64, u64)>,
    pub partition: String,
    pub user: String,
    pub nodes: u64,
    /// CPUs on all of its nodes.
    pub cpus: u64,
    pub running_seconds: u64,
    /// Seconds until its time limit; `None` without one.
    pub left_seconds: Option<u64>,
    /// Why it cannot be adopted, if so.
    pub refused: Option<String>,
}

/// Why a job cannot be adopted, as far as tables tell. Of a job that shares its nodes, Slurm would give the CPUs of nodes
/// that it gets to other jobs as well: a merge keeps no account of single CPUs.
pub(in crate::slurm) fn refusal(job: &Job, extra: Option<&Extra>, steps: &[Step]) -> Option<String> {
    let agent_user = rustix::process::geteuid().as_raw();
    if job.is_part {
        return Some("it is a part of a job of several kinds of nodes, which Slurm does not resize".to_owned());
    }
    if !job.is_exclusive() {
        return Some("it shares its nodes: it was not started with --exclusive".to_owned());
    }
    if job.left_seconds.is_none() {
        return Some("it has no time limit: nodes that it gets would wait behind every reservation".to_owned());
    }
    if extra.is_some_and(Extra::has_devices) {
        return Some("it has devices such as GPUs, which nodes that it gets would not have".to_owned());
    }
    if agent_user != 0 && agent_user != job.user_number {
        return Some(format!("it belongs to {}, and this agent runs neither as root nor as that user", job.user));
    }
    let spread = steps.iter().find(|step| step.is_of(job) && step.hosts.len() > 1)?;
    Some(format!("its step {} runs on {} nodes at once and would end with any of them", spread.id, spread.hosts.len()))
}

pub(in crate::slurm) const UNEQUAL: &str = "it has not the same CPUs on each of its nodes";

impl Slurm {
    /// Running jobs of a partition, or of all, those with the most CPUs first, and the workload of this exchange that
    /// each is already. Errors: the partition's name is none, the controller does not answer.
    pub fn candidates(
        &self,
        partition: Option<&str>,
        most: usize,
    ) -> Result<Vec<(Candidate, Option<InstanceId>)>, DriverError> {
        let cluster = self.cluster()?;
        let mut options = vec!["--states", "RUNNING"];
        if let Some(partition) = partition {
            options.extend(["--partition", self.valid_partition(partition)?]);
        }
        let mut jobs = self.jobs(&options)?;
        jobs.retain(|job| job.runs() && !job.name.starts_with("headroom-"));
        jobs.sort_by_key(|job| (std::cmp::Reverse(job.cpus), job.number));
        jobs.truncate(most);
        let (extras, steps) = (self.extras(&[])?, self.steps(&[])?);
        let mut found = Vec::new();
        for job in jobs {
            let extra = extras.get(&job.number);
            let mark = extra.and_then(|extra| Mark::read(&extra.administrators_comment));
            let mark = mark.filter(|mark| mark.submitted_at == job.submitted_at);
            let (own, others): (Option<Mark>, Option<Mark>) = match mark {
                Some(mark) if mark.exchange == self.exchange => (Some(mark), None),
                other => (None, other),
            };
            let mut refused = refusal(&job, extra, &steps);
            refused = refused.or_else(|| others.map(|mark| format!("the exchange {} has adopted it", mark.exchange)));
            // One node is equal to itself; nodes that an adopted job got are missing in Slurm's details.
            if refused.is_none() && own.is_none() && job.nodes > 1 && self.cpus_of_node(&job).ok().flatten().is_none() {
                refused = Some(UNEQUAL.to_owned());
            }
            let of_node = job.cpus.checked_div(job.nodes).unwrap_or(0).saturating_mul(1_000);
            let candidate = Candidate {
                job: SlurmJob {
                    cluster: cluster.name.clone(),
                    job: job.number,
                    submitted_at: job.submitted_at,
                    name: job.name,
                    node_cpu_milli: i64::try_from(of_node).unwrap_or(i64::MAX),
                },
                array: job.array,
                partition: job.partition,
                user: job.user,
                nodes: job.nodes,
                cpus: job.cpus,
                running_seconds: job.running_seconds,
                left_seconds: job.left_seconds,
                refused,
            };
            found.push((candidate, own.map(|mark| mark.instance)));
        }
        Ok(found)
    }

    fn valid_partition<'a>(&self, partition: &'a str) -> Result<&'a str, DriverError> {
        let is_name = crate::slurm::mark::is_name(partition);
        let refused =
            || crate::slurm::run::unavailable("squeue", "a partition's name has letters, digits, - and _ only");
        is_name.then_some(partition).ok_or_else(refused)
    }
}
