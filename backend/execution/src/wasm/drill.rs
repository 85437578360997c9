//! The vacate drill: whether a program lets go of memory when its limit goes down.
//!
//! A copy of it, in its present state, reads the next inputs under half of what it holds. The live
//! copy stands still for as long as its state is copied, and notices nothing else. Nothing that the
//! copy answers leaves this file.
//! Absent: when a drill is due and what its result means (the market's part).

use super::cluster::{Cluster, lock};
use super::guest::Guest;
use crate::config::mib;
use crate::driver::{DrillReport, DriverError, InstanceId, SnapshotId};

/// Inputs that the copy may read until it holds something, and then until it has let go.
const STEPS: u64 = 4;

impl Cluster {
    pub(super) fn do_drill(&self, instance: &InstanceId, epoch: u64) -> Result<Option<DrillReport>, DriverError> {
        let config = &self.shared.config;
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
            // One that has read nothing yet holds what its module begins with, whatever it does later.
            if active.guest.position == 0 {
                return Ok(None);
            }
            (active.guest.copy(SnapshotId::new("drill"), None), module, active.limits.clone(), node)
        };
        let properties = lock(&self.shared.nodes).properties(&node)?;
        let mut copy = Guest::new(config, &module, instance, &limits, properties)?;
        copy.become_snapshot(&state)?;
        drop(state);
        let mib = |kib| mib(kib, config.kib_per_mib);
        let mut steps = 0;
        let mut step = |copy: &mut Guest| {
            let input = self.shared.feed.input(instance, copy.position)?;
            steps += 1;
            Some(copy.step(input, config.step_fuel_ceiling).map(|_| ()))
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
        if let Err(error) = copy.set_mem_limit(target_kib) {
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
