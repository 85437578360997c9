//! Taking in a job that runs, or one whose agent starts again.

use std::sync::{Arc, Mutex, OnceLock};

use headroom_market::workload::{Adopted, SlurmJob};

use crate::driver::*;
use crate::slurm::candidates::{UNEQUAL, refusal};
use crate::slurm::job::{Extra, Job};
use crate::slurm::mark::{self, Mark};
use crate::slurm::{Changes, Entry, Slurm, in_force, locked};

fn refused(reason: impl Into<String>) -> DriverError {
    DriverError::Unsupported { operation: "adopt", reason: reason.into() }
}

impl Slurm {
    /// Adopts a job, and brings it to the limit as far as the cluster has nodes. Errors: it is not the job that was asked
    /// for, cannot be adopted, or belongs to another workload or a newer epoch.
    pub(in crate::slurm) fn take_in(&self, request: &AdoptRequest) -> Result<Started, DriverError> {
        let AdoptRequest { instance, node, epoch, adopted, limits } = request;
        let Adopted::SlurmJob(asked) = adopted else { return Err(refused("it is no job of a Slurm cluster")) };
        if !mark::is_name(instance.as_str()) {
            return Err(refused("its id has other characters than letters, digits, - and _"));
        }
        let known = locked(&self.entries).get(instance).cloned();
        let changes: Arc<Mutex<Changes>> = known.as_ref().map(|known| known.changes.clone()).unwrap_or_default();
        let mut changing = locked(&changes);
        if let Some(known) = known.as_ref().filter(|known| known.epoch >= *epoch) {
            if known.epoch == *epoch && adopted.is(&Adopted::SlurmJob(known.job.clone())) {
                let limits = self.limits_in_force(instance).unwrap_or_default();
                return Ok(Started { node: known.node.clone(), epoch: *epoch, position: 0, limits });
            }
            let (instance, node) = (instance.clone(), known.node.clone());
            return Err(DriverError::StaleEpoch { instance, node, given: *epoch, seen: known.epoch });
        }
        let cluster = self.cluster()?;
        if cluster.name != asked.cluster {
            return Err(refused(format!("the cluster is {}, the job is of {}", cluster.name, asked.cluster)));
        }
        let entry = Entry {
            instance: instance.clone(),
            job: asked.clone(),
            node: node.clone(),
            epoch: *epoch,
            changes: changes.clone(),
            counted: Mutex::default(),
            ended: OnceLock::new(),
        };
        let job = self.job(asked.job)?;
        let job = job.filter(|job| job.submitted_at == asked.submitted_at);
        let runs = job.as_ref().is_some_and(Job::runs);
        if let Some(job) = job.as_ref().filter(|job| job.runs()) {
            // What an earlier life of the agent has done last it may not have ended.
            changing.is_unsettled = self.write_mark(&entry, job)?;
        } else if job.is_none() && self.segments(asked)?.is_empty() {
            return Err(refused(format!("no job {} was submitted at {}", asked.job, asked.submitted_at)));
        }
        // One that has ended is taken in all the same: the next observation says so, and its owner is told.
        let entry = Arc::new(entry);
        locked(&self.entries).insert(instance.clone(), entry.clone());
        let mut limits_now = Limits::default();
        if let Some(job) = job.filter(|_| runs) {
            let nodes = limits.cpu_milli / entry.cpus_of_node().saturating_mul(1_000);
            let nodes = if nodes == 0 { job.nodes } else { nodes };
            // Without room it stays as it is, and the answer says so.
            limits_now = in_force(&self.bring_to(&entry, &mut changing, nodes).unwrap_or(job));
        }
        Ok(Started { node: node.clone(), epoch: *epoch, position: 0, limits: limits_now })
    }

    /// Marks a job as this workload's, and answers whether it was already. Errors: it cannot be adopted, or somebody else
    /// has it.
    fn write_mark(&self, entry: &Entry, job: &Job) -> Result<bool, DriverError> {
        let SlurmJob { job: number, node_cpu_milli, .. } = entry.job;
        let gone = || refused(format!("job {number} has just ended"));
        let extra = self.extra(number)?.ok_or_else(gone)?;
        let mark = Mark::read(&extra.administrators_comment).filter(|mark| mark.submitted_at == job.submitted_at);
        if let Some(mark) = &mark {
            if mark.exchange != self.exchange || mark.instance != entry.instance {
                return Err(refused(format!("the workload {} of exchange {} has it", mark.instance, mark.exchange)));
            }
            if mark.epoch > entry.epoch {
                let (instance, node) = (entry.instance.clone(), entry.node.clone());
                return Err(DriverError::StaleEpoch { instance, node, given: entry.epoch, seen: mark.epoch });
            }
        }
        self.check_adoptable(entry, job, &extra, mark.is_none())?;
        // Slurm's details have no nodes that were merged: of a job that was adopted before, the sum has to do.
        let cpus = match &mark {
            Some(_) => job.cpus.checked_div(job.nodes).filter(|cpus| cpus * job.nodes == job.cpus),
            None => self.cpus_of_node(job)?,
        };
        let cpus = cpus.ok_or_else(|| refused(UNEQUAL))?;
        if i64::try_from(cpus).ok().and_then(|cpus| cpus.checked_mul(1_000)) != Some(node_cpu_milli) {
            return Err(refused(format!(
                "it has {cpus} CPUs on each node, not {node_cpu_milli} thousandths of a core"
            )));
        }
        let was_marked = mark.is_some();
        let mark = Mark {
            exchange: self.exchange.clone(),
            instance: entry.instance.clone(),
            epoch: entry.epoch,
            nodes: mark.map_or(job.nodes, |mark| mark.nodes),
            submitted_at: job.submitted_at,
        };
        let comment = mark.written(&extra.administrators_comment);
        if comment.chars().count() > mark::MOST_CHARACTERS {
            return Err(refused("its administrator's comment is too long to add a mark"));
        }
        self.write_comment(job, &comment)?;
        // Somebody else may have written at the same moment.
        self.own_mark(entry).map(|_| was_marked)
    }

    fn check_adoptable(&self, entry: &Entry, job: &Job, extra: &Extra, is_new: bool) -> Result<(), DriverError> {
        // What it has launched since it was adopted is its own affair.
        let steps = if is_new { self.steps(&["--jobs", &entry.job.job.to_string()])? } else { Vec::new() };
        refusal(job, Some(extra), &steps).map_or(Ok(()), |reason| Err(refused(reason)))
    }

    pub(in crate::slurm) fn write_comment(&self, job: &Job, comment: &str) -> Result<(), DriverError> {
        let (id, comment) = (format!("JobId={}", job.id()), format!("AdminComment={comment}"));
        self.commands.run("scontrol", &["update", &id, &comment])?.output().map(|_| ())
    }
}
