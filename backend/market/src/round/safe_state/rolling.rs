//! One pool's slot while it is rolled: which workloads go on with what they have, what they pay, and who goes on lending.
use crate::book::growth::Growth;
use crate::book::lent;
use crate::event::Event;
use crate::ids::{AwardId, NodeId};
use crate::ledger::{Account, TransferKind};
use crate::pool::hourly;
use crate::project;
use crate::records::class::Class;
use crate::records::pool::{AdministeredPrice, NodeState, PoolSlug, Product};
use crate::records::round::{Award, AwardKind, AwardLine, LeftOut, NO_ROUND, NotRolled, RolledSlot};
use crate::records::workload::{Instance, InstanceState};
use crate::round::book::occupancy::Occupancy;
use crate::round::safe_state::lenders::{Lenders, asked_for, bought, lent_for_good};
use crate::time::Slot;
use crate::turn::{Cause, Turn};
use crate::units::{Amounts, Credits, Price, Resource};
use crate::workload::away::is_elsewhere;
use crate::workload::target;
use std::collections::{BTreeMap, BTreeSet};

/// Rolls the slot `from` of a pool into `slot`; answers who goes on with less.
pub(super) fn roll_pool(turn: &mut Turn<'_>, pool: PoolSlug, from: Slot, slot: Slot) -> Vec<NotRolled> {
    let holders = bought_in(turn, &pool, from);
    if holders.is_empty() {
        return Vec::new();
    }
    let resources = turn.state.pools.get(&pool).map(|p| p.resources.clone()).unwrap_or_default();
    let of = |resource| hourly::administered(turn.state, &pool, resource, slot, from);
    let listed: Vec<AdministeredPrice> = resources.into_iter().filter_map(of).collect();
    let prices = listed.iter().map(|p| (p.resource, p.price)).collect();
    let lenders = Lenders::of(turn.state, &pool, (from, slot), &prices);
    let occupancy = Occupancy::of(turn.state, &[slot]);
    let mut rolling = Rolling { pool, from, slot, prices, occupancy, lenders };
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
    if awards == 0 && left_out.is_empty() {
        return left_out;
    }
    rolling.note_products(turn, &volume);
    let not_rolled = left_out.clone();
    let rolled = RolledSlot { pool: rolling.pool, slot, from, prices: listed, volume, awards, at: turn.now };
    turn.emit(Event::SlotRolled { rolled, not_rolled });
    left_out
}

/// The awards that workloads of a pool have bought in a slot, the highest class first.
fn bought_in(turn: &Turn<'_>, pool: &str, slot: Slot) -> Vec<AwardId> {
    // What was drawn ends with its slot.
    let has = |a: &&Award| a.instance.is_some() && !a.drawn && lines_in(a, pool, slot).any(|l| l.left() > 0);
    let awards = turn.state.awards.values().filter(|a| a.kind == AwardKind::Bought).filter(has);
    let mut awards: Vec<(Class, AwardId)> = awards.map(|a| (a.class, a.id)).collect();
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

struct Rolling {
    pool: PoolSlug,
    from: Slot,
    slot: Slot,
    prices: BTreeMap<Resource, Price>,
    occupancy: Occupancy,
    lenders: Lenders,
}

/// What an award can go on with.
struct Draft {
    node: NodeId,
    lines: Vec<AwardLine>,
    /// Part of the limit of what it goes on with.
    limit: Credits,
    from_lenders: Vec<(AwardId, Resource, i64)>,
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
        let draft = self.draft(turn, &award, &instance, &wanted);
        match draft.and_then(|draft| self.make_true(turn, &award, &wanted, draft)) {
            Ok(()) => Ok(wanted),
            Err(reason) => Err(NotRolled { instance: instance.id, pool: self.pool.clone(), amounts: wanted, reason }),
        }
    }

    /// What of an award is missing to what its workload has in the slot before. What it has sold on for the slot it does not
    /// want, and what it lends for it neither; nor what it had only to buy back what it lent, as far as it lends no more.
    fn wanted(&self, turn: &Turn<'_>, award: &Award, instance: &Instance) -> Amounts {
        let lent = lent::lent(turn.state, instance.id);
        let lent_in = |slot, resource| lent.get(&(slot, resource)).copied().unwrap_or(0);
        let had = |resource| -> i64 {
            let bought = turn.state.awards_of(instance.id).filter(|a| a.kind == AwardKind::Bought && !a.drawn);
            let lines = bought.flat_map(|a| lines_in(a, &self.pool, self.from)).filter(|l| l.resource == resource);
            lines.map(AwardLine::left).sum()
        };
        let mut wanted = Amounts::new();
        for line in lines_in(award, &self.pool, self.from) {
            let lends_more = (lent_in(self.slot, line.resource) - lent_in(self.from, line.resource)).max(0);
            let has = bought(turn.state, instance.id, self.slot, line.resource);
            let gone = |slot| lent_for_good(turn.state, instance.id, slot, line.resource);
            let more_beyond_lent = (had(line.resource) - gone(self.from)) - (has - gone(self.slot));
            let quantity = line.left().min(had(line.resource) - has - lends_more).min(more_beyond_lent);
            if quantity > 0 {
                wanted.insert(line.resource, quantity);
            }
        }
        wanted
    }

    /// Looks whether it can: changes nothing.
    fn draft(&self, turn: &Turn<'_>, award: &Award, instance: &Instance, wanted: &Amounts) -> Result<Draft, LeftOut> {
        if is_elsewhere(award, instance) {
            return Err(LeftOut::Elsewhere);
        }
        let there = target::target(turn.state, instance, self.slot).node;
        let node = award.nodes.first().copied().filter(|n| *n == there && *n == instance.node);
        // A node that is drained is left, with or without rounds; so is a pool for another one.
        let drains = |n: &NodeId| turn.state.nodes.get(n).is_some_and(|n| n.state == NodeState::Draining);
        let leaves = instance.relocation.is_some();
        let node = node.filter(|n| !drains(n) && !leaves).ok_or(LeftOut::LeavesNode)?;
        if instance.strategy.lets_go_in_safe_state {
            return Err(LeftOut::LetsGo);
        }
        if !self.is_within_limits(turn, instance, wanted) {
            return Err(LeftOut::WorkloadLimit);
        }
        let whole: Amounts = lines_in(award, &self.pool, self.from).map(|l| (l.resource, l.quantity)).collect();
        let limit = limit_of_slot(award);
        let of_whole = self.worth(&whole).ok_or(LeftOut::NoPrice)?;
        let lines = self.lines(wanted).ok_or(LeftOut::NoPrice)?;
        if of_whole > limit {
            return Err(LeftOut::PriceBeyondLimit);
        }
        let money: Credits = lines.iter().map(|l| l.money).sum();
        let project = award.project.and_then(|id| turn.state.projects.get(&id));
        if project.is_some_and(|p| project::left(turn.state, p) < money) {
            return Err(LeftOut::ProjectExhausted);
        }
        let from_lenders = self.needed_of_lenders(turn, node, wanted).ok_or(LeftOut::NoHostFits)?;
        // Of a part its part of the limit.
        let is_whole = money == of_whole || of_whole.is_zero();
        let limit = if is_whole { limit } else { limit.share_floor(money.units(), of_whole.units()) };
        Ok(Draft { node, lines, limit, from_lenders })
    }

    /// It pays, and has it.
    fn make_true(&mut self, turn: &mut Turn<'_>, award: &Award, wanted: &Amounts, draft: Draft) -> Result<(), LeftOut> {
        let Draft { node, lines, limit, from_lenders } = draft;
        let money: Credits = lines.iter().map(|l| l.money).sum();
        let cause = Cause { order: Some(award.order), round: None, slot: Some(self.slot) };
        let available = Account::Available(award.participant);
        let paid = turn.transfer(TransferKind::Charge, available, Account::Escrow, money, cause);
        paid.map_err(|_| LeftOut::InsufficientFunds)?;
        for (_, resource, quantity) in &from_lenders {
            self.occupancy.take(node, &Amounts::from([(*resource, -quantity)]), &[self.slot]);
        }
        self.lenders.lend(node, from_lenders);
        self.occupancy.take(node, wanted, &[self.slot]);
        self.make(turn, award, lines, limit);
        project::spend(turn, award.project, money);
        Ok(())
    }

    fn is_within_limits(&self, turn: &Turn<'_>, instance: &Instance, wanted: &Amounts) -> bool {
        let growth = Growth::of_instance(turn.state, instance.id);
        let changed = lent::changed(turn.state, instance.id);
        wanted.iter().all(|(resource, quantity)| {
            let already = changed.get(&(self.slot, *resource)).copied().unwrap_or_default();
            let most = instance.strategy.max_swap.get(resource);
            *quantity <= growth.room(instance, self.slot, *resource)
                && most.is_none_or(|most| *quantity <= already.may_win(*most))
        })
    }

    /// What has to come from lenders of the node so that it has room for all of it; `None` where they don't have it.
    fn needed_of_lenders(
        &self,
        turn: &Turn<'_>,
        node: NodeId,
        wanted: &Amounts,
    ) -> Option<Vec<(AwardId, Resource, i64)>> {
        // What runs on a cordoned node stays there.
        let record = turn.state.nodes.get(&node).filter(|n| n.state != NodeState::Down)?;
        // Where more is promised than there is, as somebody has not gone, lenders give no more than is wanted.
        let left = |r| self.occupancy.left(record, self.slot, r).max(0);
        let short = |(r, q): (&Resource, &i64)| (*r, (q - left(*r)).max(0));
        let missing: Amounts = wanted.iter().map(short).filter(|(_, q)| *q > 0).collect();
        self.lenders.find(node, &missing)
    }

    /// The lenders' awards of the slot; answers how many.
    fn lend_on(&self, turn: &mut Turn<'_>) -> u32 {
        let mut count = 0;
        for (id, amounts) in &self.lenders.lent {
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
            AwardLine::new(self.pool.clone(), *resource, self.slot, *quantity, *self.prices.get(resource)?)
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

    fn note_products(&self, turn: &mut Turn<'_>, volume: &Amounts) {
        for (resource, quantity) in volume {
            let key = (self.pool.clone(), *resource, self.slot);
            let known = turn.state.products.get(&key).cloned();
            let mut product = known.unwrap_or_else(|| Product::new(self.pool.clone(), *resource, self.slot));
            product.administered_price = self.prices.get(resource).copied();
            product.rolled_volume = *quantity;
            turn.emit(Event::ProductChanged(product));
        }
    }
}
