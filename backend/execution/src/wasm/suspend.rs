//! Standing still without memory: a program is written to a checkpoint, gives back what it held
//! and goes on from exactly there once it may hold as much again.
//!
//! Invariants: nothing is let go of before the checkpoint is durable, and nothing is in force
//! before the state is back; until it goes on, nobody writes its checkpoint but this. What goes
//! on is the state that was suspended, by its hash, or nothing.
//! Absent: when to suspend and with how much memory to go on (the market's part), moving a
//! suspended program to another node (it is started there from its checkpoint).

use std::path::Path;
use std::time::Instant;

use super::cell::{Cell, ShadowRun};
use super::checkpoint;
use super::cluster::{Cluster, lock};
use super::moves::{guest_failed, micros_since};
use super::recovery::{Kept, uploaded};
use super::replica::Replica;
use crate::driver::{DriverError, Limits, NodeId, Role, Suspended};
use crate::guest::Guest;

/// What is known of a suspended program without reading its checkpoint.
#[derive(Debug, Clone)]
pub(crate) struct Suspension {
    pub held_kib: u64,
    pub stored_bytes: u64,
    pub state_hash: String,
}

impl Kept {
    /// What keeps it suspended under `limits`: it was, and does not fit. `fresh` is an instance of its module.
    pub fn suspension_under(&self, limits: &Limits, fresh: &Guest) -> Option<Suspension> {
        let held_kib = self.snapshot.counted_kib();
        let stays = self.suspended && !fresh.could_hold(held_kib, limits.mem_kib);
        stays.then(|| Suspension { held_kib, stored_bytes: self.stored_bytes, state_hash: self.snapshot.state_hash() })
    }
}

impl Cell {
    /// Refuses what needs the state of a program that is suspended.
    pub fn check_runs(&self, operation: &'static str) -> Result<(), DriverError> {
        match self.suspension() {
            Some(_) => Err(self.wrong(operation, "a program that is not suspended")),
            None => Ok(()),
        }
    }

    /// Whether it is suspended, and would fit `limits`.
    pub fn can_go_on(&self, limits: &Limits) -> bool {
        self.suspension()
            .is_some_and(|(active, suspension)| active.guest.could_hold(suspension.held_kib, limits.mem_kib))
    }

    fn suspension(&self) -> Option<(&Replica, &Suspension)> {
        let active = self.active.as_ref()?;
        Some((active, active.suspension.as_ref()?))
    }
}

impl Cluster {
    pub(super) fn do_suspend(&self, cell: &mut Cell, epoch: u64, asked: &Limits) -> Result<Suspended, DriverError> {
        let started = Instant::now();
        let node = self.check_active(cell, "suspend", epoch)?;
        if cell.fenced.is_some() || cell.shadow.as_ref().is_some_and(ShadowRun::runs) {
            return Err(cell.wrong("suspend", "an active copy without a move under way"));
        }
        let missing = || cell.wrong("suspend", "an active copy");
        let active = cell.active.as_ref().ok_or_else(missing)?;
        if let Some(reason) = &active.fault {
            return Err(guest_failed(cell, reason));
        }
        let (before, actual) = (active.limits.clone(), self.enforceable(cell, asked));
        if active.suspension.is_some() {
            self.change_limits(cell, "suspend", &node, &actual)?;
        } else {
            self.write_and_let_go(cell, &node, &actual)?;
        }
        let missing = cell.wrong("suspend", "an active copy");
        let (active, suspension) = cell.suspension().ok_or(missing)?;
        Ok(Suspended {
            before,
            actual,
            held_kib: suspension.held_kib,
            stored_bytes: suspension.stored_bytes,
            position: active.guest.position(),
            work_micros: micros_since(started),
        })
    }

    fn write_and_let_go(&self, cell: &mut Cell, node: &NodeId, actual: &Limits) -> Result<(), DriverError> {
        let missing = || cell.wrong("suspend", "an active copy");
        let active = cell.active.as_ref().ok_or_else(missing)?;
        let before = active.limits.clone();
        let fresh = self.stand_in(cell, node, actual)?;
        let info = self.take_checkpoint(cell, self.shared.config.checkpoint_dir.as_deref(), Some(actual))?;
        // From here on a restart finds it suspended, whether or not anybody heard of it.
        let missing = cell.wrong("suspend", "an active copy");
        let active = cell.active.as_mut().ok_or(missing)?;
        // What it gives back is others' at once, whether or not there is room yet for what it is to get.
        let kept = Limits::new(actual.cpu_milli.min(before.cpu_milli), actual.mem_kib.min(before.mem_kib));
        lock(&self.shared.nodes).reserve(node, &cell.instance, Role::Active, &kept)?;
        let suspension = Suspension {
            held_kib: active.guest.held_kib(),
            stored_bytes: info.stored_bytes,
            state_hash: info.state_hash,
        };
        let now = self.now_micros();
        active.set_limits(&self.shared.config, kept, now);
        active.stand_still(fresh, suspension, now);
        self.change_limits(cell, "suspend", node, actual)
    }

    /// A suspended program goes on under `actual`, which it fits. Whatever fails leaves it suspended under the
    /// limits that it had.
    pub(super) fn go_on(&self, cell: &mut Cell, node: &NodeId, actual: &Limits) -> Result<(), DriverError> {
        let missing = || cell.wrong("resize", "an active copy");
        let before = cell.active.as_ref().ok_or_else(missing)?.limits.clone();
        let instance = cell.instance.clone();
        let reserve = |limits: &Limits| lock(&self.shared.nodes).reserve(node, &instance, Role::Active, limits);
        // Until the state is back it keeps what it is to give, so that it can stay what it was. Where there is no
        // room for both it gives first, as any other: two that trade would else wait for each other.
        let both = Limits::new(actual.cpu_milli.max(before.cpu_milli), actual.mem_kib.max(before.mem_kib));
        if reserve(&both).is_err() {
            self.change_limits(cell, "resize", node, actual)?;
        }
        let guest = self.read_back(cell, node, actual).and_then(|guest| reserve(actual).map(|()| guest));
        let missing = cell.wrong("resize", "an active copy");
        let active = cell.active.as_mut().ok_or(missing)?;
        let now = self.now_micros();
        match guest {
            Ok(guest) => {
                // While it still stands: the time that has passed earns it nothing.
                active.set_limits(&self.shared.config, actual.clone(), now);
                active.go_on(guest, now);
                Ok(())
            }
            Err(error) => {
                if reserve(&before).is_ok() {
                    active.set_limits(&self.shared.config, before, now);
                }
                Err(error)
            }
        }
    }

    /// An instance in place of one that stands still. That holds nothing, so a limit below what its module starts with
    /// is no hindrance.
    pub(super) fn stand_in(&self, cell: &Cell, node: &NodeId, limits: &Limits) -> Result<Guest, DriverError> {
        let minimum_kib = cell.module.as_ref().map_or(0, |module| module.initial_memory_kib());
        self.new_guest(cell, node, &Limits::new(limits.cpu_milli, limits.mem_kib.max(minimum_kib)))
    }

    fn read_back(&self, cell: &Cell, node: &NodeId, limits: &Limits) -> Result<Guest, DriverError> {
        let kept = self.newest_checkpoint(cell)?;
        let expected = cell.suspension().map(|(_, suspension)| suspension.state_hash.as_str());
        if expected != Some(&kept.snapshot.state_hash()) {
            let detail = format!("{}: it is not the state that was suspended", cell.instance);
            return Err(DriverError::Corrupt { what: "checkpoint", detail });
        }
        let mut guest = self.new_guest(cell, node, limits)?;
        guest.become_snapshot(&kept.snapshot)?;
        Ok(guest)
    }

    /// Writes the checkpoint of a suspended program to a directory other than its own; answers the bytes.
    pub(super) fn write_suspended(&self, cell: &mut Cell, dir: &Path) -> Result<u64, DriverError> {
        let kept = self.newest_checkpoint(cell)?;
        let missing = cell.wrong("checkpoint", "a running copy");
        let (Some(active), Some(module)) = (&cell.active, &cell.module) else { return Err(missing) };
        let mut header = checkpoint::Header::new(
            cell.instance.clone(),
            active.node.clone(),
            active.epoch,
            module.program().clone(),
            active.limits.clone(),
            self.now_micros(),
            cell.outputs.clone(),
        );
        header.suspended = true;
        let wasm = uploaded(module).and_then(|module| module.wasm()).map(|wasm| &**wasm);
        cell.checkpoint_number += 1;
        let (level, number) = (self.shared.config.zstd_level, cell.checkpoint_number);
        let part = checkpoint::write(dir, &header, &kept.snapshot, wasm, level, number, &mut || true)?;
        part.put()?;
        part.settle()?;
        Ok(part.stored_bytes)
    }
}
