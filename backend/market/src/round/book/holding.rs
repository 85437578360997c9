//! How much rounds may still change of each workload: what it may lend above its floor, and its thrash limit.
//!
//! Orders are bounded one after the other as they enter the book, people's before forecasts': a bound of one workload is
//! no row of the clearing. Where less is left than an order asks for, whole lots that fit take part.
use crate::book::lent::{Changed, changed, lent};
use crate::clearing::book::{ProductKey, Side as BookSide, gcd};
use crate::clearing::document::{self, Lending, Workload};
use crate::ids::InstanceId;
use crate::records::order::{Order, Side};
use crate::records::reason::Reason;
use crate::records::recallable::firm;
use crate::records::workload::Instance;
use crate::state::State;
use crate::time::Slot;
use crate::units::{Resource, amount};
use std::collections::{BTreeMap, BTreeSet};

/// What the orders of a round have taken so far of the bounds of their workloads.
#[derive(Default)]
pub(crate) struct Bounds {
    lent: BTreeMap<(InstanceId, Slot, Resource), i64>,
    won: BTreeMap<(InstanceId, Slot, Resource), i64>,
    /// What earlier rounds have made of each, looked up once.
    earlier: BTreeMap<InstanceId, Earlier>,
}

struct Earlier {
    lent: BTreeMap<(Slot, Resource), i64>,
    changed: BTreeMap<(Slot, Resource), Changed>,
}

impl Bounds {
    /// Bounds an order of the book by what is left of its workload, or says why nothing is.
    pub fn bound(
        &mut self,
        state: &State,
        slots: &[Slot],
        instance: &Instance,
        order: &mut document::Order,
    ) -> Result<(), Reason> {
        let rows = rows_of(order, instance, slots);
        let (lots, reason) = self.lots_left(state, instance, order, &rows);
        let all = order.lots(0);
        if lots < all && !cut(order, lots) {
            return Err(reason);
        }
        let taken = if order.side == BookSide::Bid { &mut self.won } else { &mut self.lent };
        for ((slot, resource), quantity) in rows {
            *taken.entry((instance.id, slot, resource)).or_default() += quantity * lots.min(all) / all.max(1);
        }
        Ok(())
    }

    /// The lots that the bounds leave of an order, and which of them leaves least.
    fn lots_left(
        &mut self,
        state: &State,
        instance: &Instance,
        order: &document::Order,
        rows: &BTreeMap<(Slot, Resource), i64>,
    ) -> (i64, Reason) {
        let id = instance.id;
        let known = || Earlier { lent: lent(state, id), changed: changed(state, id) };
        let earlier = self.earlier.entry(id).or_insert_with(known);
        let all = order.lots(0);
        let mut least = (all, Reason::ThrashLimit);
        for ((slot, resource), quantity) in rows {
            let of = |taken: &BTreeMap<(InstanceId, Slot, Resource), i64>| {
                taken.get(&(id, *slot, *resource)).copied().unwrap_or(0)
            };
            let already = earlier.changed.get(&(*slot, *resource)).copied().unwrap_or_default();
            let most = instance.strategy.max_swap.get(resource);
            let (thrash, floor) = match order.side {
                BookSide::Bid => (most.map(|most| already.may_win(*most) - of(&self.won)), None),
                BookSide::Offer => {
                    let lent = earlier.lent.get(&(*slot, *resource)).copied().unwrap_or(0) + of(&self.lent);
                    let free = amount(&instance.baseline, *resource) - amount(&instance.floor, *resource) - lent;
                    (most.map(|most| already.may_lend(*most) - of(&self.lent)), Some(free))
                }
            };
            let bounds = [(thrash, Reason::ThrashLimit), (floor, Reason::FloorProtected)];
            for (left, reason) in bounds.into_iter().filter_map(|(left, reason)| Some((left?, reason))) {
                let lots = i128::from(left.max(0)) * i128::from(all) / i128::from((*quantity).max(1));
                least = least.min((i64::try_from(lots).unwrap_or(all), reason));
            }
        }
        least
    }
}

/// What an order asks of each resource in a slot of its workload's own pool, in whichever of its alternatives that is most.
fn rows_of(order: &document::Order, instance: &Instance, slots: &[Slot]) -> BTreeMap<(Slot, Resource), i64> {
    let mut rows = BTreeMap::new();
    let at_home = |q: &&document::Quantity| firm(&q.product.pool) == instance.pool;
    for quantity in order.alternatives.iter().flat_map(|a| &a.quantities).filter(at_home) {
        let slot = usize::try_from(quantity.product.slot).ok().and_then(|n| slots.get(n));
        let Some((slot, resource)) = slot.zip(Resource::parse(&quantity.product.resource)) else { continue };
        let most = rows.entry((*slot, resource)).or_insert(0);
        *most = quantity.quantity.max(*most);
    }
    rows
}

/// Leaves so many lots of an order; `false` where there are none, or it wants all of them or another number of each way.
fn cut(order: &mut document::Order, lots: i64) -> bool {
    let all = order.lots(0);
    let is_divisible = order.min_fill.is_zero() && order.replicas.is_none();
    if lots < 1 || !is_divisible || (1..order.alternatives.len()).any(|n| order.lots(n) != all) {
        return false;
    }
    for alternative in &mut order.alternatives {
        let lot = alternative.quantities.iter().map(|q| q.quantity).fold(0, gcd);
        for quantity in &mut alternative.quantities {
            quantity.quantity = quantity.quantity / lot * lots;
        }
        alternative.adder = alternative.adder.share_floor(lots, all);
    }
    order.limit = match order.side {
        BookSide::Bid => order.limit.share_floor(lots, all),
        BookSide::Offer => order.limit - order.limit.share_floor(all - lots, all),
    };
    true
}

/// What each lender of a book may lend in the products that it offers: the certificate shows by it that no floor is broken.
pub(crate) fn lending(state: &State, slots: &[Slot], orders: &[document::Order]) -> Vec<Workload> {
    let mut products: BTreeMap<&String, BTreeSet<&ProductKey>> = BTreeMap::new();
    for order in orders {
        let Some(workload) = &order.workload else { continue };
        let named = order.alternatives.iter().flat_map(|a| &a.quantities).map(|q| &q.product);
        products.entry(workload).or_default().extend(named);
    }
    let mut workloads = Vec::new();
    for (name, products) in products {
        let Some(instance) = name.parse().ok().and_then(|id: InstanceId| state.instances.get(&id)) else { continue };
        let lent = lent(state, instance.id);
        let row = |product: &ProductKey| {
            let slot = *slots.get(usize::try_from(product.slot).ok()?)?;
            let resource = Resource::parse(&product.resource)?;
            let already = lent.get(&(slot, resource)).copied().unwrap_or(0);
            let floor = amount(&instance.floor, resource);
            let baseline = (amount(&instance.baseline, resource) - already).max(floor);
            // What its forecast asks it to keep is in the quantity of an automatic offer; by hand an owner may lend more.
            Some(Lending { product: product.clone(), baseline, floor, forecast: 0 })
        };
        workloads.push(Workload { id: name.clone(), lending: products.into_iter().filter_map(row).collect() });
    }
    workloads
}

/// Where a workload's thrash limit leaves an order least, as things are: the slot, the resource, what rounds may change
/// of it in a slot, and how much of that is left on the order's side.
pub fn least_change(state: &State, order: &Order) -> Option<(Slot, Resource, i64, i64)> {
    let instance = state.instances.get(&order.request.instance?)?;
    let changed = changed(state, instance.id);
    let alternatives = order.request.alternatives(state.market.rhythm.slot_seconds);
    let slots: BTreeSet<Slot> = alternatives.iter().flat_map(|a| a.slots.iter().copied()).collect();
    let of = |(slot, resource): (Slot, Resource)| {
        let most = *instance.strategy.max_swap.get(&resource)?;
        let already = changed.get(&(slot, resource)).copied().unwrap_or_default();
        let left = if order.side == Side::Bid { already.may_win(most) } else { already.may_lend(most) };
        Some((slot, resource, most, left.max(0)))
    };
    let products = slots.into_iter().flat_map(|slot| order.remaining.keys().map(move |r| (slot, *r)));
    products.filter_map(of).min_by_key(|(slot, _, most, left)| (*left, *most, *slot))
}
