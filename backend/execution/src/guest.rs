//! What a cluster runs, whatever it is written in: a WebAssembly module or a command.
//!
//! Both work at inputs only and have their whole state at hand between two of them; everything
//! above this file knows no more than that.
//! Absent: what either of them is (`wasm::guest`, `command`).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use crate::command::{Command, CommandGuest, Signals};
use crate::config::Config;
use crate::driver::{DriverError, InstanceId, Limits, Program, SnapshotId};
use crate::feed::Input;
use crate::wasm::guest::{Done, Module, WasmGuest};
use crate::wasm::host::HostCounters;
use crate::wasm::snapshot::Snapshot;

/// What an instance is made of.
pub(crate) enum Code {
    Wasm(Module),
    Command(Command, Signals),
}

impl Code {
    pub fn program(&self) -> &Program {
        match self {
            Self::Wasm(module) => &module.program,
            Self::Command(command, _) => &command.program,
        }
    }

    /// The bytes that a checkpoint has to bring along, if any.
    pub fn wasm(&self) -> Option<&Arc<[u8]>> {
        match self {
            Self::Wasm(module) => Some(&module.wasm),
            Self::Command(..) => None,
        }
    }

    /// Memory that it starts with, as far as that is known before it does.
    pub fn initial_memory_kib(&self) -> u64 {
        match self {
            Self::Wasm(module) => module.admission.initial_memory_kib,
            Self::Command(..) => 0,
        }
    }

    /// Its steps may wait, so it needs a thread of its own.
    pub fn is_command(&self) -> bool {
        matches!(self, Self::Command(..))
    }
}

/// One copy of a program.
pub(crate) enum Guest {
    Wasm(Box<WasmGuest>),
    Command(Box<CommandGuest>),
}

impl Guest {
    /// A new copy in its initial state.
    pub fn new(
        config: &Config,
        code: &Code,
        instance: &InstanceId,
        limits: &Limits,
        properties: BTreeMap<String, i64>,
    ) -> Result<Self, DriverError> {
        Ok(match code {
            Code::Wasm(module) => Self::Wasm(WasmGuest::new(config, module, instance, limits, properties)?.into()),
            Code::Command(command, signals) => {
                Self::Command(CommandGuest::new(config, command, instance, limits, properties, signals).into())
            }
        })
    }

    /// The next input to process.
    pub fn position(&self) -> u64 {
        match self {
            Self::Wasm(guest) => guest.position,
            Self::Command(guest) => guest.position,
        }
    }

    pub fn set_position(&mut self, position: u64) {
        match self {
            Self::Wasm(guest) => guest.position = position,
            Self::Command(guest) => guest.position = position,
        }
    }

    /// Processes the input at the guest's position; `ceiling` is the most fuel that a module may
    /// burn. On an error the guest is unusable.
    pub fn step(&mut self, input: Input, ceiling: u64) -> Result<Done, String> {
        match self {
            Self::Wasm(guest) => guest.step(input, ceiling),
            Self::Command(guest) => guest.step(&input),
        }
    }

    /// Takes what was counted since the last time.
    pub fn take_counters(&mut self) -> HostCounters {
        match self {
            Self::Wasm(guest) => guest.take_counters(),
            Self::Command(guest) => guest.take_counters(),
        }
    }

    /// Memory that counts.
    pub fn held_kib(&self) -> u64 {
        match self {
            Self::Wasm(guest) => guest.held_kib(),
            Self::Command(guest) => guest.held_kib(),
        }
    }

    /// Whether it can come down by itself; a module that never says what it holds only grows.
    pub fn manages_its_hold(&self) -> bool {
        match self {
            Self::Wasm(guest) => guest.manages_its_hold(),
            Self::Command(_) => true,
        }
    }

    /// Half of what it holds, or the least that it can come down to if that is more; `None` where
    /// it holds no more than that.
    pub fn drill_target_kib(&self) -> Option<u64> {
        match self {
            Self::Wasm(guest) => guest.drill_target_kib(),
            Self::Command(guest) => guest.drill_target_kib(),
        }
    }

    /// What it has beyond a limit, by the rule that limits are kept by.
    pub fn beyond_kib(&self, limit_kib: u64) -> Option<u64> {
        match self {
            Self::Wasm(guest) => guest.beyond_kib(limit_kib),
            Self::Command(guest) => guest.beyond_kib(limit_kib),
        }
    }

    /// Whether a state of its program that held so much could run under a limit.
    pub fn could_hold(&self, held_kib: u64, limit_kib: u64) -> bool {
        match self {
            Self::Wasm(guest) => guest.could_hold(held_kib, limit_kib),
            Self::Command(_) => held_kib <= limit_kib,
        }
    }

    /// Memory that it has grown to, and that the host has for it.
    pub fn reserved_kib(&self) -> u64 {
        match self {
            Self::Wasm(guest) => guest.reserved_kib(),
            Self::Command(guest) => guest.held_kib(),
        }
    }

    /// Sets the memory limit in force, or says why it cannot be kept to yet.
    pub fn set_mem_limit(&mut self, limit_kib: u64) -> Result<(), DriverError> {
        match self {
            Self::Wasm(guest) => guest.set_mem_limit(limit_kib),
            Self::Command(guest) => guest.set_mem_limit(limit_kib),
        }
    }

    /// Tells it how much of a processor it has; a module does not ask.
    pub fn set_cpu_limit(&mut self, cpu_milli: u64) {
        if let Self::Command(guest) = self {
            guest.set_cpu_limit(cpu_milli);
        }
    }

    /// Whether a limit that it is above now may be in force once it has read more inputs.
    pub fn comes_down_later(&self) -> bool {
        matches!(self, Self::Command(_))
    }

    /// The state at this step boundary; with a base only the pages that differ from it.
    pub fn snapshot(&mut self, id: SnapshotId, base: Option<Arc<Snapshot>>) -> Result<Snapshot, String> {
        let mut snapshot = self.copy(id, base)?;
        snapshot.hash_pages();
        Ok(snapshot)
    }

    /// The same without the hashes of its pages, which need the guest no more.
    pub fn copy(&mut self, id: SnapshotId, base: Option<Arc<Snapshot>>) -> Result<Snapshot, String> {
        match self {
            Self::Wasm(guest) => Ok(guest.copy(id, base)),
            Self::Command(guest) => guest.copy(id, base),
        }
    }

    /// Hash of the state at this step boundary, or why it cannot be had: then the guest is unusable.
    pub fn state_hash(&mut self) -> Result<String, String> {
        match self {
            Self::Wasm(guest) => Ok(guest.state_hash()),
            Self::Command(_) => Ok(self.snapshot(SnapshotId::new("hash"), None)?.state_hash()),
        }
    }

    /// A copy for a trial answers all questions by then, or not at all; a module needs no such bound.
    pub fn set_deadline(&mut self, deadline: Instant) {
        if let Self::Command(guest) = self {
            guest.set_deadline(deadline);
        }
    }

    /// Goes on as `fresh`, which is brought to `state`: the memory that it does not hold any more goes
    /// back to the system with the old instance.
    pub fn go_on_as(&mut self, fresh: Guest, state: &Snapshot) -> Result<(), DriverError> {
        match (self, fresh) {
            (Self::Wasm(guest), Self::Wasm(fresh)) => guest.go_on_as(*fresh, state),
            (guest, mut fresh) => {
                fresh.become_snapshot(state)?;
                *guest = fresh;
                Ok(())
            }
        }
    }

    /// Fails where it keeps more memory than it may have now: a copy that was made with a lower limit than its source.
    pub fn fits_its_limit(&self) -> Result<(), DriverError> {
        match self {
            Self::Wasm(guest) => guest.fits_its_limit(),
            Self::Command(guest) => guest.fits_its_limit(),
        }
    }

    /// Whether the host has more memory for it than it may have now, which a new copy would give back.
    pub fn outgrows_its_limit(&self) -> bool {
        match self {
            Self::Wasm(guest) => guest.outgrows_its_limit(),
            Self::Command(_) => false,
        }
    }

    /// Whether this copy can be brought to `snapshot` in place.
    pub fn can_become(&self, snapshot: &Snapshot) -> bool {
        match self {
            Self::Wasm(guest) => guest.can_become(snapshot),
            Self::Command(_) => true,
        }
    }

    /// Brings the guest to exactly the state of `snapshot`.
    pub fn become_snapshot(&mut self, snapshot: &Snapshot) -> Result<(), DriverError> {
        match self {
            Self::Wasm(guest) => guest.become_snapshot(snapshot),
            Self::Command(guest) => guest.become_snapshot(snapshot),
        }
    }
}
