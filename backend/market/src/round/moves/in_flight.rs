//! How many workloads of a pool go to another of its nodes for one slot.
//!
//! A move takes its nodes, their network and a shadow run for a while before its slot: more of them than a pool can
//! carry at once would be late, and what was sold to them not be there. Where an admin has set a bound
//! (`Pool::moves_at_once`) a round begins no more than that for a slot, those of earlier rounds among them; which ones,
//! the trials of the round find out by what it is worth (`round/moves/movers.rs`). What is planned already stays.
use crate::book::open::bought_at_home;
use crate::ids::InstanceId;
use crate::records::workload::{Instance, InstanceState};
use crate::state::State;
use crate::time::{Slot, Timestamp};
use std::collections::BTreeMap;

/// For which slot each workload leaves its node, as far as it is known: the first one for which it is to be elsewhere.
pub struct InFlight(BTreeMap<InstanceId, Slot>);

impl InFlight {
    /// Empty where no pool has a bound: nobody asks then.
    pub fn of(state: &State, now: Timestamp) -> Self {
        if state.pools.values().all(|pool| pool.moves_at_once.is_none()) {
            return Self(BTreeMap::new());
        }
        let slots = state.instances.values().filter_map(|i| Some((i.id, leaves_for(state, i, now)?)));
        Self(slots.collect())
    }

    /// Notes that a workload leaves its node for a slot; `false`, and nothing noted, where its pool has no room for
    /// another move then.
    pub fn begin(&mut self, state: &State, id: InstanceId, slot: Slot) -> bool {
        let pool = |id: &InstanceId| state.instances.get(id).map(|i| &i.pool);
        let most = pool(&id).and_then(|slug| state.pools.get(slug)).and_then(|pool| pool.moves_at_once);
        let Some(most) = most else { return true };
        if self.0.get(&id).is_some_and(|earlier| *earlier <= slot) {
            return true;
        }
        let others = self.0.iter().filter(|(other, at)| **at == slot && **other != id && pool(other) == pool(&id));
        let has_room = others.count() < most as usize;
        if has_room {
            self.0.insert(id, slot);
        }
        has_room
    }
}

/// Who does not run, or may not be moved, leaves for nothing that it has won.
fn leaves_for(state: &State, instance: &Instance, now: Timestamp) -> Option<Slot> {
    let will_go = instance.state == InstanceState::Running && !instance.is_pinned(now);
    let won = bought_at_home(state, instance.id).filter(|a| a.nodes.first().is_some_and(|node| *node != instance.node));
    let won = won.filter(|_| will_go).flat_map(|a| &a.lines).filter(|l| !l.settled && l.left() > 0).map(|l| l.slot);
    let moves = instance.swap.and_then(|id| state.swaps.get(&id)).filter(|s| s.moves()).map(|s| s.slot);
    won.chain(moves).min()
}
