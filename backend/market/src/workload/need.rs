//! How much more a workload needs in the middle of a slot than it has, by what was just measured.
use crate::records::workload::Instance;
use crate::units::{Resource, amount};

/// Of a tick, in thousandths: a workload that waited for its allowance for less of it does not need more.
pub const THROTTLED_MILLIS: i64 = 100;

/// What it needs beyond its limit and a tenth of its baseline, as the next input is seldom the same; or that tenth alone
/// where it waited for its allowance and nothing tells how much it lacks. `demand`: what the work that arrived needs;
/// `throttled`: it waited for its allowance for a good part of the time.
pub fn beyond(instance: &Instance, resource: Resource, limit: i64, demand: i64, throttled: bool) -> i64 {
    let a_little = (amount(&instance.baseline, resource) / 10).max(1);
    match (demand > limit, throttled) {
        (true, _) => (demand - limit).saturating_add(a_little),
        (false, true) => a_little,
        (false, false) => 0,
    }
}
