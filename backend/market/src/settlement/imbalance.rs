//! What is owed for what a workload kept though others had bought it, and at which price (mechanism
//! §8b and §11).
//!
//! *Imbalance price* of a product: with `needed` units missing because workloads kept them, the price of
//! the last unit that stands in for them, taken in the order of §8b: the operator's supply that nobody
//! bought, by reserve step; awards of the class *opportunistic*, the lowest limit first; all other
//! awards, the lowest limit first. A limit counts with the line's part of what its award cost. Beyond
//! all that, and at most, it is the collar; at least it is the mean price of the slot.
//!
//! *A lender* pays quantity kept × (imbalance price − its own price), at most the line's bond: first from
//! what is held, then from what the line earned, then from available money. *Overstay* (memory or GPU that was won, or baseline that
//! was lowered, and was not given back) costs max(imbalance price, twice the mean price) of the slot in
//! which it is kept, from available money. What that lacks is owed ([`super::arrears`]). Buyers that missed the product have it first,
//! each at most missed × (imbalance price − its own price), the operator the rest. Who pays gets none of it.
//!
//! Only what is known to be a program's own doing counts ([`Instance::kept_by_program`]): nobody pays for a slow node,
//! for an operator's cancel or while the exchange stands still.
//! Absent on purpose: any effect on the price of a round.
use crate::advice::shape::{self, Kind};
use crate::ids::{AwardId, ParticipantId};
use crate::pool::{PoolSlug, supply};
use crate::round::supply::operator_capacity;
use crate::round::{Award, AwardKind, AwardLine};
use crate::settlement::meter::Reading;
use crate::state::State;
use crate::time::Slot;
use crate::units::{Credits, Price, Resource};
use crate::workload::{Class, Instance};
use std::collections::{BTreeMap, BTreeSet};

pub type Product = (PoolSlug, Resource);
type Line = (AwardId, PoolSlug, Resource);

fn product_of(line: &AwardLine) -> Product {
    (line.pool.clone(), line.resource)
}
fn id_of(award: &Award, line: &AwardLine) -> Line {
    (award.id, line.pool.clone(), line.resource)
}

/// What settling a slot knows of each line, from its readings.
pub trait Delivery {
    /// What a line did not get or give of what was to be there.
    fn not_delivered(&self, award: &Award, line: &AwardLine) -> i64;
    /// How much of a bought line's shortfall the exchange caused.
    fn by_exchange(&self, award: &Award, line: &AwardLine) -> i64;
    /// What a seller's line earns.
    fn proceeds(&self, award: &Award, line: &AwardLine) -> Credits;
}

/// What a participant pays for memory or GPU that a workload kept beyond its slot.
#[derive(Clone, Debug)]
pub struct Overstay {
    pub participant: ParticipantId,
    pub paid: Credits,
}

#[derive(Clone, Copy, Debug)]
pub struct Priced {
    pub price: Price,
    /// Kept, base units.
    pub needed: i64,
}

/// All that is owed in a slot for what was kept.
#[derive(Debug, Default)]
pub struct Imbalances {
    products: BTreeMap<Product, Priced>,
    kept: BTreeMap<Line, i64>,
    charges: BTreeMap<Line, Credits>,
    compensations: BTreeMap<Line, Credits>,
    pub overstays: Vec<Overstay>,
    /// What was due and could not be paid.
    pub unpaid: BTreeMap<ParticipantId, Credits>,
}

impl Imbalances {
    pub fn of(state: &State, slot: Slot, awards: &[Award], readings: &[Reading], delivery: &impl Delivery) -> Self {
        let mut all = Self::default();
        // Taking back what was lent so is no debt.
        for (award, line) in lines(slot, awards).filter(|(a, l)| a.kind == AwardKind::Lent && !l.is_recallable()) {
            if award.instance.and_then(|id| state.instances.get(&id)).is_some_and(|i| keeps(i, slot)) {
                all.kept.insert(id_of(award, line), delivery.not_delivered(award, line));
            }
        }
        let overstays = overstays(state, slot, awards, readings);
        all.price(state, slot, awards, &overstays);
        let mut pots: BTreeMap<Product, Credits> = BTreeMap::new();
        let mut payers: BTreeSet<(Product, ParticipantId)> = BTreeSet::new();
        // Of available money, by participant.
        let mut spent: BTreeMap<ParticipantId, Credits> = BTreeMap::new();
        for (award, line) in lines(slot, awards) {
            let Some(kept) = all.kept.get(&id_of(award, line)).copied() else { continue };
            let dearer = dearer(all.products[&product_of(line)].price, line.price);
            let owed = dearer.charge_half_even(kept).unwrap_or(line.bond);
            let covered = line.bond_held + delivery.proceeds(award, line).max(Credits::ZERO);
            let due = owed.min(line.bond);
            let mut charge = due.min(covered);
            charge += all.pay(state, &mut spent, award.participant, due - charge);
            *pots.entry(product_of(line)).or_default() += charge;
            if kept > 0 {
                payers.insert((product_of(line), award.participant));
            }
            all.charges.insert(id_of(award, line), charge);
        }
        for (participant, product, quantity) in overstays {
            let mean = mean_price(state, &product, slot);
            let price = all.products[&product].price.max(mean.times(2));
            let due = price.charge_half_even(quantity).unwrap_or_default();
            let paid = all.pay(state, &mut spent, participant, due);
            *pots.entry(product.clone()).or_default() += paid;
            payers.insert((product, participant));
            all.overstays.push(Overstay { participant, paid });
        }
        all.compensate(state, slot, awards, &pots, &payers, delivery);
        all
    }

    /// What of a sum is paid from available money; the rest is owed.
    fn pay(
        &mut self,
        state: &State,
        spent: &mut BTreeMap<ParticipantId, Credits>,
        participant: ParticipantId,
        due: Credits,
    ) -> Credits {
        let spent = spent.entry(participant).or_default();
        let paid = due.min(state.available(participant) - *spent);
        *spent += paid;
        *self.unpaid.entry(participant).or_default() += due - paid;
        paid
    }

    fn price(&mut self, state: &State, slot: Slot, awards: &[Award], overstays: &[(ParticipantId, Product, i64)]) {
        let mut needed: BTreeMap<Product, i64> = BTreeMap::new();
        for (award, line) in lines(slot, awards) {
            let kept = self.kept.get(&id_of(award, line)).copied().unwrap_or(0);
            *needed.entry(product_of(line)).or_default() += kept;
        }
        for (_, product, quantity) in overstays {
            *needed.entry(product.clone()).or_default() += quantity;
        }
        for (product, needed) in needed {
            let price = imbalance_price(state, slot, awards, &product, needed);
            self.products.insert(product, Priced { price, needed });
        }
    }

    /// Shares what was paid among those that missed it, by what that cost them.
    fn compensate(
        &mut self,
        state: &State,
        slot: Slot,
        awards: &[Award],
        pots: &BTreeMap<Product, Credits>,
        payers: &BTreeSet<(Product, ParticipantId)>,
        delivery: &impl Delivery,
    ) {
        let mut losses: BTreeMap<Product, Vec<(Line, Credits)>> = BTreeMap::new();
        // What was drawn no lender had promised.
        for (award, line) in lines(slot, awards).filter(|(a, _)| a.kind == AwardKind::Bought && !a.drawn) {
            let product = product_of(line);
            let instance = award.instance.and_then(|id| state.instances.get(&id));
            let elsewhere = |i: &Instance| award.nodes.first().is_some_and(|node| *node != i.node);
            let own_doing = instance.is_some_and(|i| {
                i.kept_by_program.contains(&slot)
                    || i.pinned_by_program && i.pinned_until.is_some_and(|until| slot.start() < until) && elsewhere(i)
            });
            if own_doing || payers.contains(&(product.clone(), award.participant)) {
                continue;
            }
            let missed = (delivery.not_delivered(award, line) - delivery.by_exchange(award, line)).max(0);
            let loss = dearer(self.products[&product].price, line.price).charge_half_even(missed).unwrap_or_default();
            losses.entry(product).or_default().push((id_of(award, line), loss));
        }
        for (product, losses) in losses {
            let pot = pots.get(&product).copied().unwrap_or_default();
            let total: Credits = losses.iter().map(|(_, loss)| *loss).sum();
            for (line, loss) in losses.into_iter().filter(|(_, loss)| !loss.is_zero()) {
                let share = if total <= pot { loss } else { pot.share_floor(loss.units(), total.units()) };
                self.compensations.insert(line, share);
            }
        }
    }

    /// The imbalance price of a product that was traded for the slot, or kept in it.
    pub fn products(&self) -> impl Iterator<Item = (&Product, &Priced)> {
        self.products.iter()
    }
    pub fn price_of(&self, line: &AwardLine) -> Option<Price> {
        self.products.get(&product_of(line)).map(|p| p.price)
    }
    /// What of a lent line its own workload kept.
    pub fn kept(&self, award: &Award, line: &AwardLine) -> i64 {
        self.kept.get(&id_of(award, line)).copied().unwrap_or(0)
    }
    /// What a line pays if it was lent, or gets if it was bought.
    pub fn amount(&self, award: &Award, line: &AwardLine) -> Credits {
        let amounts = if award.kind == AwardKind::Bought { &self.compensations } else { &self.charges };
        amounts.get(&id_of(award, line)).copied().unwrap_or_default()
    }
}

fn lines(slot: Slot, awards: &[Award]) -> impl Iterator<Item = (&Award, &AwardLine)> {
    let open = move |l: &&AwardLine| l.slot == slot && !l.settled;
    awards.iter().flat_map(move |a| a.lines.iter().filter(open).map(move |l| (a, l)))
}

fn dearer(price: Price, than: Price) -> Price {
    Price::from_units((price.units() - than.units()).max(0))
}

/// Whether what an instance does not give in a slot is its own program's doing.
fn keeps(instance: &Instance, slot: Slot) -> bool {
    instance.kept_by_program.contains(&slot) && !instance.failed_by_exchange.contains(&slot)
}

/// What workloads have beyond their baseline and all that they won, though it was to be given back.
fn overstays(state: &State, slot: Slot, awards: &[Award], readings: &[Reading]) -> Vec<(ParticipantId, Product, i64)> {
    let mut list = Vec::new();
    for reading in readings.iter().filter(|r| shape::kind(r.resource) == Kind::Vacatable) {
        let Some(instance) = state.instances.get(&reading.instance).filter(|i| keeps(i, slot)) else { continue };
        let mine = lines(slot, awards).filter(|(a, l)| {
            a.kind == AwardKind::Bought && a.instance == Some(instance.id) && l.resource == reading.resource
        });
        let quantity = reading.beyond(mine.map(|(_, l)| l.quantity - l.resold).sum());
        if quantity > 0 {
            let pool = state.nodes.get(&instance.node).map_or(&instance.pool, |n| &n.pool);
            list.push((instance.participant, (pool.clone(), reading.resource), quantity));
        }
    }
    list
}

/// The slot's mean price, or what the product would have cost where nobody bought it.
fn mean_price(state: &State, (pool, resource): &Product, slot: Slot) -> Price {
    let product = state.products.get(&(pool.clone(), *resource, slot));
    let traded = product.and_then(|p| p.mean_price().or(p.administered_price));
    traded.or_else(|| state.reserve_price(pool, *resource, slot)).unwrap_or_else(|| state.collar(pool, *resource, slot))
}

fn imbalance_price(state: &State, slot: Slot, awards: &[Award], product: &Product, needed: i64) -> Price {
    let (pool, resource) = product;
    let collar = state.collar(pool, *resource, slot);
    let mut last = Price::ZERO;
    let mut left = needed;
    for (quantity, price) in rungs(state, slot, awards, product) {
        if left <= 0 {
            break;
        }
        left -= quantity;
        last = price;
    }
    if left > 0 {
        last = collar;
    }
    last.min(collar).max(mean_price(state, product, slot))
}

/// What could stand in for missing units, in the order in which it is taken, with its price.
fn rungs(state: &State, slot: Slot, awards: &[Award], product: &Product) -> Vec<(i64, Price)> {
    let mut rungs = unsold(state, slot, lines(slot, awards), product);
    let bought = lines(slot, awards)
        .filter(|(a, l)| a.kind == AwardKind::Bought && product_of(l) == *product && l.quantity > l.resold);
    let mut firm: Vec<_> =
        bought.map(|(a, l)| (a.class != Class::Opportunistic, unit_limit(a, l), a.id, l.quantity - l.resold)).collect();
    firm.sort();
    rungs.extend(firm.into_iter().map(|(_, price, _, quantity)| (quantity, price)));
    rungs.retain(|(quantity, _)| *quantity > 0);
    rungs
}

/// The operator's supply that nobody has bought, by reserve step.
fn unsold<'a>(
    state: &State,
    slot: Slot,
    lines: impl Iterator<Item = (&'a Award, &'a AwardLine)>,
    product: &Product,
) -> Vec<(i64, Price)> {
    let (pool, resource) = product;
    let total = operator_capacity(state, pool, *resource);
    let sold = state.products.get(&(pool.clone(), *resource, slot)).map_or(&[][..], |p| &p.sold_steps[..]);
    let steps = state.reserve(pool, *resource, slot).map_or(&[][..], |r| &r.steps[..]);
    // Of what goes on without a round the operator has what no lender has.
    let (mut rolled, mut drawn) = (0, 0);
    for (award, line) in lines.filter(|(_, l)| product_of(l) == *product) {
        let quantity = if award.kind == AwardKind::Bought { line.quantity } else { -line.quantity };
        rolled += if award.rolled_from.is_some() { quantity } else { 0 };
        drawn += if award.drawn { quantity } else { 0 };
    }
    let mut headroom = (total - sold.iter().sum::<i64>() - rolled.max(0)).max(0);
    let mut rungs = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let left = supply::of_step(total, step) - sold.get(index).copied().unwrap_or(0);
        let quantity = left.clamp(0, headroom);
        headroom -= quantity;
        // The cheapest is drawn first.
        let taken = drawn.min(quantity);
        drawn -= taken;
        rungs.push((quantity - taken, step.price));
    }
    rungs
}

/// What of a product's slot the operator has left, by reserve step: so much may be drawn in the slot.
pub(crate) fn headroom(state: &State, slot: Slot, pool: &str, resource: Resource) -> Vec<(i64, Price)> {
    let open = state.awards.values().flat_map(|a| a.lines.iter().filter(move |l| l.slot == slot).map(move |l| (a, l)));
    unsold(state, slot, open, &(pool.to_owned(), resource))
}

/// The price of the last unit of so much of it; at least the slot's mean price, at most the collar.
pub(crate) fn price_of_headroom(
    state: &State,
    slot: Slot,
    pool: &str,
    resource: Resource,
    headroom: &[(i64, Price)],
    quantity: i64,
) -> Price {
    let mut left = quantity;
    let reaches = |(step, _): &&(i64, Price)| {
        let reached = left > 0 && *step > 0;
        left -= step;
        reached
    };
    let last = headroom.iter().filter(reaches).map(|(_, price)| *price).max().unwrap_or(Price::ZERO);
    let mean = mean_price(state, &(pool.to_owned(), resource), slot);
    last.min(state.collar(pool, resource, slot)).max(mean)
}

/// What a unit of a line was worth to its buyer: its price, raised as the award's limit is above its cost.
fn unit_limit(award: &Award, line: &AwardLine) -> Price {
    let (limit, money) = (i128::from(award.limit.units()), i128::from(award.money.units()));
    if money <= 0 || limit <= money {
        return line.price;
    }
    let price = i128::from(line.price.units()).saturating_mul(limit) / money;
    Price::from_units(i64::try_from(price).unwrap_or(i64::MAX))
}
