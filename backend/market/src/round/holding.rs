//! What a book says of the workloads that its orders name: what they hold and must keep, and how much rounds may
//! still change of them.
use crate::book::{Order, Side};
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

    /// How much more of each resource may be won or lent in a slot: what earlier rounds changed counts, be what may be
    /// taken back all taken back, all there, or only its own or others'. A row bounds both directions alike; where all
    /// orders of the instance go one way it is how far that way is.
    fn add_thrash_limits(&self, instance: &Instance, firm: &Option<FirmOrders>, entry: &mut clearing::Instance) {
        if instance.strategy.max_swap.is_empty() {
            return;
        }
        let changed = changed(self.state, instance.id);
        for (index, slot) in self.slots.iter().enumerate() {
            for (resource, most) in &instance.strategy.max_swap {
                let already = changed.get(&(*slot, *resource)).copied().unwrap_or_default();
                let left = match self.sides(&entry.id, index as i64, *resource) {
                    (true, false) => already.may_win(*most),
                    (false, true) => already.may_lend(*most),
                    _ => already.may_change(*most),
                };
                entry.max_swap.push(row(&instance.pool, *resource, index as i64, left.max(0)));
                if let Some(firm) = firm {
                    let used = firm.either.get(&(index as i64, *resource)).copied().unwrap_or(0);
                    let (pool, left) = (recallable::of(&instance.pool), left.saturating_sub(used));
                    entry.max_swap.push(row(&pool, *resource, index as i64, left.max(0)));
                }
            }
        }
    }

    /// Whether an instance bids for a resource in a slot of this round, and whether it offers some of it, be it firm or
    /// recallable.
    fn sides(&self, id: &str, slot: i64, resource: Resource) -> (bool, bool) {
        let names = |o: &&clearing::Order| {
            let mut rows = o.alternatives.iter().flat_map(|a| &a.quantities);
            rows.any(|q| q.product.slot == slot && Resource::parse(&q.product.resource) == Some(resource))
        };
        let mine = self.orders.iter().filter(|o| o.instance.as_deref() == Some(id)).filter(names);
        mine.fold((false, false), |(bids, offers), o| match o.side {
            clearing::Side::Bid => (true, offers),
            clearing::Side::Offer => (bids, true),
        })
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

/// What earlier rounds made of an instance in a slot beyond its baseline: the least and the most that it may come to,
/// as what may be taken back goes or stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changed {
    least: i64,
    most: i64,
}

impl Changed {
    /// How much more it may win within a thrash limit: who has lent may win that, too.
    pub fn may_win(&self, most: i64) -> i64 {
        most.saturating_sub(self.most)
    }
    /// How much more it may lend within a thrash limit.
    pub fn may_lend(&self, most: i64) -> i64 {
        most.saturating_add(self.least)
    }
    /// How much more it may win or lend, whichever comes.
    pub fn may_change(&self, most: i64) -> i64 {
        self.may_win(most).min(self.may_lend(most))
    }
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

pub(crate) fn changed(state: &State, id: InstanceId) -> BTreeMap<(Slot, Resource), Changed> {
    let mut changed: BTreeMap<(Slot, Resource), Changed> = BTreeMap::new();
    for award in state.awards_of(id) {
        for line in &award.lines {
            let Changed { least, most } = changed.entry((line.slot, line.resource)).or_default();
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
    changed
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
