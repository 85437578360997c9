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
use super::saga;
use crate::event::Event;
use crate::ids::{InstanceId, SwapId, UserId};
use crate::pool::admin::{change_settings, pool_to_set};
use crate::pool::{Pool, PoolSlug};
use crate::printable::check_reason;
use crate::refusal::{Refusal, conflict, not_found};
use crate::state::State;
use crate::swap::{Swap, SwapState};
use crate::time::{Slot, Timestamp};
use crate::turn::Turn;
use crate::workload::{Instance, InstanceState};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Reason of a move that a person did not want.
pub const REJECTED: &str = "rejected_by_operator";
/// Reason of a move that nobody has answered in time.
pub const EXPIRED: &str = "approval_expired";

/// That a move had to be approved, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Approval {
    /// Without an answer by then it expires: the end of its slot.
    pub answer_by: Timestamp,
    /// `null` while nobody has answered.
    pub answer: Option<ApprovalAnswer>,
}

/// Who answered, when, and what they said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ApprovalAnswer {
    pub verdict: MoveVerdict,
    pub by: UserId,
    pub at: Timestamp,
    pub reason: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum MoveVerdict {
    Approved,
    Rejected,
}

impl Swap {
    /// The answer that it waits for has not come before its slot began.
    fn is_answered_late(&self) -> bool {
        let late = |a: &ApprovalAnswer| a.at >= self.slot.start();
        self.approval.as_ref().is_some_and(|a| a.answer.as_ref().is_none_or(late))
    }
}

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
    saga::enter(&mut swap, SwapState::AwaitingApproval, turn.now, Some("a person is asked".to_owned()));
    turn.emit(Event::SwapChanged(Box::new(swap)));
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
            saga::enter(
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
        expire(turn, swap);
    }
    let waits = |s: &&Swap| s.slot <= slot && was_kept_waiting(turn.state, s, s.state);
    let waiting: Vec<InstanceId> = turn.state.swaps.values().filter(waits).map(|s| s.instance).collect();
    waiting.into_iter().for_each(|id| blame(turn, id, slot));
}

/// Nobody has answered.
pub(super) fn expire(turn: &mut Turn<'_>, swap: Swap) {
    saga::end(turn, swap, EXPIRED, "nobody has answered before its slot was over".to_owned());
}

/// A workload that runs no more is moved nowhere: what waits for a person is over, as its own doing. Answers whether
/// nothing else is under way for it.
pub(crate) fn withdraw(turn: &mut Turn<'_>, id: InstanceId, reason: &'static str) -> bool {
    let Some(instance) = turn.state.instances.get(&id) else { return true };
    let Some(swap) = instance.swap.and_then(|swap| turn.state.swaps.get(&swap)) else { return true };
    if swap.state != SwapState::AwaitingApproval || instance.state != InstanceState::Running {
        return false;
    }
    saga::drop_unbegun(turn, swap.clone(), reason, "the workload runs no more");
    true
}
