//! A job as the cluster has it now.

use std::collections::BTreeMap;

use crate::driver::DriverError;
use crate::slurm::table::{Table, micros, number};
use crate::slurm::{Slurm, hosts};

/// The fields of `squeue --format`, in the order of [`Job::read`]; text of users comes last.
const FIELDS: [&str; 20] = [
    "%A", "%i", "%T", "%D", "%C", "%V", "%L", "%M", "%N", "%B", "%h", "%r", "%P", "%U", "%u", "%a", "%q", "%v", "%f",
    "%j",
];
const WHAT: &str = "squeue";
/// What Slurm answers about a number that no job has.
const UNKNOWN: &str = "Invalid job id specified";

/// A job in the queue: it waits, runs or has ended a few minutes ago.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::slurm) struct Job {
    pub number: u64,
    /// Number of its array and of the task in it.
    pub array: Option<(u64, u64)>,
    /// It is a part of a job of several kinds of nodes.
    pub is_part: bool,
    pub state: String,
    /// Why it is in this state, in Slurm's words.
    pub reason: String,
    pub nodes: u64,
    pub cpus: u64,
    /// Unix seconds. A requeued job gets a new one.
    pub submitted_at: i64,
    /// Seconds until its time limit; `None` without one.
    pub left_seconds: Option<u64>,
    pub running_seconds: u64,
    pub hosts: Vec<String>,
    pub batch_host: String,
    /// Whether it shares its nodes, in Slurm's words.
    pub sharing: String,
    pub partition: String,
    pub user_number: u32,
    pub user: String,
    pub account: String,
    pub quality: String,
    pub reservation: String,
    pub features: String,
    pub name: String,
}

impl Job {
    fn read(fields: &[&str]) -> Result<Self, DriverError> {
        let text = |at: usize| fields.get(at).copied().unwrap_or_default();
        let owned = |at: usize| if text(at) == "(null)" { String::new() } else { text(at).to_owned() };
        // `19_1` is a task; `19_[2-5]` are tasks that wait, `12+0` is a part of a job of several kinds of nodes.
        let task = text(1).split_once('_').and_then(|(array, task)| Some((array.parse().ok()?, task.parse().ok()?)));
        // A suspended or waiting job has words in place of times.
        let seconds = |at: usize| micros(text(at)).map(|micros| micros / 1_000_000);
        let left_seconds = match text(6) {
            "UNLIMITED" | "NOT_SET" => None,
            _ => Some(seconds(6).unwrap_or(0)),
        };
        Ok(Self {
            number: number(WHAT, text(0))?,
            array: task,
            is_part: text(1).contains('+'),
            state: owned(2),
            nodes: number(WHAT, text(3))?,
            cpus: number(WHAT, text(4))?,
            submitted_at: number(WHAT, text(5))?,
            left_seconds,
            running_seconds: seconds(7).unwrap_or(0),
            hosts: hosts::expand(text(8))?,
            batch_host: owned(9),
            sharing: owned(10),
            reason: owned(11),
            partition: owned(12),
            user_number: number(WHAT, text(13))?,
            user: owned(14),
            account: owned(15),
            quality: owned(16),
            reservation: owned(17),
            features: owned(18),
            name: text(19).chars().filter(|c| !c.is_control()).take(200).collect(),
        })
    }

    /// How commands name it: the number of an array's last task is that of the whole array, too.
    pub fn id(&self) -> String {
        match self.array {
            Some((array, task)) => format!("{array}_{task}"),
            None => self.number.to_string(),
        }
    }

    /// Whether nobody else has anything on its nodes, its own user included.
    pub fn is_exclusive(&self) -> bool {
        ["NO", "EXCLUSIVE"].contains(&&*self.sharing)
    }

    pub fn runs(&self) -> bool {
        self.state == "RUNNING"
    }

    /// Whether this run of it is over.
    pub fn has_ended(&self) -> bool {
        const ENDS: [&str; 9] = [
            "COMPLETED",
            "FAILED",
            "TIMEOUT",
            "CANCELLED",
            "NODE_FAIL",
            "PREEMPTED",
            "BOOT_FAIL",
            "DEADLINE",
            "OUT_OF_MEMORY",
        ];
        ENDS.contains(&&*self.state)
    }

    /// Whether it waits, before its first run or after a requeue.
    pub fn waits(&self) -> bool {
        ["PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "RESV_DEL_HOLD"].contains(&&*self.state)
    }
}

/// What users cannot write, and other tables do not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::slurm) struct Extra {
    pub administrators_comment: String,
    /// What it has, `cpu=4,mem=200M,node=1`.
    pub resources: String,
}

impl Extra {
    /// Memory of all of its nodes in MiB, where the cluster keeps account of it.
    pub fn memory_mib(&self) -> Option<u64> {
        let text = self.resources.split(',').find_map(|one| one.strip_prefix("mem="))?;
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (amount, unit) = text.split_at(digits);
        let (whole, parts) = amount.split_once('.').unwrap_or((amount, ""));
        let hundredths = format!("{parts:0<2}").get(..2)?.parse::<u64>().ok()?;
        let kib_of_unit = [("K", 1), ("M", 1 << 10), ("", 1 << 10), ("G", 1 << 20), ("T", 1 << 30)];
        let (_, kib) = kib_of_unit.iter().find(|(name, _)| *name == unit)?;
        Some(whole.parse::<u64>().ok()?.checked_mul(100)?.checked_add(hundredths)?.checked_mul(*kib)? / 100 / 1024)
    }

    /// Whether it has devices such as GPUs, of which added nodes would have none.
    pub fn has_devices(&self) -> bool {
        self.resources.split(',').any(|one| one.starts_with("gres/"))
    }
}

impl Slurm {
    /// Jobs that `squeue` selects by these options.
    pub(in crate::slurm) fn jobs(&self, options: &[&str]) -> Result<Vec<Job>, DriverError> {
        let table = Table::new();
        let format = table.format(&FIELDS);
        let mut arguments = vec!["--noheader", "--all", "--format", &format];
        arguments.extend(options);
        let ended = self.commands.run(WHAT, &arguments)?;
        if !ended.succeeded && ended.complaint.contains(UNKNOWN) {
            return Ok(Vec::new());
        }
        table.records(WHAT, &ended.output()?, FIELDS.len())?.iter().map(|fields| Job::read(fields)).collect()
    }

    /// The job of a number, also one that waits or has ended lately.
    pub(in crate::slurm) fn job(&self, number: u64) -> Result<Option<Job>, DriverError> {
        let jobs = self.jobs(&["--states", "all", "--jobs", &number.to_string()])?;
        // The number of an array finds all of its tasks.
        Ok(jobs.into_iter().find(|job| job.number == number))
    }

    /// What stands beside jobs, by their number.
    pub(in crate::slurm) fn extras(&self, options: &[&str]) -> Result<BTreeMap<u64, Extra>, DriverError> {
        let table = Table::new();
        let format = table.wide_format(&[("jobid", 12), ("tres-alloc", 400), ("admin_comment", 1_000)]);
        let mut arguments = vec!["--noheader", "--all", "--states", "all", "--Format", &format];
        arguments.extend(options);
        let ended = self.commands.run(WHAT, &arguments)?;
        if !ended.succeeded && ended.complaint.contains(UNKNOWN) {
            return Ok(BTreeMap::new());
        }
        let output = ended.output()?;
        let mut extras = BTreeMap::new();
        for fields in table.records(WHAT, &output, 3)? {
            let [job, resources, comment] = fields.as_slice() else { continue };
            let (administrators_comment, resources) = (comment.trim().to_owned(), resources.trim().to_owned());
            extras.insert(number(WHAT, job)?, Extra { administrators_comment, resources });
        }
        Ok(extras)
    }

    pub(in crate::slurm) fn extra(&self, number: u64) -> Result<Option<Extra>, DriverError> {
        Ok(self.extras(&["--jobs", &number.to_string()])?.remove(&number))
    }

    /// CPUs that a job has on each of its nodes; `None` where they are not the same on all.
    pub(in crate::slurm) fn cpus_of_node(&self, job: &Job) -> Result<Option<u64>, DriverError> {
        let text = self.commands.run("scontrol", &["--details", "show", "job", &job.id()])?.output()?;
        equal_cpus(&text, job)
    }
}

/// Names and comments in this text are what users want: where it contradicts the other table, nothing of it counts.
pub(in crate::slurm) fn equal_cpus(text: &str, job: &Job) -> Result<Option<u64>, DriverError> {
    let mut found: BTreeMap<String, u64> = BTreeMap::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("     Nodes=")) {
        let Some((nodes, rest)) = line.split_once(' ') else { return Ok(None) };
        let Some(ids) = rest.strip_prefix("CPU_IDs=") else { return Ok(None) };
        let ids = ids.split(' ').next().unwrap_or_default();
        // Ids look like numbers of nodes in brackets.
        let cpus = hosts::expand(&format!("[{ids}]"))?.len() as u64;
        for host in hosts::expand(nodes)? {
            if found.insert(host, cpus).is_some() {
                return Ok(None);
            }
        }
    }
    let is_all = found.len() == job.hosts.len() && job.hosts.iter().all(|host| found.contains_key(host));
    let first = found.values().next().copied().unwrap_or(0);
    let are_equal = first > 0 && found.values().all(|cpus| *cpus == first);
    Ok((is_all && are_equal && found.values().sum::<u64>() == job.cpus).then_some(first))
}

#[cfg(test)]
#[path = "job_tests.rs"]
mod tests;
