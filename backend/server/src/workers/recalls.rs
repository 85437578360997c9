//! Workloads that need back what they have lent as recallable: found by what was measured, taken back at once.
use crate::workers::telemetry::Sample;
use headroom_market::pool::recallable::can_be_recalled;
use headroom_market::state::State;
use headroom_market::swap::plan;
use headroom_market::swap::recall::{self, Recall};
use headroom_market::time::Slot;
use headroom_market::units::amount;
use headroom_market::workload::need;

/// What is to be taken back in the present slot.
pub fn due(state: &State, samples: &[Sample], slot: Slot) -> Vec<Recall> {
    let mut recalls = Vec::new();
    for sample in samples {
        let Some(instance) = state.instances.get(&sample.instance) else { continue };
        for (resource, demand) in sample.demand.iter().filter(|(r, _)| can_be_recalled(**r)) {
            let most = recall::recallable(state, instance.id, *resource, slot);
            if most == 0 {
                continue;
            }
            // What is on its way to it need not be taken back twice.
            let coming = amount(&plan::target(state, instance, slot).limits, *resource);
            let limit = amount(&sample.limits, *resource).max(coming);
            let grows = coming > amount(&sample.limits, *resource);
            let throttled = sample.throttled_millis >= need::THROTTLED_MILLIS && !grows;
            let quantity = recall::needed(instance, *resource, limit, *demand, throttled, most);
            if quantity > 0 {
                recalls.push(Recall { instance: instance.id, resource: *resource, slot, quantity: Some(quantity) });
            }
        }
    }
    recalls
}
