//! Settling a slot: buyers pay for what they got, lenders are paid for what they gave, the
//! operator has the rest.
//!
//! Escrow of the slot is emptied to the last micro-credit: credit notes to buyers, proceeds
//! to lenders and resellers, the remainder to operator income; where sellers are due more
//! than buyers pay, because a move failed, PLATFORM_RISK makes them whole.
use crate::event::Event;
use crate::ids::ReceiptId;
use crate::ledger::{Account, TransferKind};
use crate::pool::Reference;
use crate::round::{Award, AwardKind};
use crate::settlement::meter::Reading;
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
    let mut escrow = Credits::ZERO;
    for award in &awards {
        let missed = readings.iter().any(|r| r.missed > 0 && award.instance == Some(r.instance));
        let receipt = receipt(turn, slot, award, &given, missed);
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

fn receipt(turn: &mut Turn<'_>, slot: Slot, award: &Award, given: &Given, missed: bool) -> Receipt {
    let mut lines = Vec::new();
    for line in award.lines.iter().filter(|l| l.slot == slot && !l.settled) {
        let delivered = match (award.kind, award.instance) {
            // Sold on before the slot: handed over in full, whoever runs there now.
            (AwardKind::Resold, _) => line.quantity,
            // Capacity without a workload of ours is made available by keeping its node free.
            (AwardKind::Bought, None) => line.quantity,
            (AwardKind::Bought, Some(_)) => line.resold + given.get(&(award.id, line.resource)).copied().unwrap_or(0),
            (AwardKind::Lent, _) => given.get(&(award.id, line.resource)).copied().unwrap_or(0),
        };
        let delivered = delivered.clamp(0, line.quantity);
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
        cause: short.then(|| cause(turn, award, missed)),
        recorded_at: turn.now,
    }
}

/// Why less was delivered, as far as the instance tells.
fn cause(turn: &Turn<'_>, award: &Award, missed: bool) -> String {
    let instance = award.instance.and_then(|id| turn.state.instances.get(&id));
    match instance {
        Some(_) if missed => "exchange_outage",
        Some(i) if i.is_pinned(turn.now) => "move_failed",
        Some(i) if i.swap.is_some() => "swap_in_progress",
        Some(_) => "late_or_partial",
        None => "no_instance",
    }
    .to_owned()
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
