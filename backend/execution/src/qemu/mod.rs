//! Virtual machines of this host that somebody has started, as QEMU processes with a QMP socket in a folder.
//!
//! A machine is adopted while it runs, and never started, stopped or restarted. Its CPU is that of its process: the quota
//! of a control group, by the driver `linux`, exact and at once. Its memory is what its balloon leaves it.
//!
//! Invariants: a machine is a process, not a name; another machine with the same name is never touched; a process that is not
//! QEMU is never limited, whoever asks; the limit told is the one that the kernel has in force. Absent: more or fewer vCPUs
//! while it runs, snapshots, shadow runs. A machine moves by [`migrate`], and the market does not ask for it yet.

mod balloon;
mod look;
pub mod migrate;
mod monitor;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use headroom_market::workload::{Adopted, VirtualMachine};

use crate::driver::*;
use crate::linux::{Linux, runs};
use look::socket_of;

pub use look::Told;
pub use monitor::{Event, Monitor, MonitorError};

const NAME: &str = "qemu";
/// What a machine's monitor may take for an answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// A machine that may be adopted, with what its process uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub machine: VirtualMachine,
    pub told: Told,
    pub user: u32,
    pub running_seconds: u64,
    pub cpu_milli: u64,
    pub mean_cpu_milli: u64,
    /// Resident memory of the process.
    pub resident_kib: u64,
    /// Why it cannot be adopted, if so.
    pub refused: Option<String>,
}

/// The machines of a folder that are workloads.
pub struct Qemu {
    folder: PathBuf,
    linux: Linux,
    machines: Mutex<BTreeMap<InstanceId, Machine>>,
}

struct Machine {
    of: VirtualMachine,
    /// What its balloon left it before this driver changed that.
    left_kib: Option<u64>,
}

impl Qemu {
    /// Sockets are looked for in `folder`; `name` must be this exchange's own on this host.
    pub fn new(name: &str, folder: &Path) -> Self {
        Self { folder: folder.to_owned(), linux: Linux::new(name), machines: Mutex::default() }
    }

    fn machines(&self) -> MutexGuard<'_, BTreeMap<InstanceId, Machine>> {
        self.machines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Machines of the folder, the busiest first, and the workload of this exchange that each is already.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn candidates(&self, most: usize) -> Result<Vec<(Candidate, Option<InstanceId>)>, DriverError> {
        let failed = |source| DriverError::Io { path: self.folder.clone(), source };
        let machines = look::look(&self.folder).map_err(failed)?;
        if machines.is_empty() {
            return Ok(Vec::new());
        }
        let processes = self.linux.candidates(usize::MAX);
        let processes: BTreeMap<u32, _> = processes.iter().map(|(of, id)| (of.process.pid, (of, id))).collect();
        let mut found: Vec<_> = machines.into_iter().map(|found| with_use(found, &processes)).collect();
        found.sort_by_key(|(of, _)| (of.refused.is_some(), std::cmp::Reverse(of.cpu_milli), of.machine.name.clone()));
        found.truncate(most);
        Ok(found)
    }

    fn check_is_its_own(&self, machine: &VirtualMachine) -> Result<(), DriverError> {
        let refused = |reason| Err(DriverError::Unsupported { operation: "adopt", reason });
        let VirtualMachine { name, process, .. } = machine;
        if !look::is_name(name) {
            return refused(format!("{name:?} is no name of a machine"));
        }
        // What has ended is taken in, and told as such.
        if !runs(process) {
            return Ok(());
        }
        if !look::is_qemu(process.pid) {
            return refused(format!("process {} is not QEMU", process.pid));
        }
        match look::is_another(&self.folder, machine) {
            Some(pid) => refused(format!("the machine {name} is process {pid} by now, not {}", process.pid)),
            None => Ok(()),
        }
    }

    /// Brings the memory of a machine to a size, by its balloon; answers what it had and has.
    fn resize_memory(&self, instance: &InstanceId, wanted_kib: u64) -> Result<(u64, u64), DriverError> {
        let mut machines = self.machines();
        let machine = machines.get_mut(instance).ok_or_else(|| DriverError::UnknownInstance(instance.clone()))?;
        let (mut monitor, left_kib) = self.memory_of(&machine.of)?;
        let actual = balloon::resize(&mut monitor, wanted_kib, PATIENCE)?;
        machine.left_kib.get_or_insert(left_kib);
        Ok((left_kib, actual))
    }

    /// The monitor of a machine, and the memory that it has now.
    fn memory_of(&self, machine: &VirtualMachine) -> Result<(Monitor, u64), DriverError> {
        let path = socket_of(&self.folder, &machine.name);
        if let Some(pid) = look::is_another(&self.folder, machine) {
            let reason = format!("the machine {} is process {pid} by now", machine.name);
            return Err(DriverError::Unsupported { operation: "resize_memory", reason });
        }
        let mut monitor = Monitor::connect(&path, PATIENCE).map_err(|error| error.of(&path))?;
        let memory = balloon::memory(&mut monitor, PATIENCE).map_err(|error| error.of(&path))?;
        Ok((monitor, memory.left_kib.unwrap_or(memory.whole_kib)))
    }

    /// Gives a machine the memory back that it had, where this driver has taken some.
    fn give_memory_back(&self, instance: &InstanceId) -> Result<(), DriverError> {
        let machines = self.machines();
        let Some((machine, left_kib)) = machines.get(instance).and_then(|of| Some((&of.of, of.left_kib?))) else {
            return Ok(());
        };
        if runs(&machine.process) {
            balloon::resize(&mut self.memory_of(machine)?.0, left_kib, PATIENCE)?;
        }
        Ok(())
    }

    /// In the words of a machine: its process is none that its owner knows.
    fn told(&self, instance: &InstanceId, report: Report) -> Report {
        let machines = self.machines();
        let name = machines.get(instance).map(|machine| machine.of.name.as_str());
        let ended = report.ended.map(|ended| name.map_or(ended, |name| format!("the machine {name} has ended")));
        Report { ended, ..report }
    }
}

type Processes<'a> = BTreeMap<u32, (&'a crate::linux::Candidate, &'a Option<InstanceId>)>;

fn with_use(found: look::Found, processes: &Processes<'_>) -> (Candidate, Option<InstanceId>) {
    let look::Found { machine, told, refused } = found;
    let process = processes.get(&machine.process.pid);
    let taken = || Some("another exchange on this host has adopted it".to_owned());
    let refused = refused.or_else(|| if process.is_none() { taken() } else { None });
    let of = |amount: fn(&crate::linux::Candidate) -> u64| process.map_or(0, |(process, _)| amount(process));
    let candidate = Candidate {
        user: process.map_or(0, |(process, _)| process.user),
        running_seconds: of(|process| process.running_seconds),
        cpu_milli: of(|process| process.cpu_milli),
        mean_cpu_milli: of(|process| process.mean_cpu_milli),
        resident_kib: of(|process| process.mem_kib),
        machine,
        told,
        refused,
    };
    (candidate, process.and_then(|(_, workload)| (*workload).clone()))
}

impl Adopting for Qemu {
    fn unavailable(&self) -> Option<String> {
        let unread = |error| format!("{} cannot be read: {error}", self.folder.display());
        self.linux.unavailable().or_else(|| look::names(&self.folder).err().map(unread))
    }

    fn active_epoch(&self, instance: &InstanceId) -> Option<u64> {
        self.linux.active_epoch(instance)
    }

    fn limits_in_force(&self, instance: &InstanceId) -> Option<Limits> {
        self.linux.limits_in_force(instance)
    }

    fn reports(&self) -> Vec<(InstanceId, Report)> {
        let reports = self.linux.reports().into_iter();
        reports.map(|(instance, report)| (instance.clone(), self.told(&instance, report))).collect()
    }

    fn let_go_others(&self, wanted: &BTreeSet<InstanceId>) -> Result<(), DriverError> {
        self.linux.let_go_others(wanted)
    }
}

impl Driver for Qemu {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        let of_process = self.linux.capabilities();
        let lacks = |reason: &str| Support::Unsupported(reason.to_owned());
        let emulated = |how: &str| Support::Emulated(how.to_owned());
        let balloon = "by the machine's balloon, where it has one; no purchase asks for it";
        let no_state = "the driver takes no state of a machine: it knows neither its disks nor its network";
        let operations = [
            (Operation::Observe, of_process.of(Operation::Observe)),
            (Operation::Adopt, of_process.of(Operation::Adopt)),
            (Operation::ResizeCpu, of_process.of(Operation::ResizeCpu)),
            (Operation::ResizeMemoryUp, emulated(balloon)),
            (Operation::ResizeMemoryDown, emulated(balloon)),
            (Operation::LiveMigrate, emulated("between two machines on one host that an operator has started")),
            (Operation::Fence, lacks("an adopted machine stays on its host: the market does not move it yet")),
            (Operation::SnapshotFull, lacks(no_state)),
            (Operation::Shadow, lacks(no_state)),
            (Operation::Drill, lacks(no_state)),
            (Operation::Suspend, lacks(no_state)),
        ];
        Capabilities { driver: NAME.to_owned(), enforces: of_process.enforces, operations: operations.into() }
    }

    fn adopt(&self, key: &OpKey, request: &AdoptRequest) -> Result<Started, DriverError> {
        let Adopted::Vm(machine) = &request.adopted else {
            let reason = format!("an agent with --qemu limits machines alone, not {}", request.adopted);
            return Err(DriverError::Unsupported { operation: "adopt", reason });
        };
        self.check_is_its_own(machine)?;
        let of_process = AdoptRequest { adopted: Adopted::Process(machine.process.clone()), ..request.clone() };
        let started = self.linux.adopt(key, &of_process)?;
        let entry = |of: Option<Machine>| Machine { of: machine.clone(), left_kib: of.and_then(|of| of.left_kib) };
        let mut machines = self.machines();
        let known = machines.remove(&request.instance);
        machines.insert(request.instance.clone(), entry(known));
        Ok(started)
    }

    fn stop(&self, key: &OpKey, instance: &InstanceId, epoch: u64) -> Result<Stopped, DriverError> {
        self.linux.check_epoch(instance, epoch)?;
        self.give_memory_back(instance)?;
        let stopped = self.linux.stop(key, instance, epoch)?;
        self.machines().remove(instance);
        Ok(stopped)
    }

    fn observe(&self, instance: &InstanceId, detail: Detail) -> Result<Vec<Observation>, DriverError> {
        let mut observed = self.linux.observe(instance, detail)?;
        let machines = self.machines();
        if let Some(machine) = machines.get(instance) {
            for ended in observed.iter_mut().filter_map(|observation| observation.fault.as_mut()) {
                *ended = format!("the machine {} has ended", machine.of.name);
            }
        }
        Ok(observed)
    }

    /// The memory first: a guest that needs it keeps all that it has.
    fn resize(&self, key: &OpKey, instance: &InstanceId, epoch: u64, limits: &Limits) -> Result<Resized, DriverError> {
        self.linux.check_epoch(instance, epoch)?;
        let memory = match limits.mem_kib {
            0 => None,
            wanted_kib => Some(self.resize_memory(instance, wanted_kib)?),
        };
        let mut resized = self.linux.resize(key, instance, epoch, limits)?;
        if let Some((before, actual)) = memory {
            (resized.before.mem_kib, resized.actual.mem_kib) = (before, actual);
        }
        Ok(resized)
    }

    fn verify(&self, request: &VerifyRequest) -> Result<Verification, DriverError> {
        let mut verified = self.linux.verify(request)?;
        if request.limits.mem_kib > 0 {
            let machine = self.machines().get(&request.instance).map(|machine| machine.of.clone());
            let machine = machine.ok_or_else(|| DriverError::UnknownInstance(request.instance.clone()))?;
            let (_, left_kib) = self.memory_of(&machine)?;
            let passed = left_kib == request.limits.mem_kib;
            verified.checks.push(Check { name: "memory".to_owned(), passed, seen: format!("{left_kib} KiB left") });
            verified.passed &= passed;
        }
        Ok(verified)
    }
}
