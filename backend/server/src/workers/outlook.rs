//! What workloads are expected to need in the next slots, and may lend: integers, rounded to the safe side.
use crate::workers::forecasts::{LEVELS, Series};
use crate::workers::joint::{self, Joint};
use headroom_forecast::HORIZONS;
use headroom_market::ids::InstanceId;
use headroom_market::time::Slot;
use headroom_market::units::{Amounts, Resource, amount};
use headroom_market::workload::{Instance, SlotOutlook};
use std::collections::BTreeMap;

/// Levels of an outlook's need, in thousandths, with their place in [`LEVELS`].
const NEED: [(u16, usize); 3] = [(500, 4), (900, 6), (975, 8)];
/// After a breach this part of the baseline is taken to be needed beyond what the newest slot needed.
const AFTER_BREACH: i64 = 10;

/// The outlook of a workload, and what its resources need together.
pub(super) fn whole_outlook(
    all: &BTreeMap<(InstanceId, Resource), Series>,
    joints: &BTreeMap<InstanceId, Joint>,
    instance: &Instance,
    slot: Slot,
    slot_seconds: i64,
) -> Vec<SlotOutlook> {
    let mut outlooks = outlook(all, instance.id, &instance.baseline, slot, slot_seconds);
    if let Some(bid) = &instance.strategy.auto_bid {
        let mine = all.range((instance.id, Resource::CpuMilli)..=(instance.id, Resource::NetMbps));
        let forecasters = mine.map(|((_, resource), series)| (*resource, &series.forecaster)).collect();
        for (ahead, outlook) in outlooks.iter_mut().enumerate() {
            outlook.joint = joint::need(joints.get(&instance.id), ahead + 1, bid, &forecasters);
        }
    }
    // A little more than it just was, as with recalls and draws: the next slot is seldom the same. And of the own baseline
    // alone, as that is what was lent against the forecast: growth follows the forecast as ever.
    let series = all.range((instance.id, Resource::CpuMilli)..=(instance.id, Resource::NetMbps));
    for ((_, resource), series) in series {
        let baseline = amount(&instance.baseline, *resource);
        let Some(newest) = series.lending.after_breach() else { continue };
        let floor = newest.saturating_add(baseline / AFTER_BREACH).min(baseline);
        for outlook in &mut outlooks {
            let steps = outlook.joint.iter_mut().flat_map(|joint| &mut joint.steps).map(|step| &mut step.need);
            for need in outlook.need.iter_mut().map(|(_, need)| need).chain(steps) {
                need.entry(*resource).and_modify(|needed| *needed = floor.max(*needed));
            }
        }
    }
    outlooks
}

pub(super) fn outlook(
    all: &BTreeMap<(InstanceId, Resource), Series>,
    instance: InstanceId,
    baseline: &Amounts,
    slot: Slot,
    slot_seconds: i64,
) -> Vec<SlotOutlook> {
    let mut outlooks: Vec<SlotOutlook> = (1..=HORIZONS as i64)
        .map(|h| SlotOutlook {
            slot: slot.plus(h, slot_seconds),
            need: NEED.iter().map(|(level, _)| (*level, Amounts::new())).collect(),
            lendable: Amounts::new(),
            joint: None,
        })
        .collect();
    for ((_, resource), series) in all.range((instance, Resource::CpuMilli)..=(instance, Resource::NetMbps)) {
        for quantiles in series.forecaster.forecast(&LEVELS, HORIZONS) {
            let outlook = &mut outlooks[quantiles.horizon - 1];
            for ((_, need), (_, place)) in outlook.need.iter_mut().zip(NEED) {
                need.insert(*resource, up(quantiles.values[place]));
            }
            let needed = series.lending.needed(outlook.slot);
            let needed =
                needed.filter(|_| *resource != Resource::MemMib || can_work(all, instance, baseline, outlook.slot));
            let lendable = needed.map_or(0, |needed| (amount(baseline, *resource) - needed).max(0));
            outlook.lendable.insert(*resource, lendable);
        }
    }
    outlooks
}

/// Whether a workload will have the processor time that it needs. Memory is given back by work, and work that
/// waits holds it: who may run short of time lends none.
fn can_work(
    all: &BTreeMap<(InstanceId, Resource), Series>,
    instance: InstanceId,
    baseline: &Amounts,
    slot: Slot,
) -> bool {
    let needed = all.get(&(instance, Resource::CpuMilli)).and_then(|s| s.lending.needed(slot));
    needed.is_some_and(|needed| needed <= amount(baseline, Resource::CpuMilli))
}

/// A forecast quantity as base units, rounded up.
pub fn up(value: f64) -> i64 {
    // Quantiles are finite and not negative by the forecaster's contract.
    value.ceil().clamp(0.0, 1e12) as i64
}
