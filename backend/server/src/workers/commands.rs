//! What is kept of workloads that are commands: which are being ended, which wait for their program.
//!
//! A command may have to finish a step before it can be ended, so the market does not wait for that; and its program
//! may be gone from the operator's folder, so that it stands still with its checkpoint until it is back.
use headroom_execution::{DriverError, InstanceId};
use headroom_market::workload::{Instance, ModuleKind};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Clone, Default)]
pub struct Commands(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    ending: BTreeSet<InstanceId>,
    /// They have a checkpoint to go on from, once their program is there.
    go_on: BTreeSet<InstanceId>,
    /// Of these it has been said that their program is not there.
    said: BTreeSet<InstanceId>,
}

/// Over when it is dropped, also by a panic: the workload could else never be ended.
struct Ending {
    of: Commands,
    instance: InstanceId,
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.of.kept().ending.remove(&self.instance);
    }
}

/// Whether a workload is a command.
pub fn is_command(instance: &Instance) -> bool {
    instance.driver == ModuleKind::Command.driver()
}

impl Commands {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does `work`, which ends the instance, on a thread of its own, unless that is under way.
    pub fn end_apart(&self, instance: InstanceId, work: impl FnOnce() + Send + 'static) {
        if !self.kept().ending.insert(instance.clone()) {
            return;
        }
        let ending = Ending { of: self.clone(), instance };
        tokio::task::spawn_blocking(move || {
            let _ending = ending;
            work();
        });
    }

    /// It could not be brought back at the start of the process, and may have a checkpoint.
    pub fn may_go_on(&self, instance: InstanceId) {
        self.kept().go_on.insert(instance);
    }

    pub fn goes_on(&self, instance: &InstanceId) -> bool {
        self.kept().go_on.contains(instance)
    }

    /// It runs, was ended, or has no checkpoint after all: if it starts from here on, it begins anew.
    pub fn forget(&self, instance: &InstanceId) {
        let kept = &mut *self.kept();
        kept.go_on.remove(instance);
        kept.said.remove(instance);
    }

    /// Says of a workload that it waits for its program, once.
    pub fn say_why(&self, instance: &Instance, id: &InstanceId, error: &DriverError) {
        if self.kept().said.insert(id.clone()) {
            let name = &instance.name;
            tracing::warn!(instance = %id, name, %error, "it stands still until its program is in the folder of --commands");
        }
    }
}
