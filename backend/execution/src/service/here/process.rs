//! A copy that is a process in a control group of its own, from its start to its end.

use std::net::SocketAddr;
use std::process::Child;
use std::sync::Mutex;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::output;
use super::record::{Files, Record};
use crate::driver::{DriverError, Limits, NodeId};
use crate::linux::cgroup::Group;
use crate::linux::process::resident_kib;
use crate::linux::{MOST_CPU_MILLI, runs};
use crate::service::lock;
use crate::service::place::{Copy, Readiness, Usage};

/// Between looks whether its processes have ended.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// How long the kernel may take to end a process by force.
const KILL_TIME: Duration = Duration::from_secs(10);

/// A copy that was started, in this life of the exchange or an earlier one.
pub(super) struct Process {
    record: Record,
    files: Files,
    group: Group,
    /// Only in the life that has started it: its status is known then.
    child: Mutex<Option<Child>>,
}

impl Process {
    pub fn new(record: Record, files: Files, group: Group, child: Option<Child>) -> Self {
        Self { record, files, group, child: Mutex::new(child) }
    }

    fn failed(&self, source: std::io::Error) -> DriverError {
        DriverError::Io { path: self.group.folder().to_owned(), source }
    }

    /// A sentence, and after it the last lines that the copy has written.
    fn with_output(&self, sentence: String) -> String {
        match output::last_lines(&self.files.output()) {
            Some(lines) => format!("{sentence}; its last lines: {lines}"),
            None => sentence,
        }
    }
}

impl Copy for Process {
    fn node(&self) -> &NodeId {
        &self.record.node
    }

    fn service(&self) -> &str {
        &self.record.service
    }

    fn epoch(&self) -> u64 {
        self.record.epoch
    }

    fn identity(&self) -> String {
        format!("process {}", self.record.process.pid)
    }

    fn address(&self) -> Option<SocketAddr> {
        Some(SocketAddr::from((self.record.address, self.record.port)))
    }

    /// That is on disk when this returns.
    fn announce(&self, epoch: u64) -> Result<(), DriverError> {
        self.files.write(&Record { epoch, ..self.record.clone() })
    }

    /// Read from the kernel.
    fn limits(&self) -> Result<Limits, DriverError> {
        let cpu = self.group.cpu().map_err(|error| self.failed(error))?;
        Ok(Limits::new(cpu.unwrap_or(MOST_CPU_MILLI).min(MOST_CPU_MILLI), 0))
    }

    fn set_limits(&self, limits: &Limits) -> Result<(), DriverError> {
        self.group.set_cpu(Some(limits.cpu_milli)).map_err(|error| self.failed(error))
    }

    fn usage(&self) -> Result<Usage, DriverError> {
        output::trim(&self.files.output());
        let counted = self.group.counted().map_err(|error| self.failed(error))?;
        let members = self.group.members().map_err(|error| self.failed(error))?;
        Ok(Usage {
            at: Instant::now(),
            cpu_micros: counted.cpu_micros,
            throttled_micros: counted.throttled_micros,
            mem_kib: members.iter().map(|pid| resident_kib(*pid)).sum(),
        })
    }

    /// With its status, where it is known, and its last words.
    fn ended(&self) -> Option<String> {
        if runs(&self.record.process) {
            return None;
        }
        let status = lock(&self.child).as_mut().and_then(|child| child.try_wait().ok().flatten());
        let status = status.map_or(String::new(), |status| format!(" ({status})"));
        Some(self.with_output(format!("process {} has ended{status}", self.record.process.pid)))
    }

    fn late(&self, why: String) -> Readiness {
        Readiness::Failed(self.with_output(why))
    }

    /// Removes its group and its files, too.
    fn stop(&self, patience: Duration) -> Result<(), DriverError> {
        let left = end_group(&self.group, patience);
        if left > 0 {
            let told = format!("{left} processes of {} still run", self.record.service);
            return Err(DriverError::Unanswered { node: self.node().clone(), told });
        }
        // One that has left its group is not let off.
        if runs(&self.record.process) {
            kill(self.record.process.pid, Signal::KILL);
        }
        if let Some(mut child) = lock(&self.child).take() {
            let _ = child.wait();
        }
        // The record goes last: without it nobody would look into the group.
        self.group.remove();
        self.files.remove()
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
