//! Moves that a person has to approve when their shadow run has passed.
//!
//! A pool may say so (`Pool::move_approval`): then who is to be taken into it or out of it is prepared as any move, and
//! waits in AWAITING_APPROVAL, with what its shadow run has shown, until an operator has answered. The run goes on
//! meanwhile: one that begins to differ ends the move, and nobody needs to answer. A resize asks nobody.
//!
//! An answer helps until the gate of the next slot closes: then less is left of the slot than the market takes to prepare
//! a move (the lead time), and what comes after it is planned. Whoever is asked has at least the lead time to look: a
//! shadow run that has not passed by then is out of time, and asks nobody. Moves off a draining node are planned with a
//! slot as all others, and are asked for until the same moment.
//!
//! Approved, it goes on in SHADOW until its slot has begun and its room is there; rejected, expired or withdrawn, its worker
//! drops the copy first and then ends it, so that no room is given away that a copy still has.
//!
//! Neither who bought nor who sold is at fault for a no, or for an answer that comes late or never: what was won is
//! credited, and who sold it is paid, by the exchange (rule book §6). That goes for the workload itself and
//! for those whose swaps waited for it. What is late as its shadow run was late is late as any move.
//!
//! Whoever depends on a move that is not answered ends with its own slot at the latest: resizes wait in PLANNED, and moves
//! are not begun meanwhile, so that no shadow run runs out of its time for it.
//!
//! Absent on purpose: an approval by the exchange itself, and a move without a shadow run. What waits when a pool asks for
//! it no more is still to be answered: nobody has looked at it yet.
pub use crate::records::swap::{Approval, MoveVerdict};
pub use crate::swap::blame::{EXPIRED, REJECTED};
pub use crate::swap::waiting::is_held_up;

use crate::event::Event;
use crate::ids::{InstanceId, SwapId, UserId};
use crate::pool::admin::{change_settings, pool_to_set};
use crate::printable::check_reason;
use crate::records::pool::{Pool, PoolSlug};
use crate::records::swap::{ApprovalAnswer, ShadowEvidence, Swap, SwapState};
use crate::refusal::{Refusal, conflict, not_found};
use crate::swap::{phase, waiting};
use crate::time::{Slot, Timestamp};
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
    let Some(approval) = &swap.approval else { return Err(nobody_asked(&swap)) };
    match &approval.answer {
        Some(made) if made.by == by && made.verdict == verdict => return Ok(id),
        Some(made) => return Err(answered(made)),
        None => {}
    }
    check_is_open(&swap, turn.now)?;
    if let Some(approval) = swap.approval.as_mut() {
        approval.answer = Some(ApprovalAnswer { verdict, by, at: turn.now, reason: reason.clone() });
    }
    if verdict == MoveVerdict::Approved {
        let detail = reason.unwrap_or_else(|| "approved".to_owned());
        phase::enter(&mut swap, SwapState::Shadow, turn.now, Some(detail));
    }
    turn.emit(Event::SwapChanged(Box::new(swap)));
    Ok(id)
}

/// Why a move ends as soon as its worker has dropped its copy, if so: the code, and what people read.
pub fn ending(swap: &Swap) -> Option<(&str, &str)> {
    let approval = swap.approval.as_ref().filter(|_| swap.is_live())?;
    let rejected = approval.answer.as_ref().filter(|a| a.verdict == MoveVerdict::Rejected);
    let withdrawn = approval.withdrawn.as_ref().map(|w| (w.reason.as_str(), w.detail.as_str()));
    rejected.map(|a| (REJECTED, a.reason.as_deref().unwrap_or_default())).or(withdrawn)
}

/// Whether a move that nobody has answered can be answered now.
fn check_is_open(swap: &Swap, now: Timestamp) -> Result<(), Refusal> {
    check_goes_on(swap)?;
    if swap.cancel_requested.is_some() {
        let detail = "Somebody has cancelled it, and it ends in a moment. What it is needed for is planned again.";
        return Err(conflict("swap_cancelled", detail));
    }
    if swap.state != SwapState::AwaitingApproval {
        let detail =
            "Its shadow run has not passed yet: there is nothing to look at. Cancel the move if it is not to go on.";
        return Err(conflict("not_asked_yet", detail));
    }
    match &swap.approval {
        Some(approval) if now >= approval.answer_by => {
            let by = approval.answer_by;
            let detail = format!("It was to be answered by {by}, and expires. The next one can be approved.");
            Err(conflict("answer_too_late", detail))
        }
        _ => Ok(()),
    }
}

/// Whether nobody has ended a move before that waits only for its copy to be dropped.
pub(crate) fn check_goes_on(swap: &Swap) -> Result<(), Refusal> {
    let Some(approval) = &swap.approval else { return Ok(()) };
    match (&approval.answer, &approval.withdrawn) {
        (Some(made), _) if made.verdict == MoveVerdict::Rejected => Err(answered(made)),
        (_, Some(withdrawn)) => {
            let detail = format!("It ends in a moment, and needs no answer any more: {}.", withdrawn.detail);
            Err(conflict("swap_withdrawn", detail))
        }
        _ => Ok(()),
    }
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

/// The shadow run has passed: a person is asked.
pub(super) fn ask(swap: &mut Swap, evidence: Option<ShadowEvidence>, now: Timestamp) {
    if let Some(approval) = swap.approval.as_mut() {
        approval.asked_at = approval.asked_at.or(Some(now));
        approval.evidence = evidence.map(|seen| ShadowEvidence { at: now, ..seen });
    }
}

/// The shadow run goes on, and has shown more.
pub(super) fn note_evidence(turn: &mut Turn<'_>, mut swap: Swap, evidence: ShadowEvidence) {
    swap.positions_compared = swap.positions_compared.max(evidence.positions_compared);
    ask(&mut swap, Some(evidence), turn.now);
    turn.emit(Event::SwapChanged(Box::new(swap)));
}

/// The process has ended while a move was prepared or its question waited: the copy is gone with it. It is prepared again
/// from the workload's new epoch, and keeps its answer.
pub(crate) fn prepare_again(turn: &mut Turn<'_>, mut swap: Swap, epoch: u64) {
    swap.epoch = epoch;
    if swap.state.has_begun() {
        (swap.positions_compared, swap.kept_waiting) = (0, true);
        if let Some(approval) = swap.approval.as_mut() {
            approval.evidence = None;
        }
        let detail = "the process ended in this phase: it is prepared again".to_owned();
        phase::enter(&mut swap, SwapState::Reserved, turn.now, Some(detail));
    }
    turn.emit(Event::SwapChanged(Box::new(swap)));
}

/// Before a slot is settled: what still waits for an answer, and what was kept waiting all the time, is not put down to
/// members. Its worker ends it.
pub(crate) fn close(turn: &mut Turn<'_>, slot: Slot) {
    let waits = |s: &&Swap| s.slot <= slot && waiting::was_kept_waiting(turn.state, s, s.state);
    let waiting: Vec<InstanceId> = turn.state.swaps.values().filter(waits).map(|s| s.instance).collect();
    for id in waiting {
        let Some(mut instance) = turn.state.instances.get(&id).cloned() else { continue };
        if instance.failed_by_exchange.insert(slot) {
            turn.emit(Event::InstanceChanged(instance));
        }
    }
}
