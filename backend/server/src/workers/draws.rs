//! Workloads that need more than they have and whose strategy lets them take it at once: found by what was measured.
use crate::workers::telemetry::{Sample, TICK_SECONDS};
use headroom_market::ids::NodeId;
use headroom_market::pool::Node;
use headroom_market::state::State;
use headroom_market::swap::draw::{Draw, Drawn, offered};
use headroom_market::swap::plan;
use headroom_market::swap::recall;
use headroom_market::time::{Slot, Timestamp};
use headroom_market::units::{Amounts, amount};
use headroom_market::workload::{InstanceState, need};
use std::collections::BTreeMap;

/// Draws of a tick, at most: each looks at all that is promised on a node, and the next tick comes soon.
const MOST_DRAWS: usize = 32;

/// What is to be taken in the present slot, as far as it is there.
pub fn due(state: &State, samples: &[Sample], slot: Slot, now: Timestamp) -> Vec<Draw> {
    let mut draws = Vec::new();
    let mut tries = 0;
    let used = in_use(state);
    // Nobody is always the first, so that who asks for what it can't have keeps nobody else from asking.
    let first = usize::try_from(now.micros() / 1_000_000 / TICK_SECONDS).unwrap_or_default() * MOST_DRAWS
        % samples.len().max(1);
    for sample in samples.iter().cycle().skip(first).take(samples.len()) {
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
            let throttled = sample.throttled_millis >= need::THROTTLED_MILLIS && coming <= has;
            // What waits is to be worked off by the end of the slot, as all of it is paid for until then.
            let rest_seconds = state.market.rhythm.slot_end(slot).seconds() - now.seconds();
            let (needed, nothing_tells) = sample.needed(*resource, *demand, throttled, rest_seconds);
            let quantity = need::beyond(instance, *resource, has.max(coming), needed, nothing_tells);
            let asked =
                Draw { instance: instance.id, resource: *resource, quantity, highest_price: Some(*highest_price) };
            let left = |node: &Node| {
                amount(&node.capacity, *resource) - amount(used.get(&node.id).unwrap_or(&NONE), *resource)
            };
            if quantity == 0 || tries == MOST_DRAWS || state.nodes.get(&instance.node).is_none_or(|n| left(n) <= 0) {
                continue;
            }
            tries += 1;
            // A refusal at each tick is nobody's news.
            let available = state.available(instance.participant);
            let affords = |o: &Drawn| o.price.charge_half_even(o.quantity).is_some_and(|cost| cost <= available);
            let is_there = offered(state, None, &asked, now)
                .is_ok_and(|(offered, _)| offered.price <= *highest_price && affords(&offered));
            if is_there {
                draws.push(asked);
            }
        }
    }
    draws
}

static NONE: Amounts = Amounts::new();

/// What runs on each node has now.
fn in_use(state: &State) -> BTreeMap<NodeId, Amounts> {
    let mut used: BTreeMap<NodeId, Amounts> = BTreeMap::new();
    for instance in state.instances.values().filter(|i| i.state == InstanceState::Running) {
        let there = used.entry(instance.node).or_default();
        for (resource, quantity) in &instance.in_force {
            *there.entry(*resource).or_default() += quantity;
        }
    }
    used
}
