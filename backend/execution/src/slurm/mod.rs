//! Jobs of a Slurm cluster, which grow and shrink by whole nodes while they run.
//!
//! A running job is adopted, not restarted. It gets nodes by a second job that is merged into it, and gives nodes back by
//! an update. A stop gives back what it got and leaves it running, because the exchange has not started it.
//!
//! Invariants: the limit told is the one that Slurm has in force; a job with the same number and another time of
//! submission is never touched; all that was done stands in the cluster, on the job itself, so an agent that starts again
//! goes on. Absent: memory limits, moves (a job stays in its partition), snapshots and shadow runs.

mod ask;
mod change;
mod report;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use headroom_market::units::Resource;
use headroom_market::workload::SlurmJob;

use crate::driver::*;
use ask::job::Job;
use ask::{hosts, job, run, steps, table};
use change::grow;
use change::mark::{self, Mark};
use report::candidates;
use report::usage::{self, Counted};

pub use ask::cluster::Cluster;
pub use report::candidates::Candidate;
pub use report::partitions::{Partition, PartitionNode};
pub use report::segments::Segment;
pub use report::usage::{Source, Usage};

const NAME: &str = "slurm";
/// Answers remembered for each workload: a swap resizes once or twice.
const REMEMBERED_ANSWERS: usize = 32;
/// slurmdbd tells segments by whole seconds: of two resizes in one it keeps the second.
const BETWEEN_RESIZES: Duration = Duration::from_millis(1_100);
/// How long a cluster that did not answer is not asked again.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// How the cluster is reached.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The file `slurm.conf`; without it the variable `SLURM_CONF` or Slurm's own place decides.
    pub configuration: Option<PathBuf>,
    /// What one command may take.
    pub time_limit: Duration,
    /// How long a job waits for nodes before the request is cancelled.
    pub patience: Duration,
    /// Whether the driver may run `scontrol reconfigure`, which reads `slurm.conf` again. Without it nothing is resized.
    pub may_reconfigure: bool,
}

impl Default for Settings {
    fn default() -> Self {
        let (time_limit, patience) = (Duration::from_secs(10), Duration::from_secs(10));
        Self { configuration: None, time_limit, patience, may_reconfigure: true }
    }
}

/// The jobs of a cluster that are workloads.
pub struct Slurm {
    exchange: String,
    settings: Settings,
    commands: run::Commands,
    /// Asked at the first use; why it did not answer is kept for a moment.
    cluster: OnceLock<Cluster>,
    silent: Mutex<Option<(Instant, String)>>,
    entries: Mutex<BTreeMap<InstanceId, Arc<Entry>>>,
}

/// A workload that is a job.
struct Entry {
    instance: InstanceId,
    job: SlurmJob,
    node: NodeId,
    epoch: u64,
    /// Held while the job is changed; shared by all epochs of a workload.
    changes: Arc<Mutex<Changes>>,
    counted: Mutex<Counted>,
    /// How its run ended.
    ended: OnceLock<String>,
}

#[derive(Default)]
struct Changes {
    answers: VecDeque<(OpKey, (u64, Limits), Resized)>,
    last: Option<Instant>,
    /// A resize was begun and Slurm has not counted its nodes anew since.
    is_unsettled: bool,
}

impl Entry {
    fn cpus_of_node(&self) -> u64 {
        u64::try_from(self.job.node_cpu_milli / 1_000).unwrap_or(0).max(1)
    }

    fn wrong_state(&self, operation: &'static str, needed: &'static str, state: &'static str) -> DriverError {
        DriverError::WrongState { instance: self.instance.clone(), operation, needed, state }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The limit that a job has in force: one that stands still has nothing.
fn in_force(job: &Job) -> Limits {
    Limits::new(if job.runs() { job.cpus.saturating_mul(1_000) } else { 0 }, 0)
}

impl Slurm {
    /// Marks jobs with `exchange`, which must be this exchange's own on the cluster; other characters than letters,
    /// digits, `-` and `_` become `-`.
    pub fn new(exchange: &str, settings: Settings) -> Self {
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
        let exchange: String = exchange.chars().map(plain).take(64).collect();
        let commands = run::Commands { configuration: settings.configuration.clone(), time_limit: settings.time_limit };
        let (cluster, silent, entries) = (OnceLock::new(), Mutex::default(), Mutex::default());
        Self { exchange, settings, commands, cluster, silent, entries }
    }

    /// The cluster's version and name, asked now. Errors: tools are missing or the controller does not answer, in the
    /// command's own words.
    pub fn probe(&self) -> Result<Cluster, String> {
        self.ask_cluster().map_err(|error| error.to_string())
    }

    /// The cluster, asked once.
    fn cluster(&self) -> Result<&Cluster, DriverError> {
        if let Some(known) = self.cluster.get() {
            return Ok(known);
        }
        if let Some((at, reason)) = &*locked(&self.silent)
            && at.elapsed() < ASK_AGAIN
        {
            return Err(run::unavailable("scontrol", reason));
        }
        match self.ask_cluster() {
            Ok(cluster) => Ok(self.cluster.get_or_init(|| cluster)),
            Err(error) => {
                *locked(&self.silent) = Some((Instant::now(), error.to_string()));
                Err(error)
            }
        }
    }

    pub fn has(&self, instance: &InstanceId) -> bool {
        locked(&self.entries).contains_key(instance)
    }

    fn entry(&self, instance: &InstanceId) -> Result<Arc<Entry>, DriverError> {
        let entries = locked(&self.entries);
        entries.get(instance).cloned().ok_or_else(|| DriverError::UnknownInstance(instance.clone()))
    }

    fn entry_of(&self, instance: &InstanceId, epoch: u64) -> Result<Arc<Entry>, DriverError> {
        let entry = self.entry(instance)?;
        let (instance, node, seen) = (instance.clone(), entry.node.clone(), entry.epoch);
        match epoch.cmp(&seen) {
            std::cmp::Ordering::Equal => Ok(entry),
            std::cmp::Ordering::Less => Err(DriverError::StaleEpoch { instance, node, given: epoch, seen }),
            std::cmp::Ordering::Greater => Err(DriverError::EpochAhead { instance, node, given: epoch, seen }),
        }
    }

    /// The run that was adopted. Errors: it does not run, or its number is another's by now.
    fn same_job(&self, entry: &Entry) -> Result<Job, DriverError> {
        let needed = "the job that was adopted, running";
        let job =
            self.job(entry.job.job)?.ok_or_else(|| entry.wrong_state("resize", needed, "gone from the cluster"))?;
        match job.submitted_at == entry.job.submitted_at {
            true if job.runs() => Ok(job),
            true if job.state == "SUSPENDED" => Err(entry.wrong_state("resize", needed, "suspended")),
            true => Err(entry.wrong_state("resize", needed, "not running")),
            false => Err(entry.wrong_state("resize", needed, "another run or another job")),
        }
    }

    /// The mark on a job. Errors: another exchange, workload or a newer epoch has it by now.
    fn own_mark(&self, entry: &Entry) -> Result<Mark, DriverError> {
        let extra = self.extra(entry.job.job)?;
        let mark = extra.and_then(|extra| Mark::read(&extra.administrators_comment));
        let lost = || entry.wrong_state("resize", "its own mark on the job", "without it");
        let mark = mark.filter(|mark| mark.exchange == self.exchange && mark.instance == entry.instance);
        let mark = mark.ok_or_else(lost)?;
        if mark.epoch > entry.epoch {
            let (instance, node) = (entry.instance.clone(), entry.node.clone());
            return Err(DriverError::StaleEpoch { instance, node, given: entry.epoch, seen: mark.epoch });
        }
        Ok(mark)
    }

    /// Brings a job to so many nodes and answers it as it is then.
    fn bring_to(&self, entry: &Entry, changes: &mut Changes, nodes: u64) -> Result<Job, DriverError> {
        let found = self.same_job(entry)?;
        let before = found.nodes;
        let job = self.mend(entry, found, nodes)?;
        changes.is_unsettled |= job.nodes != before;
        if job.nodes != nodes {
            if let Some(last) = changes.last {
                std::thread::sleep(BETWEEN_RESIZES.saturating_sub(last.elapsed()));
            }
            if job.nodes > nodes {
                changes.is_unsettled = true;
                self.shrink(&job, nodes)?;
            } else {
                let extra = self.extra(job.number)?.ok_or_else(|| entry.wrong_state("resize", "a job", "gone"))?;
                let missing = grow::Missing { nodes: nodes - job.nodes, cpus_of_node: entry.cpus_of_node() };
                self.grow(entry, &job, &extra, missing)?;
                changes.is_unsettled = true;
            }
            changes.last = Some(Instant::now());
        }
        if changes.is_unsettled {
            // After a resize Slurm 22.05 counts the exclusive jobs of a node wrongly: one that was given back would serve
            // one job more and then none, one that was got might serve others. It counts anew when it is told to.
            self.commands.run("scontrol", &["reconfigure"])?.output()?;
            changes.is_unsettled = false;
        }
        self.same_job(entry)
    }

    /// Why jobs of this cluster cannot be resized, if so.
    fn cannot_resize(&self, cluster: &Cluster) -> Option<&'static str> {
        let refused =
            "the settings do not allow scontrol reconfigure, without which Slurm counts nodes of jobs wrongly";
        cluster.cannot_resize().or((!self.settings.may_reconfigure).then_some(refused))
    }
}

impl Adopting for Slurm {
    fn unavailable(&self) -> Option<String> {
        match self.cluster() {
            Ok(cluster) => self.cannot_resize(cluster).map(str::to_owned),
            Err(error) => Some(error.to_string()),
        }
    }

    fn active_epoch(&self, instance: &InstanceId) -> Option<u64> {
        locked(&self.entries).get(instance).map(|entry| entry.epoch)
    }

    fn limits_in_force(&self, instance: &InstanceId) -> Option<Limits> {
        let entry = self.entry(instance).ok()?;
        let job = self.job(entry.job.job).ok()?;
        let same = job.filter(|job| job.submitted_at == entry.job.submitted_at);
        Some(same.as_ref().map_or_else(Limits::default, in_force))
    }

    fn reports(&self) -> Vec<(InstanceId, Report)> {
        let entries: Vec<Arc<Entry>> = locked(&self.entries).values().cloned().collect();
        self.look(&entries).unwrap_or_default()
    }

    fn let_go_others(&self, wanted: &BTreeSet<InstanceId>) -> Result<(), DriverError> {
        self.let_go_unwanted(wanted)
    }
}

impl Driver for Slurm {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        let lacks = |reason: &str| Support::Unsupported(reason.to_owned());
        let (can, resizes) = match self.cluster() {
            Err(error) => (lacks(&error.to_string()), lacks(&error.to_string())),
            Ok(cluster) => {
                let how = match (self.cannot_resize(cluster), cluster.expands, cluster.shrinks) {
                    (Some(reason), ..) => lacks(reason),
                    (None, true, true) => Support::Emulated("by whole nodes".to_owned()),
                    (None, false, _) => {
                        Support::Emulated("down only: SchedulerParameters lacks permit_job_expansion".to_owned())
                    }
                    (None, _, false) => {
                        Support::Emulated("up only: SchedulerParameters has disable_job_shrink".to_owned())
                    }
                };
                (Support::Native, how)
            }
        };
        let (memory, no_state) = ("Slurm refuses other memory for a job that runs", "a job shows nobody its state");
        Capabilities {
            driver: NAME.to_owned(),
            enforces: [Resource::CpuMilli].into(),
            operations: [
                (Operation::Observe, can.clone()),
                (Operation::Adopt, can),
                (Operation::ResizeCpu, resizes),
                (Operation::ResizeMemoryUp, lacks(memory)),
                (Operation::ResizeMemoryDown, lacks(memory)),
                (Operation::Fence, lacks("a job stays in its partition")),
                (Operation::LiveMigrate, lacks("a job stays in its partition")),
                (Operation::SnapshotFull, lacks(no_state)),
                (Operation::Shadow, lacks(no_state)),
                (Operation::Drill, lacks(no_state)),
                (Operation::Suspend, lacks(no_state)),
            ]
            .into(),
        }
    }

    fn adopt(&self, _: &OpKey, request: &AdoptRequest) -> Result<Started, DriverError> {
        self.take_in(request)
    }

    fn stop(&self, _: &OpKey, instance: &InstanceId, epoch: u64) -> Result<Stopped, DriverError> {
        self.let_go(instance, epoch)?;
        Ok(Stopped { position: 0, state_hash: String::new() })
    }

    fn observe(&self, instance: &InstanceId, _: Detail) -> Result<Vec<Observation>, DriverError> {
        let entry = self.entry(instance)?;
        let found = self.look(std::slice::from_ref(&entry))?;
        let (before, window) = locked(&entry.counted).window(Instant::now());
        let observed =
            found.into_iter().map(|(_, report)| report.observation(instance, &entry.node, (before, 0), window));
        Ok(observed.collect())
    }

    /// By whole nodes, rounded down.
    fn resize(&self, key: &OpKey, instance: &InstanceId, epoch: u64, limits: &Limits) -> Result<Resized, DriverError> {
        let (started, request) = (Instant::now(), (epoch, limits.clone()));
        let entry = self.entry_of(instance, epoch)?;
        let mut changes = locked(&entry.changes);
        if let Some((_, asked, answer)) = changes.answers.iter().find(|(known, ..)| known == key) {
            if *asked != request {
                return Err(DriverError::KeyReused { swap: key.swap.clone(), step: key.step.clone() });
            }
            return Ok(answer.clone());
        }
        let of_node = entry.cpus_of_node().saturating_mul(1_000);
        let nodes = limits.cpu_milli / of_node;
        if nodes == 0 {
            let reason = format!("a job keeps one node of {of_node} thousandths of a core at least");
            return Err(DriverError::Unsupported { operation: "resize", reason });
        }
        let before = in_force(&self.same_job(&entry)?);
        self.own_mark(&entry)?;
        let actual = in_force(&self.bring_to(&entry, &mut changes, nodes)?);
        let work_micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let resized = Resized { before, actual, suspended_kib: None, work_micros };
        changes.answers.push_back((key.clone(), request, resized.clone()));
        if changes.answers.len() > REMEMBERED_ANSWERS {
            changes.answers.pop_front();
        }
        Ok(resized)
    }

    fn verify(&self, request: &VerifyRequest) -> Result<Verification, DriverError> {
        let entry = self.entry_of(&request.instance, request.epoch)?;
        let job = self.job(entry.job.job)?.filter(|job| job.submitted_at == entry.job.submitted_at);
        let has = job.as_ref().map_or(0, |job| in_force(job).cpu_milli);
        let of_node = entry.cpus_of_node().saturating_mul(1_000);
        let wanted = request.limits.cpu_milli / of_node * of_node;
        let state = job.map_or_else(|| "gone".to_owned(), |job| job.state);
        let check = |name: &str, passed: bool, seen: String| Check { name: name.to_owned(), passed, seen };
        let checks = vec![
            check("limits", has == wanted, format!("{has} thousandths of a core in the cluster")),
            check("node", entry.node == request.node, entry.node.to_string()),
            check("runs", state == "RUNNING", format!("job {} is {state}", entry.job.job)),
        ];
        Ok(Verification { passed: checks.iter().all(|check| check.passed), checks })
    }
}
