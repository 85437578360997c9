//! What a book says of the workloads that its orders name: what they hold and must keep, and how much rounds may
//! still change of them.
use crate::clearing;
use crate::ids::InstanceId;
use crate::pool::recallable;
use crate::round::AwardKind;
use crate::round::book::row;
use crate::state::State;
use crate::time::Slot;
use crate::units::{Resource, amount};
use crate::workload::Instance;
use std::collections::{BTreeMap, BTreeSet};

pub(super) struct Holdings<'a> {
    pub state: &'a State,
    pub slots: &'a [Slot],
    pub orders: &'a [clearing::Order],
}

/// What an instance's firm orders in a round are for, by slot of the book and resource.
#[derive(Default)]
struct FirmOrders {
    offered: BTreeMap<(i64, Resource), i64>,
    /// Offered or asked for.
    either: BTreeMap<(i64, Resource), i64>,
}

impl Holdings<'_> {
    /// The instances that orders name; holdings and floors of those that lend in this round.
    pub fn instances(&self) -> Vec<clearing::Instance> {
        let named: BTreeSet<&String> = self.orders.iter().filter_map(|o| o.instance.as_ref()).collect();
        let lends = |id: &String| {
            self.orders.iter().any(|o| o.side == clearing::Side::Offer && o.instance.as_ref() == Some(id))
        };
        let mut instances = Vec::new();
        for instance in self.state.instances.values() {
            let id = instance.id.to_string();
            if !named.contains(&id) {
                continue;
            }
            let lender = lends(&id);
            let firm = self.in_firm_orders(&id);
            let mut entry = clearing::Instance { id, owner: instance.participant.to_string(), ..Default::default() };
            if lender {
                self.add_holdings(instance, &firm, &mut entry);
            }
            self.add_thrash_limits(instance, &firm, &mut entry);
            instances.push(entry);
        }
        instances
    }

    /// What the firm orders of an instance in this round offer and ask for, by slot and resource; `None` if it has
    /// no others. A row of a book bounds one product, and what is recallable is another: it has what all firm
    /// orders together would leave of a bound.
    fn in_firm_orders(&self, id: &str) -> Option<FirmOrders> {
        let mine = || self.orders.iter().filter(|o| o.instance.as_deref() == Some(id));
        let rows =
            |o: &'_ clearing::Order| o.alternatives.iter().flat_map(|a| a.quantities.clone()).collect::<Vec<_>>();
        let is_recallable = |q: &clearing::Quantity| recallable::is_recallable(&q.product.pool);
        if !mine().flat_map(rows).any(|q| is_recallable(&q)) {
            return None;
        }
        let mut firm = FirmOrders::default();
        for order in mine() {
            // Of alternatives that share a product at most one wins; counting all of them is on the safe side.
            for quantity in rows(order).iter().filter(|q| !is_recallable(q)) {
                let Some(resource) = Resource::parse(&quantity.product.resource) else { continue };
                let key = (quantity.product.slot, resource);
                if order.side == clearing::Side::Offer {
                    *firm.offered.entry(key).or_default() += quantity.quantity;
                }
                *firm.either.entry(key).or_default() += quantity.quantity;
            }
        }
        Some(firm)
    }

    /// How much more of each resource may be won or lent in a slot: what earlier rounds changed counts, in whichever
    /// direction that is more, be what may be taken back all taken back, all there, or only its own or others'.
    fn add_thrash_limits(&self, instance: &Instance, firm: &Option<FirmOrders>, entry: &mut clearing::Instance) {
        if instance.strategy.max_swap.is_empty() {
            return;
        }
        let changed = changed(self.state, instance.id);
        for (index, slot) in self.slots.iter().enumerate() {
            for (resource, most) in &instance.strategy.max_swap {
                let already = changed.get(&(*slot, *resource)).copied().unwrap_or(0);
                entry.max_swap.push(row(&instance.pool, *resource, index as i64, (most - already).max(0)));
                if let Some(firm) = firm {
                    let used = firm.either.get(&(index as i64, *resource)).copied().unwrap_or(0);
                    let (pool, left) =
                        (recallable::of(&instance.pool), most.saturating_sub(already.saturating_add(used)));
                    entry.max_swap.push(row(&pool, *resource, index as i64, left.max(0)));
                }
            }
        }
    }

    fn add_holdings(&self, instance: &Instance, firm: &Option<FirmOrders>, entry: &mut clearing::Instance) {
        let lent = lent(self.state, instance.id);
        for (index, slot) in self.slots.iter().enumerate() {
            for (resource, baseline) in &instance.baseline {
                let already = lent.get(&(*slot, *resource)).copied().unwrap_or(0);
                let floor = amount(&instance.floor, *resource);
                entry.holding.push(row(&instance.pool, *resource, index as i64, (baseline - already).max(floor)));
                entry.floor.push(row(&instance.pool, *resource, index as i64, floor));
                if let Some(firm) = firm.as_ref().filter(|_| recallable::can_be_recalled(*resource)) {
                    let offered = firm.offered.get(&(index as i64, *resource)).copied().unwrap_or(0);
                    let (pool, left) = (recallable::of(&instance.pool), baseline - already - offered);
                    entry.holding.push(row(&pool, *resource, index as i64, left.max(floor)));
                    entry.floor.push(row(&pool, *resource, index as i64, floor));
                }
            }
        }
    }
}

/// How far what earlier rounds made of an instance may be from its baseline, in whichever direction that is more.
pub(crate) fn changed(state: &State, id: InstanceId) -> BTreeMap<(Slot, Resource), i64> {
    // The least and the most that it may come to have beyond its baseline.
    let mut changed: BTreeMap<(Slot, Resource), (i64, i64)> = BTreeMap::new();
    for award in state.awards_of(id) {
        for line in &award.lines {
            let (least, most) = changed.entry((line.slot, line.resource)).or_default();
            let may_go = line.is_recallable();
            match award.kind {
                AwardKind::Bought => {
                    *least += if may_go { 0 } else { line.left() };
                    *most += line.left();
                }
                AwardKind::Lent => {
                    *least -= line.left();
                    *most -= if may_go { 0 } else { line.left() };
                }
                AwardKind::Resold => {}
            }
        }
    }
    changed.into_iter().map(|(key, (low, high))| (key, low.abs().max(high.abs()))).collect()
}

/// What an instance has already lent, by slot and resource.
pub fn lent(state: &State, id: InstanceId) -> BTreeMap<(Slot, Resource), i64> {
    let mut total = BTreeMap::new();
    let awards = state.awards_of(id).filter(|a| a.kind == AwardKind::Lent);
    for line in awards.flat_map(|a| a.lines.iter()) {
        *total.entry((line.slot, line.resource)).or_default() += line.left();
    }
    total
}
