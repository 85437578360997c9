//! One copy of a service: a process in a control group of its own, from its start to its end.

use std::process::Child;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::record::{Place, Record};
use super::{lock, output};
use crate::driver::{DriverError, Limits, NodeId, Report};
use crate::linux::cgroup::{Counted, Group};
use crate::linux::process::resident_kib;
use crate::linux::{MOST_CPU_MILLI, runs};

/// Between looks whether its processes have ended.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// How long the kernel may take to end a process by force.
const KILL_TIME: Duration = Duration::from_secs(10);

/// Whether it may be sent requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Readiness {
    Waiting,
    Passed,
    Failed(String),
}

/// A copy that was started, in this life of the exchange or an earlier one.
pub(super) struct Copy {
    record: Record,
    place: Place,
    group: Group,
    /// Only in the life that has started it: its status is known then.
    child: Mutex<Option<Child>>,
    readiness: Mutex<Readiness>,
    /// Nobody waits for it to be ready any more.
    given_up: AtomicBool,
}

impl Copy {
    pub fn new(record: Record, place: Place, group: Group, child: Option<Child>) -> Self {
        let (readiness, given_up) = (Mutex::new(Readiness::Waiting), AtomicBool::new(false));
        Self { record, place, group, child: Mutex::new(child), readiness, given_up }
    }

    /// The same copy, as a later life of the exchange finds it.
    pub fn handed_on(&self) -> Self {
        self.give_up();
        let child = lock(&self.child).take();
        Self::new(self.record.clone(), self.place.clone(), self.group.clone(), child)
    }

    pub fn node(&self) -> &NodeId {
        &self.record.node
    }

    pub fn port(&self) -> u16 {
        self.record.port
    }

    /// As it stood when the copy was started or found.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Tells it a newer epoch; that is on disk when this returns.
    pub fn announce(&self, epoch: u64) -> Result<(), DriverError> {
        self.place.write(&Record { epoch, ..self.record.clone() })
    }

    pub fn readiness(&self) -> Readiness {
        lock(&self.readiness).clone()
    }

    pub fn note(&self, readiness: Readiness) {
        *lock(&self.readiness) = readiness;
    }

    pub fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::SeqCst)
    }

    pub fn give_up(&self) {
        self.given_up.store(true, Ordering::SeqCst);
    }

    pub fn failed(&self, source: std::io::Error) -> DriverError {
        DriverError::Io { path: self.group.folder().to_owned(), source }
    }

    /// The limit that the kernel has in force.
    pub fn limits(&self) -> Result<Limits, DriverError> {
        let cpu = self.group.cpu().map_err(|error| self.failed(error))?;
        Ok(Limits::new(cpu.unwrap_or(MOST_CPU_MILLI).min(MOST_CPU_MILLI), 0))
    }

    pub fn set_limits(&self, limits: &Limits) -> Result<(), DriverError> {
        self.group.set_cpu(Some(limits.cpu_milli)).map_err(|error| self.failed(error))
    }

    pub fn counted(&self) -> Result<Counted, DriverError> {
        self.group.counted().map_err(|error| self.failed(error))
    }

    pub fn runs(&self) -> bool {
        runs(&self.record.process)
    }

    /// How it ended, if it has: with its status, where it is known, and its last words.
    pub fn ended(&self) -> Option<String> {
        if self.runs() {
            return None;
        }
        let status = lock(&self.child).as_mut().and_then(|child| child.try_wait().ok().flatten());
        let status = status.map_or(String::new(), |status| format!(" ({status})"));
        Some(self.with_output(format!("process {} has ended{status}", self.record.process.pid)))
    }

    /// Why nothing can be expected of it any more.
    pub fn fault(&self) -> Option<String> {
        match self.readiness() {
            Readiness::Failed(reason) => Some(reason),
            Readiness::Waiting | Readiness::Passed => self.ended(),
        }
    }

    /// A sentence, and after it the last lines that the copy has written.
    pub fn with_output(&self, sentence: String) -> String {
        match output::last_lines(&self.place.output()) {
            Some(lines) => format!("{sentence}; its last lines: {lines}"),
            None => sentence,
        }
    }

    /// The kernel's counts.
    pub fn report(&self, epoch: u64) -> Result<Report, DriverError> {
        output::trim(&self.place.output());
        let counted = self.counted()?;
        let members = self.group.members().map_err(|error| self.failed(error))?;
        Ok(Report {
            epoch,
            cpu_milli: self.limits()?.cpu_milli,
            cpu_micros: Some(counted.cpu_micros),
            throttled_micros: counted.throttled_micros,
            mem_kib: members.iter().map(|pid| resident_kib(*pid)).sum(),
            ended: self.fault(),
        })
    }

    /// Ends it with all that it has started, and removes its group and its files.
    pub fn end(&self, patience: Duration) -> Result<(), DriverError> {
        self.give_up();
        let left = end_group(&self.group, patience);
        if left > 0 {
            let told = format!("{left} processes of {} still run", self.record.service);
            return Err(DriverError::Unanswered { node: self.node().clone(), told });
        }
        // One that has left its group is not let off.
        if self.runs() {
            kill(self.record.process.pid, Signal::KILL);
        }
        if let Some(mut child) = lock(&self.child).take() {
            let _ = child.wait();
        }
        // The record goes last: without it nobody would look into the group.
        self.group.remove();
        self.place.remove()
    }
}

/// Ends all processes of a group: by SIGTERM, and by SIGKILL after `patience`. Answers how many still run.
pub(super) fn end_group(group: &Group, patience: Duration) -> usize {
    for (signal, time) in [(Signal::TERM, patience), (Signal::KILL, KILL_TIME)] {
        let until = Instant::now() + time;
        let mut told: Vec<u32> = Vec::new();
        loop {
            // A group that is not there has nobody in it.
            let members = group.members().unwrap_or_default();
            if members.is_empty() {
                return 0;
            }
            // Those that were started meanwhile are told as well, and each is asked once only.
            for pid in members.iter().filter(|pid| signal == Signal::KILL || !told.contains(pid)) {
                kill(*pid, signal);
            }
            told = members;
            if Instant::now() >= until {
                break;
            }
            sleep(LOOK_AGAIN);
        }
    }
    group.members().map_or(0, |members| members.len())
}

/// Signals a process; one that has ended meanwhile is no fault.
fn kill(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}
