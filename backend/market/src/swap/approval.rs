//! Moves that a person has to approve before they begin.
//!
//! A pool may say so (`Pool::move_approval`): then who is to be taken into it or out of it waits in AWAITING_APPROVAL
//! until an operator or admin has answered, and nothing is done on a node before that. Without an answer by the end
//! of its slot the move has expired: after that it would make true what nobody has bought. A resize asks nobody.
//!
//! Neither who bought nor who sold is at fault for a no, or for an answer that comes late or never: what was won is
//! credited, and who sold it is paid, by the exchange (rule book §6). That goes for the workload itself and
//! for those whose swaps waited for it.
//!
//! Whoever depends on a move that waits ends with its own slot at the latest: resizes wait in PLANNED, and moves are
//! not begun meanwhile, so that no shadow run runs out of its time for it.
//!
//! Absent on purpose: an approval by the exchange itself. What waits when a pool asks for it no more is still to be
//! answered: nobody has looked at it yet.
pub use crate::records::swap::{Approval, MoveVerdict};
pub use crate::swap::blame::{EXPIRED, REJECTED};
pub use crate::swap::waiting::is_held_up;

use crate::event::Event;
use crate::ids::{InstanceId, SwapId, UserId};
use crate::pool::admin::{change_settings, pool_to_set};
use crate::printable::check_reason;
use crate::records::pool::{Pool, PoolSlug};
use crate::records::swap::{ApprovalAnswer, Swap, SwapState};
use crate::refusal::{Refusal, conflict, not_found};
use crate::swap::{phase, saga, waiting};
use crate::time::Slot;
use crate::turn::Turn;

/// Turns the question on or off for a pool; what is planned already stays as it is.
pub fn set(
    turn: &mut Turn<'_>,
    slug: &str,
    required: bool,
    expected_version: Option<u64>,
) -> Result<PoolSlug, Refusal> {
    let pool = pool_to_set(turn.state, slug, expected_version)?;
    change_settings(turn, &pool, Pool { move_approval: required, ..pool.clone() });
    Ok(slug.to_owned())
}

/// What a person says to a move.
pub struct Answering {
    pub verdict: MoveVerdict,
    pub reason: Option<String>,
    pub by: UserId,
}

/// Answers a move that waits. The same answer by the same person again is answered as before.
pub fn answer(turn: &mut Turn<'_>, id: SwapId, answering: Answering) -> Result<SwapId, Refusal> {
    let Answering { verdict, reason, by } = answering;
    if verdict == MoveVerdict::Rejected || reason.is_some() {
        check_reason(reason.as_deref().unwrap_or_default())?;
    }
    let mut swap = turn.state.swaps.get(&id).cloned().ok_or_else(|| not_found("swap"))?;
    let Some(approval) = swap.approval.as_mut() else { return Err(nobody_asked(&swap)) };
    match &approval.answer {
        Some(made) if made.by == by && made.verdict == verdict => return Ok(id),
        Some(made) => return Err(answered(made)),
        None => {}
    }
    if swap.cancel_requested.is_some() {
        let detail = "Somebody has cancelled it, and it ends in a moment. What it is needed for is planned again.";
        return Err(conflict("swap_cancelled", detail));
    }
    if turn.now >= approval.answer_by {
        let detail =
            format!("It was to be answered by {}, and expires. The next one can be approved.", approval.answer_by);
        return Err(conflict("answer_too_late", detail));
    }
    approval.answer = Some(ApprovalAnswer { verdict, by, at: turn.now, reason: reason.clone() });
    match verdict {
        MoveVerdict::Approved => {
            phase::enter(
                &mut swap,
                SwapState::Reserved,
                turn.now,
                Some(reason.unwrap_or_else(|| "approved".to_owned())),
            );
            turn.emit(Event::SwapChanged(Box::new(swap)));
        }
        MoveVerdict::Rejected => saga::end(turn, swap, REJECTED, reason.unwrap_or_default()),
    }
    Ok(id)
}

/// Why there is nothing to answer: it waits for nobody, or did not before it ended.
pub fn nobody_asked(swap: &Swap) -> Refusal {
    let why = if swap.moves() {
        "its pools did not ask for an approval when it was planned"
    } else {
        "a resize needs nobody's approval"
    };
    let next = match swap.state.is_terminal() {
        true => format!("It has ended ({}).", swap.state.name()),
        false => "Cancel it if it is not to go on.".to_owned(),
    };
    conflict("approval_not_needed", format!("There is nothing to answer: {why}. {next}"))
}

/// Why an answer comes after another one.
pub fn answered(made: &ApprovalAnswer) -> Refusal {
    let (what, next) = match made.verdict {
        MoveVerdict::Approved => ("approved", "Cancel it if it is not to go on."),
        MoveVerdict::Rejected => ("rejected", "The workload may be moved again once it is pinned no more."),
    };
    conflict("swap_answered", format!("It was {what} at {} already. {next}", made.at))
}

fn blame(turn: &mut Turn<'_>, id: InstanceId, slot: Slot) {
    let Some(mut instance) = turn.state.instances.get(&id).cloned() else { return };
    if instance.failed_by_exchange.insert(slot) {
        turn.emit(Event::InstanceChanged(instance));
    }
}

/// Before a slot is settled: what still waits for an answer has expired, and what was kept waiting all the time is
/// not put down to members.
pub(crate) fn close(turn: &mut Turn<'_>, slot: Slot) {
    let of_slot = |s: &&Swap| s.slot <= slot && s.state == SwapState::AwaitingApproval;
    for swap in turn.state.swaps.values().filter(of_slot).cloned().collect::<Vec<_>>() {
        saga::expire(turn, swap);
    }
    let waits = |s: &&Swap| s.slot <= slot && waiting::was_kept_waiting(turn.state, s, s.state);
    let waiting: Vec<InstanceId> = turn.state.swaps.values().filter(waits).map(|s| s.instance).collect();
    waiting.into_iter().for_each(|id| blame(turn, id, slot));
}
