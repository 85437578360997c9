//! Growth within a workload's own limit: what it has won beyond what it has lent, what its bids could still add.
use crate::book::open::open_alternatives;
use crate::ids::InstanceId;
use crate::records::order::{Order, Side};
use crate::records::round::{Award, AwardKind, AwardLine};
use crate::records::workload::Instance;
use crate::state::State;
use crate::time::Slot;
use crate::units::{Resource, amount};
use crate::workload::away::is_elsewhere;
use std::collections::{BTreeMap, BTreeSet};

/// What the bids of a round could add to each workload, which has to stay within its limit even
/// if all of them win.
pub struct Growth {
    taken: BTreeMap<(InstanceId, Slot, Resource), i64>,
}

impl Growth {
    /// What has been won so far, less what is lent for good.
    pub fn of(state: &State) -> Self {
        Self::counted(state, state.awards.values())
    }
    /// The same for one instance.
    pub fn of_instance(state: &State, id: InstanceId) -> Self {
        Self::counted(state, state.awards_of(id))
    }

    fn counted<'a>(state: &State, awards: impl Iterator<Item = &'a Award>) -> Self {
        let mut growth = Self { taken: BTreeMap::new() };
        let (mut elsewhere, mut lent) = (BTreeSet::new(), Vec::new());
        for (id, award) in awards.filter_map(|a| Some((a.instance?, a))) {
            let open = award.lines.iter().filter(|l| !l.settled);
            match award.kind {
                AwardKind::Bought => {
                    // Elsewhere its baseline is among what it bought.
                    let away = state.instances.get(&id).filter(|i| is_elsewhere(award, i));
                    for line in open {
                        let baseline = away.map_or(0, |i| amount(&i.baseline, line.resource));
                        elsewhere.extend(away.map(|_| (id, line.slot)));
                        growth.add(id, line, line.left() - baseline);
                    }
                }
                // What may be taken back may come back by itself.
                AwardKind::Lent => lent.extend(open.filter(|l| !l.is_recallable()).map(|l| (id, l))),
                AwardKind::Resold => {}
            }
        }
        // What is lent is no part of what it has elsewhere.
        for (id, line) in lent.into_iter().filter(|(id, line)| !elsewhere.contains(&(*id, line.slot))) {
            growth.add(id, line, -line.left());
        }
        growth
    }

    fn add(&mut self, id: InstanceId, line: &AwardLine, quantity: i64) {
        *self.taken.entry((id, line.slot, line.resource)).or_default() += quantity;
    }

    /// What the instance may still win in a slot.
    pub fn room(&self, instance: &Instance, slot: Slot, resource: Resource) -> i64 {
        let taken = self.taken.get(&(instance.id, slot, resource)).copied().unwrap_or(0);
        (amount(&instance.limit, resource) - amount(&instance.baseline, resource) - taken).max(0)
    }

    /// Counts an order in, unless it could take its workload over the limit.
    pub fn admits(&mut self, state: &State, order: &Order, slots: &[Slot]) -> bool {
        let instance = order.request.instance.and_then(|id| state.instances.get(&id));
        let Some(instance) = instance.filter(|_| order.side == Side::Bid) else { return true };
        let alternatives = open_alternatives(state, order, slots);
        let window: BTreeSet<Slot> = alternatives.iter().flat_map(|a| a.slots.iter().copied()).collect();
        let rows = || window.iter().flat_map(|s| order.remaining.iter().map(move |(r, q)| (*s, *r, *q)));
        let fits = rows().all(|(slot, resource, quantity)| quantity <= self.room(instance, slot, resource));
        if fits {
            for (slot, resource, quantity) in rows() {
                *self.taken.entry((instance.id, slot, resource)).or_default() += quantity;
            }
        }
        fits
    }
}
