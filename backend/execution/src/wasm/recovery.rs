//! Checkpoints of running instances, and what a restart makes of them.
//!
//! Invariants: a checkpoint is of a step boundary; a restart has a newer epoch than the file;
//! a damaged file is reported and keeps nobody else from starting.
//! Absent: the file format (`checkpoint`), inputs since the checkpoint (the feed has them).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::cell::Cell;
use super::checkpoint::{self, Part};
use super::cluster::{BUILT_IN, Cluster, lock};
use super::slot::{Held, Slot};
use super::snapshot::Snapshot;
use crate::driver::{CheckpointInfo, DriverError, InstanceId, Limits, NodeId, Program, SnapshotId};
use crate::guest::{Code, Guest};

/// What commands have in all to save their states for a checkpoint of everything: it is the last thing before the
/// end of the process. Who is late goes on from its last one.
const LAST_CHECKPOINTS: Duration = Duration::from_secs(4);

/// What a checkpoint of everything did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointSummary {
    pub instances: u64,
    pub stored_bytes: u64,
    /// Instances without a state to save, with the reason.
    pub skipped: Vec<(InstanceId, String)>,
}

/// Where and how an instance ran when its checkpoint was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    pub instance: InstanceId,
    pub node: NodeId,
    pub epoch: u64,
    pub program: Program,
    pub limits: Limits,
}

/// Where and how it is to run now. The file may be older than the last move or resize, so
/// whoever keeps the placements decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    pub node: NodeId,
    pub epoch: u64,
    pub limits: Limits,
}

/// An instance that runs again from its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    pub saved: Saved,
    pub placement: Placement,
    pub position: u64,
}

/// What a restart from files brought back.
#[derive(Debug, Default)]
pub struct RestoreSummary {
    pub restored: Vec<Restored>,
    pub failed: Vec<(PathBuf, DriverError)>,
}

/// The newest checkpoint of an instance, as it was read back or kept.
pub(crate) struct Kept {
    pub snapshot: Snapshot,
    /// It was written to suspend the program.
    pub suspended: bool,
    pub stored_bytes: u64,
}

/// A state that was copied for a checkpoint. The guest may go on while it is written.
pub(crate) struct Copied {
    header: checkpoint::Header,
    snapshot: Snapshot,
    /// The module, if it is not one of ours.
    module: Option<Arc<Code>>,
    number: u64,
}

impl Copied {
    /// What can be done without the guest: hashes, compression, the file.
    fn write(&mut self, dir: &Path, level: i32, rest: checkpoint::Rest<'_>) -> Result<Part, DriverError> {
        self.snapshot.hash_pages();
        let wasm = self.module.as_deref().and_then(Code::wasm).map(|wasm| &**wasm);
        checkpoint::write(dir, &self.header, &self.snapshot, wasm, level, self.number, rest)
    }
}

/// A module that a file has to bring along, because it is not one of ours.
pub(super) fn uploaded(module: &Arc<Code>) -> Option<&Arc<Code>> {
    let built_in = BUILT_IN.iter().any(|(name, _)| *name == module.program().0);
    (!built_in && !module.is_command()).then_some(module)
}

impl Cluster {
    /// Copies the state of the active (or fenced) copy. A guest that had more memory than it may
    /// have now goes on in a new instance, so that the rest of its memory is given back. With
    /// `suspended_under` it is to be suspended under these limits.
    fn copy_for_checkpoint(&self, cell: &mut Cell, suspended_under: Option<&Limits>) -> Result<Copied, DriverError> {
        let (now, config) = (self.now_micros(), &self.shared.config);
        let missing = cell.wrong("checkpoint", "a running copy");
        let copy = match (&mut cell.active, &mut cell.fenced) {
            (Some(active), _) => active,
            (None, Some(fenced)) => &mut fenced.replica,
            (None, None) => return Err(missing),
        };
        if let Some(reason) = &copy.fault {
            let (instance, reason) = (cell.instance.clone(), reason.clone());
            return Err(DriverError::Guest { instance, reason });
        }
        let module = cell.module.as_ref().ok_or(missing)?;
        let id = SnapshotId(format!("checkpoint-{}", copy.guest.position()));
        let snapshot =
            copy.copy(id, None).map_err(|reason| DriverError::Guest { instance: cell.instance.clone(), reason })?;
        if suspended_under.is_none() && copy.guest.outgrows_its_limit() {
            let properties = lock(&self.shared.nodes).properties(&copy.node)?;
            let fresh = Guest::new(config, module, &cell.instance, &copy.limits, properties)?;
            copy.guest.go_on_as(fresh, &snapshot)?;
        }
        let mut header = checkpoint::Header::new(
            cell.instance.clone(),
            copy.node.clone(),
            copy.epoch,
            module.program().clone(),
            suspended_under.unwrap_or(&copy.limits).clone(),
            now,
            cell.outputs.clone(),
        );
        header.suspended = suspended_under.is_some();
        let module = uploaded(module).cloned();
        cell.last_checkpoint_micros = now;
        cell.checkpoint_number += 1;
        Ok(Copied { header, snapshot, module, number: cell.checkpoint_number })
    }

    /// Copies and writes while the instance waits, and keeps the copy where no directory is given.
    /// `suspended_under` are the limits that it is to be suspended under, if it is.
    pub(crate) fn take_checkpoint(
        &self,
        cell: &mut Cell,
        dir: Option<&Path>,
        suspended_under: Option<&Limits>,
    ) -> Result<CheckpointInfo, DriverError> {
        let mut copied = self.copy_for_checkpoint(cell, suspended_under)?;
        let stored_bytes = match dir {
            Some(dir) => {
                let part = copied.write(dir, self.shared.config.zstd_level, &mut || true)?;
                part.put()?;
                part.settle()?;
                part.stored_bytes
            }
            None => {
                copied.snapshot.hash_pages();
                copied.snapshot.bytes.len() as u64
            }
        };
        let info = CheckpointInfo {
            position: copied.snapshot.position,
            state_hash: copied.snapshot.state_hash(),
            stored_bytes,
            durable: dir.is_some(),
        };
        if dir.is_none() {
            let (snapshot, suspended) = (copied.snapshot, suspended_under.is_some());
            cell.kept_checkpoint = Some(Arc::new(Kept { snapshot, suspended, stored_bytes }));
        }
        Ok(info)
    }

    /// Whether its checkpoint is due; the next one is counted from here, whatever comes of this one:
    /// a full disk must not turn every turn into another attempt.
    fn begins_checkpoint(&self, cell: &mut Cell, now_micros: i64) -> bool {
        let due = now_micros >= cell.last_checkpoint_micros.saturating_add(self.shared.config.checkpoint_every_micros)
            && cell.active.as_ref().is_some_and(|copy| copy.fault.is_none() && copy.suspension.is_none());
        if due {
            cell.last_checkpoint_micros = now_micros;
        }
        due
    }

    /// The checkpoint that may be due, with the instance waiting for it.
    pub(crate) fn checkpoint_if_due(&self, cell: &mut Cell, now_micros: i64) {
        if self.begins_checkpoint(cell, now_micros)
            && let Err(error) = self.take_checkpoint(cell, self.shared.config.checkpoint_dir.as_deref(), None)
        {
            self.report_failure(&cell.instance, &error);
        }
    }

    /// The same for everybody, in real time: an instance waits for its copy, nobody for more, and
    /// there is one copy at a time, whatever their number. `rest` answers whether to go on.
    pub(crate) fn write_due_checkpoints(&self, rest: checkpoint::Rest<'_>) {
        let mut go_on = true;
        let mut rest = || {
            go_on = go_on && rest();
            go_on
        };
        for slot in self.slots() {
            // A command may keep who asks for its state waiting: its own thread does.
            if slot.is_command() {
                continue;
            }
            // An instance that cannot be had now comes with the next pass.
            let Some(mut cell) = slot.turn() else { continue };
            let now = self.now_micros();
            let Some(dir) = self.shared.config.checkpoint_dir.as_deref() else {
                self.checkpoint_if_due(&mut cell, now);
                continue;
            };
            if !self.begins_checkpoint(&mut cell, now) {
                continue;
            }
            let copied = self.copy_for_checkpoint(&mut cell, None);
            drop(cell);
            let written = copied.and_then(|copied| self.write_beside(&slot, copied, dir, &mut rest));
            // Whoever was asked to give up has not failed.
            if !rest() {
                return;
            }
            if let Err(error) = written {
                self.report_failure(&slot.instance, &error);
            }
        }
    }

    /// The checkpoint that may be due of a command, on the command's own thread.
    pub(crate) fn checkpoint_of_command(&self, slot: &Slot, mut cell: Held<'_>) {
        let now = self.now_micros();
        let Some(dir) = self.shared.config.checkpoint_dir.as_deref() else {
            return self.checkpoint_if_due(&mut cell, now);
        };
        if !self.begins_checkpoint(&mut cell, now) {
            return;
        }
        let copied = self.copy_for_checkpoint(&mut cell, None);
        drop(cell);
        if let Err(error) = copied.and_then(|copied| self.write_beside(slot, copied, dir, &mut || true)) {
            self.report_failure(&slot.instance, &error);
        }
    }

    fn write_beside(
        &self,
        slot: &Slot,
        mut copied: Copied,
        dir: &Path,
        rest: checkpoint::Rest<'_>,
    ) -> Result<(), DriverError> {
        let part = copied.write(dir, self.shared.config.zstd_level, rest)?;
        {
            let cell = slot.lock();
            if cell.checkpoint_number != copied.number {
                return Ok(());
            }
            part.put()?;
        }
        part.settle()
    }

    fn report_failure(&self, instance: &InstanceId, error: &DriverError) {
        *lock(&self.shared.checkpoint_failure) = Some((instance.clone(), error.to_string()));
    }

    /// Checkpoints every instance into `dir`, at a step boundary each. The file of a suspended one
    /// stays as it is; only where that is not in `dir`, the same state is written there too.
    pub fn checkpoint_all(&self, dir: &Path) -> Result<CheckpointSummary, DriverError> {
        let mut summary = CheckpointSummary { instances: 0, stored_bytes: 0, skipped: Vec::new() };
        let _hurry = self.shared.runtime.urgency.begin(LAST_CHECKPOINTS);
        for slot in self.slots() {
            let cell = &mut *slot.lock();
            if cell.active.is_none() && cell.fenced.is_none() {
                continue;
            }
            let written = if cell.check_runs("checkpoint").is_ok() {
                self.take_checkpoint(cell, Some(dir), None).map(|info| info.stored_bytes)
            } else if self.shared.config.checkpoint_dir.as_deref() == Some(dir) {
                continue;
            } else {
                self.write_suspended(cell, dir)
            };
            match written {
                Ok(stored_bytes) => {
                    summary.instances += 1;
                    summary.stored_bytes += stored_bytes;
                }
                Err(DriverError::Guest { instance, reason }) => {
                    summary.skipped.push((instance, reason));
                }
                // One that cannot be written keeps none of the others from being.
                Err(error) => summary.skipped.push((cell.instance.clone(), error.to_string())),
            }
        }
        Ok(summary)
    }

    /// The newest checkpoint of an instance.
    pub(crate) fn newest_checkpoint(&self, cell: &Cell) -> Result<Arc<Kept>, DriverError> {
        let missing = || DriverError::NoCheckpoint(cell.instance.clone());
        match &self.shared.config.checkpoint_dir {
            None => cell.kept_checkpoint.clone().ok_or_else(missing),
            Some(dir) => {
                let loaded = checkpoint::read_of(dir, &cell.instance)?.ok_or_else(missing)?;
                let (suspended, stored_bytes) = (loaded.header.suspended, loaded.stored_bytes);
                Ok(Arc::new(Kept { snapshot: loaded.snapshot, suspended, stored_bytes }))
            }
        }
    }

    /// Starts every instance that has a file in `dir`, at `now`, where `place` says; `None`
    /// leaves it alone. The epoch has to be newer than the file's. An instance that already
    /// runs is skipped. One that was suspended runs if it fits its limits, and stays suspended if
    /// not. Nodes have to be there. One damaged file or full node does not keep
    /// the others from starting: it is in `failed`.
    pub fn restore_all(
        &self,
        dir: &Path,
        now_micros: i64,
        place: &mut dyn FnMut(&Saved) -> Option<Placement>,
    ) -> Result<RestoreSummary, DriverError> {
        self.shared.latest_micros.fetch_max(now_micros, Ordering::AcqRel);
        let mut summary = RestoreSummary::default();
        checkpoint::remove_parts(dir);
        for path in checkpoint::list(dir)? {
            match self.restore(&path, place) {
                Ok(restored) => summary.restored.extend(restored),
                Err(error) => summary.failed.push((path, error)),
            }
        }
        Ok(summary)
    }

    fn restore(
        &self,
        path: &Path,
        place: &mut dyn FnMut(&Saved) -> Option<Placement>,
    ) -> Result<Option<Restored>, DriverError> {
        let loaded = checkpoint::read(path)?;
        let header = loaded.header;
        let saved = Saved {
            instance: header.instance,
            node: header.node,
            epoch: header.epoch,
            program: header.program,
            limits: header.limits,
        };
        let Some(placement) = place(&saved) else {
            return Ok(None);
        };
        if placement.epoch <= saved.epoch {
            return Err(DriverError::EpochNotNewer {
                instance: saved.instance,
                given: placement.epoch,
                seen: saved.epoch,
            });
        }
        if let Some(wasm) = &loaded.module {
            self.admit(wasm)?;
        }
        let module = self.module(&saved.program)?;
        let slot = self.cell_or_new(&saved.instance);
        let cell = &mut *slot.lock();
        if cell.active.is_some() || cell.fenced.is_some() {
            return Ok(None);
        }
        cell.module = Some(module);
        let limits = self.enforceable(cell, &placement.limits);
        cell.outputs = header.outputs;
        let state = Kept { snapshot: loaded.snapshot, suspended: header.suspended, stored_bytes: loaded.stored_bytes };
        self.start_active(cell, &placement.node, placement.epoch, &limits, Some(&state))?;
        let position = cell.active.as_ref().map_or(0, |copy| copy.guest.position());
        Ok(Some(Restored { saved, placement, position }))
    }

    /// The last checkpoint that a worker could not write, with the reason; reading forgets it.
    pub fn take_checkpoint_failure(&self) -> Option<(InstanceId, String)> {
        lock(&self.shared.checkpoint_failure).take()
    }
}
