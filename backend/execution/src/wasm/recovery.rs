//! Checkpoints of running instances, and what a restart makes of them.
//!
//! Invariants: a checkpoint is of a step boundary; a restart has a newer epoch than the file;
//! a damaged file is reported and keeps nobody else from starting.
//! Absent: the file format (`checkpoint`), inputs since the checkpoint (the feed has them).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde::{Deserialize, Serialize};

use super::cell::Cell;
use super::checkpoint;
use super::cluster::{BUILT_IN, Cluster, lock};
use crate::driver::{DriverError, InstanceId, Limits, NodeId, Program, SnapshotId};

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

impl Cluster {
    /// Captures the active (or fenced) copy and writes it where a directory is given.
    pub(crate) fn take_checkpoint(&self, cell: &mut Cell, dir: Option<&Path>) -> Result<u64, DriverError> {
        let now = self.now_micros();
        let config = &self.shared.config;
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
        let id = SnapshotId(format!("checkpoint-{}", copy.guest.position));
        let snapshot = Arc::new(copy.guest.snapshot(id, None));
        let module = cell.module.as_ref().ok_or(missing)?;
        let stored = match dir {
            None => snapshot.bytes.len() as u64,
            Some(dir) => {
                let built_in = BUILT_IN.iter().any(|(name, _)| *name == module.program.0);
                let header = checkpoint::Header::new(
                    cell.instance.clone(),
                    copy.node.clone(),
                    copy.epoch,
                    module.program.clone(),
                    copy.limits.clone(),
                    now,
                    cell.outputs.clone(),
                );
                let wasm = (!built_in).then_some(&*module.wasm);
                checkpoint::write(dir, header, &snapshot, wasm, config.zstd_level)?
            }
        };
        cell.checkpoint = Some(snapshot);
        cell.last_checkpoint_micros = now;
        Ok(stored)
    }

    /// Checkpoints every instance into `dir`, at a step boundary each.
    pub fn checkpoint_all(&self, dir: &Path) -> Result<CheckpointSummary, DriverError> {
        let mut summary = CheckpointSummary { instances: 0, stored_bytes: 0, skipped: Vec::new() };
        for slot in self.slots() {
            let cell = &mut *slot.lock();
            if cell.active.is_none() && cell.fenced.is_none() {
                continue;
            }
            match self.take_checkpoint(cell, Some(dir)) {
                Ok(bytes) => {
                    summary.instances += 1;
                    summary.stored_bytes += bytes;
                }
                Err(DriverError::Guest { instance, reason }) => {
                    summary.skipped.push((instance, reason));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(summary)
    }

    /// Starts every instance that has a file in `dir`, at `now`, where `place` says; `None`
    /// leaves it alone. The epoch has to be newer than the file's. An instance that already
    /// runs is skipped. Nodes have to be there. One damaged file or full node does not keep
    /// the others from starting: it is in `failed`.
    pub fn restore_all(
        &self,
        dir: &Path,
        now_micros: i64,
        place: &mut dyn FnMut(&Saved) -> Option<Placement>,
    ) -> Result<RestoreSummary, DriverError> {
        self.shared.latest_micros.fetch_max(now_micros, Ordering::AcqRel);
        let mut summary = RestoreSummary::default();
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
        let limits = self.enforceable(&placement.limits);
        cell.module = Some(module);
        cell.checkpoint = Some(Arc::new(loaded.snapshot));
        cell.outputs = header.outputs;
        self.start_active(cell, &placement.node, placement.epoch, &limits, true)?;
        let position = cell.active.as_ref().map_or(0, |copy| copy.guest.position);
        Ok(Some(Restored { saved, placement, position }))
    }

    /// The last checkpoint that a worker could not write, with the reason; reading forgets it.
    pub fn take_checkpoint_failure(&self) -> Option<(InstanceId, String)> {
        lock(&self.shared.checkpoint_failure).take()
    }
}
