//! A verified outcome becomes awards, charges and what is left of the orders.
//!
//! Money: held → escrow for what a bid won, the rest of its hold back when it closes. Each
//! line of an award is price × quantity rounded to a micro-credit; where the lines together
//! exceed the hold, or in a project the certified sum, ROUNDING carries the difference. So a project
//! is never charged more than the certified sums.
use crate::book::close;
use crate::book::{away, expire, place};
use crate::clearing::book::Side as BookSide;
use crate::clearing::document::{self, Outcome, Verified};
use crate::event::Event;
use crate::ids::{AwardId, NodeId, OrderId};
use crate::ledger::{Account, TransferKind};
use crate::project;
use crate::records::order::{Assurance, Order, OrderStatus, Origin, Resell, Side, TimeInForce};
use crate::records::recallable::{firm, node_of, pool_of};
use crate::records::round::{Award, AwardError, AwardKind, AwardLine, Certificate, LinePremium, NO_ROUND};
use crate::records::runs;
use crate::round::awards::not_won::{self, text_of};
use crate::round::awards::prices::{Prices, product_key, published_premiums, published_prices};
use crate::round::awards::{interruption, products};
use crate::round::book::{self, resale};
use crate::round::safe_state;
use crate::state::SealedBook;
use crate::time::Slot;
use crate::turn::{Cause, Turn};
use crate::units::{Amounts, Credits, Price, Resource, amount};
use crate::workload::away as workload_away;
use std::collections::{BTreeMap, BTreeSet};

/// Applies the outcome of the sealed round.
pub fn apply(turn: &mut Turn<'_>, number: u64, outcome: &Verified<Outcome>) -> Result<(), AwardError> {
    let sealed = turn.state.sealed.clone().filter(|s| s.round == number).ok_or(AwardError::NotSealed(number))?;
    let interruptions = interruption::published(&sealed, outcome);
    let outcome = interruption::awarded(&sealed.book, outcome);
    let outcome = outcome.as_ref();
    let prices = published_prices(&sealed, outcome)?;
    // Everything is read and checked before anything is decided: an outcome is applied whole
    // or not at all.
    let drafts = read_awards(turn, &sealed, outcome, &prices)?;
    let mut slots = BTreeSet::new();
    let mut awards = 0;
    for Draft { winner, won } in drafts {
        awards += won.parts.len() as u32;
        slots.extend(won.parts.iter().flat_map(|part| &part.lines).map(|l| l.slot));
        match winner {
            Winner::Resale(source) => {
                let lines = won.parts.into_iter().flat_map(|part| part.lines).collect();
                resale::sell(turn, number, source, lines)?;
            }
            Winner::Order(id) => fill(turn, number, id, won)?,
        }
    }
    let ended = round_only_orders(turn, number);
    let (not_won, held_back) = not_won::list(turn, number, &sealed, outcome);
    products::record(turn, number, &sealed, outcome, &prices)?;
    interruption::note(turn, number, &interruptions);
    let traded = outcome.traded();
    let premiums = published_premiums(&sealed, outcome);
    let list = prices.into_iter().filter(|(key, _)| traded.contains(key)).map(|(_, price)| price).collect();
    let certificate = Certificate {
        verified: true,
        quality: text_of(&outcome.quality),
        welfare: outcome.welfare.clone(),
        bound: outcome.bound.clone(),
        gap: outcome.gap.clone(),
        input_hash: outcome.certificate.input_hash.clone(),
        result_hash: outcome.result_hash().to_owned(),
    };
    let open_slots = slots.into_iter().collect();
    let at = turn.now;
    let sealed_at = turn.state.rounds.get(&number).map_or(turn.now, |r| r.sealed_at);
    turn.emit(Event::RoundAwarded {
        number,
        certificate,
        prices: list,
        premiums,
        interruptions,
        awards,
        open_slots,
        not_won,
        held_back,
        at,
    });
    safe_state::note_round(turn, sealed.trading.clone(), sealed_at);
    // They end with the reason that the round has just given them.
    for id in ended {
        close::close(turn, id, OrderStatus::Canceled, Some("not_filled_in_its_round".to_owned()), None);
    }
    place::apply_pending(turn);
    expire::expire(turn);
    Ok(())
}

enum Winner {
    Order(OrderId),
    Resale(AwardId),
}

/// An award that may be made.
struct Draft {
    winner: Winner,
    won: Won,
}

fn read_awards(
    turn: &Turn<'_>,
    sealed: &SealedBook,
    outcome: &Outcome,
    prices: &Prices,
) -> Result<Vec<Draft>, AwardError> {
    let premiums = outcome.premiums();
    let orders: BTreeMap<&str, &document::Order> = sealed.book.orders.iter().map(|o| (o.id.as_str(), o)).collect();
    let mut drafts = Vec::new();
    for award in &outcome.awards {
        let unknown = || AwardError::Unknown(award.order.clone());
        let order = orders.get(award.order.as_str()).ok_or_else(unknown)?;
        let parts = parts_of(sealed, award, prices, &premiums)?;
        let lines = || parts.iter().flat_map(|part| &part.lines);
        let slots = lines().map(|l| l.slot).collect::<BTreeSet<_>>().len() as i64;
        let winner = match book::resale_of(&award.order) {
            Some(source) => Winner::Resale(source),
            None => Winner::Order(award.order.parse().map_err(|_| unknown())?),
        };
        match &winner {
            Winner::Resale(source) => resale::check(turn, *source, lines()).ok_or_else(unknown)?,
            Winner::Order(id) => {
                let known = turn.state.orders.get(id).ok_or_else(unknown)?;
                if order.side == BookSide::Bid {
                    check_charge(known, lines(), award.money)?;
                }
            }
        }
        // A lender's part names no node: what is lent is where the workload is. What may be taken back stays on its node.
        let is_bid = order.side == BookSide::Bid;
        let of_lender = |part: Part| match is_bid || part.lines.iter().any(AwardLine::is_recallable) {
            true => part,
            false => Part { nodes: Vec::new(), ..part },
        };
        let parts = parts.into_iter().map(of_lender).collect();
        drafts.push(Draft { winner, won: Won { parts, slots, certified: award.money } });
    }
    Ok(drafts)
}

/// What an award comes to on each of its nodes, at the price of the pool and the node's premium.
fn parts_of(
    sealed: &SealedBook,
    award: &document::Award,
    prices: &Prices,
    premiums: &BTreeMap<(&str, &str, i64), Price>,
) -> Result<Vec<Part>, AwardError> {
    let unknown = || AwardError::Unknown(award.order.clone());
    let part = |node: Option<&str>, lots: i64| {
        let mut lines = Vec::new();
        let mut at = node.and_then(node_of);
        for row in &award.quantities {
            let key = &row.product;
            let (pool, resource, slot) = product_key(sealed, key)?;
            at = at.or(pool_of(&key.pool).1);
            let premium = node.and_then(|node| premiums.get(&(node, key.resource.as_str(), key.slot))).copied();
            let price = prices.get(key).map_or(Price::ZERO, |p| p.price) + premium.unwrap_or(Price::ZERO);
            let quantity = row.quantity / award.lots.max(1) * lots;
            let line = AwardLine::new(pool, resource, slot, quantity, price).ok_or_else(unknown)?;
            let premium = at.zip(premium).map(|(node, price)| LinePremium { node, price });
            lines.push(AwardLine { premium, ..line });
        }
        Ok(Part { nodes: at.into_iter().collect(), lots, lines })
    };
    match award.nodes.as_slice() {
        [] => Ok(vec![part(None, award.lots)?]),
        nodes => nodes.iter().map(|(node, lots)| part(Some(node), *lots)).collect(),
    }
}

/// The hold covers the charge; returns what rounding puts over it, or over what a project is charged: rounding line by line
/// may exceed the certified sum by half a micro-credit a line.
fn check_charge<'a>(
    order: &Order,
    lines: impl Iterator<Item = &'a AwardLine>,
    certified: Credits,
) -> Result<Credits, AwardError> {
    let (mut total, mut most_rounding) = (Credits::ZERO, 1);
    for line in lines {
        total += line.money;
        most_rounding += 1;
    }
    // The hold of a run is that of the whole window, and it is to cost no more than its part of the limit.
    let to_the_unit = order.request.project.is_some() || order.request.min_run_slots > 0;
    let most = if to_the_unit { order.hold.min(certified) } else { order.hold };
    let over = if total > most { total - most } else { Credits::ZERO };
    if over.units() > most_rounding || total.units() - certified.units() > most_rounding {
        return Err(AwardError::HoldExceeded(order.id));
    }
    Ok(over)
}

/// What an order has won, node by node.
pub(crate) struct Won {
    pub parts: Vec<Part>,
    /// How many slots its alternative has.
    pub slots: i64,
    pub certified: Credits,
}

/// What an order has won on one node, or in a pool without nodes.
pub(crate) struct Part {
    pub nodes: Vec<NodeId>,
    pub lots: i64,
    pub lines: Vec<AwardLine>,
}

pub(crate) fn fill(turn: &mut Turn<'_>, number: u64, id: OrderId, won: Won) -> Result<(), AwardError> {
    let Won { parts, slots, certified } = won;
    let order = turn.state.orders.get(&id).cloned().ok_or_else(|| AwardError::Unknown(id.to_string()))?;
    let lines: Vec<AwardLine> = parts.iter().flat_map(|part| part.lines.clone()).collect();
    let total: Credits = lines.iter().map(|l| l.money).sum();
    let slot_seconds = turn.state.market.rhythm.slot_seconds;
    let rest = Rest::of(&order, &lines, slot_seconds);
    let used_limit = used_limit(&order, &rest, &lines, slots, slot_seconds);
    // What a workload has elsewhere is all of it: sold on, it would have no place.
    let elsewhere =
        order.side == Side::Bid && lines.iter().any(|l| away::carried(turn.state, &order.request, &l.pool).is_some());
    let recallable = order.request.assurance == Assurance::Recallable;
    let has_gpu = lines.iter().any(|l| l.resource == Resource::GpuMilli);
    let project = project::of_order(turn.state, &order).map(|p| p.id);
    let mut paid = Credits::ZERO;
    if order.side == Side::Bid {
        paid = charge(turn, number, &order, &lines, certified)?;
    }
    let lots: i64 = parts.iter().map(|part| part.lots).sum();
    let mut awards = Vec::new();
    for Part { nodes, lots: here, lines } in parts {
        let replicas = if order.request.replicas > 1 { here.max(1) as usize } else { 1 };
        let award = Award {
            id: AwardId::next(&mut turn.ids),
            round: number,
            kind: if order.side == Side::Bid { AwardKind::Bought } else { AwardKind::Lent },
            side: order.side,
            order: id,
            resale_of: None,
            rolled_from: None,
            drawn: order.origin == Origin::Draw,
            participant: order.participant,
            instance: order.request.instance,
            money: lines.iter().map(|l| l.money).sum(),
            lines,
            nodes: nodes.iter().flat_map(|node| std::iter::repeat_n(*node, replicas)).collect(),
            limit: used_limit.share_floor(here, lots.max(1)),
            class: order.request.class,
            // What may be taken back lies on the node of those who lend it.
            no_displacement: order.request.no_displacement || recallable,
            // Of what its lender may take back, who sold it on would bear what a later buyer misses.
            resell: order.request.resell == Resell::OwnLimit
                && order.request.replicas == 1
                && !elsewhere
                && !recallable
                // Sold on it would be divisible, and a device is not.
                && !has_gpu,
            project,
            created_at: turn.now,
        };
        awards.push(award.id);
        workload_away::begin(turn, &award);
        turn.emit(Event::AwardMade(award));
    }
    project::spend(turn, project, paid);
    let hold = rest.hold(&order, paid);
    let freed = order.hold - paid - hold;
    close::release(turn, order.participant, id, freed);
    // A cancellation that came in while the round was sealed still waits for its rest.
    let waits = matches!(order.status, OrderStatus::PendingCancel | OrderStatus::PendingReplace);
    let status = match (rest.open, waits) {
        (false, _) => OrderStatus::Filled,
        (true, true) => order.status,
        (true, false) => OrderStatus::PartiallyFilled,
    };
    let Rest { amounts: remaining, replicas: remaining_replicas, limit: remaining_limit, .. } = rest;
    let at = turn.now;
    turn.emit(Event::OrderFilled {
        order: id,
        awards,
        money: total,
        remaining,
        remaining_replicas,
        remaining_limit,
        hold,
        status,
        at,
    });
    Ok(())
}

/// What an award is worth to who won it, or what its lender takes for it: the part of the limit, less what the order says
/// that the pool costs it (of an offer, and that).
fn used_limit(order: &Order, rest: &Rest, lines: &[AwardLine], slots: i64, slot_seconds: i64) -> Credits {
    let request = &order.request;
    let asked: i64 = order.remaining.values().sum::<i64>() * slots * i64::from(order.remaining_replicas.max(1));
    let won: i64 = lines.iter().map(|l| l.quantity).sum();
    let part = |whole: Credits| if won < asked { whole.share_floor(won, asked) } else { whole };
    let limit = match rest.open {
        true => order.remaining_limit - rest.limit,
        // A shorter run is worth its part of the limit, to its holder too.
        false => {
            let whole = order.remaining_limit;
            part(request.runs_of(slot_seconds).map_or(whole, |all| runs::part(whole, slots, all)))
        }
    };
    let pool = lines.first().map(|l| firm(&l.pool));
    let adder = request.pools.iter().find(|p| Some(firm(&p.pool)) == pool).map_or(Credits::ZERO, |p| part(p.adder));
    if order.side == Side::Bid { (limit - adder).max(Credits::ZERO) } else { limit + adder }
}

/// held → escrow; what rounding the lines one by one puts over the certified sum, the
/// exchange carries. Answers what was paid.
fn charge(
    turn: &mut Turn<'_>,
    number: u64,
    order: &Order,
    lines: &[AwardLine],
    certified: Credits,
) -> Result<Credits, AwardError> {
    let total: Credits = lines.iter().map(|l| l.money).sum();
    let over = check_charge(order, lines.iter(), certified)?;
    let cause = Cause { order: Some(order.id), round: (number != NO_ROUND).then_some(number), slot: None };
    let held = Account::Held(order.participant);
    let paid = turn.transfer(TransferKind::Charge, held, Account::Escrow, total - over, cause);
    let carried = turn.transfer(TransferKind::Rounding, Account::Rounding, Account::Escrow, over, cause);
    paid.and(carried).map_err(|_| AwardError::HoldExceeded(order.id))?;
    Ok(total - over)
}

/// The part of a limit for what is left, rounded for its owner's sake: a bid pays no more for a unit than before, and an
/// offer asks no less.
fn rest_of_limit(order: &Order, left: i64, all: i64) -> Credits {
    let limit = order.remaining_limit;
    if order.side == Side::Bid { limit.share_floor(left, all) } else { limit - limit.share_floor(all - left, all) }
}

/// What an order still asks for after an award.
struct Rest {
    open: bool,
    amounts: Amounts,
    replicas: u32,
    limit: Credits,
}

impl Rest {
    fn of(order: &Order, lines: &[AwardLine], slot_seconds: i64) -> Self {
        let closed = Self { open: false, amounts: Amounts::new(), replicas: 0, limit: Credits::ZERO };
        if !order.request.stays_open_after_award(slot_seconds)
            || matches!(order.request.time_in_force, TimeInForce::Ioc | TimeInForce::Fok)
        {
            return closed;
        }
        // Every slot of a bundle has the same fill; rounding may differ by a unit, so the slot
        // that got least says what is still asked for.
        let won = |resource: Resource| -> i64 {
            let mut by_slot: BTreeMap<Slot, i64> = BTreeMap::new();
            for line in lines.iter().filter(|l| l.resource == resource) {
                *by_slot.entry(line.slot).or_default() += line.quantity;
            }
            by_slot.into_values().min().unwrap_or(0)
        };
        if order.request.replicas > 1 {
            let per_replica = order.remaining.iter().next().map_or(1, |(_, q)| (*q).max(1));
            let resource = order.remaining.keys().next().copied();
            let replicas_won = resource.map_or(0, |r| won(r) / per_replica);
            let replicas = i64::from(order.remaining_replicas) - replicas_won;
            if replicas <= 0 {
                return closed;
            }
            let limit = rest_of_limit(order, replicas, i64::from(order.remaining_replicas));
            return Self { open: !limit.is_zero(), amounts: order.remaining.clone(), replicas: replicas as u32, limit };
        }
        let amounts: Amounts = order.remaining.iter().map(|(r, q)| (*r, (q - won(*r)).max(0))).collect();
        if amounts.values().any(|q| *q == 0) {
            return closed;
        }
        let shares = order.remaining.iter().map(|(r, q)| (amount(&amounts, *r), *q));
        let least = shares.min_by(|a, b| (i128::from(a.0) * i128::from(b.1)).cmp(&(i128::from(b.0) * i128::from(a.1))));
        let limit = least.map_or(Credits::ZERO, |(left, all)| rest_of_limit(order, left, all));
        // Units of a bundle that were rounded up may have cost more than their part of it.
        let spent: Credits = lines.iter().map(|l| l.money).sum();
        let limit =
            if order.side == Side::Bid { limit.min(order.remaining_limit - spent).max(Credits::ZERO) } else { limit };
        Self { open: order.side == Side::Offer || !limit.is_zero(), amounts, replicas: 1, limit }
    }

    /// What stays held for the rest, out of what the award left of the hold.
    fn hold(&self, order: &Order, charged: Credits) -> Credits {
        if !self.open || order.side == Side::Offer {
            return Credits::ZERO;
        }
        self.limit.min(order.hold - charged)
    }
}

/// ioc and fok orders live for one round, also those that had to sit it out. Those of this one, or an earlier one, that
/// are not filled.
fn round_only_orders(turn: &Turn<'_>, number: u64) -> Vec<OrderId> {
    let once = |o: &&Order| matches!(o.request.time_in_force, TimeInForce::Ioc | TimeInForce::Fok);
    let there = |o: &&Order| o.sealed_in == Some(number) || (o.status.is_live() && o.first_round <= number);
    turn.state.orders.values().filter(once).filter(there).map(|o| o.id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A quarter of a bundle is 146 of 600 and 97 of 400, both rounded up; they cost more than a quarter's part of the limit.
    #[test]
    fn what_is_left_of_a_limit_and_what_was_paid_are_no_more_than_it() {
        let order: Order = serde_json::from_value(serde_json::json!({
            "id": "bid_01m7w6c380fh08zv3bjp1wmpmd", "side": "bid", "participant": "par_01m7w6c380fh08zv3bjp1wmpmd",
            "status": "open", "instance": null,
            "window": { "start_at": "2026-11-20T10:20:00Z", "end_at": "2026-11-20T10:21:00Z" },
            "resources": { "cpu_milli": 600, "mem_mib": 400 }, "pools": [{ "pool": "p" }], "limit": "0.902400",
            "remaining": { "cpu_milli": 600, "mem_mib": 400 }, "remaining_replicas": 1, "remaining_limit": "0.902400",
            "hold": "0.902400", "awarded": "0", "awards": [], "origin": "manual", "first_round": 1, "last_reason": null,
            "closed_reason": null, "replaces": null, "replaced_by": null, "pending_replacement": null,
            "created_at": "2026-11-20T10:00:00Z", "updated_at": "2026-11-20T10:00:00Z",
        }))
        .expect("an order");
        let line = |resource: Resource, quantity: i64, price: &str| {
            let price = price.parse().expect("a price");
            AwardLine::new("p".into(), resource, order.request.first_slot(), quantity, price).expect("credits")
        };
        let lines = [line(Resource::CpuMilli, 146, "0.00137"), line(Resource::MemMib, 97, "0.000216")];
        let rest = Rest::of(&order, &lines, 60);
        assert!(rest.open);
        assert_eq!(rest.limit.to_string(), "0.681428", "not 0.682816, which its part would be: 0.220972 was paid");
    }
}
