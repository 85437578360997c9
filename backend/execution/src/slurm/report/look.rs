//! A look at adopted jobs: what they have, what they use, and which have ended.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::driver::{DriverError, InstanceId, Report};
use crate::slurm::job::Job;
use crate::slurm::mark::Mark;
use crate::slurm::usage::{Source, Steps, Usage, steps_of_job};
use crate::slurm::{Entry, Slurm, in_force, locked};

impl Slurm {
    /// Reports of these workloads. One whose state cannot be read is left out.
    pub(in crate::slurm) fn look(&self, entries: &[Arc<Entry>]) -> Result<Vec<(InstanceId, Report)>, DriverError> {
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let jobs = self.jobs_of(entries)?;
        self.count(entries, &jobs);
        let mut reports = Vec::new();
        for entry in entries {
            let job = jobs.get(&entry.job.job);
            let Ok(ended) = self.ended(entry, job) else { continue };
            let counted = locked(&entry.counted);
            let same = job.filter(|job| job.submitted_at == entry.job.submitted_at && ended.is_none());
            let report = Report {
                epoch: entry.epoch,
                cpu_milli: same.map_or(0, |job| in_force(job).cpu_milli),
                cpu_micros: counted.source.map(|_| counted.cpu_micros()),
                throttled_micros: 0,
                mem_kib: counted.mem_kib,
                ended,
            };
            reports.push((entry.instance.clone(), report));
        }
        Ok(reports)
    }

    /// What is known of a workload's usage since the last look.
    pub fn usage(&self, instance: &InstanceId) -> Option<Usage> {
        let entry = self.entry(instance).ok()?;
        let counted = locked(&entry.counted);
        let unknown = || Usage::Unknown("neither Slurm nor this host has counted its CPU time".to_owned());
        let known = counted.source.map(|source| {
            let (cpu_micros, mem_kib) = (counted.cpu_micros(), counted.mem_kib);
            Usage::Counted { cpu_micros, mem_kib, source }
        });
        Some(known.unwrap_or_else(unknown))
    }

    fn jobs_of(&self, entries: &[Arc<Entry>]) -> Result<BTreeMap<u64, Job>, DriverError> {
        let mut jobs = BTreeMap::new();
        // A number that the cluster has forgotten makes it refuse a list of one, and is left out of a longer one.
        let list = entries.iter().map(|entry| entry.job.job.to_string()).collect::<Vec<_>>().join(",");
        for job in self.jobs(&["--states", "all", "--jobs", &list])? {
            jobs.insert(job.number, job);
        }
        Ok(jobs)
    }

    fn count(&self, entries: &[Arc<Entry>], jobs: &BTreeMap<u64, Job>) {
        let same = |entry: &Arc<Entry>| {
            let job = jobs.get(&entry.job.job)?;
            (job.runs() && job.submitted_at == entry.job.submitted_at).then(|| (entry.clone(), job))
        };
        let running: Vec<(Arc<Entry>, &Job)> = entries.iter().filter_map(same).collect();
        if running.is_empty() {
            return;
        }
        let is_counted = self.cluster().is_ok_and(|cluster| cluster.counts);
        let of_running = match is_counted {
            true => self.running_steps(&running.iter().map(|(_, job)| *job).collect::<Vec<_>>()).unwrap_or_default(),
            false => Steps::new(),
        };
        for (entry, job) in running {
            let mut steps = steps_of_job(&of_running, job);
            let mut source = Source::Slurm;
            if is_counted {
                let ended = self.ended_steps(job).map(|ended| steps_of_job(&ended, job)).unwrap_or_default();
                for (step, (cpu_micros, _)) in ended {
                    let known = steps.entry(step).or_default();
                    known.0 = known.0.max(cpu_micros);
                }
            } else {
                (steps, source) = (self.processes(job).unwrap_or_default(), Source::Processes);
            }
            if !steps.is_empty() {
                locked(&entry.counted).add(&steps, source);
            }
        }
    }

    /// How a workload's run ended, if it did. A requeue ends it, too: what runs later is another run of other size.
    fn ended(&self, entry: &Entry, job: Option<&Job>) -> Result<Option<String>, DriverError> {
        if let Some(known) = entry.ended.get() {
            return Ok(Some(known.clone()));
        }
        let told = |state: &str| format!("job {} ({}) has ended: {state}", entry.job.job, entry.job.name);
        let requeued = |job: &Job| match job.waits() {
            true => format!("job {} was requeued and waits: {} ({})", job.number, job.state, job.reason),
            false => format!("job {} was requeued and is {} anew", job.number, job.state),
        };
        let ended = match job {
            Some(job) if job.submitted_at == entry.job.submitted_at => match job.has_ended() {
                true => told(&job.state),
                false if job.waits() => requeued(job),
                false => return Ok(None),
            },
            Some(job) if self.is_requeued(entry)? => requeued(job),
            _ => match self.segments(&entry.job)?.pop() {
                Some(last) => told(&last.state),
                None => format!("job {} is not known to the cluster any more", entry.job.job),
            },
        };
        Ok(Some(entry.ended.get_or_init(|| ended).clone()))
    }

    /// Whether the job that has the number now still carries this workload's mark.
    fn is_requeued(&self, entry: &Entry) -> Result<bool, DriverError> {
        let extra = self.extra(entry.job.job)?;
        let mark = extra.and_then(|extra| Mark::read(&extra.administrators_comment));
        Ok(mark.is_some_and(|mark| mark.instance == entry.instance && mark.exchange == self.exchange))
    }
}
