//! Settling a slot: buyers pay for what they got, lenders are paid for what they gave, the
//! operator has the rest.
//!
//! Escrow of the slot is emptied to the last micro-credit: credit notes to buyers, proceeds
//! to lenders and resellers, the remainder to operator income; where sellers are due more
//! than buyers pay, because the exchange failed, PLATFORM_RISK makes them whole.
use crate::event::Event;
use crate::ids::{InstanceId, ReceiptId};
use crate::ledger::{Account, TransferKind};
use crate::pool::Reference;
use crate::round::{Award, AwardKind, AwardLine};
use crate::settlement::meter::Reading;
use crate::settlement::shortfall::Shortfalls;
use crate::settlement::{Receipt, ReceiptLine};
use crate::time::Slot;
use crate::turn::{Cause, Turn};
use crate::units::{Credits, Resource};
use std::collections::BTreeMap;

/// How many settled slots the reference price remembers: a day of 5-minute slots.
const REFERENCE_SLOTS: usize = 288;

/// What each award of one instance and resource was given, in award order.
type Given = BTreeMap<(crate::ids::AwardId, Resource), i64>;

pub fn settle(turn: &mut Turn<'_>, slot: Slot, readings: &[Reading]) {
    let awards: Vec<Award> =
        turn.state.awards.values().filter(|a| a.lines.iter().any(|l| l.slot == slot && !l.settled)).cloned().collect();
    let given = deliveries(slot, &awards, readings);
    let missed = |id: InstanceId| readings.iter().any(|r| r.missed > 0 && r.instance == id);
    let by_exchange = |id: InstanceId| {
        missed(id) || turn.state.instances.get(&id).is_some_and(|i| i.failed_by_exchange.contains(&slot))
    };
    let shortfalls = Shortfalls::of(slot, &awards, |award, line| directly(award, line, &given), by_exchange);
    let mut escrow = Credits::ZERO;
    for award in &awards {
        let missed = award.instance.is_some_and(missed);
        let receipt = receipt(turn, slot, award, &given, &shortfalls, missed);
        if award.kind == AwardKind::Bought {
            escrow += receipt.amount + receipt.credit_note;
            let cause = Cause { order: Some(award.order), round: Some(award.round), slot: Some(slot) };
            let to = Account::Available(award.participant);
            pay(turn, TransferKind::CreditNote, to, receipt.credit_note, cause, &mut escrow);
        }
        turn.emit(Event::Received(receipt.clone()));
        if award.kind != AwardKind::Bought {
            let cause = Cause { order: Some(award.order), round: Some(award.round), slot: Some(slot) };
            pay_seller(turn, award, receipt.amount, cause, &mut escrow);
        }
    }
    let cause = Cause { slot: Some(slot), ..Cause::default() };
    if escrow > Credits::ZERO {
        let rest = escrow;
        pay(turn, TransferKind::OperatorIncome, Account::OperatorIncome, rest, cause, &mut escrow);
    } else if escrow.is_negative() {
        let made_whole =
            turn.transfer(TransferKind::PlatformRisk, Account::PlatformRisk, Account::Escrow, -escrow, cause);
        debug_assert!(made_whole.is_ok(), "exchange accounts may go negative: {made_whole:?}");
    }
    forget_failures(turn, slot);
    remember_prices(turn, slot);
    turn.emit(Event::SlotSettled { slot, at: turn.now });
}

fn pay_seller(turn: &mut Turn<'_>, award: &Award, amount: Credits, cause: Cause, escrow: &mut Credits) {
    pay(turn, TransferKind::Proceeds, Account::Available(award.participant), amount, cause, escrow);
}

fn pay(turn: &mut Turn<'_>, kind: TransferKind, to: Account, amount: Credits, cause: Cause, escrow: &mut Credits) {
    let paid = turn.transfer(kind, Account::Escrow, to, amount, cause);
    debug_assert!(paid.is_ok(), "{paid:?}");
    *escrow = *escrow - amount;
}

/// Splits what an instance really had among its awards, earliest award first.
fn deliveries(slot: Slot, awards: &[Award], readings: &[Reading]) -> Given {
    let mut given = Given::new();
    for reading in readings {
        let of = |kind: AwardKind| {
            awards.iter().filter(move |a| a.kind == kind && a.instance == Some(reading.instance)).flat_map(move |a| {
                let lines = a.lines.iter().filter(move |l| l.slot == slot && l.resource == reading.resource);
                lines.map(move |l| (a.id, l.quantity - l.resold))
            })
        };
        let lent: i64 = of(AwardKind::Lent).map(|(_, q)| q).sum();
        let won: i64 = of(AwardKind::Bought).map(|(_, q)| q).sum();
        let mut delivered = reading.delivered(won, lent);
        for (award, quantity) in of(AwardKind::Bought) {
            let part = delivered.min(quantity);
            *given.entry((award, reading.resource)).or_default() += part;
            delivered -= part;
        }
        let mut gave = reading.given(won, lent);
        for (award, quantity) in of(AwardKind::Lent) {
            let part = gave.min(quantity);
            *given.entry((award, reading.resource)).or_default() += part;
            gave -= part;
        }
    }
    given
}

/// What a line got or gave, whatever became of it elsewhere.
fn directly(award: &Award, line: &AwardLine, given: &Given) -> i64 {
    let of_instance = || given.get(&(award.id, line.resource)).copied().unwrap_or(0);
    let delivered = match (award.kind, award.instance) {
        // Sold on before the slot: handed over in full, whoever runs there now.
        (AwardKind::Resold, _) => line.quantity,
        // Capacity without a workload of ours is made available by keeping its node free.
        (AwardKind::Bought, None) => line.quantity,
        (AwardKind::Bought, Some(_)) => line.resold + of_instance(),
        (AwardKind::Lent, _) => of_instance(),
    };
    delivered.clamp(0, line.quantity)
}

fn receipt(
    turn: &mut Turn<'_>,
    slot: Slot,
    award: &Award,
    given: &Given,
    shortfalls: &Shortfalls,
    missed: bool,
) -> Receipt {
    let mut lines = Vec::new();
    let mut not_handed_on = false;
    for line in award.lines.iter().filter(|l| l.slot == slot && !l.settled) {
        let direct = directly(award, line, given);
        let delivered = match award.kind {
            AwardKind::Bought => direct,
            AwardKind::Lent | AwardKind::Resold => shortfalls.handed_on(award, line, direct),
        };
        not_handed_on |= delivered < direct;
        let amount = if delivered == line.quantity {
            line.money
        } else {
            line.price.charge_half_even(delivered).unwrap_or_default()
        };
        let credit_note = if award.kind == AwardKind::Bought { line.money - amount } else { Credits::ZERO };
        lines.push(ReceiptLine {
            pool: line.pool.clone(),
            resource: line.resource,
            awarded: line.quantity,
            delivered,
            price: line.price,
            amount,
            credit_note,
        });
    }
    let short = lines.iter().any(|l| l.delivered < l.awarded);
    Receipt {
        id: ReceiptId::next(&mut turn.ids),
        award: award.id,
        order: award.order,
        kind: award.kind,
        side: award.side,
        participant: award.participant,
        instance: award.instance,
        round: award.round,
        slot,
        amount: lines.iter().map(|l| l.amount).sum(),
        credit_note: lines.iter().map(|l| l.credit_note).sum(),
        lines,
        cause: match not_handed_on {
            true => Some("buyer_not_served".to_owned()),
            false => short.then(|| cause(turn, award, slot, missed)),
        },
        recorded_at: turn.now,
    }
}

/// Why less was delivered, as far as the instance tells.
fn cause(turn: &Turn<'_>, award: &Award, slot: Slot, missed: bool) -> String {
    let instance = award.instance.and_then(|id| turn.state.instances.get(&id));
    match instance {
        Some(_) if missed => "exchange_outage",
        Some(i) if i.failed_by_exchange.contains(&slot) => "exchange_failed",
        Some(i) if i.is_pinned(turn.now) => "move_failed",
        Some(i) if i.swap.is_some() => "swap_in_progress",
        Some(_) => "late_or_partial",
        None => "no_instance",
    }
    .to_owned()
}

fn forget_failures(turn: &mut Turn<'_>, slot: Slot) {
    let instances = turn.state.instances.values();
    let old: Vec<_> = instances.filter(|i| i.failed_by_exchange.first().is_some_and(|s| *s <= slot)).cloned().collect();
    for mut instance in old {
        instance.failed_by_exchange.retain(|s| *s > slot);
        turn.emit(Event::InstanceChanged(instance));
    }
}

/// The slot's mean prices enter the references of their product classes.
fn remember_prices(turn: &mut Turn<'_>, slot: Slot) {
    let means: Vec<_> = turn
        .state
        .products
        .values()
        .filter(|p| p.slot == slot && p.volume > 0)
        .filter_map(|p| Some((p.pool.clone(), p.resource, p.mean_price()?)))
        .collect();
    for (pool, resource, price) in means {
        let key = (pool.clone(), resource);
        let mut reference = turn.state.references.get(&key).cloned().unwrap_or(Reference {
            pool,
            resource,
            recent: Vec::new(),
            doublings: 0,
        });
        if reference.recent.len() >= REFERENCE_SLOTS {
            reference.recent.remove(0);
        }
        reference.recent.push(price);
        turn.emit(Event::ReferenceChanged(reference));
    }
}
