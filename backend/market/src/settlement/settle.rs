//! Settling a slot: buyers pay for what they got, lenders are paid for what they gave, the
//! operator has the rest.
//!
//! Escrow of the slot is emptied to the last micro-credit: credit notes to buyers, proceeds
//! to lenders and resellers, the remainder to operator income; where sellers are due more
//! than buyers pay, because the exchange failed, PLATFORM_RISK makes them whole. What lenders pay for what
//! their workloads kept (`compensation.rs`) goes straight to buyers.
use crate::event::Event;
use crate::ids::ReceiptId;
use crate::ledger::{Account, TransferKind};
use crate::pool::reference;
use crate::project;
use crate::records::meter::Reading;
use crate::records::recallable::is_recallable;
use crate::records::round::{Award, AwardKind, AwardLine};
use crate::records::settlement::{Receipt, ReceiptLine, ReceiptPremium};
use crate::settlement::compensation::Kept;
use crate::settlement::delivered::Deliveries;
use crate::settlement::reservation_fee::{self, Fees};
use crate::settlement::shortfall::{Shortfalls, of_node, of_product};
use crate::state::State;
use crate::swap::approval;
use crate::time::Slot;
use crate::turn::{Cause, Turn};
use crate::units::{Credits, Price};
use crate::workload::away;
use std::collections::BTreeSet;

pub fn settle(turn: &mut Turn<'_>, slot: Slot, readings: &[Reading]) {
    approval::close(turn, slot);
    let awards: Vec<Award> =
        turn.state.awards.values().filter(|a| a.lines.iter().any(|l| l.slot == slot && !l.settled)).cloned().collect();
    let mut deliveries = Deliveries::of(slot, turn.state.market.rhythm.slot_end(slot), &awards, readings);
    deliver_what_was_given_up(turn.state, slot, &awards, &mut deliveries);
    let delivered = |award: &Award, line: &AwardLine| deliveries.line(award, line);
    let excused = |award: &Award, line: &AwardLine| by_exchange(turn.state, &deliveries, award, line);
    let product = |award: &Award, line: &AwardLine| Some(of_product(award, line));
    let shortfalls = Shortfalls::of(slot, &awards, product, delivered, excused);
    let premiums = Shortfalls::of(slot, &awards, of_node, delivered, excused);
    let fees = Fees::of_slot(turn.state, slot, turn.now, &awards, &deliveries);
    let kept = Kept::of(
        turn.state,
        slot,
        &awards,
        |award, line| deliveries.line(award, line).missing(),
        |award, line| by_exchange(turn.state, &deliveries, award, line),
    );
    let facts =
        Facts { slot, deliveries: &deliveries, shortfalls: &shortfalls, premiums: &premiums, fees: &fees, kept: &kept };
    let mut escrow = Credits::ZERO;
    let mut receipts = Vec::new();
    for award in &awards {
        let receipt = receipt(turn, award, &facts);
        let cause = Cause { order: Some(award.order), round: award.round_number(), slot: Some(slot) };
        let account = Account::Available(award.participant);
        if award.kind == AwardKind::Bought {
            escrow += receipt.amount + receipt.credit_note + receipt.reservation_fee;
            pay(turn, TransferKind::CreditNote, account, receipt.credit_note, cause, &mut escrow);
            // It is a part of what has just come back.
            turn.transfer_known(TransferKind::ReservationFee, account, Account::Escrow, receipt.reservation_fee, cause);
            project::spend(turn, award.project, receipt.reservation_fee - receipt.credit_note);
        } else {
            pay(turn, TransferKind::Proceeds, account, receipt.amount, cause, &mut escrow);
            pay(turn, TransferKind::ReservationFee, account, receipt.reservation_fee, cause, &mut escrow);
        }
        receipts.push(receipt);
    }
    let of_slot = Cause { slot: Some(slot), ..Cause::default() };
    if escrow > Credits::ZERO {
        let rest = escrow;
        pay(turn, TransferKind::OperatorIncome, Account::OperatorIncome, rest, of_slot, &mut escrow);
    } else if escrow.is_negative() {
        // Exchange accounts may go negative.
        turn.transfer_known(TransferKind::PlatformRisk, Account::PlatformRisk, Account::Escrow, -escrow, of_slot);
    }
    let compensations = kept.pay(turn, slot, &awards);
    let mut lines_bought = Vec::new();
    for mut receipt in receipts {
        for line in &mut receipt.lines {
            let id = (receipt.award, line.pool.clone(), line.resource);
            line.compensation = compensations.get(&id).copied().unwrap_or_default();
        }
        receipt.compensation = receipt.lines.iter().map(|l| l.compensation).sum();
        turn.emit(Event::Received(receipt.clone()));
        if receipt.kind == AwardKind::Bought {
            lines_bought.extend(receipt.lines);
        }
    }
    forget_what_was_not_delivered(turn, slot, &lines_bought);
    forget_failures(turn, slot);
    away::forget(turn, slot);
    reference::remember(turn, slot);
    turn.emit(Event::SlotSettled { slot, at: turn.now });
}

fn pay(turn: &mut Turn<'_>, kind: TransferKind, to: Account, amount: Credits, cause: Cause, escrow: &mut Credits) {
    turn.transfer_known(kind, Account::Escrow, to, amount, cause);
    *escrow = *escrow - amount;
}

/// What a workload had won in another pool and gave up by standing still was there to be used.
fn deliver_what_was_given_up(state: &State, slot: Slot, awards: &[Award], deliveries: &mut Deliveries) {
    for award in awards {
        let instance = award.instance.and_then(|id| state.instances.get(&id));
        if !instance.is_some_and(|i| i.given_up.contains(&slot) && away::is_elsewhere(award, i)) {
            continue;
        }
        for line in award.lines.iter().filter(|l| l.slot == slot && !l.settled) {
            deliveries.give_up(award, line);
        }
    }
}

/// How much of a bought line the exchange itself kept its workload from.
fn by_exchange(state: &State, deliveries: &Deliveries, award: &Award, line: &AwardLine) -> i64 {
    let instance = award.instance.and_then(|id| state.instances.get(&id));
    match instance.is_some_and(|i| i.failed_by_exchange.contains(&line.slot)) {
        true => line.quantity,
        false => deliveries.line(award, line).missed,
    }
}

/// What the settling of a slot knows before it writes receipts.
struct Facts<'a> {
    slot: Slot,
    deliveries: &'a Deliveries,
    shortfalls: &'a Shortfalls,
    /// The same of what full nodes add to the price.
    premiums: &'a Shortfalls,
    fees: &'a Fees,
    kept: &'a Kept,
}

/// Price × what was delivered of a line. Of a seller on a full node the premium counts by what reached buyers there.
fn worth(line: &AwardLine, delivered: i64, premium: Option<ReceiptPremium>) -> Credits {
    let charge = |price: Price, quantity: i64| price.charge_half_even(quantity).unwrap_or_default();
    match premium {
        Some(premium) if premium.delivered != delivered => {
            charge(line.price - premium.price, delivered) + charge(premium.price, premium.delivered)
        }
        _ if delivered == line.quantity => line.money,
        _ => charge(line.price, delivered),
    }
}

fn receipt(turn: &mut Turn<'_>, award: &Award, facts: &Facts<'_>) -> Receipt {
    let Facts { slot, deliveries, shortfalls, premiums, fees, kept } = *facts;
    let mut lines = Vec::new();
    let mut reservation_fee = Credits::ZERO;
    let mut not_handed_on = false;
    let (mut short, mut missed_of_it, mut recalled) = (0, 0, 0);
    for line in award.lines.iter().filter(|l| l.slot == slot && !l.settled) {
        let of_line = deliveries.line(award, line);
        let delivered = match award.kind {
            AwardKind::Bought => of_line.had,
            AwardKind::Lent | AwardKind::Resold => shortfalls.handed_on(award, line),
        };
        not_handed_on |= delivered < of_line.had;
        reservation_fee += fees.of_line(award, line, of_line.had - delivered, shortfalls.lost(award, line));
        short += line.quantity - delivered;
        recalled += line.quantity - of_line.due;
        missed_of_it += of_line.missed.min(line.quantity - delivered);
        let is_seller = award.kind != AwardKind::Bought;
        let premium = line.premium.filter(|_| is_seller).map(|premium| ReceiptPremium {
            node: premium.node,
            price: premium.price,
            delivered: premiums.handed_on(award, line),
        });
        let amount = worth(line, delivered, premium);
        let credit_note = if award.kind == AwardKind::Bought { line.money - amount } else { Credits::ZERO };
        lines.push(ReceiptLine {
            pool: line.pool.clone(),
            resource: line.resource,
            awarded: line.quantity,
            delivered,
            price: line.price,
            premium,
            amount,
            credit_note,
            kept: kept.of_line(award, line),
            compensation: Credits::ZERO,
        });
    }
    let keeps = lines.iter().any(|l| l.kept > 0);
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
        reservation_fee,
        compensation: Credits::ZERO,
        lines,
        cause: match not_handed_on {
            true => Some("buyer_not_served".to_owned()),
            false if keeps => Some("kept_by_program".to_owned()),
            false if short > 0 && 2 * recalled >= short && award.drawn => Some("drawn_in_slot".to_owned()),
            false if short > 0 && 2 * recalled >= short => Some("recalled".to_owned()),
            // An outage is the cause where it is the greater part of it.
            false => (short > 0).then(|| cause(turn, award, slot, 2 * missed_of_it >= short)),
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
        Some(i) if reservation_fee::cannot_go_there(i, award, turn.now) => "move_failed",
        Some(i) if i.swap.is_some() => "swap_in_progress",
        Some(_) => "late_or_partial",
        None if missed => "exchange_outage",
        None => "no_instance",
    }
    .to_owned()
}

fn forget_failures(turn: &mut Turn<'_>, slot: Slot) {
    let instances = turn.state.instances.values();
    let ended = |slots: &BTreeSet<Slot>| slots.first().is_some_and(|s| *s <= slot);
    let old: Vec<_> = instances
        .filter(|i| [&i.failed_by_exchange, &i.kept_by_program, &i.given_up].into_iter().any(ended))
        .cloned()
        .collect();
    for mut instance in old {
        instance.failed_by_exchange.retain(|s| *s > slot);
        instance.kept_by_program.retain(|s| *s > slot);
        instance.given_up.retain(|s| *s > slot);
        turn.emit(Event::InstanceChanged(instance));
    }
}

/// What may be taken back counts as traded as far as it was delivered: two members could else show others any price,
/// and take everything back before it costs them anything.
fn forget_what_was_not_delivered(turn: &mut Turn<'_>, slot: Slot, bought: &[ReceiptLine]) {
    let products = turn.state.products.values().filter(|p| p.slot == slot && is_recallable(&p.pool));
    let products: Vec<_> = products.cloned().collect();
    for mut product in products {
        let lines = || bought.iter().filter(|l| l.pool == product.pool && l.resource == product.resource);
        let volume = lines().map(|l| l.delivered).sum();
        let value: i128 = lines().map(|l| i128::from(l.price.units()) * i128::from(l.delivered)).sum();
        (product.volume, product.value_nano) = (volume, value.to_string());
        product.bought_volume = lines().map(|l| l.awarded).sum();
        turn.emit(Event::ProductChanged(product));
    }
}
