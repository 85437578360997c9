//! Renewals: bids that go on with what their workload has in the slot before.
//!
//! Who has capacity keeps it where others are worth no more: at the price that is just the limit, and where a collar
//! has what is left shared, incumbents come first (`clearing/ties.rs`, `ration.rs`). It saves a swap there and back, and
//! decides nothing else: who pays more wins.
//!
//! Invariant: what a workload has in a slot is gone on with once, by the order that comes first in the round.
use crate::book::{Alternative, Order, Side, away};
use crate::ids::InstanceId;
use crate::round::AwardKind;
use crate::state::State;
use crate::time::Slot;
use crate::units::{Amounts, Resource};
use std::collections::BTreeMap;

/// What the orders of a round go on with so far.
#[derive(Default)]
pub struct Renewals {
    taken: BTreeMap<Key, i64>,
}

/// What a workload has of a resource in a pool and slot.
type Key = (InstanceId, String, Slot, Resource);

impl Renewals {
    /// Whether an order only goes on with what its workload has, whichever of its alternatives wins; counts it if so.
    /// One that asks for more is a newcomer with all of it: it can ask for the rest apart.
    pub fn counts(&mut self, state: &State, order: &Order, alternatives: &[Alternative]) -> bool {
        let Some(id) = order.request.instance.filter(|_| order.side == Side::Bid) else { return false };
        let mut needed: BTreeMap<Key, i64> = BTreeMap::new();
        for alternative in alternatives {
            let Some(first) = alternative.slots.first() else { return false };
            let before = first.plus(-1, state.market.rhythm.slot_seconds);
            // Carried elsewhere it is another bundle there, and a move.
            if away::carried(state, &order.request, &alternative.pool).is_some() {
                return false;
            }
            for (resource, quantity) in asked(&order.remaining) {
                needed.insert((id, alternative.pool.clone(), before, resource), quantity);
            }
        }
        let has = |(_, pool, slot, resource): &Key| -> i64 {
            let bought = state.awards_of(id).filter(|a| a.kind == AwardKind::Bought);
            let lines = bought.flat_map(|a| &a.lines);
            lines.filter(|l| (&l.pool, l.slot, l.resource) == (pool, *slot, *resource)).map(|l| l.left()).sum()
        };
        let covered = |(key, quantity): (&Key, &i64)| {
            self.taken.get(key).copied().unwrap_or(0).saturating_add(*quantity) <= has(key)
        };
        let renews = !needed.is_empty() && needed.iter().all(covered);
        if renews {
            for (key, quantity) in needed {
                *self.taken.entry(key).or_default() += quantity;
            }
        }
        renews
    }
}

fn asked(amounts: &Amounts) -> impl Iterator<Item = (Resource, i64)> {
    amounts.iter().map(|(resource, quantity)| (*resource, *quantity)).filter(|(_, quantity)| *quantity > 0)
}
