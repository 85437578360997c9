//! Programs of this host that know nothing of Headroom, limited by the kernel's control groups.
//!
//! A process is adopted while it runs: it and its descendants go into a control group of their own, whose CPU quota is the
//! workload's limit. Nothing of it is stopped or restarted. A stop lifts the limit and leaves the process alone, because the
//! exchange has not started it; the same holds when the exchange ends or is away.
//!
//! Invariants: a process is in one workload at most; the limit told is the one that the kernel has in force; a number that
//! another process has by now is never touched. Absent: memory limits, moves, snapshots and shadow runs.

pub(crate) mod cgroup;
pub(crate) mod process;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use crate::driver::*;
use cgroup::{Cgroups, Counted, Group};
use headroom_market::units::Resource;
use headroom_market::workload::{Adopted, ModuleKind};

pub use cgroup::{LEAST_CPU_MILLI, MOST_CPU_MILLI};
pub use headroom_market::workload::HostProcess;
pub use process::{Candidate, boot, find, is_own, runs, tree};

const NAME: &str = "linux";
/// Looks for processes that were started while others were attached.
const MOST_PASSES: usize = 5;
/// Answers remembered for each workload: a swap resizes once or twice.
const REMEMBERED_ANSWERS: usize = 32;

/// The processes of this host that are workloads.
pub struct Linux {
    name: String,
    /// Where groups are made, tried at the first use: an exchange without adopted processes leaves no trace.
    cgroups: OnceLock<Result<Cgroups, String>>,
    copies: Mutex<BTreeMap<InstanceId, Copy>>,
}

/// A workload that runs.
struct Copy {
    process: HostProcess,
    group: Group,
    node: NodeId,
    epoch: u64,
    /// When it was observed last, and what was counted then.
    seen: (Instant, Counted),
    answers: VecDeque<(OpKey, (u64, Limits), Resized)>,
}

impl Linux {
    /// Makes control groups below `headroom-` and `name`, which must be this exchange's own on this host.
    pub fn new(name: &str) -> Self {
        Self { name: format!("{}{name}", process::PREFIX), cgroups: OnceLock::new(), copies: Mutex::default() }
    }

    fn probed(&self) -> &Result<Cgroups, String> {
        self.cgroups.get_or_init(|| Cgroups::probe(&self.name))
    }

    /// Processes of this host that may be adopted, the busiest first, and the workload that each is already; takes half a
    /// second. One that another exchange has adopted is not among them.
    pub fn candidates(&self, most: usize) -> Vec<(Candidate, Option<InstanceId>)> {
        let is_own = |candidate: &Candidate| candidate.adopted.as_ref().is_none_or(|(folder, _)| *folder == self.name);
        let workload =
            |candidate: &Candidate| candidate.adopted.as_ref().map(|(_, workload)| InstanceId::new(workload));
        let found = process::candidates(usize::MAX).into_iter().filter(is_own).take(most);
        found.map(|candidate| (workload(&candidate), candidate)).map(|(id, candidate)| (candidate, id)).collect()
    }

    fn copies(&self) -> MutexGuard<'_, BTreeMap<InstanceId, Copy>> {
        self.copies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cgroups(&self, operation: &'static str) -> Result<&Cgroups, DriverError> {
        self.probed().as_ref().map_err(|reason| DriverError::Unsupported { operation, reason: reason.clone() })
    }

    pub fn has(&self, instance: &InstanceId) -> bool {
        self.copies().contains_key(instance)
    }

    fn with<T>(
        &self,
        instance: &InstanceId,
        epoch: u64,
        call: impl FnOnce(&mut Copy) -> Result<T, DriverError>,
    ) -> Result<T, DriverError> {
        let mut copies = self.copies();
        let copy = copies.get_mut(instance).ok_or_else(|| DriverError::UnknownInstance(instance.clone()))?;
        let (node, seen) = (copy.node.clone(), copy.epoch);
        match epoch.cmp(&seen) {
            std::cmp::Ordering::Equal => call(copy),
            std::cmp::Ordering::Less => {
                Err(DriverError::StaleEpoch { instance: instance.clone(), node, given: epoch, seen })
            }
            std::cmp::Ordering::Greater => {
                Err(DriverError::EpochAhead { instance: instance.clone(), node, given: epoch, seen })
            }
        }
    }
}

impl Adopting for Linux {
    fn unavailable(&self) -> Option<String> {
        self.probed().as_ref().err().cloned()
    }

    fn active_epoch(&self, instance: &InstanceId) -> Option<u64> {
        self.copies().get(instance).map(|copy| copy.epoch)
    }

    fn limits_in_force(&self, instance: &InstanceId) -> Option<Limits> {
        self.copies().get(instance).and_then(|copy| copy.limits().ok())
    }

    fn reports(&self) -> Vec<(InstanceId, Report)> {
        let copies = self.copies();
        copies.iter().filter_map(|(id, copy)| Some((id.clone(), copy.report().ok()?))).collect()
    }
}

impl Drop for Linux {
    fn drop(&mut self) {
        if let Some(Ok(cgroups)) = self.cgroups.get() {
            cgroups.remove();
        }
    }
}

fn failed(group: &Group, source: std::io::Error) -> DriverError {
    DriverError::Io { path: group.folder().to_owned(), source }
}

impl Copy {
    fn limits(&self) -> Result<Limits, DriverError> {
        let cpu = self.group.cpu().map_err(|error| failed(&self.group, error))?;
        Ok(Limits::new(cpu.unwrap_or(MOST_CPU_MILLI).min(MOST_CPU_MILLI), 0))
    }

    /// Whether any process of it runs.
    fn runs(&self) -> bool {
        self.group.members().is_ok_and(|members| !members.is_empty())
    }

    fn resize(&mut self, limits: &Limits) -> Result<Resized, DriverError> {
        let started = Instant::now();
        let before = self.limits()?;
        self.group.set_cpu(Some(limits.cpu_milli)).map_err(|error| failed(&self.group, error))?;
        let actual = self.limits()?;
        let work_micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        Ok(Resized { before, actual, suspended_kib: None, work_micros })
    }

    /// What the kernel has counted.
    fn report(&self) -> Result<Report, DriverError> {
        let counted = self.group.counted().map_err(|error| failed(&self.group, error))?;
        let members = self.group.members().map_err(|error| failed(&self.group, error))?;
        let HostProcess { pid, command, .. } = &self.process;
        Ok(Report {
            epoch: self.epoch,
            cpu_milli: self.limits()?.cpu_milli,
            cpu_micros: Some(counted.cpu_micros),
            throttled_micros: counted.throttled_micros,
            mem_kib: members.iter().map(|pid| process::resident_kib(*pid)).sum(),
            ended: members.is_empty().then(|| format!("process {pid} ({command}) has ended")),
        })
    }

    fn observe(&mut self, instance: &InstanceId) -> Result<Observation, DriverError> {
        let (report, now, (last, before)) = (self.report()?, Instant::now(), self.seen);
        let cpu_micros = report.cpu_micros.unwrap_or(before.cpu_micros);
        self.seen = (now, Counted { cpu_micros, throttled_micros: report.throttled_micros });
        Ok(report.observation(instance, &self.node, (before.cpu_micros, before.throttled_micros), now - last))
    }
}

/// Moves a process and its descendants into a group, until a look finds no new ones.
fn attach(process: &HostProcess, group: &Group) -> Result<(), DriverError> {
    for _ in 0..MOST_PASSES {
        let members = group.members().map_err(|error| failed(group, error))?;
        let outside: Vec<u32> = tree(process).into_iter().filter(|pid| !members.contains(pid)).collect();
        if outside.is_empty() {
            break;
        }
        for pid in outside {
            // One that has ended meanwhile is no fault.
            match group.attach(pid) {
                Err(error) if !cgroup::has_ended(&error) => return Err(failed(group, error)),
                _ => {}
            }
        }
    }
    Ok(())
}

impl Driver for Linux {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        let can = match self.probed() {
            Ok(_) => Support::Native,
            Err(reason) => Support::Unsupported(reason.clone()),
        };
        let lacks = |reason: &str| Support::Unsupported(reason.to_owned());
        let no_state = "an ordinary program shows nobody its state";
        Capabilities {
            driver: NAME.to_owned(),
            enforces: [Resource::CpuMilli].into(),
            operations: [
                (Operation::Observe, can.clone()),
                (Operation::Adopt, can.clone()),
                (Operation::ResizeCpu, can),
                (Operation::ResizeMemoryUp, lacks("memory of adopted processes is measured, not limited")),
                (Operation::ResizeMemoryDown, lacks("memory of adopted processes is measured, not limited")),
                (Operation::SnapshotFull, lacks(no_state)),
                (Operation::Shadow, lacks(no_state)),
                (Operation::Fence, lacks("an adopted process stays where it is")),
                (Operation::Drill, lacks(no_state)),
                (Operation::Suspend, lacks(no_state)),
            ]
            .into(),
        }
    }

    fn adopt(&self, _: &OpKey, request: &AdoptRequest) -> Result<Started, DriverError> {
        let AdoptRequest { instance, node, epoch, adopted, limits } = request;
        let Adopted::Process(process) = adopted else {
            let flag = if adopted.kind() == ModuleKind::Pod { "--kubernetes" } else { "--slurm" };
            let reason = format!("a host limits processes; {adopted} needs an agent started with {flag}");
            return Err(DriverError::Unsupported { operation: "adopt", reason });
        };
        let cgroups = self.cgroups("adopt")?;
        let mut copies = self.copies();
        if let Some(known) = copies.get(instance).filter(|known| known.epoch >= *epoch) {
            if known.epoch == *epoch && known.process == *process {
                return Ok(Started { node: known.node.clone(), epoch: *epoch, position: 0, limits: known.limits()? });
            }
            let (instance, node) = (instance.clone(), known.node.clone());
            return Err(DriverError::StaleEpoch { instance, node, given: *epoch, seen: known.epoch });
        }
        let group = cgroups.group(instance.as_str());
        group.create().map_err(|error| failed(&group, error))?;
        // Processes of an earlier life of the exchange are in it already, also where the first of them has ended.
        if runs(process) {
            attach(process, &group)?;
        }
        group.set_cpu(Some(limits.cpu_milli)).map_err(|error| failed(&group, error))?;
        let counted = group.counted().map_err(|error| failed(&group, error))?;
        let copy = Copy {
            process: process.clone(),
            group,
            node: node.clone(),
            epoch: *epoch,
            seen: (Instant::now(), counted),
            answers: VecDeque::new(),
        };
        // One that has ended is taken in all the same: the next observation says so, and its owner is told.
        let started = Started { node: node.clone(), epoch: *epoch, position: 0, limits: copy.limits()? };
        copies.insert(instance.clone(), copy);
        Ok(started)
    }

    fn stop(&self, _: &OpKey, instance: &InstanceId, epoch: u64) -> Result<Stopped, DriverError> {
        self.with(instance, epoch, |copy| {
            let lifted = copy.group.set_cpu(None).and_then(|()| copy.group.empty());
            lifted.map_err(|error| failed(&copy.group, error))
        })?;
        if let Some(copy) = self.copies().remove(instance) {
            copy.group.remove();
        }
        Ok(Stopped { position: 0, state_hash: String::new() })
    }

    fn observe(&self, instance: &InstanceId, _: Detail) -> Result<Vec<Observation>, DriverError> {
        let mut copies = self.copies();
        let copy = copies.get_mut(instance).ok_or_else(|| DriverError::UnknownInstance(instance.clone()))?;
        Ok(vec![copy.observe(instance)?])
    }

    fn resize(&self, key: &OpKey, instance: &InstanceId, epoch: u64, limits: &Limits) -> Result<Resized, DriverError> {
        self.with(instance, epoch, |copy| {
            let request = (epoch, limits.clone());
            if let Some((_, asked, answer)) = copy.answers.iter().find(|(known, ..)| known == key) {
                if *asked != request {
                    return Err(DriverError::KeyReused { swap: key.swap.clone(), step: key.step.clone() });
                }
                return Ok(answer.clone());
            }
            let resized = copy.resize(limits)?;
            copy.answers.push_back((key.clone(), request, resized.clone()));
            if copy.answers.len() > REMEMBERED_ANSWERS {
                copy.answers.pop_front();
            }
            Ok(resized)
        })
    }

    fn verify(&self, request: &VerifyRequest) -> Result<Verification, DriverError> {
        self.with(&request.instance, request.epoch, |copy| {
            let (in_force, runs) = (copy.limits()?.cpu_milli, copy.runs());
            let check = |name: &str, passed: bool, seen: String| Check { name: name.to_owned(), passed, seen };
            let wanted = request.limits.cpu_milli.max(LEAST_CPU_MILLI);
            let checks = vec![
                check("limits", in_force == wanted, format!("{in_force} thousandths of a core in the kernel")),
                check("node", copy.node == request.node, copy.node.to_string()),
                check("runs", runs, format!("process {}", copy.process.pid)),
            ];
            Ok(Verification { passed: checks.iter().all(|check| check.passed), checks })
        })
    }
}
