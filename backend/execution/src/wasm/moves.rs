//! The steps of a move: snapshot, transfer, shadow run, fence, activate, and both ends.
//!
//! Each step leaves the cell as it was if it fails. From fence to release the source is kept
//! as it stood; the last differential is taken together with the fence, in one pass over the
//! memory, because the workload stands still for it.

use std::sync::Arc;
use std::time::Instant;

use super::cell::{Activation, Cell, FencedCopy, ShadowRun};
use super::cluster::{Cluster, lock};
use super::replica::Replica;
use super::snapshot::Snapshot;
use super::transfer;
use crate::driver::*;

pub(super) fn micros_since(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX)
}

pub(super) fn guest_failed(cell: &Cell, reason: &str) -> DriverError {
    guest_failed_of(&cell.instance, reason)
}

fn guest_failed_of(instance: &InstanceId, reason: &str) -> DriverError {
    DriverError::Guest { instance: instance.clone(), reason: reason.to_owned() }
}

impl Cluster {
    pub(super) fn do_snapshot(
        &self,
        cell: &mut Cell,
        id: SnapshotId,
        epoch: u64,
        base: Option<&SnapshotId>,
    ) -> Result<SnapshotInfo, DriverError> {
        let started = Instant::now();
        let node = self.check_active(cell, "snapshot", epoch)?;
        cell.check_runs("snapshot")?;
        let kept = cell.snapshots.keys().filter(|(at, _)| *at == node).count();
        if kept >= self.shared.config.max_snapshots {
            return Err(DriverError::TooManySnapshots { instance: cell.instance.clone(), kept });
        }
        let base = match base {
            None => None,
            Some(id) => Some(find(cell, &node, id)?),
        };
        let missing = cell.wrong("snapshot", "a running copy");
        let base_id = base.as_ref().map(|base| base.id.clone());
        let taken = cell.fenced.as_mut().filter(|_| cell.active.is_none()).and_then(|fenced| {
            let fits = |last: &Snapshot| last.base.as_ref().map(|base| &base.id) == base_id.as_ref();
            fenced.last.take_if(|last| fits(last))
        });
        let copy = match (&mut cell.active, &mut cell.fenced) {
            (Some(active), _) => active,
            (None, Some(fenced)) => &mut fenced.replica,
            (None, None) => return Err(missing),
        };
        if let Some(reason) = copy.fault.clone() {
            return Err(guest_failed(cell, &reason));
        }
        let snapshot = match taken {
            Some(last) => Snapshot { id: id.clone(), ..last },
            None => copy.snapshot(id.clone(), base).map_err(|reason| guest_failed_of(&cell.instance, &reason))?,
        };
        let state_hash = snapshot.state_hash();
        let info = SnapshotInfo {
            id: id.clone(),
            base: base_id,
            node: node.clone(),
            position: snapshot.position,
            state_hash,
            memory_bytes: snapshot.memory_bytes,
            payload_bytes: snapshot.bytes.len() as u64,
            work_micros: micros_since(started),
        };
        cell.snapshots.insert((node, id), Arc::new(snapshot));
        Ok(info)
    }

    pub(super) fn do_transfer(
        &self,
        cell: &mut Cell,
        epoch: u64,
        id: &SnapshotId,
        to: &NodeId,
    ) -> Result<Transferred, DriverError> {
        let started = Instant::now();
        let from = self.check_active(cell, "transfer", epoch)?;
        // Also finds out that the target is there and up.
        lock(&self.shared.nodes).properties(to)?;
        let snapshot = find(cell, &from, id)?;
        let raw = snapshot.to_bytes()?;
        let config = &self.shared.config;
        let chunks = transfer::chunks(&raw, config.chunk_bytes, config.zstd_level)?;
        let mut receiver = transfer::Receiver::default();
        for chunk in &chunks {
            receiver.accept(chunk)?;
        }
        let received =
            Snapshot::from_bytes(receiver.finish()?, |base| cell.snapshots.get(&(to.clone(), base.clone())).cloned())?;
        cell.snapshots.insert((to.clone(), id.clone()), Arc::new(received));
        Ok(Transferred {
            snapshot: id.clone(),
            to: to.clone(),
            chunks: chunks.len() as u64,
            raw_bytes: raw.len() as u64,
            sent_bytes: chunks.iter().map(|chunk| chunk.compressed.len() as u64).sum(),
            work_micros: micros_since(started),
        })
    }

    /// A copy on `node` in the state of a snapshot that was transferred there.
    pub(super) fn copy_from(
        &self,
        cell: &Cell,
        node: &NodeId,
        role: Role,
        epoch: u64,
        limits: &Limits,
        snapshot: &Snapshot,
    ) -> Result<Replica, DriverError> {
        lock(&self.shared.nodes).reserve(node, &cell.instance, role, limits)?;
        let made = self.new_replica(cell, node, role, epoch, limits).and_then(|mut copy| {
            copy.guest.become_snapshot(snapshot)?;
            copy.guest.fits_its_limit()?;
            copy.active_from = copy.guest.position();
            Ok(copy)
        });
        if made.is_err() {
            lock(&self.shared.nodes).free(node, &cell.instance, role);
        }
        made
    }

    pub(super) fn do_start_shadow(
        &self,
        cell: &mut Cell,
        request: &ShadowRequest,
    ) -> Result<ShadowStarted, DriverError> {
        let source = self.check_active(cell, "start_shadow", request.epoch)?;
        cell.check_runs("start_shadow")?;
        if cell.fenced.is_some() || cell.shadow.as_ref().is_some_and(ShadowRun::runs) {
            return Err(cell.wrong("start_shadow", "an active copy without a shadow run"));
        }
        if source == request.node {
            return Err(cell.wrong("start_shadow", "a target other than its own node"));
        }
        self.discard_shadow(cell);
        let snapshot = find(cell, &request.node, &request.snapshot)?;
        let limits = self.enforceable(cell, &request.limits);
        let replica = self.copy_from(cell, &request.node, Role::Shadow, request.epoch, &limits, &snapshot)?;
        let started = ShadowStarted {
            node: request.node.clone(),
            from_position: replica.guest.position(),
            compared_from: cell.active.as_ref().map_or(0, |copy| copy.guest.position()),
        };
        cell.shadow = Some(ShadowRun::new(replica, request.rules.clone()));
        Ok(started)
    }

    /// Ends a shadow run, if there is one, and frees what it had.
    pub(super) fn discard_shadow(&self, cell: &mut Cell) {
        if let Some(shadow) = cell.shadow.take() {
            lock(&self.shared.nodes).free(&shadow.node, &cell.instance, Role::Shadow);
        }
    }

    pub(super) fn do_fence(&self, cell: &mut Cell, epoch: u64, new_epoch: u64) -> Result<Fenced, DriverError> {
        let node = self.check_active(cell, "fence", epoch)?;
        cell.check_runs("fence")?;
        if cell.active.is_none() || cell.fenced.is_some() {
            return Err(cell.wrong("fence", "an active copy whose last move was released"));
        }
        let instance = cell.instance.clone();
        {
            let mut nodes = lock(&self.shared.nodes);
            let seen = nodes.highest_epoch(&instance);
            if new_epoch <= seen {
                return Err(DriverError::EpochNotNewer { instance, given: new_epoch, seen });
            }
            nodes.announce(&node, &instance, new_epoch)?;
            nodes.change_role(&node, &instance, Role::Active, Role::Fenced);
        }
        cell.outputs.raise_epoch(new_epoch);
        let missing = cell.wrong("fence", "an active copy");
        let since = Instant::now();
        // The one that the caller has transferred, if there was a shadow run.
        let newest = cell.snapshots.iter().filter(|((at, _), _)| *at == node);
        let newest = newest.map(|(_, snapshot)| snapshot).max_by_key(|s| s.position).cloned();
        let mut replica = cell.active.take().ok_or(missing)?;
        replica.role = Role::Fenced;
        replica.epoch = new_epoch;
        // A faulty guest has no state worth a name; it can still be replaced.
        let last = replica.snapshot(SnapshotId("fence".into()), newest).ok();
        let state_hash = last.as_ref().map(Snapshot::state_hash).unwrap_or_default();
        let position = replica.guest.position();
        cell.fenced = Some(FencedCopy { replica, since, state_hash: state_hash.clone(), last });
        Ok(Fenced { node, epoch: new_epoch, position, state_hash })
    }

    pub(super) fn do_activate(&self, cell: &mut Cell, request: &ActivateRequest) -> Result<Activated, DriverError> {
        let started = Instant::now();
        if cell.active.is_some() {
            return Err(cell.wrong("activate", "a fenced source"));
        }
        let (node, instance) = (&request.node, cell.instance.clone());
        {
            let nodes = lock(&self.shared.nodes);
            let seen = nodes.highest_epoch(&instance);
            let (given, at) = (request.epoch, node.clone());
            if given < seen {
                return Err(DriverError::StaleEpoch { instance, node: at, given, seen });
            }
            if given > seen {
                return Err(DriverError::EpochAhead { instance, node: at, given, seen });
            }
        }
        let snapshot = find(cell, node, &request.snapshot)?;
        let limits = self.enforceable(cell, &request.limits);
        let warm = cell.shadow.as_ref().is_some_and(|shadow| {
            shadow.node == *node
                && shadow.replica.as_ref().is_some_and(|copy| copy.fault.is_none() && copy.guest.can_become(&snapshot))
        });
        let promoted = cell.shadow.as_mut().filter(|_| warm).and_then(|s| s.replica.take());
        let mut copy = match promoted {
            Some(mut copy) => {
                copy.guest.set_mem_limit(limits.mem_kib)?;
                copy.guest.become_snapshot(&snapshot)?;
                copy.guest.fits_its_limit()?;
                let mut nodes = lock(&self.shared.nodes);
                nodes.reserve(node, &instance, Role::Shadow, &limits)?;
                nodes.change_role(node, &instance, Role::Shadow, Role::Active);
                copy
            }
            None => {
                // A shadow that cannot be promoted still holds the room that is needed here.
                if let Some(shadow) = cell.shadow.as_mut() {
                    shadow.replica = None;
                    lock(&self.shared.nodes).free(&shadow.node, &instance, Role::Shadow);
                }
                self.copy_from(cell, node, Role::Active, request.epoch, &limits, &snapshot)?
            }
        };
        let now = self.now_micros();
        copy.set_limits(&self.shared.config, limits.clone(), now);
        copy.resume(Role::Active, request.epoch, now);
        // `become_snapshot` made the memory equal to the received pages, whose hashes were
        // checked: reading it all again would double the pause.
        let state_hash = snapshot.state_hash();
        lock(&self.shared.nodes).announce(node, &instance, request.epoch)?;
        let fenced = cell.fenced.as_ref();
        cell.activation = Some(Activation {
            expected_hash: fenced.map(|fenced| fenced.state_hash.clone()),
            state_hash: state_hash.clone(),
        });
        let activated = Activated {
            node: node.clone(),
            epoch: request.epoch,
            position: copy.guest.position(),
            state_hash,
            limits,
            warm,
            pause_micros: fenced.map_or(0, |fenced| micros_since(fenced.since)),
            work_micros: micros_since(started),
        };
        cell.active = Some(copy);
        Ok(activated)
    }

    pub(super) fn do_release(&self, cell: &mut Cell, epoch: u64) -> Result<Released, DriverError> {
        self.check_active(cell, "release", epoch)?;
        if cell.active.is_none() {
            return Err(cell.wrong("release", "an activated target"));
        }
        self.discard_shadow(cell);
        cell.snapshots.clear();
        let Some(fenced) = cell.fenced.take() else {
            return Ok(Released { node: None, freed: Limits::default() });
        };
        let node = fenced.replica.node.clone();
        lock(&self.shared.nodes).free(&node, &cell.instance, Role::Fenced);
        Ok(Released { node: Some(node), freed: fenced.replica.limits })
    }

    pub(super) fn do_rollback(&self, cell: &mut Cell, new_epoch: u64) -> Result<RolledBack, DriverError> {
        let instance = cell.instance.clone();
        let missing = cell.wrong("rollback", "a fenced source");
        let Some(fenced) = cell.fenced.as_ref() else {
            return Err(missing);
        };
        let node = fenced.replica.node.clone();
        {
            let mut nodes = lock(&self.shared.nodes);
            nodes.properties(&node)?;
            let seen = nodes.highest_epoch(&instance);
            if new_epoch <= seen {
                return Err(DriverError::EpochNotNewer { instance, given: new_epoch, seen });
            }
            nodes.announce(&node, &instance, new_epoch)?;
            if let Some(target) = &cell.active {
                nodes.announce(&target.node, &instance, new_epoch)?;
                nodes.free(&target.node, &instance, Role::Active);
            }
            nodes.change_role(&node, &instance, Role::Fenced, Role::Active);
        }
        self.discard_shadow(cell);
        cell.snapshots.clear();
        cell.activation = None;
        cell.outputs.raise_epoch(new_epoch);
        let mut fenced = cell.fenced.take().ok_or(missing)?;
        fenced.replica.resume(Role::Active, new_epoch, self.now_micros());
        let rolled_back = RolledBack {
            node,
            epoch: new_epoch,
            position: fenced.replica.guest.position(),
            state_hash: fenced.state_hash,
            pause_micros: micros_since(fenced.since),
        };
        cell.active = Some(fenced.replica);
        Ok(rolled_back)
    }
}

fn find(cell: &Cell, node: &NodeId, id: &SnapshotId) -> Result<Arc<Snapshot>, DriverError> {
    cell.snapshots
        .get(&(node.clone(), id.clone()))
        .cloned()
        .ok_or_else(|| DriverError::SnapshotNotThere { snapshot: id.clone(), node: node.clone() })
}
