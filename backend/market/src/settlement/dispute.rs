//! Disputes: a member says that a receipt is wrong, and somebody of the operator decides.
//!
//! A dispute freezes its line: what the member claims is set aside from the exchange's risk account when it is opened, so
//! that whatever is decided can be paid. What is granted is posted as a note, from there to the member; the rest goes
//! back. A receipt itself is never changed, and has one dispute that is open or decided.
//! Invariant: what open disputes claim together is the balance of `exchange/disputed`.
use crate::event::Event;
use crate::ids::{DisputeId, ParticipantId};
use crate::ledger::{Account, TransferKind};
use crate::printable::check_reason;
pub use crate::records::dispute::{Decision, Dispute, DisputeState, Evidence, NewDispute};
use crate::records::order::Side;
use crate::records::settlement::Receipt;
use crate::refusal::{Refusal, conflict, invalid, not_found};
use crate::turn::{Cause, Turn};
use crate::units::Credits;

/// A receipt may be disputed for so long after it was recorded.
pub const OPEN_FOR_SECONDS: i64 = 7 * 24 * 3600;
/// Open disputes that a participant may have: each waits for a person.
pub const MOST_OPEN: usize = 50;

/// The most that a member may want of a receipt: a buyer what it has paid for good, and for what was not there as much
/// again as that would have cost; a seller what it would have had for all that it sold; either what it was charged beyond
/// that. `None` if that does not fit an amount.
pub fn at_stake(receipt: &Receipt) -> Option<Credits> {
    let charged = match receipt.side {
        Side::Bid => receipt.amount.checked_add(receipt.credit_note)?.checked_add(receipt.reservation_fee)?,
        Side::Offer => {
            let whole = receipt
                .lines
                .iter()
                .try_fold(Credits::ZERO, |sum, line| sum.checked_add(line.price.charge_half_even(line.awarded)?))?;
            whole.checked_sub(receipt.amount)?.checked_add(receipt.compensation)?
        }
    };
    Some(charged.max(Credits::ZERO))
}

pub fn open(turn: &mut Turn<'_>, participant: ParticipantId, new: NewDispute) -> Result<DisputeId, Refusal> {
    let NewDispute { receipt, evidence, reason, claimed, by } = new;
    if receipt.participant != participant {
        return Err(not_found("receipt"));
    }
    check_reason(&reason)?;
    if turn.now.seconds() - receipt.recorded_at.seconds() > OPEN_FOR_SECONDS {
        return Err(conflict(
            "dispute_too_late",
            format!("A receipt may be disputed for seven days; this one was recorded at {}.", receipt.recorded_at),
        ));
    }
    let of_receipt = |d: &&Dispute| d.receipt == receipt.id && d.state != DisputeState::Withdrawn;
    if let Some(other) = turn.state.disputes.values().find(of_receipt) {
        let (id, state) = (other.id, other.state.name());
        return Err(conflict("dispute_exists", format!("This receipt has the dispute {id}, which is {state}.")));
    }
    let mine = |d: &&Dispute| d.participant == participant && d.state == DisputeState::Open;
    if turn.state.disputes.values().filter(mine).count() >= MOST_OPEN {
        return Err(conflict(
            "too_many_disputes",
            format!("A participant has at most {MOST_OPEN} open disputes. Withdraw one, or wait for a decision."),
        ));
    }
    let most = at_stake(&receipt).unwrap_or(Credits::ZERO);
    if most.is_zero() {
        return Err(conflict(
            "nothing_to_dispute",
            "This receipt charged nothing, and nothing is missing on it: there is nothing that could be paid back.",
        ));
    }
    let claimed = claimed.unwrap_or(most);
    if claimed <= Credits::ZERO || claimed > most {
        return Err(invalid(
            "claim_out_of_range",
            "/claimed",
            format!("Of this receipt up to {most} credits may be claimed, and more than 0."),
        ));
    }
    let id = DisputeId::next(&mut turn.ids);
    let (award, order, instance) = (receipt.award, receipt.order, receipt.instance);
    let dispute = Dispute {
        id,
        participant,
        receipt: receipt.id,
        award,
        order,
        instance,
        round: receipt.round,
        slot: receipt.slot,
        evidence,
        state: DisputeState::Open,
        reason,
        claimed,
        note: Credits::ZERO,
        decision: None,
        opened_by: by,
        opened_at: turn.now,
        decided_by: None,
        decided_at: None,
    };
    move_money(turn, &dispute, TransferKind::DisputeFrozen, (Account::PlatformRisk, Account::Disputed), claimed)?;
    turn.emit(Event::DisputeChanged(dispute));
    Ok(id)
}

/// Pays a note and sets the rest free.
pub fn decide(turn: &mut Turn<'_>, id: DisputeId, decision: Decision) -> Result<DisputeId, Refusal> {
    let Decision { note, reason, by } = decision;
    let mut dispute = turn.state.disputes.get(&id).cloned().ok_or_else(|| not_found("dispute"))?;
    check_reason(&reason)?;
    if note.is_negative() || note > dispute.claimed {
        return Err(invalid(
            "note_out_of_range",
            "/note",
            format!(
                "A note is from 0, which rejects the dispute, to the {} credits that are claimed.",
                dispute.claimed
            ),
        ));
    }
    let state = if note.is_zero() { DisputeState::Rejected } else { DisputeState::Upheld };
    if dispute.state != DisputeState::Open {
        // the same decision by the same person again is answered as before
        let same = dispute.state == state && dispute.note == note && dispute.decided_by == Some(by);
        return if same && dispute.decision.as_deref() == Some(&reason) { Ok(id) } else { Err(decided(&dispute)) };
    }
    let member = Account::Available(dispute.participant);
    move_money(turn, &dispute, TransferKind::DisputeNote, (Account::Disputed, member), note)?;
    release(turn, &dispute, dispute.claimed - note)?;
    (dispute.state, dispute.note, dispute.decision) = (state, note, Some(reason));
    (dispute.decided_by, dispute.decided_at) = (Some(by), Some(turn.now));
    turn.emit(Event::DisputeChanged(dispute));
    Ok(id)
}

/// Takes one's own dispute back; again, it is answered as before.
pub fn withdraw(turn: &mut Turn<'_>, participant: ParticipantId, id: DisputeId) -> Result<DisputeId, Refusal> {
    let found = turn.state.disputes.get(&id).filter(|d| d.participant == participant).cloned();
    let mut dispute = found.ok_or_else(|| not_found("dispute"))?;
    match dispute.state {
        DisputeState::Open => {}
        DisputeState::Withdrawn => return Ok(id),
        DisputeState::Upheld | DisputeState::Rejected => return Err(decided(&dispute)),
    }
    release(turn, &dispute, dispute.claimed)?;
    (dispute.state, dispute.decided_at) = (DisputeState::Withdrawn, Some(turn.now));
    turn.emit(Event::DisputeChanged(dispute));
    Ok(id)
}

fn decided(dispute: &Dispute) -> Refusal {
    conflict("dispute_decided", format!("This dispute is {} already. What was decided stays.", dispute.state.name()))
}

fn release(turn: &mut Turn<'_>, dispute: &Dispute, amount: Credits) -> Result<(), Refusal> {
    move_money(turn, dispute, TransferKind::DisputeReleased, (Account::Disputed, Account::PlatformRisk), amount)
}

/// Between accounts of the exchange, or to a member: nothing that could be missing, but a balance has an end.
fn move_money(
    turn: &mut Turn<'_>,
    dispute: &Dispute,
    kind: TransferKind,
    (debit, credit): (Account, Account),
    amount: Credits,
) -> Result<(), Refusal> {
    let cause = Cause { order: Some(dispute.order), round: Some(dispute.round), slot: Some(dispute.slot) };
    turn.transfer(kind, debit, credit, amount, cause)
        .map_err(|e| invalid("amount_out_of_range", "/claimed", e.to_string()))
}
