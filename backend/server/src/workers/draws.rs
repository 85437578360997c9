//! Workloads that need more than they have and whose strategy lets them take it at once: found by what was measured.
use crate::workers::telemetry::Sample;
use headroom_market::state::State;
use headroom_market::swap::draw::{self, Draw, offered};
use headroom_market::swap::plan;
use headroom_market::swap::recall;
use headroom_market::time::{Slot, Timestamp};
use headroom_market::units::amount;

/// A workload that waited for its allowance for less of the time does not need more.
const THROTTLED_MILLIS: i64 = 100;

/// What is to be taken in the present slot, as far as it is there.
pub fn due(state: &State, samples: &[Sample], slot: Slot, now: Timestamp) -> Vec<Draw> {
    let mut draws = Vec::new();
    for sample in samples {
        let Some(instance) = state.instances.get(&sample.instance) else { continue };
        for (resource, highest_price) in &instance.strategy.draws {
            // What it may have back without paying comes first.
            if recall::recallable(state, instance.id, *resource, slot) > 0 {
                continue;
            }
            let Some(demand) = sample.demand.get(resource) else { continue };
            // What is on its way to it need not be taken twice.
            let has = amount(&sample.limits, *resource);
            let coming = amount(&plan::target(state, instance, slot).limits, *resource);
            let throttled = sample.throttled_millis >= THROTTLED_MILLIS && coming <= has;
            let quantity = draw::needed(instance, *resource, has.max(coming), *demand, throttled);
            let asked =
                Draw { instance: instance.id, resource: *resource, quantity, highest_price: Some(*highest_price) };
            // A refusal at each tick is nobody's news.
            let is_there =
                quantity > 0 && offered(state, None, &asked, now).is_ok_and(|(o, _)| o.price <= *highest_price);
            if is_there {
                draws.push(asked);
            }
        }
    }
    draws
}
