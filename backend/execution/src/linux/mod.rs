//! Programs of this host that know nothing of Headroom, limited by the kernel's control groups.
//!
//! A process is adopted while it runs: it and its descendants go into a control group of their own, whose CPU quota is the
//! workload's limit. With version 2 a service or a container keeps the group that it has. Nothing of it is stopped or
//! restarted. A stop lifts the limit and leaves the process alone, because the exchange has not started it; the same holds
//! when the exchange ends or is away.
//!
//! Invariants: a process is in one workload at most; the limit told is the one that the kernel has in force; a number that
//! another process has by now is never touched. Absent: memory limits, moves, snapshots and shadow runs.

pub(crate) mod cgroup;
mod host;
mod own_group;
pub(crate) mod process;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use crate::driver::*;
use cgroup::{Cgroups, Counted, Group};
use headroom_market::units::Resource;
use headroom_market::workload::{Adopted, ModuleKind};
use own_group::Owner;

pub use cgroup::{LEAST_CPU_MILLI, MOST_CPU_MILLI};
pub use headroom_market::workload::HostProcess;
pub use host::{HostLoad, HostMeter};
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
    keeper: Keeper,
    /// The limit that was in force last, and what was counted.
    last: (Limits, Counted),
    node: NodeId,
    epoch: u64,
    /// When it was observed last, and what was counted then.
    seen: (Instant, Counted),
    answers: VecDeque<(OpKey, (u64, Limits), Resized)>,
}

/// Who has made a group, and removes it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Keeper {
    Exchange,
    Host(Owner),
}

impl Keeper {
    /// Lifts the limit. A group that was made for the workload is emptied and removed.
    fn let_go(&self, group: &Group) -> std::io::Result<()> {
        if let Self::Host(owner) = self {
            return owner.give_back(group);
        }
        group.set_cpu(None)?;
        group.empty()?;
        group.remove();
        Ok(())
    }
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
        let mount = self.probed().as_ref().ok().and_then(Cgroups::mount_of_v2);
        let found = process::candidates(usize::MAX, mount).into_iter().filter(is_own).take(most);
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

    pub(crate) fn check_epoch(&self, instance: &InstanceId, epoch: u64) -> Result<(), DriverError> {
        self.with(instance, epoch, |_| Ok(()))
    }

    /// The group of a process: one that an earlier life has made, the program's own, or a new one.
    fn group_for(&self, instance: &InstanceId, process: &HostProcess) -> Result<(Group, Keeper), DriverError> {
        let cgroups = self.cgroups("adopt")?;
        let made = cgroups.group(instance.as_str());
        if let Some(mount) = cgroups.mount_of_v2().filter(|_| !made.is_there()) {
            let is_earlier = |(_, owner): &(Group, Owner)| owner.workload == instance.as_str();
            let own = if runs(process) {
                let (exchange, workload) = (self.name.clone(), instance.to_string());
                let owner = Owner { mount: mount.to_owned(), exchange, workload };
                let tree: BTreeSet<u32> = tree(process).into_iter().collect();
                let refused = |reason| DriverError::Unsupported { operation: "adopt", reason };
                own_group::take(&owner, process.pid, &tree).map_err(refused)?.map(|group| (group, owner))
            } else {
                own_group::marked(mount, &self.name).into_iter().find(is_earlier)
            };
            if let Some((group, owner)) = own {
                return Ok((group, Keeper::Host(owner)));
            }
        }
        made.create().map_err(|error| failed(&made, error))?;
        Ok((made, Keeper::Exchange))
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
        let mut copies = self.copies();
        copies.iter_mut().filter_map(|(id, copy)| Some((id.clone(), copy.report().ok()?))).collect()
    }

    fn let_go_others(&self, wanted: &BTreeSet<InstanceId>) -> Result<(), DriverError> {
        let cgroups = self.cgroups("stop")?;
        let copies = self.copies();
        let is_other = |name: &str| {
            let instance = InstanceId::from(name);
            !wanted.contains(&instance) && !copies.contains_key(&instance)
        };
        let made = cgroups.names().into_iter().map(|name| (cgroups.group(&name), name, Keeper::Exchange));
        let own = cgroups.mount_of_v2().into_iter().flat_map(|mount| {
            let marked = own_group::marked(mount, &self.name).into_iter();
            marked.map(|(group, owner)| (group, owner.workload.clone(), Keeper::Host(owner)))
        });
        for (group, _, keeper) in made.chain(own).filter(|(_, name, _)| is_other(name)) {
            keeper.let_go(&group).map_err(|error| failed(&group, error))?;
        }
        Ok(())
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
    /// The limit in force; of a group that went with its service, the last one.
    fn limits(&self) -> Result<Limits, DriverError> {
        if self.has_lost_group() {
            return Ok(self.last.0.clone());
        }
        let cpu = self.group.cpu().map_err(|error| failed(&self.group, error))?;
        Ok(Limits::new(cpu.unwrap_or(MOST_CPU_MILLI).min(MOST_CPU_MILLI), 0))
    }

    fn has_lost_group(&self) -> bool {
        matches!(&self.keeper, Keeper::Host(owner) if owner.has_lost(&self.group))
    }

    fn set_cpu(&mut self, limits: &Limits) -> Result<(), DriverError> {
        if let Keeper::Host(owner) = &self.keeper {
            owner.hand_on_cpu(&self.group);
        }
        self.group.set_cpu(Some(limits.cpu_milli)).map_err(|error| failed(&self.group, error))?;
        self.last.0 = self.limits()?;
        Ok(())
    }

    /// Whether any process of it runs.
    fn runs(&self) -> bool {
        self.group.members().is_ok_and(|members| !members.is_empty())
    }

    fn resize(&mut self, limits: &Limits) -> Result<Resized, DriverError> {
        let started = Instant::now();
        let before = self.limits()?;
        self.set_cpu(limits)?;
        let actual = self.last.0.clone();
        let work_micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        Ok(Resized { before, actual, suspended_kib: None, work_micros })
    }

    /// What the kernel has counted.
    fn report(&mut self) -> Result<Report, DriverError> {
        let HostProcess { pid, command, .. } = &self.process;
        let has_ended = || format!("process {pid} ({command}) has ended");
        if self.has_lost_group() {
            let (limits, Counted { cpu_micros, throttled_micros }) = &self.last;
            let (cpu_milli, cpu_micros, throttled_micros) = (limits.cpu_milli, Some(*cpu_micros), *throttled_micros);
            let ended = Some(has_ended());
            return Ok(Report { epoch: self.epoch, cpu_milli, cpu_micros, throttled_micros, mem_kib: 0, ended });
        }
        let counted = self.group.counted().map_err(|error| failed(&self.group, error))?;
        self.last.1 = counted;
        let members = self.group.members().map_err(|error| failed(&self.group, error))?;
        Ok(Report {
            epoch: self.epoch,
            cpu_milli: self.limits()?.cpu_milli,
            cpu_micros: Some(counted.cpu_micros),
            throttled_micros: counted.throttled_micros,
            mem_kib: members.iter().map(|pid| process::resident_kib(*pid)).sum(),
            ended: members.is_empty().then(has_ended),
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
            let flag = match adopted.kind() {
                ModuleKind::Pod => "--kubernetes",
                ModuleKind::Vm => "--qemu",
                _ => "--slurm",
            };
            let reason = format!("a host limits processes; {adopted} needs an agent started with {flag}");
            return Err(DriverError::Unsupported { operation: "adopt", reason });
        };
        let mut copies = self.copies();
        if let Some(known) = copies.get(instance).filter(|known| known.epoch >= *epoch) {
            if known.epoch == *epoch && known.process == *process {
                return Ok(Started { node: known.node.clone(), epoch: *epoch, position: 0, limits: known.limits()? });
            }
            let (instance, node) = (instance.clone(), known.node.clone());
            return Err(DriverError::StaleEpoch { instance, node, given: *epoch, seen: known.epoch });
        }
        let (group, keeper) = self.group_for(instance, process)?;
        // Processes of an earlier life of the exchange are in it already, also where the first of them has ended.
        if keeper == Keeper::Exchange && runs(process) {
            attach(process, &group)?;
        }
        let counted = group.counted().map_err(|error| failed(&group, error))?;
        let mut copy = Copy {
            process: process.clone(),
            group,
            keeper,
            last: (limits.clone(), counted),
            node: node.clone(),
            epoch: *epoch,
            seen: (Instant::now(), counted),
            answers: VecDeque::new(),
        };
        copy.set_cpu(limits)?;
        // One that has ended is taken in all the same: the next observation says so, and its owner is told.
        let started = Started { node: node.clone(), epoch: *epoch, position: 0, limits: copy.last.0.clone() };
        copies.insert(instance.clone(), copy);
        Ok(started)
    }

    fn stop(&self, _: &OpKey, instance: &InstanceId, epoch: u64) -> Result<Stopped, DriverError> {
        self.with(instance, epoch, |copy| copy.keeper.let_go(&copy.group).map_err(|error| failed(&copy.group, error)))?;
        self.copies().remove(instance);
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
