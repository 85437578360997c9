//! The driver's operations on a cluster. Each one checks the epoch with the node that it
//! concerns, changes the cell, then the reservations; a failure leaves both as they were.

use std::collections::BTreeMap;
use std::time::Instant;

use super::cell::{Activation, Cell};
use super::checkpoint;
use super::cluster::{Cluster, lock};
use super::moves::micros_since;
use super::replica::Replica;
use crate::driver::*;
use crate::node::NodeStatus;
use headroom_market::units::Resource;

impl Cluster {
    /// The active copy's node, if `epoch` is the one in force there.
    pub(super) fn check_active(&self, cell: &Cell, operation: &'static str, epoch: u64) -> Result<NodeId, DriverError> {
        let copy = match (&cell.active, &cell.fenced) {
            (Some(active), _) => active,
            (None, Some(fenced)) => &fenced.replica,
            (None, None) => return Err(cell.wrong(operation, "a running copy")),
        };
        lock(&self.shared.nodes).check_epoch(&copy.node, &cell.instance, epoch)?;
        Ok(copy.node.clone())
    }

    /// What is in force when `asked` is granted: this driver enforces CPU and memory.
    pub(super) fn enforceable(&self, cell: &Cell, asked: &Limits) -> Limits {
        let config = &self.shared.config;
        let command = cell.module.as_ref().is_some_and(|code| code.is_command());
        let most_kib = if command { config.max_command_kib } else { config.max_guest_kib };
        Limits::new(asked.cpu_milli, asked.mem_kib.min(most_kib))
    }

    fn do_resize(&self, cell: &mut Cell, epoch: u64, asked: &Limits) -> Result<Resized, DriverError> {
        let started = Instant::now();
        let node = self.check_active(cell, "resize", epoch)?;
        let actual = self.enforceable(cell, asked);
        let missing = cell.wrong("resize", "an active copy");
        let before = cell.active.as_ref().ok_or(missing)?.limits.clone();
        if cell.can_go_on(&actual) {
            self.go_on(cell, &node, &actual)?;
        } else {
            self.change_limits(cell, "resize", &node, &actual)?;
        }
        let suspended_kib = cell.active.as_ref().and_then(Replica::suspended_kib);
        Ok(Resized { before, actual, suspended_kib, work_micros: micros_since(started) })
    }

    /// Changes what is reserved for the active copy and in force.
    pub(super) fn change_limits(
        &self,
        cell: &mut Cell,
        operation: &'static str,
        node: &NodeId,
        actual: &Limits,
    ) -> Result<(), DriverError> {
        let now = self.now_micros();
        let missing = cell.wrong(operation, "an active copy");
        let Some(active) = cell.active.as_mut() else {
            return Err(missing);
        };
        let before = active.limits.clone();
        let reserve = |limits: &Limits| lock(&self.shared.nodes).reserve(node, &cell.instance, Role::Active, limits);
        // What it gives back is others' at once, whether or not there is room yet for what it is to get: two that
        // trade CPU for memory would else wait for each other.
        let kept = Limits::new(actual.cpu_milli.min(before.cpu_milli), actual.mem_kib.min(before.mem_kib));
        // What stands still holds nothing: it keeps to every limit, also to one below what its module starts with.
        if active.suspension.is_none()
            && let Err(error) = active.guest.set_mem_limit(kept.mem_kib)
        {
            // Memory that is in use has to be waited for; CPU that it may no longer use has not.
            let meanwhile = Limits::new(kept.cpu_milli, before.mem_kib);
            reserve(&meanwhile)?;
            active.set_limits(&self.shared.config, meanwhile, now);
            return Err(error);
        }
        reserve(&kept)?;
        active.set_limits(&self.shared.config, kept, now);
        reserve(actual)?;
        if active.suspension.is_none() {
            active.guest.set_mem_limit(actual.mem_kib)?;
        }
        active.set_limits(&self.shared.config, actual.clone(), now);
        Ok(())
    }

    /// All copies of an instance, as measured since the last time.
    pub(super) fn observe_cell(&self, cell: &mut Cell, detail: Detail) -> Vec<Observation> {
        let instance = cell.instance.clone();
        let (run, now) = (self.run(&instance), self.now_micros());
        let active = cell.active.as_mut();
        let fenced = cell.fenced.as_mut().map(|fenced| &mut fenced.replica);
        let shadow = cell.shadow.as_mut().and_then(|shadow| shadow.replica.as_mut());
        let copies = [active, fenced, shadow].into_iter().flatten();
        copies.map(|copy| copy.observe(&run, now, detail)).collect()
    }

    /// The limits of the active copy.
    pub fn limits_in_force(&self, instance: &InstanceId) -> Option<Limits> {
        let cell = self.cell(instance).ok()?;
        let cell = cell.lock();
        cell.active.as_ref().map(|copy| copy.limits.clone())
    }

    /// Memory in KiB that the active copy has now, where that is beyond a limit; a suspended one has none.
    pub fn memory_beyond_kib(&self, instance: &InstanceId, limit_kib: u64) -> Option<u64> {
        let cell = self.cell(instance).ok()?;
        let cell = cell.lock();
        let active = cell.active.as_ref().filter(|copy| copy.suspension.is_none())?;
        active.guest.beyond_kib(limit_kib)
    }

    /// Ends a program that does not keep to its limits, as if it had faulted by itself.
    pub fn end_as_faulty(&self, instance: &InstanceId, epoch: u64, reason: String) -> Result<(), DriverError> {
        let cell = self.cell(instance)?;
        let mut cell = cell.lock();
        self.check_active(&cell, "end_as_faulty", epoch)?;
        // It keeps to every limit, and has to be able to go on.
        cell.check_runs("end_as_faulty")?;
        let missing = cell.wrong("end_as_faulty", "an active copy");
        let active = cell.active.as_mut().ok_or(missing)?;
        active.fault.get_or_insert(reason);
        Ok(())
    }

    fn do_stop(&self, cell: &mut Cell, epoch: u64) -> Result<Stopped, DriverError> {
        self.check_active(cell, "stop", epoch)?;
        let missing = cell.wrong("stop", "a running copy");
        // The newest checkpoint of a suspended one is the last one.
        let stands = cell.active.as_ref().is_some_and(|copy| copy.fault.is_some() || copy.suspension.is_some());
        match &self.shared.config.checkpoint_dir {
            // A stopped instance must not come back with the next start of the process.
            Some(dir) => checkpoint::remove(dir, &cell.instance)?,
            None if stands => {}
            None => drop(self.take_checkpoint(cell, None, None)?),
        }
        cell.checkpoint_number += 1;
        self.discard_shadow(cell);
        let active = cell.active.take();
        let fenced = cell.fenced.take().map(|fenced| fenced.replica);
        let mut last = None;
        for mut copy in [fenced, active].into_iter().flatten() {
            lock(&self.shared.nodes).free(&copy.node, &cell.instance, copy.role);
            // Who ends a command does not wait for what it would save.
            let tells = !cell.module.as_ref().is_some_and(|code| code.is_command());
            let state_hash = if tells { copy.state_hash().unwrap_or_default() } else { String::new() };
            last = Some(Stopped { position: copy.guest.position(), state_hash });
        }
        cell.snapshots.clear();
        cell.activation = None;
        // Its compiled code is needed again only if it is started again, which names it.
        cell.module = None;
        last.ok_or(missing)
    }
}

impl Driver for Cluster {
    fn name(&self) -> &'static str {
        "wasm"
    }

    fn capabilities(&self) -> Capabilities {
        use Operation as Op;
        let no = |reason: &str| Support::Unsupported(reason.to_owned());
        let operations = BTreeMap::from([
            (Op::Start, Support::Native),
            (Op::Observe, Support::Native),
            (Op::ResizeCpu, Support::Native),
            (Op::ResizeMemoryUp, Support::Native),
            (
                Op::ResizeMemoryDown,
                Support::Emulated("the guest's hold comes down with its next step; linear memory stays".into()),
            ),
            (Op::SnapshotFull, Support::Native),
            (Op::SnapshotDifferential, Support::Emulated("4 KiB pages are compared with the base".into())),
            (Op::Transfer, Support::Native),
            (Op::Shadow, Support::Native),
            (Op::Fence, Support::Native),
            (Op::Checkpoint, Support::Native),
            (Op::Drill, Support::Native),
            (Op::Suspend, Support::Native),
            (
                Op::LiveMigrate,
                no("no pre-copy rounds: the shadow run already brings the state over while the \
                    job runs, only the last differential is left for the pause"),
            ),
            (Op::Partition, no("a guest is one stream of inputs")),
            (Op::Prewarm, no("modules are compiled when they are admitted")),
        ]);
        let enforces = [Resource::CpuMilli, Resource::MemMib].into();
        Capabilities { driver: self.name().to_owned(), enforces, operations }
    }

    fn nodes(&self) -> Vec<NodeStatus> {
        lock(&self.shared.nodes).status()
    }

    fn start(&self, key: &OpKey, request: &StartRequest) -> Result<Started, DriverError> {
        let module = self.module(&request.program)?;
        let cell = self.cell_or_new(&request.instance);
        cell.lock().once(key, "start", request, |cell| {
            if cell.active.is_some() || cell.fenced.is_some() {
                return Err(cell.wrong("start", "no running copy"));
            }
            self.discard_shadow(cell);
            let before = cell.module.replace(module);
            let limits = self.enforceable(cell, &request.limits);
            let state = match request.from {
                StartFrom::Checkpoint => self.newest_checkpoint(cell).map(Some),
                StartFrom::Fresh => Ok(None),
            };
            let started = state
                .and_then(|state| self.start_active(cell, &request.node, request.epoch, &limits, state.as_deref()));
            if let Err(error) = started {
                cell.module = before;
                return Err(error);
            }
            Ok(Started {
                node: request.node.clone(),
                epoch: request.epoch,
                position: cell.active.as_ref().map_or(0, |copy| copy.guest.position()),
                limits,
            })
        })
    }

    fn stop(&self, key: &OpKey, instance: &InstanceId, epoch: u64) -> Result<Stopped, DriverError> {
        let cell = self.cell(instance)?;
        cell.lock().once(key, "stop", &epoch, |cell| self.do_stop(cell, epoch))
    }

    fn observe(&self, instance: &InstanceId, detail: Detail) -> Result<Vec<Observation>, DriverError> {
        let slot = self.cell(instance)?;
        let mut held = match detail {
            Detail::WithStateHash => slot.lock(),
            Detail::Counters => match slot.try_lock() {
                Some(held) => held,
                None => return Ok(slot.seen_or_wanted().unwrap_or_else(|| slot.standing().into_iter().collect())),
            },
        };
        Ok(self.observe_cell(&mut held, detail))
    }

    fn resize(&self, key: &OpKey, instance: &InstanceId, epoch: u64, limits: &Limits) -> Result<Resized, DriverError> {
        let cell = self.cell(instance)?;
        let request = (epoch, limits);
        cell.lock().once(key, "resize", &request, |cell| self.do_resize(cell, epoch, limits))
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
        cell.lock().once(key, "snapshot", &(epoch, base), |cell| self.do_snapshot(cell, id, epoch, base))
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
        cell.lock().once(key, "transfer", &(epoch, snapshot, to), |cell| self.do_transfer(cell, epoch, snapshot, to))
    }

    fn start_shadow(&self, key: &OpKey, request: &ShadowRequest) -> Result<ShadowStarted, DriverError> {
        let cell = self.cell(&request.instance)?;
        cell.lock().once(key, "start_shadow", request, |cell| self.do_start_shadow(cell, request))
    }

    fn shadow_report(&self, instance: &InstanceId) -> Result<ShadowReport, DriverError> {
        let cell = self.cell(instance)?;
        let cell = cell.lock();
        cell.shadow_report().ok_or_else(|| cell.wrong("shadow_report", "a shadow run"))
    }

    fn drop_shadow(&self, key: &OpKey, instance: &InstanceId) -> Result<(), DriverError> {
        let cell = self.cell(instance)?;
        cell.lock().once(key, "drop_shadow", &(), |cell| {
            if cell.fenced.is_some() {
                return Err(cell.wrong("drop_shadow", "a source that is not fenced"));
            }
            self.discard_shadow(cell);
            cell.snapshots.clear();
            Ok(())
        })
    }

    fn fence(&self, key: &OpKey, instance: &InstanceId, epoch: u64, new_epoch: u64) -> Result<Fenced, DriverError> {
        let cell = self.cell(instance)?;
        cell.lock().once(key, "fence", &(epoch, new_epoch), |cell| self.do_fence(cell, epoch, new_epoch))
    }

    fn activate(&self, key: &OpKey, request: &ActivateRequest) -> Result<Activated, DriverError> {
        let cell = self.cell(&request.instance)?;
        cell.lock().once(key, "activate", request, |cell| self.do_activate(cell, request))
    }

    fn verify(&self, request: &VerifyRequest) -> Result<Verification, DriverError> {
        let cell = self.cell(&request.instance)?;
        let cell = cell.lock();
        let Some(active) = cell.active.as_ref() else {
            return Err(cell.wrong("verify", "an active copy"));
        };
        let mut checks = Vec::new();
        let mut check = |name: &str, passed: bool, seen: String| {
            checks.push(Check { name: name.to_owned(), passed, seen });
        };
        check("node", active.node == request.node, active.node.to_string());
        check("epoch", active.epoch == request.epoch, active.epoch.to_string());
        let up = lock(&self.shared.nodes).is_up(&active.node);
        check("node_up", up, up.to_string());
        check("no_fault", active.fault.is_none(), active.fault.clone().unwrap_or_else(|| "none".into()));
        check(
            "limits",
            active.limits == self.enforceable(&cell, &request.limits),
            format!("{} milli, {} KiB", active.limits.cpu_milli, active.limits.mem_kib),
        );
        let progress = active.guest.position().saturating_sub(active.active_from);
        check("progress", progress >= request.min_progress, progress.to_string());
        if let Some(Activation { expected_hash: Some(expected), state_hash }) = &cell.activation {
            check("state", expected == state_hash, state_hash.clone());
        }
        Ok(Verification { passed: checks.iter().all(|check| check.passed), checks })
    }

    fn release(&self, key: &OpKey, instance: &InstanceId, epoch: u64) -> Result<Released, DriverError> {
        let cell = self.cell(instance)?;
        cell.lock().once(key, "release", &epoch, |cell| self.do_release(cell, epoch))
    }

    fn rollback(&self, key: &OpKey, instance: &InstanceId, new_epoch: u64) -> Result<RolledBack, DriverError> {
        let cell = self.cell(instance)?;
        cell.lock().once(key, "rollback", &new_epoch, |cell| self.do_rollback(cell, new_epoch))
    }

    fn drill(&self, instance: &InstanceId, epoch: u64, how: DrillOf) -> Result<Option<DrillReport>, DriverError> {
        self.do_drill(instance, epoch, how)
    }

    fn suspend(
        &self,
        key: &OpKey,
        instance: &InstanceId,
        epoch: u64,
        limits: &Limits,
    ) -> Result<Suspended, DriverError> {
        let cell = self.cell(instance)?;
        cell.lock().once(key, "suspend", &(epoch, limits), |cell| self.do_suspend(cell, epoch, limits))
    }

    fn checkpoint(&self, key: &OpKey, instance: &InstanceId, epoch: u64) -> Result<CheckpointInfo, DriverError> {
        let cell = self.cell(instance)?;
        cell.lock().once(key, "checkpoint", &epoch, |cell| {
            self.check_active(cell, "checkpoint", epoch)?;
            cell.check_runs("checkpoint")?;
            self.take_checkpoint(cell, self.shared.config.checkpoint_dir.as_deref(), None)
        })
    }
}
