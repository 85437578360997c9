//! The driver's operations on a cluster. Each one checks the epoch with the node that it
//! concerns, changes the cell, then the reservations; a failure leaves both as they were.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::cell::{Activation, Cell, FencedCopy, ShadowRun};
use super::cluster::{Cluster, lock};
use super::replica::Replica;
use super::snapshot::Snapshot;
use super::{checkpoint, transfer};
use crate::driver::*;
use crate::node::NodeStatus;

fn micros_since(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX)
}

fn guest_failed(cell: &Cell, reason: &str) -> DriverError {
    DriverError::Guest {
        instance: cell.instance.clone(),
        reason: reason.to_owned(),
    }
}

impl Cluster {
    /// The active copy's node, if `epoch` is the one in force there.
    fn check_active(
        &self,
        cell: &Cell,
        operation: &'static str,
        epoch: u64,
    ) -> Result<NodeId, DriverError> {
        let copy = match (&cell.active, &cell.fenced) {
            (Some(active), _) => active,
            (None, Some(fenced)) => &fenced.replica,
            (None, None) => return Err(cell.wrong(operation, "a running copy")),
        };
        lock(&self.shared.nodes).check_epoch(&copy.node, &cell.instance, epoch)?;
        Ok(copy.node.clone())
    }

    /// What is in force when `asked` is granted: this driver enforces CPU and memory.
    fn enforceable(&self, asked: &Limits) -> Limits {
        Limits::new(
            asked.cpu_milli,
            asked.mem_kib.min(self.shared.config.max_guest_kib),
        )
    }

    fn do_resize(
        &self,
        cell: &mut Cell,
        epoch: u64,
        asked: &Limits,
    ) -> Result<Resized, DriverError> {
        let started = Instant::now();
        let node = self.check_active(cell, "resize", epoch)?;
        let actual = self.enforceable(asked);
        let now = self.now_micros();
        let missing = cell.wrong("resize", "an active copy");
        let Some(active) = cell.active.as_mut() else {
            return Err(missing);
        };
        let before = active.limits.clone();
        let reserve = |limits: &Limits| {
            lock(&self.shared.nodes).reserve(&node, &cell.instance, Role::Active, limits)
        };
        reserve(&actual)?;
        if let Err(error) = active.guest.set_mem_limit(actual.mem_kib) {
            reserve(&before)?;
            return Err(error);
        }
        active.set_limits(&self.shared.config, actual.clone(), now);
        Ok(Resized {
            before,
            actual,
            work_micros: micros_since(started),
        })
    }

    fn do_snapshot(
        &self,
        cell: &mut Cell,
        id: SnapshotId,
        epoch: u64,
        base: Option<&SnapshotId>,
    ) -> Result<SnapshotInfo, DriverError> {
        let started = Instant::now();
        let node = self.check_active(cell, "snapshot", epoch)?;
        let kept = cell.snapshots.keys().filter(|(at, _)| *at == node).count();
        if kept >= self.shared.config.max_snapshots {
            return Err(DriverError::TooManySnapshots {
                instance: cell.instance.clone(),
                kept,
            });
        }
        let base = match base {
            None => None,
            Some(id) => Some(find(cell, &node, id)?),
        };
        let missing = cell.wrong("snapshot", "a running copy");
        let known_hash = match (&cell.active, &cell.fenced) {
            (None, Some(fenced)) => Some(fenced.state_hash.clone()),
            _ => None,
        };
        let copy = match (&mut cell.active, &mut cell.fenced) {
            (Some(active), _) => active,
            (None, Some(fenced)) => &mut fenced.replica,
            (None, None) => return Err(missing),
        };
        if let Some(reason) = copy.fault.clone() {
            return Err(guest_failed(cell, &reason));
        }
        let base_id = base.as_ref().map(|base| base.id.clone());
        let snapshot = copy.guest.snapshot(id.clone(), base);
        let state_hash = known_hash.unwrap_or_else(|| copy.guest.state_hash());
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

    fn do_transfer(
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
        let received = Snapshot::from_bytes(&receiver.finish()?, |base| {
            cell.snapshots.get(&(to.clone(), base.clone())).cloned()
        })?;
        cell.snapshots
            .insert((to.clone(), id.clone()), Arc::new(received));
        Ok(Transferred {
            snapshot: id.clone(),
            to: to.clone(),
            chunks: chunks.len() as u64,
            raw_bytes: raw.len() as u64,
            sent_bytes: chunks
                .iter()
                .map(|chunk| chunk.compressed.len() as u64)
                .sum(),
            work_micros: micros_since(started),
        })
    }

    /// A copy on `node` in the state of a snapshot that was transferred there.
    fn copy_from(
        &self,
        cell: &Cell,
        node: &NodeId,
        role: Role,
        epoch: u64,
        limits: &Limits,
        snapshot: &Snapshot,
    ) -> Result<Replica, DriverError> {
        lock(&self.shared.nodes).reserve(node, &cell.instance, role, limits)?;
        let made = self
            .new_replica(cell, node, role, epoch, limits)
            .and_then(|mut copy| {
                copy.guest.become_snapshot(snapshot)?;
                copy.active_from = copy.guest.position;
                Ok(copy)
            });
        if made.is_err() {
            lock(&self.shared.nodes).free(node, &cell.instance, role);
        }
        made
    }

    fn do_start_shadow(
        &self,
        cell: &mut Cell,
        request: &ShadowRequest,
    ) -> Result<ShadowStarted, DriverError> {
        let source = self.check_active(cell, "start_shadow", request.epoch)?;
        if cell.fenced.is_some() || cell.shadow.as_ref().is_some_and(ShadowRun::runs) {
            return Err(cell.wrong("start_shadow", "an active copy without a shadow run"));
        }
        if source == request.node {
            return Err(cell.wrong("start_shadow", "a target other than its own node"));
        }
        self.discard_shadow(cell);
        let snapshot = find(cell, &request.node, &request.snapshot)?;
        let limits = self.enforceable(&request.limits);
        let replica = self.copy_from(
            cell,
            &request.node,
            Role::Shadow,
            request.epoch,
            &limits,
            &snapshot,
        )?;
        let started = ShadowStarted {
            node: request.node.clone(),
            from_position: replica.guest.position,
            compared_from: cell.active.as_ref().map_or(0, |copy| copy.guest.position),
        };
        cell.shadow = Some(ShadowRun::new(replica, request.rules.clone()));
        Ok(started)
    }

    /// Ends a shadow run, if there is one, and frees what it had.
    fn discard_shadow(&self, cell: &mut Cell) {
        if let Some(shadow) = cell.shadow.take() {
            lock(&self.shared.nodes).free(&shadow.node, &cell.instance, Role::Shadow);
        }
    }

    fn do_fence(&self, cell: &mut Cell, epoch: u64, new_epoch: u64) -> Result<Fenced, DriverError> {
        let node = self.check_active(cell, "fence", epoch)?;
        if cell.active.is_none() || cell.fenced.is_some() {
            return Err(cell.wrong("fence", "an active copy whose last move was released"));
        }
        let instance = cell.instance.clone();
        {
            let mut nodes = lock(&self.shared.nodes);
            let seen = nodes.highest_epoch(&instance);
            if new_epoch <= seen {
                return Err(DriverError::EpochNotNewer {
                    instance,
                    given: new_epoch,
                    seen,
                });
            }
            nodes.announce(&node, &instance, new_epoch)?;
            nodes.change_role(&node, &instance, Role::Active, Role::Fenced);
        }
        cell.outputs.raise_epoch(new_epoch);
        let missing = cell.wrong("fence", "an active copy");
        let mut replica = cell.active.take().ok_or(missing)?;
        let since = Instant::now();
        replica.role = Role::Fenced;
        replica.epoch = new_epoch;
        // A faulty guest has no state worth a name; it can still be replaced.
        let state_hash = if replica.fault.is_none() {
            replica.guest.state_hash()
        } else {
            String::new()
        };
        let position = replica.guest.position;
        cell.fenced = Some(FencedCopy {
            replica,
            since,
            state_hash: state_hash.clone(),
        });
        Ok(Fenced {
            node,
            epoch: new_epoch,
            position,
            state_hash,
        })
    }

    fn do_activate(
        &self,
        cell: &mut Cell,
        request: &ActivateRequest,
    ) -> Result<Activated, DriverError> {
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
                return Err(DriverError::StaleEpoch {
                    instance,
                    node: at,
                    given,
                    seen,
                });
            }
            if given > seen {
                return Err(DriverError::EpochAhead {
                    instance,
                    node: at,
                    given,
                    seen,
                });
            }
        }
        let snapshot = find(cell, node, &request.snapshot)?;
        let limits = self.enforceable(&request.limits);
        let warm = cell.shadow.as_ref().is_some_and(|shadow| {
            shadow.node == *node
                && shadow
                    .replica
                    .as_ref()
                    .is_some_and(|copy| copy.fault.is_none() && copy.guest.can_become(&snapshot))
        });
        let promoted = cell
            .shadow
            .as_mut()
            .filter(|_| warm)
            .and_then(|s| s.replica.take());
        let mut copy = match promoted {
            Some(mut copy) => {
                copy.guest.set_mem_limit(limits.mem_kib)?;
                copy.guest.become_snapshot(&snapshot)?;
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
        let state_hash = copy.guest.state_hash();
        lock(&self.shared.nodes).announce(node, &instance, request.epoch)?;
        let fenced = cell.fenced.as_ref();
        cell.activation = Some(Activation {
            expected_hash: fenced.map(|fenced| fenced.state_hash.clone()),
            state_hash: state_hash.clone(),
        });
        let activated = Activated {
            node: node.clone(),
            epoch: request.epoch,
            position: copy.guest.position,
            state_hash,
            limits,
            warm,
            pause_micros: fenced.map_or(0, |fenced| micros_since(fenced.since)),
            work_micros: micros_since(started),
        };
        cell.active = Some(copy);
        Ok(activated)
    }

    fn do_release(&self, cell: &mut Cell, epoch: u64) -> Result<Released, DriverError> {
        self.check_active(cell, "release", epoch)?;
        if cell.active.is_none() {
            return Err(cell.wrong("release", "an activated target"));
        }
        self.discard_shadow(cell);
        cell.snapshots.clear();
        let Some(fenced) = cell.fenced.take() else {
            return Ok(Released {
                node: None,
                freed: Limits::default(),
            });
        };
        let node = fenced.replica.node.clone();
        lock(&self.shared.nodes).free(&node, &cell.instance, Role::Fenced);
        Ok(Released {
            node: Some(node),
            freed: fenced.replica.limits,
        })
    }

    fn do_rollback(&self, cell: &mut Cell, new_epoch: u64) -> Result<RolledBack, DriverError> {
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
                return Err(DriverError::EpochNotNewer {
                    instance,
                    given: new_epoch,
                    seen,
                });
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
        fenced
            .replica
            .resume(Role::Active, new_epoch, self.now_micros());
        let rolled_back = RolledBack {
            node,
            epoch: new_epoch,
            position: fenced.replica.guest.position,
            state_hash: fenced.state_hash,
            pause_micros: micros_since(fenced.since),
        };
        cell.active = Some(fenced.replica);
        Ok(rolled_back)
    }

    fn do_stop(&self, cell: &mut Cell, epoch: u64) -> Result<Stopped, DriverError> {
        self.check_active(cell, "stop", epoch)?;
        let missing = cell.wrong("stop", "a running copy");
        let faulty = cell
            .active
            .as_ref()
            .is_some_and(|copy| copy.fault.is_some());
        if !faulty {
            self.take_checkpoint(cell, None)?;
        }
        if let Some(dir) = &self.shared.config.checkpoint_dir {
            // A stopped instance must not come back with the next start of the process.
            checkpoint::remove(dir, &cell.instance)?;
        }
        self.discard_shadow(cell);
        let active = cell.active.take();
        let fenced = cell.fenced.take().map(|fenced| fenced.replica);
        let mut last = None;
        for mut copy in [fenced, active].into_iter().flatten() {
            lock(&self.shared.nodes).free(&copy.node, &cell.instance, copy.role);
            let state_hash = if copy.fault.is_none() {
                copy.guest.state_hash()
            } else {
                String::new()
            };
            last = Some(Stopped {
                position: copy.guest.position,
                state_hash,
            });
        }
        cell.snapshots.clear();
        cell.activation = None;
        last.ok_or(missing)
    }
}

fn find(cell: &Cell, node: &NodeId, id: &SnapshotId) -> Result<Arc<Snapshot>, DriverError> {
    cell.snapshots
        .get(&(node.clone(), id.clone()))
        .cloned()
        .ok_or_else(|| DriverError::SnapshotNotThere {
            snapshot: id.clone(),
            node: node.clone(),
        })
}

impl Driver for Cluster {
    fn name(&self) -> &'static str {
        "wasm"
    }

    fn capabilities(&self) -> Capabilities {
        use Operation as Op;
        let no = |reason: &str| Support::Unsupported(reason.to_owned());
        let operations = BTreeMap::from([
            (Op::Observe, Support::Native),
            (Op::ResizeCpu, Support::Native),
            (Op::ResizeMemoryUp, Support::Native),
            (
                Op::ResizeMemoryDown,
                Support::Emulated(
                    "the guest's hold comes down with its next step; linear memory stays".into(),
                ),
            ),
            (Op::SnapshotFull, Support::Native),
            (
                Op::SnapshotDifferential,
                Support::Emulated("4 KiB pages are compared with the base".into()),
            ),
            (Op::Transfer, Support::Native),
            (Op::Shadow, Support::Native),
            (Op::Fence, Support::Native),
            (Op::Checkpoint, Support::Native),
            (
                Op::LiveMigrate,
                no(
                    "no pre-copy rounds: the shadow run already brings the state over while the \
                    job runs, only the last differential is left for the pause",
                ),
            ),
            (Op::Partition, no("a guest is one stream of inputs")),
            (
                Op::Prewarm,
                no("modules are compiled when they are admitted"),
            ),
        ]);
        Capabilities {
            driver: self.name().to_owned(),
            operations,
        }
    }

    fn nodes(&self) -> Vec<NodeStatus> {
        lock(&self.shared.nodes).status()
    }

    fn start(&self, key: &OpKey, request: &StartRequest) -> Result<Started, DriverError> {
        let module = self.module(&request.program)?;
        let cell = self.cell_or_new(&request.instance);
        lock(&cell).once(key, "start", request, |cell| {
            if cell.active.is_some() || cell.fenced.is_some() {
                return Err(cell.wrong("start", "no running copy"));
            }
            self.discard_shadow(cell);
            let before = cell.module.replace(module);
            let limits = self.enforceable(&request.limits);
            let resume = request.from == StartFrom::Checkpoint;
            if let Err(error) =
                self.start_active(cell, &request.node, request.epoch, &limits, resume)
            {
                cell.module = before;
                return Err(error);
            }
            Ok(Started {
                node: request.node.clone(),
                epoch: request.epoch,
                position: cell.active.as_ref().map_or(0, |copy| copy.guest.position),
                limits,
            })
        })
    }

    fn stop(&self, key: &OpKey, instance: &InstanceId, epoch: u64) -> Result<Stopped, DriverError> {
        let cell = self.cell(instance)?;
        lock(&cell).once(key, "stop", &epoch, |cell| self.do_stop(cell, epoch))
    }

    fn observe(
        &self,
        instance: &InstanceId,
        detail: Detail,
    ) -> Result<Vec<Observation>, DriverError> {
        let cell = self.cell(instance)?;
        let cell = &mut *lock(&cell);
        let (run, now) = (self.run(instance), self.now_micros());
        let active = cell.active.as_mut();
        let fenced = cell.fenced.as_mut().map(|fenced| &mut fenced.replica);
        let shadow = cell
            .shadow
            .as_mut()
            .and_then(|shadow| shadow.replica.as_mut());
        let copies = [active, fenced, shadow].into_iter().flatten();
        Ok(copies.map(|copy| copy.observe(&run, now, detail)).collect())
    }

    fn resize(
        &self,
        key: &OpKey,
        instance: &InstanceId,
        epoch: u64,
        limits: &Limits,
    ) -> Result<Resized, DriverError> {
        let cell = self.cell(instance)?;
        let request = (epoch, limits);
        lock(&cell).once(key, "resize", &request, |cell| {
            self.do_resize(cell, epoch, limits)
        })
    }

    fn snapshot(
        &self,
        key: &OpKey,
        instance: &InstanceId,
        epoch: u64,
        base: Option<&SnapshotId>,
    ) -> Result<SnapshotInfo, DriverError> {
        let cell = self.cell(instance)?;
        let id = SnapshotId(format!("{}/{}", key.swap, key.step));
        lock(&cell).once(key, "snapshot", &(epoch, base), |cell| {
            self.do_snapshot(cell, id, epoch, base)
        })
    }

    fn transfer(
        &self,
        key: &OpKey,
        instance: &InstanceId,
        epoch: u64,
        snapshot: &SnapshotId,
        to: &NodeId,
    ) -> Result<Transferred, DriverError> {
        let cell = self.cell(instance)?;
        lock(&cell).once(key, "transfer", &(epoch, snapshot, to), |cell| {
            self.do_transfer(cell, epoch, snapshot, to)
        })
    }

    fn start_shadow(
        &self,
        key: &OpKey,
        request: &ShadowRequest,
    ) -> Result<ShadowStarted, DriverError> {
        let cell = self.cell(&request.instance)?;
        lock(&cell).once(key, "start_shadow", request, |cell| {
            self.do_start_shadow(cell, request)
        })
    }

    fn shadow_report(&self, instance: &InstanceId) -> Result<ShadowReport, DriverError> {
        let cell = self.cell(instance)?;
        let cell = lock(&cell);
        cell.shadow_report()
            .ok_or_else(|| cell.wrong("shadow_report", "a shadow run"))
    }

    fn drop_shadow(&self, key: &OpKey, instance: &InstanceId) -> Result<(), DriverError> {
        let cell = self.cell(instance)?;
        lock(&cell).once(key, "drop_shadow", &(), |cell| {
            if cell.fenced.is_some() {
                return Err(cell.wrong("drop_shadow", "a source that is not fenced"));
            }
            self.discard_shadow(cell);
            cell.snapshots.clear();
            Ok(())
        })
    }

    fn fence(
        &self,
        key: &OpKey,
        instance: &InstanceId,
        epoch: u64,
        new_epoch: u64,
    ) -> Result<Fenced, DriverError> {
        let cell = self.cell(instance)?;
        lock(&cell).once(key, "fence", &(epoch, new_epoch), |cell| {
            self.do_fence(cell, epoch, new_epoch)
        })
    }

    fn activate(&self, key: &OpKey, request: &ActivateRequest) -> Result<Activated, DriverError> {
        let cell = self.cell(&request.instance)?;
        lock(&cell).once(key, "activate", request, |cell| {
            self.do_activate(cell, request)
        })
    }

    fn verify(&self, request: &VerifyRequest) -> Result<Verification, DriverError> {
        let cell = self.cell(&request.instance)?;
        let cell = lock(&cell);
        let Some(active) = cell.active.as_ref() else {
            return Err(cell.wrong("verify", "an active copy"));
        };
        let mut checks = Vec::new();
        let mut check = |name: &str, passed: bool, seen: String| {
            checks.push(Check {
                name: name.to_owned(),
                passed,
                seen,
            });
        };
        check("node", active.node == request.node, active.node.to_string());
        check(
            "epoch",
            active.epoch == request.epoch,
            active.epoch.to_string(),
        );
        let up = lock(&self.shared.nodes).is_up(&active.node);
        check("node_up", up, up.to_string());
        check(
            "no_fault",
            active.fault.is_none(),
            active.fault.clone().unwrap_or_else(|| "none".into()),
        );
        check(
            "limits",
            active.limits == self.enforceable(&request.limits),
            format!(
                "{} milli, {} KiB",
                active.limits.cpu_milli, active.limits.mem_kib
            ),
        );
        let progress = active.guest.position.saturating_sub(active.active_from);
        check(
            "progress",
            progress >= request.min_progress,
            progress.to_string(),
        );
        if let Some(Activation {
            expected_hash: Some(expected),
            state_hash,
        }) = &cell.activation
        {
            check("state", expected == state_hash, state_hash.clone());
        }
        Ok(Verification {
            passed: checks.iter().all(|check| check.passed),
            checks,
        })
    }

    fn release(
        &self,
        key: &OpKey,
        instance: &InstanceId,
        epoch: u64,
    ) -> Result<Released, DriverError> {
        let cell = self.cell(instance)?;
        lock(&cell).once(key, "release", &epoch, |cell| self.do_release(cell, epoch))
    }

    fn rollback(
        &self,
        key: &OpKey,
        instance: &InstanceId,
        new_epoch: u64,
    ) -> Result<RolledBack, DriverError> {
        let cell = self.cell(instance)?;
        lock(&cell).once(key, "rollback", &new_epoch, |cell| {
            self.do_rollback(cell, new_epoch)
        })
    }

    fn checkpoint(
        &self,
        key: &OpKey,
        instance: &InstanceId,
        epoch: u64,
    ) -> Result<CheckpointInfo, DriverError> {
        let cell = self.cell(instance)?;
        lock(&cell).once(key, "checkpoint", &epoch, |cell| {
            self.check_active(cell, "checkpoint", epoch)?;
            let dir = self.shared.config.checkpoint_dir.as_deref();
            let stored_bytes = self.take_checkpoint(cell, dir)?;
            let missing = cell.wrong("checkpoint", "a running copy");
            let snapshot = cell.checkpoint.as_ref().ok_or(missing)?;
            Ok(CheckpointInfo {
                position: snapshot.position,
                state_hash: snapshot.state_hash(),
                stored_bytes,
                durable: dir.is_some(),
            })
        })
    }
}
