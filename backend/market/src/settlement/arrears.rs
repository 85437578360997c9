//! What a participant could not pay when its slot was settled: the rest of a bond, or of an overstay,
//! that neither its earnings nor its available money covered.
//!
//! It is paid to the operator out of whatever becomes available, after every slot; a slot is settled for that
//! alone where nobody trades. Buyers that missed it have had what was there.
//! Until then the participant buys nothing: its open bids sit rounds out and new ones are refused, so that
//! money that waits in holds is no way round it. It may still lend.
use crate::event::Event;
use crate::ids::ParticipantId;
use crate::ledger::{Account, TransferKind};
use crate::time::Slot;
use crate::turn::{Cause, Turn};
use crate::units::Credits;
use std::collections::BTreeMap;

/// Notes what could not be paid in a slot.
pub(super) fn note(turn: &mut Turn<'_>, unpaid: &BTreeMap<ParticipantId, Credits>) {
    for (id, unpaid) in unpaid.iter().filter(|(_, unpaid)| **unpaid > Credits::ZERO) {
        if let Some(mut participant) = turn.state.participants.get(id).cloned() {
            participant.arrears += *unpaid;
            turn.emit(Event::ParticipantChanged(participant));
        }
    }
}

/// Takes what is owed from what is available, as far as it goes.
pub(super) fn collect(turn: &mut Turn<'_>, slot: Slot) {
    let owing: Vec<_> = turn.state.participants.values().filter(|p| p.arrears > Credits::ZERO).cloned().collect();
    for mut participant in owing {
        let paid = participant.arrears.min(turn.state.available(participant.id));
        let from = Account::Available(participant.id);
        let cause = Cause { slot: Some(slot), ..Cause::default() };
        if paid > Credits::ZERO
            && turn.transfer(TransferKind::Arrears, from, Account::OperatorIncome, paid, cause).is_ok()
        {
            participant.arrears = participant.arrears - paid;
            turn.emit(Event::ParticipantChanged(participant));
        }
    }
}
