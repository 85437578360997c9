//! Renewals: bids that go on with what their workload has in the slot before.
//!
//! Who has capacity keeps it where others are worth no more: at the price that is just the limit incumbents come first
//! (rule book V6). It saves a swap there and back, and decides nothing else: who pays more wins.
//!
//! Invariant: what a workload has in a slot is gone on with once, over all rounds: what it has won in the next slot so far
//! counts, and of its bids in a round the one that offers most for a unit comes first.
//! Absent on purpose: bids for more than one slot. Who has the first of them has nothing of the others.
use crate::book::away;
use crate::clearing::document;
use crate::ids::InstanceId;
use crate::records::order::{Alternative, Order, Side};
use crate::records::pool::PoolSlug;
use crate::records::round::AwardKind;
use crate::state::State;
use crate::time::Slot;
use crate::units::{Amounts, Resource};
use std::collections::{BTreeMap, BTreeSet};

/// What a workload has won of a resource in a pool and slot.
type Held = BTreeMap<(PoolSlug, Slot, Resource), i64>;

/// What an order of the book goes on with, whichever of its alternatives wins.
struct Candidate {
    instance: InstanceId,
    /// Pools and slots of its alternatives.
    places: Vec<(PoolSlug, Slot)>,
    amounts: Amounts,
}

/// The orders of a round that may go on with something, by their id in the book.
#[derive(Default)]
pub struct Renewals(BTreeMap<String, Candidate>);

impl Renewals {
    /// Notes an order with the alternatives that it has in the book.
    pub fn note(&mut self, state: &State, order: &Order, alternatives: &[Alternative]) {
        let Some(instance) = order.request.instance.filter(|_| order.side == Side::Bid) else { return };
        // Carried elsewhere it is another bundle there, and a move.
        let stays = |a: &Alternative| away::carried(state, &order.request, &a.pool).is_none();
        let place = |a: &Alternative| match a.slots.as_slice() {
            [slot] if stays(a) => Some((a.pool.clone(), *slot)),
            _ => None,
        };
        let places: Option<Vec<_>> = alternatives.iter().map(place).collect();
        let amounts: Amounts = order.remaining.iter().filter(|(_, q)| **q > 0).map(|(r, q)| (*r, *q)).collect();
        if let Some(places) = places.filter(|p| !p.is_empty() && !amounts.is_empty()) {
            self.0.insert(order.id.to_string(), Candidate { instance, places, amounts });
        }
    }

    /// Marks the incumbents of a book. A bid that asks for more than there is to go on with is a newcomer with all of it:
    /// it can ask for the rest apart.
    pub fn mark(self, state: &State, orders: &mut [document::Order]) {
        let instances: BTreeSet<InstanceId> = self.0.values().map(|c| c.instance).collect();
        let mut has: BTreeMap<InstanceId, Held> = instances.into_iter().map(|id| (id, held(state, id))).collect();
        has.retain(|_, held| !held.is_empty());
        if has.is_empty() {
            return;
        }
        let mut candidates: Vec<(usize, &Candidate)> =
            orders.iter().enumerate().filter_map(|(n, o)| Some((n, self.0.get(&o.id)?))).collect();
        // What it offers for all of it against what it asks for.
        let worth =
            |(n, c): &(usize, &Candidate)| (i128::from(orders[*n].limit.units()), c.amounts.values().sum::<i64>());
        candidates.sort_by(|a, b| {
            let ((one, of_one), (two, of_two)) = (worth(a), worth(b));
            (two * i128::from(of_one)).cmp(&(one * i128::from(of_two))).then(a.0.cmp(&b.0))
        });
        let seconds = state.market.rhythm.slot_seconds;
        let mut incumbents = Vec::new();
        for (index, candidate) in candidates {
            let Some(held) = has.get_mut(&candidate.instance) else { continue };
            let of = |held: &Held, pool: &PoolSlug, slot: Slot, r: Resource| {
                held.get(&(pool.clone(), slot, r)).copied().unwrap_or(0)
            };
            let is_covered = candidate.places.iter().all(|(pool, slot)| {
                candidate.amounts.iter().all(|(resource, quantity)| {
                    let already = of(held, pool, *slot, *resource);
                    already.saturating_add(*quantity) <= of(held, pool, slot.plus(-1, seconds), *resource)
                })
            });
            if is_covered {
                // As if it had won: another bid does not go on with the same.
                for ((pool, slot), (resource, quantity)) in
                    candidate.places.iter().flat_map(|place| candidate.amounts.iter().map(move |row| (place, row)))
                {
                    *held.entry((pool.clone(), *slot, *resource)).or_default() += quantity;
                }
                incumbents.push(index);
            }
        }
        for index in incumbents {
            orders[index].incumbent = true;
        }
    }
}

fn held(state: &State, id: InstanceId) -> Held {
    let mut held = Held::new();
    // A draw gives no claim to the next slot.
    let bought = state.awards_of(id).filter(|a| a.kind == AwardKind::Bought && !a.drawn);
    for line in bought.flat_map(|a| &a.lines) {
        *held.entry((line.pool.clone(), line.slot, line.resource)).or_default() += line.left();
    }
    held
}
