//! The states of a swap: entering one, how long it may last, and what ends before it has begun.
use crate::event::Event;
use crate::records::swap::{Phase, Swap, SwapState};
use crate::records::workload::Instance;
use crate::swap::blame::SUPERSEDED;
use crate::time::Timestamp;
use crate::turn::Turn;
use crate::workload::relocation;

/// How long a state may last before the swap is given up, in seconds. SHADOW has longer:
/// it waits for inputs.
const PHASE_LIMIT_SECONDS: i64 = 60;
const SHADOW_LIMIT_SECONDS: i64 = 120;

/// Whether the present phase has outlived its limit. One that has not begun waits as long as its slot lasts: after that it
/// would make true what nobody has bought. Where a person is to answer, there is time for that as well (`approval.rs`).
pub fn is_out_of_time(swap: &Swap, now: Timestamp, slot_seconds: i64) -> bool {
    match swap.approval.as_ref().filter(|_| swap.is_unanswered()) {
        Some(asked) if swap.state == SwapState::AwaitingApproval => return now >= asked.answer_by,
        Some(asked) if !swap.state.is_fenced() && now >= asked.ask_by => return true,
        _ => {}
    }
    let limit = match swap.state {
        state if !state.has_begun() => return now >= swap.slot.plus(1, slot_seconds).start(),
        SwapState::Shadow => SHADOW_LIMIT_SECONDS,
        _ => PHASE_LIMIT_SECONDS,
    };
    swap.phases.last().is_some_and(|p| now >= p.started_at.plus_seconds(limit))
}

/// Whether nothing has been done yet for a swap that may wait long: another one may come before it at once.
pub(crate) fn gives_way(swap: &Swap) -> bool {
    swap.state == SwapState::Planned && !swap.moves()
}

/// Ends a swap that has not begun, as another one comes before it.
pub(crate) fn supersede(turn: &mut Turn<'_>, swap: Swap, detail: &str) {
    drop_it(turn, swap, SUPERSEDED, detail);
}

/// Ends a swap of which nothing is left on any node, and nobody is at fault.
pub(crate) fn drop_it(turn: &mut Turn<'_>, mut swap: Swap, reason: &str, detail: &str) {
    enter(&mut swap, SwapState::Aborted, turn.now, Some(detail.to_owned()));
    swap.reason = Some(reason.to_owned());
    swap.ended_at = Some(turn.now);
    if let Some(mut instance) = turn.state.instances.get(&swap.instance).cloned() {
        relocation::after(&mut instance, &swap, turn.now);
        turn.emit(Event::SwapChanged(Box::new(swap)));
        turn.emit(Event::InstanceChanged(Instance { swap: None, ..instance }));
    }
}

pub(crate) fn enter(swap: &mut Swap, state: SwapState, now: Timestamp, detail: Option<String>) {
    if let Some(phase) = swap.phases.last_mut() {
        phase.ended_at = Some(now);
        if phase.detail.is_none() {
            phase.detail = detail;
        }
    }
    let ended_at = state.is_terminal().then_some(now);
    swap.phases.push(Phase { state, started_at: now, ended_at, detail: None });
    swap.state = state;
}
