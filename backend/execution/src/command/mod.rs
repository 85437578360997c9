//! Workloads that are commands: programs of the operator, run as processes of this host.
//!
//! A command speaks one line of JSON for each line that it is sent (`wire`), works only between
//! a line and its answer, and is stopped (SIGSTOP) in between. So it has the same boundaries as a
//! WebAssembly guest: its state is taken, copied and compared between two inputs, and the same
//! shadow runs, moves, checkpoints and drills hold for it. Its state is what it answers to `save`;
//! what it starts from is that state again, in another process.
//!
//! Which programs there are is the operator's decision, made on the host: executable files of one
//! folder. Whoever registers a workload chooses one of them and its arguments.
//! CPU is counted by the kernel (nanoseconds of all its threads), memory is what is resident.
//! Absent: isolation of hostile programs (the operator chose them), control groups, children.

mod find;
mod process;
mod wire;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

pub use find::{command_program, list_commands};
use process::{Bounds, Process};
use wire::{Ask, Start, Step};

use crate::config::{Config, mib};
use crate::driver::{DriverError, InstanceId, Limits, Program, SnapshotId};
use crate::feed::Input;
use crate::wasm::guest::Done;
use crate::wasm::host::HostCounters;
use crate::wasm::snapshot::{GlobalValue, PAGE_BYTES, Snapshot};

/// Largest state that a command may save.
const MOST_STATE_BYTES: usize = 16 * 1024 * 1024;
/// Snapshots hold whole pages: how much of the last one is state.
const STATE_BYTES: &str = "state_bytes";

/// A program of the operator, with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    pub program: Program,
    file: PathBuf,
    arguments: Vec<String>,
}

/// What ends the questions to all commands before their time.
#[derive(Clone, Default)]
pub(crate) struct Signals {
    /// Raised when the process ends and steps under way have to, too.
    pub ending: Arc<AtomicBool>,
    pub urgency: Arc<Urgency>,
}

impl Signals {
    fn bounds(&self, cpu: Duration, time: Duration, deadline: Option<Instant>) -> Bounds<'_> {
        let until = self.urgency.until().into_iter().chain(deadline).min();
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        Bounds { cpu, time: left.map_or(time, |left| left.min(time)), ending: &self.ending }
    }
}

/// A time by which all answers have to be there, while there is one.
#[derive(Default)]
pub(crate) struct Urgency(Mutex<Option<Instant>>);

/// It is urgent until this is dropped.
pub(crate) struct Hurry<'a>(&'a Urgency);

impl Urgency {
    pub fn begin(&self, time: Duration) -> Hurry<'_> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + time);
        Hurry(self)
    }

    fn until(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Hurry<'_> {
    fn drop(&mut self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// A copy of a command. Its process begins with the first input, so a copy that never reads one
/// costs nothing.
pub(crate) struct CommandGuest {
    command: Command,
    instance: InstanceId,
    properties: BTreeMap<String, i64>,
    signals: Signals,
    process: Option<Process>,
    /// Why its process is gone with what it knew: it must not begin anew as if nothing had been.
    lost: Option<String>,
    /// A copy for a trial has no more time than this.
    deadline: Option<Instant>,
    /// What its process begins with: nothing, or what an earlier one has saved.
    state: Option<Vec<u8>>,
    pub position: u64,
    limits: Limits,
    /// What it is told that it may hold: ahead of the limit in force while it has to come down.
    told_kib: u64,
    held_kib: u64,
    /// What it held before it read anything: no limit brings it below that.
    started_with_kib: u64,
    charged_cpu: Duration,
    counters: HostCounters,
    fuel_per_cpu_milli: u64,
    kib_per_mib: u64,
    step_cpu: Duration,
    /// What an answer may take.
    answer: Duration,
    max_output_bytes: usize,
}

impl CommandGuest {
    pub fn new(
        config: &Config,
        command: &Command,
        instance: &InstanceId,
        limits: &Limits,
        properties: BTreeMap<String, i64>,
        signals: &Signals,
    ) -> Self {
        Self {
            command: command.clone(),
            instance: instance.clone(),
            properties,
            signals: signals.clone(),
            process: None,
            lost: None,
            deadline: None,
            state: None,
            position: 0,
            limits: limits.clone(),
            told_kib: limits.mem_kib,
            held_kib: 0,
            started_with_kib: 0,
            charged_cpu: Duration::ZERO,
            counters: HostCounters::default(),
            fuel_per_cpu_milli: config.fuel_per_cpu_milli,
            kib_per_mib: config.kib_per_mib,
            step_cpu: Duration::from_micros(config.step_cpu_micros),
            answer: Duration::from_micros(config.command_answer_micros),
            max_output_bytes: config.max_output_bytes,
        }
    }

    /// Ends all questions to it by then.
    pub fn set_deadline(&mut self, deadline: Instant) {
        self.deadline = Some(deadline);
    }

    fn lose(&mut self, reason: &str) {
        self.process = None;
        self.lost = Some(reason.to_owned());
    }

    /// Its process, which is stopped between two questions.
    fn process(&mut self) -> Result<&mut Process, String> {
        if let Some(reason) = &self.lost {
            return Err(reason.clone());
        }
        if self.process.is_none() {
            let most_mib = self.told_kib / self.kib_per_mib.max(1);
            let process = Process::start(&self.command.file, &self.command.arguments, most_mib)?;
            let ask = Ask::Start(Start {
                workload: self.instance.as_str(),
                position: self.position,
                state: self.state.as_deref(),
                node_properties: &self.properties,
            });
            let (deadline, answer) = (self.deadline, self.answer);
            let started = self.process.insert(process);
            let signals = self.signals.clone();
            let bounds = signals.bounds(answer, answer, deadline);
            let answered = started.ask(&ask, 4096, bounds).and_then(|line| wire::answer_to_start(&line));
            let resident = started.resident_kib();
            if let Err(reason) = answered {
                self.lose(&reason);
                return Err(reason);
            }
            self.charged_cpu = Duration::ZERO;
            self.started_with_kib = self.traded(resident?);
            self.held_kib = self.started_with_kib;
        }
        self.process.as_mut().ok_or_else(|| "it has no process".to_owned())
    }

    /// KiB of this host as KiB of guests: the same, but where a market trades smaller MiB.
    fn traded(&self, kib: u64) -> u64 {
        kib.saturating_mul(self.kib_per_mib).div_ceil(1024)
    }

    /// Processes the input at its position. On an error its process is gone.
    pub fn step(&mut self, input: &Input) -> Result<Done, String> {
        let done = self.try_step(input);
        if let Err(reason) = &done {
            self.lose(reason);
        }
        done
    }

    fn try_step(&mut self, input: &Input) -> Result<Done, String> {
        let step = Ask::Step(Step {
            position: self.position,
            now_micros: input.due_at_micros,
            cpu_milli: self.limits.cpu_milli,
            mem_mib: self.told_kib / self.kib_per_mib.max(1),
            input: &input.bytes,
        });
        let (signals, cpu, most) = (self.signals.clone(), self.step_cpu, self.max_output_bytes);
        let bounds = signals.bounds(cpu, self.answer, self.deadline);
        let process = self.process()?;
        let line = process.ask(&step, wire::line_bytes(most), bounds)?;
        let (cpu, resident_kib) = (process.cpu()?, process.resident_kib()?);
        process.has_no_children()?;
        let output = wire::answer_to_step(&line, self.position, most)?;
        self.counters.host_calls += 1;
        self.held_kib = self.traded(resident_kib);
        if self.held_kib > self.limits.mem_kib {
            let (held, allowed) = (mib(self.held_kib, self.kib_per_mib), mib(self.limits.mem_kib, self.kib_per_mib));
            return Err(format!("out of memory: it has {held} of {allowed} allowed"));
        }
        let used = cpu.saturating_sub(self.charged_cpu);
        self.charged_cpu = self.charged_cpu.max(cpu);
        self.position += 1;
        // A milli-core for a second is a millisecond of processor time.
        let fuel = used.as_nanos() * u128::from(self.fuel_per_cpu_milli) / 1_000_000;
        Ok(Done { fuel: u64::try_from(fuel).unwrap_or(u64::MAX), output, bytes_in: input.bytes.len() as u64 })
    }

    pub fn take_counters(&mut self) -> HostCounters {
        std::mem::take(&mut self.counters)
    }

    pub fn held_kib(&self) -> u64 {
        self.held_kib
    }

    pub fn beyond_kib(&self, limit_kib: u64) -> Option<u64> {
        Some(self.held_kib).filter(|held| *held > limit_kib)
    }

    /// Half of what it holds, or what it began with if that is more; `None` where it holds no more than that.
    pub fn drill_target_kib(&self) -> Option<u64> {
        Some((self.held_kib / 2).max(self.started_with_kib)).filter(|target| *target < self.held_kib)
    }

    /// A process lets go of memory by itself or not at all: it is told the limit with the next
    /// input, and the limit is in force once it has come down.
    pub fn set_mem_limit(&mut self, limit_kib: u64) -> Result<(), DriverError> {
        self.told_kib = limit_kib;
        if limit_kib < self.limits.mem_kib && self.held_kib > limit_kib {
            return Err(DriverError::MemoryInUse { limit_kib, in_use_kib: self.held_kib });
        }
        self.limits.mem_kib = limit_kib;
        if let Some(process) = &self.process {
            process.bound_memory(limit_kib / self.kib_per_mib.max(1));
        }
        Ok(())
    }

    /// Fails where its state comes from one that held more than it may have.
    pub fn fits_its_limit(&self) -> Result<(), DriverError> {
        match self.beyond_kib(self.limits.mem_kib) {
            Some(in_use_kib) => Err(DriverError::MemoryInUse { limit_kib: self.limits.mem_kib, in_use_kib }),
            None => Ok(()),
        }
    }

    /// What it is told of its processors.
    pub fn set_cpu_limit(&mut self, cpu_milli: u64) {
        self.limits.cpu_milli = cpu_milli;
    }

    fn saved(&mut self) -> Result<Option<Vec<u8>>, String> {
        if let Some(reason) = &self.lost {
            return Err(reason.clone());
        }
        let (signals, deadline, answer) = (self.signals.clone(), self.deadline, self.answer);
        let Some(process) = self.process.as_mut() else { return Ok(self.state.clone()) };
        let bounds = signals.bounds(answer, answer, deadline);
        let answered = process.ask(&Ask::Save {}, wire::line_bytes(MOST_STATE_BYTES), bounds);
        let state = answered.and_then(|line| wire::answer_to_save(&line, MOST_STATE_BYTES));
        if let Err(reason) = &state {
            self.lose(reason);
        }
        state.map(Some)
    }

    /// Its state, without the hashes of its pages.
    pub fn copy(&mut self, id: SnapshotId, base: Option<Arc<Snapshot>>) -> Result<Snapshot, String> {
        let state = self.saved()?;
        let globals = state.iter().map(|state| (STATE_BYTES.to_owned(), GlobalValue::I64(state.len() as i64)));
        let globals = globals.collect();
        let mut memory = state.unwrap_or_default();
        memory.resize(memory.len().next_multiple_of(PAGE_BYTES), 0);
        Ok(Snapshot::of(&memory, (id, base), globals, self.position, Some(self.held_kib)))
    }

    /// Goes on from the state of `snapshot`: in the process that it has, if that is there already.
    pub fn become_snapshot(&mut self, snapshot: &Snapshot) -> Result<(), DriverError> {
        let damaged = |detail: String| DriverError::Corrupt { what: "snapshot", detail };
        let state = match snapshot.globals.as_slice() {
            [] => None,
            [(name, GlobalValue::I64(length))] if name == STATE_BYTES => {
                let length = usize::try_from(*length).map_err(|_| damaged(format!("{length} bytes of state")))?;
                let memory = snapshot.memory();
                Some(memory.get(..length).ok_or_else(|| damaged("its state is cut".to_owned()))?.to_vec())
            }
            other => return Err(damaged(format!("{} globals in the state of a command", other.len()))),
        };
        let same = self.lost.is_none()
            && self.process.is_some()
            && self.position == snapshot.position
            && self.saved().is_ok_and(|saved| saved == state);
        if !same {
            self.process = None;
            self.lost = None;
            self.state = state;
        }
        self.position = snapshot.position;
        self.held_kib = snapshot.held_kib.unwrap_or(0);
        self.counters = HostCounters::default();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_knew_is_not_made_up_once_it_is_gone() {
        let command =
            Command { program: Program("command:".to_owned()), file: "/bin/false".into(), arguments: Vec::new() };
        let limits = Limits::new(100, 1 << 20);
        let new = || {
            CommandGuest::new(
                &Config::default(),
                &command,
                &"ins_a".into(),
                &limits,
                BTreeMap::new(),
                &Signals::default(),
            )
        };
        let mut guest = new();
        let first = guest.copy("before".into(), None).expect("nothing has begun");
        let input = Input { due_at_micros: 0, bytes: Vec::new() };
        let reason = guest.step(&input).err().expect("it ends at once");
        assert_eq!(guest.step(&input).err(), Some(reason.clone()), "it does not begin anew");
        assert_eq!(guest.copy("after".into(), None).err(), Some(reason));
        guest.become_snapshot(&first).expect("a known state");
        assert!(guest.copy("again".into(), None).is_ok());
    }
}
