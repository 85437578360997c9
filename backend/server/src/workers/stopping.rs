//! Workloads that are being ended beside the market: a command may have to finish a step first.
use headroom_execution::InstanceId;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Clone, Default)]
pub struct Stopping(Arc<Mutex<BTreeSet<InstanceId>>>);

impl Stopping {
    /// Does `work`, which ends the instance, on a thread of its own, unless that is under way.
    pub fn begin(&self, instance: InstanceId, work: impl FnOnce() + Send + 'static) {
        if !self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(instance.clone()) {
            return;
        }
        let these = self.clone();
        tokio::task::spawn_blocking(move || {
            work();
            these.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&instance);
        });
    }
}
