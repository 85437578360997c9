//! What a host or a cluster has counted for an adopted workload, and the observation of a window between two counts.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{InstanceId, Limits, NodeId, Observation, Role};

/// A counter in steps is told in whole seconds: a rate over less time is mostly rounding.
pub(crate) const LEAST_OF_STEPS: Duration = Duration::from_secs(10);
/// A counter in steps that stood still for so long has counted nothing: gatherers look every 30 seconds unless told otherwise.
pub(crate) const NOTHING_AFTER: Duration = Duration::from_secs(60);
/// Usage of this part of a limit, in thousandths, counts as all of it.
const ALL_OF_LIMIT_MILLI: u64 = 980;

/// What was counted for an adopted workload since it was adopted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub epoch: u64,
    /// The limit in force.
    pub cpu_milli: u64,
    /// Nothing where nobody counts it.
    pub cpu_micros: Option<u64>,
    pub throttled_micros: u64,
    pub mem_kib: u64,
    /// Why it does not run any more, if so.
    pub ended: Option<String>,
}

/// Whether a window ends here whose counter moves in steps, as a cluster's gatherer looks only now and then.
pub fn steps_end_window(has_moved: bool, length: Duration) -> bool {
    length >= if has_moved { LEAST_OF_STEPS } else { NOTHING_AFTER }
}

impl Report {
    /// The observation of a window that began with these counts of CPU and throttled time.
    pub fn observation(
        self,
        instance: &InstanceId,
        node: &NodeId,
        before: (u64, u64),
        window: Duration,
    ) -> Observation {
        let window_micros = u64::try_from(window.as_micros()).unwrap_or(u64::MAX);
        // Unknown use is no use of 0: a window of no length says nothing.
        let window_micros = self.cpu_micros.map_or(0, |_| window_micros);
        let used_micros = self.cpu_micros.unwrap_or(0).saturating_sub(before.0);
        let cpu_milli = used_micros.saturating_mul(1_000).checked_div(window_micros).unwrap_or(0);
        let throttled = self.throttled_micros.saturating_sub(before.1);
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Observation {
            instance: instance.clone(),
            node: node.clone(),
            epoch: self.epoch,
            role: Role::Active,
            limits: Limits::new(self.cpu_milli, 0),
            observed_at_micros: i64::try_from(at.as_micros()).unwrap_or(i64::MAX),
            window_micros,
            cpu_milli,
            mem_kib: self.mem_kib,
            mem_peak_kib: self.mem_kib,
            mem_demand_kib: self.mem_kib,
            mem_reserved_kib: self.mem_kib,
            // Several threads are kept waiting at once: no more than all of the window counts.
            throttled_micros: throttled.min(window_micros),
            memory_stalls: 0,
            cpu_censored: throttled > 0 || cpu_milli >= self.cpu_milli.saturating_mul(ALL_OF_LIMIT_MILLI) / 1_000,
            mem_censored: false,
            position: 0,
            input_lag: 0,
            bytes_in: 0,
            bytes_out: 0,
            outputs: 0,
            steps: 0,
            host_calls: 0,
            fuel: 0,
            phases: BTreeMap::new(),
            state_hash: None,
            fault: self.ended,
            suspended_kib: None,
        }
    }
}
