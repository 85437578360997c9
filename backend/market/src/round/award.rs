//! A verified outcome becomes awards, charges and what is left of the orders.
//!
//! Money: held → escrow for what a bid won, the rest of its hold back when it closes. Each
//! line of an award is price × quantity rounded to a micro-credit; where the lines together
//! exceed the hold, or in a project the certified sum, ROUNDING carries the difference. So a project
//! is never charged more than the certified sums, which its budget row bounds.
use crate::book::validate::MOST_ROWS;
use crate::book::{Assurance, Order, OrderStatus, Origin, Resell, Side, TimeInForce, away, expire, place, runs};
use crate::clearing::{self, Outcome, Verified};
use crate::event::Event;
use crate::ids::{AwardId, NodeId, OrderId};
use crate::ledger::{Account, TransferKind};
use crate::pool::recallable::{firm, is_recallable, node_of, pool_of};
use crate::project;
use crate::round::not_won::text_of;
use crate::round::resale;
use crate::round::safe_state::NO_ROUND;
use crate::round::{Award, AwardKind, AwardLine, Certificate, ClearingPrice, book, not_won, products, safe_state};
use crate::state::{ProductKey, SealedBook};
use crate::time::Slot;
use crate::turn::{Cause, Turn};
use crate::units::{Amounts, Credits, Price, Resource, amount};
use crate::workload;
use std::collections::{BTreeMap, BTreeSet};

/// Why an outcome could not be taken over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AwardError {
    #[error("round {0} is not the sealed one")]
    NotSealed(u64),
    #[error("the outcome names {0}, which is not in the round")]
    Unknown(String),
    #[error("{0} would be charged more than its hold")]
    HoldExceeded(OrderId),
}

/// Applies the outcome of the sealed round.
pub fn apply(turn: &mut Turn<'_>, number: u64, outcome: &Verified<Outcome>) -> Result<(), AwardError> {
    let sealed = turn.state.sealed.clone().filter(|s| s.round == number).ok_or(AwardError::NotSealed(number))?;
    let prices = published_prices(&sealed, outcome)?;
    let nodes = placements(&sealed, outcome);
    // Everything is read and checked before anything is decided: an outcome is applied whole
    // or not at all.
    let drafts = read_awards(turn, &sealed, outcome, &prices)?;
    let mut slots = BTreeSet::new();
    let count = drafts.len() as u32;
    for Draft { winner, lines, slots: run, certified } in drafts {
        slots.extend(lines.iter().map(|l| l.slot));
        match winner {
            Winner::Resale(source) => resale::sell(turn, number, source, lines)?,
            Winner::Order(id) => {
                let at = nodes.get(&id.to_string()).cloned().unwrap_or_default();
                let won = Won { lines, slots: run, nodes: at, certified };
                fill(turn, number, id, won)?;
            }
        }
    }
    let ended = round_only_orders(turn, number);
    let (not_won, held_back) = not_won::list(turn, number, &sealed, outcome);
    products::record(turn, number, &sealed, outcome, &prices)?;
    let traded = outcome.traded();
    let list = prices.into_iter().filter(|(key, _)| traded.contains(key)).map(|(_, price)| price).collect();
    let certificate = Certificate {
        verified: true,
        quality: text_of(&outcome.quality),
        welfare: text_of(&outcome.welfare),
        bound: outcome.bound.as_ref().map(text_of),
        limited_by: outcome.certificate.as_ref().and_then(|c| c.limited_by.as_ref()).map(text_of),
        gap: outcome.certificate.as_ref().map(|c| c.gap.clone()).unwrap_or_default(),
        cuts: outcome.cuts,
        input_hash: outcome.certificate.as_ref().map(|c| c.input_hash.clone()).unwrap_or_default(),
        result_hash: outcome.result_hash(),
    };
    let open_slots = slots.into_iter().collect();
    let at = turn.now;
    let awards = count;
    let sealed_at = turn.state.rounds.get(&number).map_or(turn.now, |r| r.sealed_at);
    let awarded = Event::RoundAwarded { number, certificate, prices: list, awards, open_slots, not_won, held_back, at };
    turn.emit(awarded);
    safe_state::note_round(turn, sealed.trading.clone(), sealed_at);
    // They end with the reason that the round has just given them.
    for id in ended {
        place::close(turn, id, OrderStatus::Canceled, Some("not_filled_in_its_round".to_owned()), None);
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
    lines: Vec<AwardLine>,
    /// How many slots its alternative has, also where rounding left nothing of one.
    slots: i64,
    certified: i64,
}

fn read_awards(
    turn: &Turn<'_>,
    sealed: &SealedBook,
    outcome: &Outcome,
    prices: &Prices,
) -> Result<Vec<Draft>, AwardError> {
    let mut drafts = Vec::new();
    for award in &outcome.awards {
        let unknown = || AwardError::Unknown(award.order.clone());
        let mut lines = Vec::new();
        for quantity in &award.quantities {
            let (pool, resource, slot) = product_key(sealed, &quantity.product)?;
            let price = prices.get(&quantity.product).map_or(Price::ZERO, |p| p.price);
            lines.push(AwardLine::new(pool, resource, slot, quantity.quantity, price).ok_or_else(unknown)?);
        }
        let slots = lines.iter().map(|l| l.slot).collect::<BTreeSet<_>>().len() as i64;
        lines.retain(|l| l.quantity > 0);
        if lines.is_empty() {
            continue;
        }
        let winner = match book::resale_id(&award.order) {
            Some(source) => Winner::Resale(source),
            None => Winner::Order(award.order.parse().map_err(|_| unknown())?),
        };
        match &winner {
            Winner::Resale(source) => resale::check(turn, *source, &lines).ok_or_else(unknown)?,
            Winner::Order(id) => {
                let order = turn.state.orders.get(id).ok_or_else(unknown)?;
                let total = lines.iter().map(|l| l.money).sum();
                if order.side == Side::Bid {
                    check_charge(order, total, Credits::from_units(award.money.0))?;
                }
            }
        }
        drafts.push(Draft { winner, lines, slots, certified: award.money.0 });
    }
    Ok(drafts)
}

/// Micro-credits by which rounding line by line may exceed the certified sum: half a one a line.
const MOST_ROUNDING: i64 = MOST_ROWS as i64 / 2;

/// The hold covers the charge; returns what rounding puts over it, or over what a project is charged.
fn check_charge(order: &Order, total: Credits, certified: Credits) -> Result<Credits, AwardError> {
    // The hold of a run is that of the whole window, and it is to cost no more than its part of the limit.
    let to_the_unit = order.request.project.is_some() || order.request.min_run_slots > 0;
    let most = if to_the_unit { order.hold.min(certified) } else { order.hold };
    let over = if total > most { total - most } else { Credits::ZERO };
    if over.units() > MOST_ROUNDING || total.units() - certified.units() > MOST_ROUNDING {
        return Err(AwardError::HoldExceeded(order.id));
    }
    Ok(over)
}

pub fn book_key(pool: &str, resource: &str, slot: i64) -> crate::clearing::ProductKey {
    crate::clearing::ProductKey { pool: pool.to_owned(), resource: resource.to_owned(), slot }
}

pub(super) fn product_key(sealed: &SealedBook, key: &crate::clearing::ProductKey) -> Result<ProductKey, AwardError> {
    let resource = Resource::parse(&key.resource);
    let slot = usize::try_from(key.slot).ok().and_then(|n| sealed.slots.get(n));
    match (resource, slot) {
        (Some(resource), Some(slot)) => Ok((pool_of(&key.pool).0, resource, *slot)),
        _ => Err(AwardError::Unknown(key.to_string())),
    }
}

/// By product as the book names it.
pub(super) type Prices = BTreeMap<crate::clearing::ProductKey, ClearingPrice>;

fn published_prices(sealed: &SealedBook, outcome: &Outcome) -> Result<Prices, AwardError> {
    let products: BTreeMap<_, _> = sealed.book.products.iter().map(|p| (p.key(), p)).collect();
    let mut volumes: BTreeMap<_, i64> = BTreeMap::new();
    for award in outcome.awards.iter().filter(|a| matches!(a.order.parse(), Ok(OrderId::Bid(_)))) {
        for won in &award.quantities {
            *volumes.entry(&won.product).or_default() += won.quantity;
        }
    }
    let mut prices = Prices::new();
    for price in &outcome.prices {
        let key = book_key(&price.pool, &price.resource, price.slot);
        let (pool, resource, slot) = product_key(sealed, &key)?;
        let product = products.get(&key);
        let (node, volume) = (pool_of(&key.pool).1, volumes.get(&key).copied().unwrap_or(0));
        prices.insert(
            key,
            ClearingPrice {
                pool,
                node,
                resource,
                slot,
                price: Price::from_units(price.price.0),
                low: Price::from_units(price.low.unwrap_or(price.price).0),
                high: Price::from_units(price.high.unwrap_or(price.price).0),
                set_by: kind_of_setter(&price.set_by),
                volume,
                supply: product.map_or(0, |p| p.supply.iter().map(|s| s.quantity).sum()),
                reserve: product.and_then(|p| p.supply.first()).map(|s| Price::from_units(s.reserve.0 * 1000)),
            },
        );
    }
    Ok(prices)
}

/// What set a price, without whose order it was: everybody reads prices, and nobody is to follow another one's orders.
pub fn kind_of_setter(set_by: &str) -> String {
    match set_by.split_once(':') {
        Some((kind @ ("bid" | "offer"), _)) => kind.to_owned(),
        _ => set_by.to_owned(),
    }
}

/// Nodes of an order's replicas, by replica; and of an offer of what may be taken back the node where its lender was
/// when the round was sealed: it is lent there, also if that runs elsewhere by now.
fn placements(sealed: &SealedBook, outcome: &Outcome) -> BTreeMap<String, Vec<NodeId>> {
    let mut sorted: Vec<_> = outcome.placements.iter().collect();
    sorted.sort_by(|a, b| (&a.order, a.replica).cmp(&(&b.order, b.replica)));
    let mut nodes: BTreeMap<String, Vec<NodeId>> = BTreeMap::new();
    for placement in sorted {
        if let Some(node) = node_of(&placement.node) {
            nodes.entry(placement.order.clone()).or_default().push(node);
        }
    }
    for order in sealed.book.orders.iter().filter(|o| o.side == clearing::Side::Offer) {
        let node = order.node.as_ref().filter(|name| is_recallable(name)).and_then(|name| node_of(name));
        nodes.extend(node.map(|node| (order.id.clone(), vec![node])));
    }
    nodes
}

/// What an order has won, and where.
pub(crate) struct Won {
    pub lines: Vec<AwardLine>,
    pub slots: i64,
    pub nodes: Vec<NodeId>,
    pub certified: i64,
}

pub(crate) fn fill(turn: &mut Turn<'_>, number: u64, id: OrderId, won: Won) -> Result<(), AwardError> {
    let Won { lines, slots, nodes, certified } = won;
    let order = turn.state.orders.get(&id).cloned().ok_or_else(|| AwardError::Unknown(id.to_string()))?;
    let total: Credits = lines.iter().map(|l| l.money).sum();
    let slot_seconds = turn.state.market.rhythm.slot_seconds;
    let rest = Rest::of(&order, &lines, slot_seconds);
    let used_limit = used_limit(&order, &rest, &lines, slots, slot_seconds);
    // What a workload has elsewhere is all of it: sold on, it would have no place.
    let elsewhere =
        order.side == Side::Bid && lines.iter().any(|l| away::carried(turn.state, &order.request, &l.pool).is_some());
    let recallable = order.request.assurance == Assurance::Recallable;
    let has_gpu = lines.iter().any(|l| l.resource == Resource::GpuMilli);
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
        lines,
        nodes,
        money: total,
        limit: used_limit,
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
        project: project::of_order(turn.state, &order).map(|p| p.id),
        created_at: turn.now,
    };
    let (award_id, project) = (award.id, award.project);
    let mut paid = Credits::ZERO;
    if order.side == Side::Bid {
        paid = charge(turn, number, &order, total, Credits::from_units(certified))?;
    }
    workload::away::begin(turn, &award);
    turn.emit(Event::AwardMade(award));
    project::spend(turn, project, paid);
    let hold = rest.hold(&order, paid);
    let freed = order.hold - paid - hold;
    place::release(turn, order.participant, id, freed);
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
        award: award_id,
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
    total: Credits,
    certified: Credits,
) -> Result<Credits, AwardError> {
    let over = check_charge(order, total, certified)?;
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
