//! Swaps that wait for a person, and those that wait for them: nobody but the exchange is at fault for that.
use crate::event::Event;
use crate::ids::{InstanceId, SwapId};
use crate::records::pool::PoolSlug;
use crate::records::swap::{Approval, Swap, SwapState};
use crate::records::workload::{Instance, InstanceState};
use crate::state::State;
use crate::swap::phase;
use crate::time::{Slot, Timestamp};
use crate::turn::Turn;
use std::collections::BTreeSet;

/// Whether a person has to be asked before a swap begins.
fn is_needed(state: &State, swap: &Swap) -> bool {
    let asks = |slug: &PoolSlug| state.pools.get(slug).is_some_and(|pool| pool.move_approval);
    swap.moves() && (asks(&swap.pool_from) || asks(&swap.pool_to))
}

/// Has a swap that was just planned wait for a person, where one is to be asked.
pub(super) fn ask(turn: &mut Turn<'_>, id: SwapId) {
    let Some(swap) = turn.state.swaps.get(&id).filter(|swap| is_needed(turn.state, swap)) else { return };
    let mut swap = swap.clone();
    let answer_by = turn.state.market.rhythm.slot_end(swap.slot);
    swap.approval = Some(Approval { answer_by, answer: None });
    phase::enter(&mut swap, SwapState::AwaitingApproval, turn.now, Some("a person is asked".to_owned()));
    turn.emit(Event::SwapChanged(Box::new(swap)));
}

/// Whether a swap waits, over others too, for one that waits for a person.
pub fn is_held_up(state: &State, swap: &Swap) -> bool {
    let (mut seen, mut open) = (BTreeSet::new(), swap.depends_on.clone());
    while let Some(id) = open.pop() {
        let Some(other) = state.swaps.get(&id).filter(|_| seen.insert(id)) else { continue };
        if other.state == SwapState::AwaitingApproval {
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
    let waits = swap.is_answered_late() || waits_there && (swap.kept_waiting || is_held_up(state, swap));
    let kept = |i: &Instance| i.kept_by_program.contains(&swap.slot);
    waits && !state.instances.get(&swap.instance).is_some_and(kept)
}

/// What a swap that was done has missed of its slot, for a person's sake, is the exchange's doing; where the answer came
/// late, of the slots after it, too.
pub(super) fn note_late(state: &State, instance: &mut Instance, swap: &Swap, now: Timestamp) {
    if swap.approval.is_none() && !swap.kept_waiting {
        return;
    }
    let seconds = state.market.rhythm.slot_seconds;
    let is_late = swap.is_answered_late() || swap.kept_waiting;
    let last = if is_late { Slot::containing(now, seconds).max(swap.slot) } else { swap.slot };
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

/// A workload that runs no more is moved nowhere: what waits for a person is over, as its own doing. Answers whether
/// nothing else is under way for it.
pub(crate) fn withdraw(turn: &mut Turn<'_>, id: InstanceId, reason: &'static str) -> bool {
    let Some(instance) = turn.state.instances.get(&id) else { return true };
    let Some(swap) = instance.swap.and_then(|swap| turn.state.swaps.get(&swap)) else { return true };
    if swap.state != SwapState::AwaitingApproval || instance.state != InstanceState::Running {
        return false;
    }
    phase::drop_unbegun(turn, swap.clone(), reason, "the workload runs no more");
    true
}
