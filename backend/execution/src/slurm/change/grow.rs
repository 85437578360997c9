//! A job gets nodes: a second job asks for them, and is merged into the first.
//!
//! The second job has the workload in its name, and exchange and first job in its comment: after a crash the next call
//! finds it, and merges or cancels it. Slurm grants it nodes that the first job has already, unless they are excluded;
//! merged, such a node counts twice and the job is damaged. Of a merged node Slurm knows no single CPUs and would give them
//! to others, too: so both jobs have whole nodes.

use std::time::{Duration, Instant};

use crate::driver::DriverError;
use crate::slurm::job::{Extra, Job};
use crate::slurm::run::Ended;
use crate::slurm::{Entry, Slurm};

/// How often a request for nodes is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// What a job lacks to have the nodes that it is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::slurm) struct Missing {
    pub nodes: u64,
    pub cpus_of_node: u64,
}

/// What is lacking, by the reason that Slurm gives for a job that waits.
pub(in crate::slurm) fn lacking(reason: &str) -> &'static str {
    match reason {
        _ if reason.starts_with("Assoc") || reason.starts_with("QOS") => "cpu_milli within the limits of its account",
        _ if reason.starts_with("ReqNodeNotAvail") || reason.starts_with("Reservation") => {
            "cpu_milli of nodes outside reservations and repairs"
        }
        "Priority" => "cpu_milli before jobs of higher priority",
        _ => "cpu_milli of free nodes",
    }
}

impl Slurm {
    fn name_of(entry: &Entry) -> String {
        format!("headroom-{}", entry.instance)
    }

    fn comment_of(&self, entry: &Entry) -> String {
        format!("{}/{}", self.exchange, entry.job.job)
    }

    /// Requests for nodes for this workload that wait or were granted, of the job's own user: others cannot pretend any.
    fn requests(&self, entry: &Entry, job: &Job) -> Result<Vec<Job>, DriverError> {
        let name = Self::name_of(entry);
        let user = job.user_number.to_string();
        let found = self.jobs(&["--name", &name, "--user", &user])?;
        let open = |request: &Job| request.number != job.number && (request.waits() || request.runs());
        Ok(found.into_iter().filter(open).collect())
    }

    fn cancel(&self, request: &Job) -> Result<(), DriverError> {
        self.commands.run("scancel", &[&request.number.to_string()])?.output().map(|_| ())
    }

    /// Merges what an earlier call was granted and did not merge, as far as it is wanted; cancels the rest. Answers the
    /// job as it is then.
    pub(in crate::slurm) fn mend(&self, entry: &Entry, mut job: Job, nodes: u64) -> Result<Job, DriverError> {
        let requests = self.requests(entry, &job)?;
        for request in &requests {
            let missing = Missing { nodes: nodes.saturating_sub(job.nodes), cpus_of_node: entry.cpus_of_node() };
            if request.runs() && request.nodes <= missing.nodes && fits(request, &job, missing.cpus_of_node) {
                self.merge(request)?;
                job = self.same_job(entry)?;
            } else {
                self.cancel(request)?;
            }
        }
        Ok(job)
    }

    /// Gets so many nodes more. Errors: [`DriverError::NoRoom`] where Slurm does not grant them in time; then nothing
    /// waits any more and the job is as it was.
    pub(in crate::slurm) fn grow(
        &self,
        entry: &Entry,
        job: &Job,
        extra: &Extra,
        missing: Missing,
    ) -> Result<(), DriverError> {
        let request = match self.ask(entry, job, extra, missing) {
            Ok(request) => request,
            Err(error) => {
                for request in self.requests(entry, job)? {
                    self.cancel(&request)?;
                }
                return Err(error);
            }
        };
        // What was granted may be other than what was asked for: nodes that the job has already, more CPUs a node.
        if request.nodes != missing.nodes || !fits(&request, job, missing.cpus_of_node) {
            self.cancel(&request)?;
            return Err(self.no_room(entry, job, missing, "cpu_milli of nodes like its own"));
        }
        self.merge(&request)
    }

    fn merge(&self, request: &Job) -> Result<(), DriverError> {
        let id = format!("JobId={}", request.number);
        // The request ends by itself once it has no nodes.
        self.commands.run("scontrol", &["update", &id, "NumNodes=0"])?.output().map(|_| ())
    }

    /// Asks for nodes and waits until they are granted.
    fn ask(&self, entry: &Entry, job: &Job, extra: &Extra, missing: Missing) -> Result<Job, DriverError> {
        let arguments = self.request(entry, job, extra, missing);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut asking = self.commands.start("salloc", &arguments)?;
        let until = Instant::now() + self.settings.patience;
        loop {
            let requests = self.requests(entry, job)?;
            if let Some(request) = requests.iter().find(|request| request.runs()) {
                return Ok(request.clone());
            }
            let ended = asking.ended()?;
            if let Some(ended) = ended.filter(|ended| !ended.succeeded) {
                return Err(self.refused(entry, job, missing, &ended));
            }
            if Instant::now() >= until {
                let reason = requests.first().map_or("", |request| &request.reason);
                return Err(self.no_room(entry, job, missing, lacking(reason)));
            }
            std::thread::sleep(LOOK);
        }
    }

    /// The arguments of `salloc`.
    fn request(&self, entry: &Entry, job: &Job, extra: &Extra, missing: Missing) -> Vec<String> {
        let Missing { nodes, cpus_of_node } = missing;
        let mut arguments = vec![
            "--no-shell".to_owned(),
            "--quiet".to_owned(),
            format!("--job-name={}", Self::name_of(entry)),
            format!("--comment={}", self.comment_of(entry)),
            format!("--dependency=expand:{}", job.id()),
            format!("--exclude={}", job.hosts.join(",")),
            format!("--nodes={nodes}-{nodes}"),
            "--exclusive".to_owned(),
            "--ntasks-per-node=1".to_owned(),
            format!("--cpus-per-task={cpus_of_node}"),
            // A reservation that begins after the end of the job is not in its way.
            format!("--time={}", (job.left_seconds.unwrap_or(60) / 60).max(1)),
            "--chdir=/".to_owned(),
        ];
        let named = [
            ("partition", &job.partition),
            ("account", &job.account),
            ("qos", &job.quality),
            ("reservation", &job.reservation),
            ("constraint", &job.features),
        ];
        let named = named.into_iter().filter(|(_, value)| !value.is_empty());
        arguments.extend(named.map(|(name, value)| format!("--{name}={value}")));
        if let Some(memory_mib) = extra.memory_mib() {
            arguments.push(format!("--mem={}M", memory_mib / job.nodes.max(1)));
        }
        // Limits of its own account are those that count.
        if rustix::process::geteuid().as_raw() != job.user_number {
            arguments.push(format!("--uid={}", job.user_number));
        }
        arguments
    }

    fn refused(&self, entry: &Entry, job: &Job, missing: Missing, ended: &Ended) -> DriverError {
        let complaint = &ended.complaint;
        if complaint.contains("Requested node configuration is not available") {
            return self.no_room(entry, job, missing, "cpu_milli of further nodes in its partition");
        }
        if complaint.contains("accounting/QOS policy") {
            return self.no_room(entry, job, missing, lacking("Assoc"));
        }
        ended.refused()
    }

    fn no_room(&self, entry: &Entry, job: &Job, missing: Missing, resource: &'static str) -> DriverError {
        let free = self.idle_nodes(job, missing.cpus_of_node).unwrap_or(0);
        let milli = |nodes: u64| nodes.saturating_mul(missing.cpus_of_node).saturating_mul(1_000);
        DriverError::NoRoom { node: entry.node.clone(), resource, needed: milli(missing.nodes), free: milli(free) }
    }
}

/// Whether nodes that were granted are others than the job's, with as many CPUs each.
pub(in crate::slurm) fn fits(request: &Job, job: &Job, cpus_of_node: u64) -> bool {
    let are_others = request.hosts.iter().all(|host| !job.hosts.contains(host));
    are_others && request.nodes.checked_mul(cpus_of_node) == Some(request.cpus) && request.nodes > 0
}
