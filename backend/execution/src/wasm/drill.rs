//! Drills: whether a program does what it will have to, tried on a copy of it.
//!
//! The vacate drill is here: a copy, in the program's present state, reads the next inputs under
//! half of what it holds, and has to let go. The live copy stands still for as long as its state is
//! copied, and notices nothing else. Nothing that the copy answers leaves this file.
//! Absent: the drill of a suspension (`drill_checkpoint`), when a drill is due and what its result
//! means (the market's part).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cluster::{Cluster, lock};
use super::snapshot::Snapshot;
use crate::config::mib;
use crate::driver::{DrillOf, DrillReport, DriverError, InstanceId, Limits, SnapshotId};
use crate::feed::Input;
use crate::guest::{Code, Guest};

/// What a drill of a command may take in all: others wait for theirs.
const TRIAL: Duration = Duration::from_secs(8);

/// Inputs that the copy may read until it holds something, and then until it has let go.
pub(super) const STEPS: u64 = 4;

/// What copies of a program are made of.
pub(super) struct Trial<'a> {
    cluster: &'a Cluster,
    instance: &'a InstanceId,
    module: Arc<Code>,
    limits: Limits,
    properties: BTreeMap<String, i64>,
    deadline: Instant,
}

impl Trial<'_> {
    /// A copy under the limits of the program.
    pub fn copy(&self, state: &Snapshot) -> Result<Guest, DriverError> {
        let config = &self.cluster.shared.config;
        let mut copy = Guest::new(config, &self.module, self.instance, &self.limits, self.properties.clone())?;
        copy.set_deadline(self.deadline);
        copy.become_snapshot(state)?;
        Ok(copy)
    }

    pub fn input(&self, position: u64) -> Option<Input> {
        self.cluster.shared.feed.input(self.instance, position)
    }

    /// Fuel after which a step is stopped.
    pub fn ceiling(&self) -> u64 {
        self.cluster.shared.config.step_fuel_ceiling
    }
}

impl Cluster {
    pub(super) fn do_drill(
        &self,
        instance: &InstanceId,
        epoch: u64,
        how: DrillOf,
    ) -> Result<Option<DrillReport>, DriverError> {
        let slot = self.cell(instance)?;
        let (state, module, limits, node) = {
            let mut cell = slot.lock();
            let node = self.check_active(&cell, "drill", epoch)?;
            let missing = cell.wrong("drill", "an active copy");
            let module = cell.module.clone();
            let (Some(active), Some(module)) = (cell.active.as_mut(), module) else { return Err(missing) };
            if let Some(reason) = active.fault.clone() {
                return Err(DriverError::Guest { instance: instance.clone(), reason });
            }
            // One that has read nothing yet holds what its module begins with, whatever it does later; one that is
            // suspended has nothing here to be copied.
            if active.guest.position() == 0 || active.suspension.is_some() {
                return Ok(None);
            }

            let failed = |reason| DriverError::Guest { instance: instance.clone(), reason };
            let state = active.copy(SnapshotId::new("drill"), None).map_err(failed)?;
            (state, module, active.limits.clone(), node)
        };
        let properties = lock(&self.shared.nodes).properties(&node)?;
        let deadline = Instant::now() + TRIAL;
        let trial = Trial { cluster: self, instance, module, limits, properties, deadline };
        match how {
            DrillOf::Shrink => trial.of_shrinking(state),
            DrillOf::Checkpoint => trial.of_checkpoint(state),
        }
    }
}

impl Trial<'_> {
    fn of_shrinking(&self, state: Snapshot) -> Result<Option<DrillReport>, DriverError> {
        let mut copy = self.copy(&state)?;
        drop(state);
        let mib = |kib| mib(kib, self.cluster.shared.config.kib_per_mib);
        let mut steps = 0;
        let mut step = |copy: &mut Guest| {
            let input = self.input(copy.position())?;
            steps += 1;
            Some(copy.step(input, self.ceiling()).map(|_| ()))
        };
        let failed = |detail: String| Ok(Some(DrillReport { passed: false, detail }));
        let Some(target_kib) = ({
            let mut target = None;
            for _ in 0..STEPS {
                match step(&mut copy) {
                    None => return Ok(None),
                    Some(Err(reason)) => return failed(format!("The copy failed by itself: {reason}.")),
                    Some(Ok(())) => {}
                }
                if !copy.manages_its_hold() {
                    let grown = mib(copy.reserved_kib());
                    return failed(format!(
                        "It has {grown} and never says what it holds, by the import hold, so what it has grown to can't be taken back."
                    ));
                }
                target = copy.drill_target_kib();
                if target.is_some() {
                    break;
                }
            }
            target
        }) else {
            return Ok(None);
        };
        let held = mib(copy.held_kib());
        if let Err(error) = copy.set_mem_limit(target_kib)
            && !copy.comes_down_later()
        {
            return failed(format!("Its limit can't go down: {error}."));
        }
        for _ in 0..STEPS {
            match step(&mut copy) {
                None => return Ok(None),
                Some(Err(reason)) => {
                    return failed(format!("With {} instead of {held} it failed: {reason}.", mib(target_kib)));
                }
                Some(Ok(())) if copy.held_kib() <= target_kib => {
                    let left = mib(copy.held_kib());
                    let detail = format!("Of {held} it kept {left} when its limit went down, and went on.");
                    return Ok(Some(DrillReport { passed: true, detail }));
                }
                Some(Ok(())) => {}
            }
        }
        failed(format!(
            "It still holds {} after {steps} inputs with a limit of {}.",
            mib(copy.held_kib()),
            mib(target_kib)
        ))
    }
}
