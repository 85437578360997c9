//! Swaps that wait for a person, and those that wait for them: nobody but the exchange is at fault for that.
use crate::event::Event;
use crate::ids::InstanceId;
use crate::records::pool::PoolSlug;
use crate::records::swap::{Approval, Swap, SwapState, Withdrawn};
use crate::records::workload::{Instance, InstanceState};
use crate::state::State;
use crate::time::{Slot, Timestamp};
use crate::turn::Turn;
use std::collections::BTreeSet;

/// Whether a person has to be asked before a swap begins.
fn is_needed(state: &State, swap: &Swap) -> bool {
    let asks = |slug: &PoolSlug| state.pools.get(slug).is_some_and(|pool| pool.move_approval);
    swap.moves() && (asks(&swap.pool_from) || asks(&swap.pool_to))
}

/// What a person is to answer for a swap that is being planned.
pub(super) fn question(state: &State, swap: &Swap) -> Option<Approval> {
    let rhythm = &state.market.rhythm;
    let answer_by = rhythm.gate_closes(swap.slot.plus(1, rhythm.slot_seconds));
    let ask_by = answer_by.plus_seconds(-rhythm.lead_seconds);
    let question = Approval { ask_by, answer_by, asked_at: None, evidence: None, withdrawn: None, answer: None };
    is_needed(state, swap).then_some(question)
}

/// Whether a swap waits, over others too, for one that a person has not answered.
pub fn is_held_up(state: &State, swap: &Swap) -> bool {
    let (mut seen, mut open) = (BTreeSet::new(), swap.depends_on.clone());
    while let Some(id) = open.pop() {
        let Some(other) = state.swaps.get(&id).filter(|_| seen.insert(id)) else { continue };
        if other.is_unanswered() {
            return true;
        }
        open.extend(&other.depends_on);
    }
    false
}

/// Whether it is a person's doing that a swap which runs out of time, `began` the state that it was in, has not got
/// on: what its own program did is its own.
pub(super) fn was_kept_waiting(state: &State, swap: &Swap, began: SwapState) -> bool {
    let waits_there = !swap.moves() || matches!(began, SwapState::Planned | SwapState::Reserved | SwapState::Shadow);
    let is_asked = began == SwapState::AwaitingApproval || swap.is_answered_late();
    let waits = is_asked || waits_there && (swap.kept_waiting || is_held_up(state, swap));
    let kept = |i: &Instance| i.kept_by_program.contains(&swap.slot);
    waits && !state.instances.get(&swap.instance).is_some_and(kept)
}

/// What a swap that was done has missed of its slot and those after it, for a person's sake, is the exchange's doing.
pub(super) fn note_late(state: &State, instance: &mut Instance, swap: &Swap, now: Timestamp) {
    if !swap.is_answered_late() && !swap.kept_waiting {
        return;
    }
    let seconds = state.market.rhythm.slot_seconds;
    let last = Slot::containing(now, seconds).max(swap.slot);
    let slots = (0..).map(|n| swap.slot.plus(n, seconds)).take_while(|slot| *slot <= last);
    instance.failed_by_exchange.extend(slots.filter(|slot| *slot >= state.market.settled_until));
}

/// A swap has ended: whoever waited for it, and was kept waiting for a person or is left without room by one, is not
/// at fault for that. `by_exchange`: it did not come about, and is put down to the exchange.
pub(super) fn note_waiting(turn: &mut Turn<'_>, ended: &Swap, by_exchange: bool) {
    let refused = matches!(ended.state, SwapState::Rejected | SwapState::Expired);
    let waited = ended.approval.is_some() || ended.kept_waiting;
    let is_cause = refused || waited && (ended.state == SwapState::Done || ended.kept_waiting && by_exchange);
    if !is_cause {
        return;
    }
    let waits = |s: &&Swap| s.depends_on.contains(&ended.id) && !s.kept_waiting;
    for swap in turn.state.swaps.values().filter(waits).cloned().collect::<Vec<_>>() {
        turn.emit(Event::SwapChanged(Box::new(Swap { kept_waiting: true, ..swap })));
    }
}

/// A workload that is to run no more is moved nowhere: nobody needs to answer for that. Its worker drops the copy, and the
/// move ends as its own doing.
pub(crate) fn withdraw_of(turn: &mut Turn<'_>, id: InstanceId, reason: &str) {
    let Some(instance) = turn.state.instances.get(&id).filter(|i| i.state == InstanceState::Running) else { return };
    if let Some(swap) = instance.swap.and_then(|swap| turn.state.swaps.get(&swap)).cloned() {
        withdraw(turn, swap, reason, "the workload runs no more");
    }
}

/// Nobody needs to answer for a move any more, if somebody was to.
pub(super) fn withdraw(turn: &mut Turn<'_>, mut swap: Swap, reason: &str, detail: &str) {
    let open = swap.is_unanswered() && swap.cancel_requested.is_none();
    let Some(approval) = swap.approval.as_mut().filter(|a| open && a.withdrawn.is_none()) else { return };
    approval.withdrawn = Some(Withdrawn { reason: reason.to_owned(), detail: detail.to_owned() });
    turn.emit(Event::SwapChanged(Box::new(swap)));
}
