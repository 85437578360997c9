//! Memory of a machine by its balloon: the guest gives pages back, or takes them again.
//!
//! A guest that is asked for more than it can spare dies of it, so its own statistics are read first.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::monitor::{Monitor, MonitorError};
use crate::driver::DriverError;

const KIB: u64 = 1_024;
/// What a guest keeps free, as a part of the memory that it has when its balloon is empty.
const SPARE_PART: u64 = 8;
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);
/// A balloon that stood still for so long does not come nearer.
const STANDS_STILL: Duration = Duration::from_millis(1_500);
/// A guest that has the driver tells its statistics each second.
const STATISTICS: Duration = Duration::from_secs(5);

/// The memory of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// With an empty balloon.
    pub whole_kib: u64,
    /// What the balloon leaves now; nothing where the machine has no balloon.
    pub left_kib: Option<u64>,
}

/// What a machine's monitor tells of its memory.
///
/// # Errors
/// The monitor does not answer.
pub fn memory(monitor: &mut Monitor, patience: Duration) -> Result<Memory, MonitorError> {
    let sizes = monitor.ask("query-memory-size-summary", &Value::Null, patience)?;
    let of = |field: &str| sizes[field].as_u64().unwrap_or(0) / KIB;
    let whole_kib = of("base-memory") + of("plugged-memory");
    let left_kib = match monitor.ask("query-balloon", &Value::Null, patience) {
        Ok(told) => told["actual"].as_u64().map(|bytes| bytes / KIB),
        Err(MonitorError::Refused { .. }) => None,
        Err(error) => return Err(error),
    };
    Ok(Memory { whole_kib, left_kib })
}

/// Where the balloon is among QEMU's objects.
fn device(monitor: &mut Monitor, patience: Duration) -> Result<Option<String>, MonitorError> {
    for folder in ["/machine/peripheral", "/machine/peripheral-anon"] {
        let all = monitor.ask("qom-list", &json!({ "path": folder }), patience)?;
        let mut all = all.as_array().into_iter().flatten();
        let is_balloon = |one: &&Value| one["type"].as_str().is_some_and(|kind| kind.contains("virtio-balloon"));
        if let Some(name) = all.find(is_balloon).and_then(|one| one["name"].as_str()) {
            return Ok(Some(format!("{folder}/{name}")));
        }
    }
    Ok(None)
}

/// Memory that the guest could give away, in KiB, as its driver says; nothing without a driver.
fn available_kib(monitor: &mut Monitor, patience: Duration) -> Result<Option<u64>, MonitorError> {
    let Some(path) = device(monitor, patience)? else { return Ok(None) };
    let polling = json!({ "path": path, "property": "guest-stats-polling-interval", "value": 1 });
    monitor.ask("qom-set", &polling, patience)?;
    let asked = json!({ "path": path, "property": "guest-stats" });
    // Statistics of an earlier look may be old: what counts came after this question.
    let before = monitor.ask("qom-get", &asked, patience)?["last-update"].clone();
    let deadline = Instant::now() + STATISTICS;
    while Instant::now() < deadline {
        let told = monitor.ask("qom-get", &asked, patience)?;
        let available = told["stats"]["stat-available-memory"].as_u64();
        if let Some(bytes) = available.filter(|bytes| told["last-update"] != before && *bytes != u64::MAX) {
            return Ok(Some(bytes / KIB));
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
    Ok(None)
}

/// Asks the guest for all but `wanted_kib` of its memory; answers what it has in fact left.
///
/// # Errors
/// There is no balloon, the guest has no driver for it, or it needs the memory.
pub fn resize(monitor: &mut Monitor, wanted_kib: u64, patience: Duration) -> Result<u64, DriverError> {
    let path = monitor.path().to_owned();
    let failed = |error: MonitorError| error.of(&path);
    let lacks = |reason: &str| DriverError::Unsupported { operation: "resize_memory", reason: reason.to_owned() };
    let Memory { whole_kib, left_kib } = memory(monitor, patience).map_err(failed)?;
    let left_kib =
        left_kib.ok_or_else(|| lacks("the machine has no balloon; start it with -device virtio-balloon-pci"))?;
    let wanted_kib = wanted_kib.min(whole_kib);
    if wanted_kib < left_kib {
        let available = available_kib(monitor, patience).map_err(failed)?;
        let available = available
            .ok_or_else(|| lacks("the guest tells nothing of its memory: it needs the driver virtio_balloon"))?;
        let in_use_kib = left_kib.saturating_sub(available) + whole_kib / SPARE_PART;
        if wanted_kib < in_use_kib {
            return Err(DriverError::MemoryInUse { limit_kib: wanted_kib, in_use_kib });
        }
    }
    monitor.ask("balloon", &json!({ "value": wanted_kib * KIB }), patience).map_err(failed)?;
    let (mut seen_kib, mut since) = (left_kib, Instant::now());
    while since.elapsed() < STANDS_STILL {
        let now = memory(monitor, patience).map_err(failed)?.left_kib.unwrap_or(seen_kib);
        if now == wanted_kib {
            return Ok(now);
        }
        if now != seen_kib {
            (seen_kib, since) = (now, Instant::now());
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
    Ok(seen_kib)
}
