//! The safe state (mechanism §14): where no round was held before a slot's gate, workloads go on with what they have, at
//! an administered price, until rounds are held again.
//!
//! A slot *rolls* in a pool if none of the rounds sealed in the last half slot before its gate was recorded: the pool is
//! halted, rounds are void, or the process was not there. What a workload has in the slot before and
//! has not won for this one already, it has in this one as well, at the mean price of the hour (`pool/hourly.rs`).
//!
//! Invariants: nobody pays more than its own limit of what is rolled, or sells for less; nobody without the money pays;
//! who does not want it says so (`Strategy::lets_go_in_safe_state`). Lenders go on lending only what somebody on their node needs, so what is
//! lent never exceeds what is bought. Nobody is moved, nothing sits on a node that has no room for it.
//! Absent on purpose: bonds of what goes on being lent, for nobody has chosen to lend it; what may be taken back, and what
//! a workload has in another pool, which end with their slots.
use crate::event::Event;
use crate::ids::{AwardId, InstanceId, NodeId};
use crate::ledger::{Account, TransferKind};
use crate::market::{Market, Rhythm};
use crate::pool::hourly::{self, AdministeredPrice};
use crate::pool::recallable::is_recallable;
use crate::pool::{PoolSlug, Product};
use crate::project;
use crate::round::growth::Growth;
use crate::round::holding;
use crate::round::occupancy::Occupancy;
use crate::round::{Award, AwardKind, AwardLine};
use crate::swap::plan;
use crate::time::{Slot, Timestamp};
use crate::turn::{Cause, Turn};
use crate::units::{Amounts, Credits, Price, Resource, amount};
use crate::workload::away::is_elsewhere;
use crate::workload::{Class, Instance, InstanceState};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What the market remembers of a pool's rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PoolRounds {
    /// Slots up to this one do not roll any more: a round was held in the last half slot before its gate, or after that.
    pub held_until: Slot,
    /// Slots that began with what workloads had in the slot before.
    pub slots_rolled: u64,
    pub last_rolled: Option<Slot>,
}

/// Why a workload does not go on with what it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum LeftOut {
    /// Its owner has said that it lets go.
    LetsGo,
    /// The administered price is above the limit of what it had won, or under that of what it had lent.
    PriceBeyondLimit,
    /// Its owner can't pay.
    InsufficientFunds,
    /// Its project has too little left.
    Budget,
    /// Its owner owes for what workloads kept.
    Arrears,
    /// Its node has no room for it beside what others have there.
    NoHostFits,
    /// It would have more than its own limit, or change by more than its thrash limit.
    WorkloadLimit,
    /// It is to be on another node in this slot.
    LeavesNode,
}

/// A workload that does not go on with something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NotRolled {
    pub instance: InstanceId,
    pub pool: PoolSlug,
    /// Base units that it had in the slot before.
    pub amounts: Amounts,
    pub reason: LeftOut,
}

/// A slot of a pool that began without a round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RolledSlot {
    pub pool: PoolSlug,
    pub slot: Slot,
    /// The slot whose allocation goes on.
    pub from: Slot,
    pub prices: Vec<AdministeredPrice>,
    /// What goes on being bought, base units.
    pub volume: Amounts,
    pub awards: u32,
    pub at: Timestamp,
}

/// Notes that a round was held, or that nobody wanted one, at `at`.
pub fn note_round(turn: &mut Turn<'_>, at: Timestamp) {
    let market = &turn.state.market;
    let held_until = held_until(&market.rhythm, at);
    let is_behind = |slug: &PoolSlug| market.pool_rounds.get(slug).is_none_or(|r| r.held_until < held_until);
    let trades = |slug: &&PoolSlug| !is_recallable(slug) && turn.state.halt(slug).is_none() && is_behind(slug);
    let pools: Vec<PoolSlug> = turn.state.pools.keys().filter(trades).cloned().collect();
    if pools.is_empty() {
        return;
    }
    let mut market = market.clone();
    for pool in pools {
        let first = PoolRounds { held_until, slots_rolled: 0, last_rolled: None };
        market.pool_rounds.entry(pool).or_insert(first).held_until = held_until;
    }
    turn.emit(Event::MarketChanged(market));
}

/// What a round says of slots: early in the time before a gate, only that those before have passed.
fn held_until(rhythm: &Rhythm, at: Timestamp) -> Slot {
    let slot = rhythm.first_open(at);
    let is_late = at >= rhythm.gate_closes(slot).plus_seconds(-rhythm.slot_seconds / 2);
    if is_late { slot } else { slot.plus(-1, rhythm.slot_seconds) }
}

/// Whether a slot of a pool begins without a round, where its gate closes now.
pub fn rolls(market: &Market, pool: &str, slot: Slot) -> bool {
    market.pool_rounds.get(pool).is_some_and(|rounds| rounds.held_until < slot)
}

/// Rolls what was allocated in the slot that was planned last into `slot`, whose gate has closed, in the pools in which
/// no round was held for it. Answers who goes on with less.
pub fn roll(turn: &mut Turn<'_>, slot: Slot) -> Vec<NotRolled> {
    let rhythm = &turn.state.market.rhythm;
    let from = turn.state.market.planned_until.plus(-1, rhythm.slot_seconds);
    // After a standstill that is longer than anybody could have planned, all begin anew.
    let is_recent = from < slot && slot <= from.plus(rhythm.horizon_slots, rhythm.slot_seconds);
    // What a sealed round may still award is on no node yet.
    if !is_recent || turn.state.sealed.is_some() {
        return Vec::new();
    }
    let pools: Vec<PoolSlug> =
        turn.state.pools.keys().filter(|slug| rolls(&turn.state.market, slug, slot)).cloned().collect();
    let mut left_out = Vec::new();
    for pool in pools {
        left_out.extend(roll_pool(turn, pool, from, slot));
    }
    left_out
}

fn roll_pool(turn: &mut Turn<'_>, pool: PoolSlug, from: Slot, slot: Slot) -> Vec<NotRolled> {
    let holders = bought_in(turn, &pool, from);
    if holders.is_empty() {
        return Vec::new();
    }
    let resources = turn.state.pools.get(&pool).map(|p| p.resources.clone()).unwrap_or_default();
    let of = |resource| hourly::administered(turn.state, &pool, resource, slot);
    let prices: Vec<AdministeredPrice> = resources.into_iter().filter_map(of).collect();
    let by_resource = prices.iter().map(|p| (p.resource, p.price)).collect();
    let occupancy = Occupancy::of(turn.state, &[slot]);
    let lent = BTreeMap::new();
    let mut rolling = Rolling { pool, from, slot, prices: by_resource, occupancy, lent };
    let (mut volume, mut awards, mut left_out) = (Amounts::new(), 0, Vec::new());
    for id in holders {
        match rolling.go_on(turn, id) {
            Ok(amounts) => {
                awards += u32::from(!amounts.is_empty());
                for (resource, quantity) in amounts {
                    *volume.entry(resource).or_default() += quantity;
                }
            }
            Err(not_rolled) => left_out.push(not_rolled),
        }
    }
    awards += rolling.lend_on(turn);
    let Rolling { pool, prices: by_resource, .. } = rolling;
    if awards == 0 && left_out.is_empty() {
        return left_out;
    }
    for (resource, quantity) in &volume {
        let key = (pool.clone(), *resource, slot);
        let known = turn.state.products.get(&key).cloned();
        let mut product = known.unwrap_or_else(|| Product::new(pool.clone(), *resource, slot));
        product.administered_price = by_resource.get(resource).copied();
        product.rolled_volume = *quantity;
        turn.emit(Event::ProductChanged(product));
    }
    let not_rolled = left_out.clone();
    let rolled = RolledSlot { pool, slot, from, prices, volume, awards, at: turn.now };
    turn.emit(Event::SlotRolled { rolled, not_rolled });
    left_out
}

/// The awards that workloads of a pool have bought in a slot: those whose delivery can wait least first.
fn bought_in(turn: &Turn<'_>, pool: &str, slot: Slot) -> Vec<AwardId> {
    let has = |a: &&Award| a.instance.is_some() && lines_in(a, pool, slot).any(|l| l.left() > 0);
    let awards = turn.state.awards.values().filter(|a| a.kind == AwardKind::Bought).filter(has);
    let mut awards: Vec<(bool, AwardId)> = awards.map(|a| (a.class == Class::Opportunistic, a.id)).collect();
    awards.sort();
    awards.into_iter().map(|(_, id)| id).collect()
}

fn lines_in<'a>(award: &'a Award, pool: &'a str, slot: Slot) -> impl Iterator<Item = &'a AwardLine> {
    award.lines.iter().filter(move |l| l.slot == slot && l.pool == pool)
}

/// What an award's limit comes to for one of its slots.
fn limit_of_slot(award: &Award) -> Credits {
    let slots = award.lines.iter().map(|l| l.slot).collect::<BTreeSet<_>>().len() as i64;
    award.limit.share_floor(1, slots.max(1))
}

/// One pool's slot while it is rolled.
struct Rolling {
    pool: PoolSlug,
    from: Slot,
    slot: Slot,
    prices: BTreeMap<Resource, Price>,
    occupancy: Occupancy,
    /// What lenders go on lending, by their award in the slot before.
    lent: BTreeMap<AwardId, Amounts>,
}

impl Rolling {
    /// The workload of an award goes on with it, as far as it has not won as much for the slot already; answers with what.
    fn go_on(&mut self, turn: &mut Turn<'_>, id: AwardId) -> Result<Amounts, NotRolled> {
        let award = turn.state.awards[&id].clone();
        let instance = award.instance.and_then(|id| turn.state.instances.get(&id));
        let Some(instance) = instance.filter(|i| i.state == InstanceState::Running).cloned() else {
            return Ok(Amounts::new());
        };
        let wanted = self.wanted(turn, &award, &instance);
        if wanted.is_empty() {
            return Ok(wanted);
        }
        match self.try_to_go_on(turn, &award, &instance, &wanted) {
            Ok(()) => Ok(wanted),
            Err(reason) => Err(NotRolled { instance: instance.id, pool: self.pool.clone(), amounts: wanted, reason }),
        }
    }

    /// What of an award is missing to what its workload has in the slot before.
    fn wanted(&self, turn: &Turn<'_>, award: &Award, instance: &Instance) -> Amounts {
        let has = |slot: Slot, resource: Resource| -> i64 {
            let bought = turn.state.awards_of(instance.id).filter(|a| a.kind == AwardKind::Bought);
            let lines = bought.flat_map(|a| lines_in(a, &self.pool, slot)).filter(|l| l.resource == resource);
            lines.map(AwardLine::left).sum()
        };
        let mut wanted = Amounts::new();
        for line in lines_in(award, &self.pool, self.from) {
            let missing = has(self.from, line.resource) - has(self.slot, line.resource);
            let quantity = line.left().min(missing);
            if quantity > 0 {
                wanted.insert(line.resource, quantity);
            }
        }
        wanted
    }

    fn try_to_go_on(
        &mut self,
        turn: &mut Turn<'_>,
        award: &Award,
        instance: &Instance,
        wanted: &Amounts,
    ) -> Result<(), LeftOut> {
        let node = award.nodes.first().copied().filter(|_| !is_elsewhere(award, instance));
        let there = plan::target(turn.state, instance, self.slot).node;
        let node = node.filter(|n| *n == there && *n == instance.node).ok_or(LeftOut::LeavesNode)?;
        if instance.strategy.lets_go_in_safe_state {
            return Err(LeftOut::LetsGo);
        }
        if turn.state.participants.get(&award.participant).is_some_and(|p| p.arrears > Credits::ZERO) {
            return Err(LeftOut::Arrears);
        }
        if !self.is_within_limits(turn, instance, wanted) {
            return Err(LeftOut::WorkloadLimit);
        }
        let limit = limit_of_slot(award);
        let whole: Amounts = lines_in(award, &self.pool, self.from).map(|l| (l.resource, l.quantity)).collect();
        let of_whole = self.worth(&whole).filter(|worth| *worth <= limit).ok_or(LeftOut::PriceBeyondLimit)?;
        let lines = self.lines(wanted).ok_or(LeftOut::PriceBeyondLimit)?;
        let money: Credits = lines.iter().map(|l| l.money).sum();
        let project = award.project.and_then(|id| turn.state.projects.get(&id));
        if project.is_some_and(|p| p.left() < money) {
            return Err(LeftOut::Budget);
        }
        let from_lenders = self.needed_of_lenders(turn, node, wanted)?;
        let (available, slot) = (Account::Available(award.participant), Some(self.slot));
        let cause = Cause { order: Some(award.order), round: None, slot };
        let paid = turn.transfer(TransferKind::Charge, available, Account::Escrow, money, cause);
        paid.map_err(|_| LeftOut::InsufficientFunds)?;
        for (lender, amounts) in from_lenders {
            let freed = amounts.iter().map(|(r, q)| (*r, -q)).collect();
            self.occupancy.take(node, &freed, &[self.slot]);
            let all = self.lent.entry(lender).or_default();
            for (resource, quantity) in amounts {
                *all.entry(resource).or_default() += quantity;
            }
        }
        self.occupancy.take(node, wanted, &[self.slot]);
        let project = award.project;
        // Of a part its part of the limit.
        let limit = if money == of_whole || of_whole.is_zero() {
            limit
        } else {
            limit.share_floor(money.units(), of_whole.units())
        };
        self.make(turn, award, lines, limit);
        project::spend(turn, project, money);
        Ok(())
    }

    fn is_within_limits(&self, turn: &Turn<'_>, instance: &Instance, wanted: &Amounts) -> bool {
        let growth = Growth::of_instance(turn.state, instance.id);
        let changed = holding::changed(turn.state, instance.id);
        wanted.iter().all(|(resource, quantity)| {
            let already = changed.get(&(self.slot, *resource)).copied().unwrap_or(0);
            let most = instance.strategy.max_swap.get(resource);
            *quantity <= growth.room(instance, self.slot, *resource)
                && most.is_none_or(|most| already + quantity <= *most)
        })
    }

    /// What lenders of the node have to go on lending so that it has room: those who asked least first.
    fn needed_of_lenders(
        &self,
        turn: &Turn<'_>,
        node: NodeId,
        wanted: &Amounts,
    ) -> Result<BTreeMap<AwardId, Amounts>, LeftOut> {
        let record = turn.state.nodes.get(&node).ok_or(LeftOut::NoHostFits)?;
        let mut needed: BTreeMap<AwardId, Amounts> = BTreeMap::new();
        for (resource, quantity) in wanted {
            let mut missing = quantity - self.occupancy.room(record, self.slot, *resource);
            if missing <= 0 {
                continue;
            }
            // What is there twice over is nobody's room.
            if !self.occupancy.fits(turn.state, node, &Amounts::from([(*resource, 0)]), &[self.slot]) {
                return Err(LeftOut::NoHostFits);
            }
            for (id, most) in self.lenders(turn, node, *resource) {
                let part = most.min(missing);
                missing -= part;
                if part > 0 {
                    needed.entry(id).or_default().insert(*resource, part);
                }
            }
            if missing > 0 {
                return Err(LeftOut::NoHostFits);
            }
        }
        Ok(needed)
    }

    /// Who lends of a resource on a node in the slot before, and how much of it could go on being lent.
    fn lenders(&self, turn: &Turn<'_>, node: NodeId, resource: Resource) -> Vec<(AwardId, i64)> {
        let price = self.prices.get(&resource).copied().unwrap_or_default();
        let mut lenders = Vec::new();
        for award in turn.state.awards.values().filter(|a| a.kind == AwardKind::Lent) {
            let instance = award.instance.and_then(|id| turn.state.instances.get(&id));
            let running = |i: &&Instance| i.state == InstanceState::Running && i.node == node && !i.is_away();
            let Some(instance) = instance.filter(running).filter(|i| !i.strategy.lets_go_in_safe_state) else {
                continue;
            };
            let line = lines_in(award, &self.pool, self.from).find(|l| l.resource == resource);
            let stays = || plan::target(turn.state, instance, self.slot).node == node;
            if let Some(line) = line.filter(|l| price >= asked_for(award, l) && stays()) {
                let going_on = self.lent.get(&award.id).map_or(0, |a| amount(a, resource));
                lenders.push((asked_for(award, line), award.id, instance, line.left() - going_on));
            }
        }
        lenders.sort_by_key(|(asked, id, ..)| (*asked, *id));
        let mut spare: BTreeMap<InstanceId, i64> = BTreeMap::new();
        let part = |(_, id, instance, most): (Price, AwardId, &Instance, i64)| {
            let spare = spare.entry(instance.id).or_insert_with(|| self.spare(turn, instance, resource));
            let part = most.min(*spare).max(0);
            *spare -= part;
            (id, part)
        };
        lenders.into_iter().map(part).collect()
    }

    /// What a workload can go on lending: no more than it lent, beyond its floor, within its thrash limit, and less what it
    /// has lent for the slot already.
    fn spare(&self, turn: &Turn<'_>, instance: &Instance, resource: Resource) -> i64 {
        let lent = holding::lent(turn.state, instance.id);
        let lent_in = |slot| lent.get(&(slot, resource)).copied().unwrap_or(0);
        let beyond_floor =
            amount(instance.baseline_in(self.slot), resource) - amount(instance.floor_in(self.slot), resource);
        let mine = |id: &AwardId| turn.state.awards.get(id).is_some_and(|a| a.instance == Some(instance.id));
        let going_on: i64 = self.lent.iter().filter(|(id, _)| mine(id)).map(|(_, a)| amount(a, resource)).sum();
        let changed = holding::changed(turn.state, instance.id).get(&(self.slot, resource)).copied().unwrap_or(0);
        let may_change = instance.strategy.max_swap.get(&resource).map_or(i64::MAX, |most| most - changed);
        (lent_in(self.from).min(beyond_floor) - lent_in(self.slot)).min(may_change) - going_on
    }

    /// The lenders' awards of the slot; answers how many.
    fn lend_on(&self, turn: &mut Turn<'_>) -> u32 {
        let mut count = 0;
        for (id, amounts) in &self.lent {
            let award = turn.state.awards[id].clone();
            let Some(lines) = self.lines(amounts) else { continue };
            let asked = |l: &AwardLine| lines_in(&award, &self.pool, self.from).find(|had| had.resource == l.resource);
            let limit = lines.iter().filter_map(|l| asked_for(&award, asked(l)?).charge_half_even(l.quantity)).sum();
            self.make(turn, &award, lines, limit);
            count += 1;
        }
        count
    }

    /// What quantities cost at the administered prices; `None` where one has none.
    fn worth(&self, amounts: &Amounts) -> Option<Credits> {
        amounts.iter().map(|(r, q)| self.prices.get(r)?.charge_half_even(*q)).sum()
    }

    fn lines(&self, amounts: &Amounts) -> Option<Vec<AwardLine>> {
        let line = |(resource, quantity): (&Resource, &i64)| {
            let price = *self.prices.get(resource)?;
            Some(AwardLine {
                pool: self.pool.clone(),
                resource: *resource,
                slot: self.slot,
                quantity: *quantity,
                price,
                money: price.charge_half_even(*quantity)?,
                resold: 0,
                recalled: 0,
                recalls: Vec::new(),
                settled: false,
                bond: Credits::ZERO,
                bond_held: Credits::ZERO,
            })
        };
        amounts.iter().map(line).collect()
    }

    fn make(&self, turn: &mut Turn<'_>, before: &Award, lines: Vec<AwardLine>, limit: Credits) {
        let award = Award {
            id: AwardId::next(&mut turn.ids),
            round: NO_ROUND,
            money: lines.iter().map(|l| l.money).sum(),
            lines,
            limit,
            resell: false,
            rolled_from: Some(before.id),
            created_at: turn.now,
            ..before.clone()
        };
        turn.emit(Event::AwardMade(award));
    }
}

/// The number that awards have which no round made.
pub const NO_ROUND: u64 = 0;

/// The least that a lender asked for a unit of a line: its price, lowered as the award's limit is under its money; up.
fn asked_for(award: &Award, line: &AwardLine) -> Price {
    let (limit, money) = (i128::from(award.limit.units()), i128::from(award.money.units()));
    if money <= 0 || limit >= money {
        return line.price;
    }
    let asked = (i128::from(line.price.units()).saturating_mul(limit) + money - 1).div_euclid(money);
    Price::from_units(i64::try_from(asked).unwrap_or(i64::MAX))
}
