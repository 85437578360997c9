//! CPU time of jobs that run: counted by Slurm in each step, or read from their processes where all are on this host.
//!
//! What nobody has counted is told as unknown, never as nothing: an observation has no window then.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::driver::{DriverError, steps_end_window};
use crate::linux;
use crate::slurm::Slurm;
use crate::slurm::job::Job;
use crate::slurm::table::micros;

/// Clock ticks a second of `/proc`, on every Linux that Rust runs on.
const TICKS_A_SECOND: u64 = 100;

/// Who has counted the CPU time of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The cluster: `sstat` for steps that run, `sacct` for those that have ended.
    Slurm,
    /// `/proc` of this host, for all processes of the job; without those that were started elsewhere and have ended.
    Processes,
}

/// CPU time and memory of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Usage {
    Counted {
        /// CPU time since it was counted first; it never goes back.
        cpu_micros: u64,
        mem_kib: u64,
        source: Source,
    },
    /// Why nothing is known.
    Unknown(String),
}

/// CPU time in microseconds and memory in KiB, by step.
pub(in crate::slurm) type Steps = BTreeMap<String, (u64, u64)>;

/// What was counted for one workload, and when it was told last.
#[derive(Debug, Default)]
pub(in crate::slurm) struct Counted {
    /// The most that was counted for each step: one that was killed has no count any more.
    steps: BTreeMap<String, u64>,
    pub mem_kib: u64,
    pub source: Option<Source>,
    told: Option<(Instant, u64)>,
}

impl Counted {
    /// Takes in what was counted now.
    pub fn add(&mut self, now: &Steps, source: Source) {
        for (step, (cpu_micros, _)) in now {
            let most = self.steps.entry(step.clone()).or_default();
            *most = (*most).max(*cpu_micros);
        }
        self.mem_kib = now.values().map(|(_, mem_kib)| mem_kib).sum();
        self.source = Some(source);
    }

    /// CPU time so far.
    pub fn cpu_micros(&self) -> u64 {
        self.steps.values().fold(0, |sum, micros| sum.saturating_add(*micros))
    }

    /// The count at the beginning of the window that ends now, and its length: no length where nothing can be told yet.
    pub fn window(&mut self, now: Instant) -> (u64, Duration) {
        let cpu_micros = self.cpu_micros();
        if self.source.is_none() {
            return (cpu_micros, Duration::ZERO);
        }
        let (since, before) = *self.told.get_or_insert((now, cpu_micros));
        let length = now.saturating_duration_since(since);
        if !steps_end_window(cpu_micros > before, length) {
            return (cpu_micros, Duration::ZERO);
        }
        self.told = Some((now, cpu_micros));
        (before, length)
    }
}

/// Reads a value of `cpu=00:00:15,energy=0,mem=3084K`.
fn of_resources<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.split(',').find_map(|one| one.strip_prefix(name)?.strip_prefix('='))
}

fn kib(text: &str) -> Option<u64> {
    let (digits, factor) = [("K", 1), ("M", 1 << 10), ("G", 1 << 20)]
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)))?;
    digits.split('.').next()?.parse::<u64>().ok()?.checked_mul(factor)
}

/// Steps in a table of step, resources and, where it has one, CPU time. Lines without a count are left out.
pub(in crate::slurm) fn steps_of(text: &str) -> Steps {
    let mut steps = Steps::new();
    for line in text.lines() {
        let mut fields = line.split('|');
        let (Some(step), Some(resources)) = (fields.next(), fields.next()) else { continue };
        if !step.contains('.') || step.ends_with(".extern") {
            continue;
        }
        let counted = of_resources(resources, "cpu").and_then(micros);
        let total = fields.next().and_then(micros);
        let Some(cpu_micros) = counted.max(total) else { continue };
        let mem_kib = of_resources(resources, "mem").and_then(kib).unwrap_or(0);
        let known = steps.entry(step.to_owned()).or_default();
        *known = (known.0.max(cpu_micros), known.1.max(mem_kib));
    }
    steps
}

/// The steps of one job.
pub(in crate::slurm) fn steps_of_job(steps: &Steps, job: &Job) -> Steps {
    let is_of = |step: &str| step.split_once('.').is_some_and(|(id, _)| id == job.id() || id == job.number.to_string());
    let of_job = steps.iter().filter(|(step, _)| is_of(step));
    // An array's task has two names.
    of_job
        .map(|(step, counts)| (step.split_once('.').map_or(step.clone(), |(_, step)| step.to_owned()), *counts))
        .collect()
}

/// Processes in the output of `scontrol listpids`.
pub(in crate::slurm) fn pids_of(text: &str) -> Vec<u32> {
    text.lines().filter_map(|line| line.split_ascii_whitespace().next()?.parse().ok()).collect()
}

fn cpu_micros_of(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split_ascii_whitespace().collect();
    // Its own ticks, then those of children that it has waited for.
    let ticks: u64 = fields.get(11..15)?.iter().filter_map(|field| field.parse::<u64>().ok()).sum();
    Some(ticks.saturating_mul(1_000_000 / TICKS_A_SECOND))
}

impl Slurm {
    /// What Slurm has counted for the steps of these jobs that run.
    pub(in crate::slurm) fn running_steps(&self, jobs: &[&Job]) -> Result<Steps, DriverError> {
        let list = jobs.iter().map(|job| job.number.to_string()).collect::<Vec<_>>().join(",");
        let arguments =
            ["--noheader", "--parsable2", "--allsteps", "--format", "JobID,TRESUsageInTot", "--jobs", &list];
        Ok(steps_of(&self.commands.run("sstat", &arguments)?.output()?))
    }

    /// What Slurm has counted for the steps of a job that have ended; those of an earlier run are not among them.
    pub(in crate::slurm) fn ended_steps(&self, job: &Job) -> Result<Steps, DriverError> {
        let number = job.number.to_string();
        let format = "JobIDRaw,TRESUsageInTot,TotalCPU,Start";
        let arguments = ["--noheader", "--parsable2", "--duplicates", "--format", format, "--jobs", &number];
        let output = self.commands.run("sacct", &arguments)?.output()?;
        let started = |line: &&str| line.rsplit('|').next().and_then(|text| text.parse::<i64>().ok());
        let of_run = output.lines().filter(|line| started(line).is_some_and(|at| at >= job.submitted_at));
        let own = format!("{number}.");
        let lines: Vec<&str> = of_run.filter(|line| line.starts_with(&own)).collect();
        Ok(steps_of(&lines.join("\n")))
    }

    /// CPU time and memory of all processes of a job, if this host has all of its nodes.
    pub(in crate::slurm) fn processes(&self, job: &Job) -> Result<Steps, DriverError> {
        let mut steps = Steps::new();
        for host in &job.hosts {
            let output = self.commands.run("scontrol", &["listpids", &job.id(), host])?.output()?;
            for pid in pids_of(&output).into_iter().filter_map(linux::find).flat_map(|process| linux::tree(&process)) {
                if let Some((process, cpu_micros)) = linux::find(pid).zip(cpu_micros_of(pid)) {
                    let step = format!("{pid} {}", process.started_ticks);
                    steps.insert(step, (cpu_micros, linux_memory_kib(pid)));
                }
            }
        }
        Ok(steps)
    }
}

fn linux_memory_kib(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::{LEAST_OF_STEPS, NOTHING_AFTER};

    #[test]
    fn recorded_steps_are_counted() {
        let text =
            "7.batch|cpu=00:00:15,energy=0,fs/disk=7905,mem=3084K,pages=0,vmem=4360K\n7.0|cpu=1-00:00:00,mem=1.50M\n";
        let steps = steps_of(text);
        assert_eq!(steps.get("7.batch"), Some(&(15_000_000, 3_084)));
        assert_eq!(steps.get("7.0"), Some(&(86_400_000_000, 1_024)));
    }

    #[test]
    fn steps_that_nobody_counted_are_left_out() {
        for text in
            ["", "7.batch", "7.batch|", "7|cpu=00:00:15", "7.extern|cpu=00:00:01", "7.0|cpu=", "7.0|cpu=-1,mem=x"]
        {
            assert!(steps_of(text).is_empty(), "{text}");
        }
        let ended = steps_of("38.batch||00:00:03.250|1796050051\n38.batch||00:00:01|1796050052");
        assert_eq!(ended.get("38.batch"), Some(&(3_250_000, 0)), "the most counts");
    }

    #[test]
    fn numbers_of_processes_are_read_and_words_are_not() {
        let text =
            "PID      JOBID    STEPID   LOCALID GLOBALID\n24722    7        batch    0       0       \n-1 7 0 - -\n";
        assert_eq!(pids_of(text), [24_722]);
    }

    fn steps(seconds: u64) -> Steps {
        [("batch".to_owned(), (seconds * 1_000_000, 8))].into()
    }

    #[test]
    fn unknown_usage_has_no_window() {
        let (mut counted, now) = (Counted::default(), Instant::now());
        assert_eq!(counted.window(now).1, Duration::ZERO, "nothing was ever counted");
        counted.add(&steps(5), Source::Slurm);
        assert_eq!(counted.window(now + LEAST_OF_STEPS).1, Duration::ZERO, "the first count begins the window");
        counted.add(&steps(9), Source::Slurm);
        let soon = now + LEAST_OF_STEPS + Duration::from_secs(1);
        assert_eq!(counted.window(soon).1, Duration::ZERO, "whole seconds are no rate yet");
        let later = now + LEAST_OF_STEPS * 2;
        assert_eq!(counted.window(later), (5_000_000, LEAST_OF_STEPS));
        assert_eq!(counted.window(later + LEAST_OF_STEPS).1, Duration::ZERO, "no count came since");
        assert_eq!(counted.window(later + NOTHING_AFTER), (9_000_000, NOTHING_AFTER), "it was idle");
    }

    #[test]
    fn a_count_never_goes_back() {
        let mut counted = Counted::default();
        counted.add(&steps(9), Source::Slurm);
        counted.add(&steps(0), Source::Slurm);
        counted.add(&Steps::new(), Source::Slurm);
        assert_eq!(counted.cpu_micros(), 9_000_000);
    }
}
