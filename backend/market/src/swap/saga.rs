//! The state machine of a swap order. Pure: the worker performs the effect of the present
//! state and reports its result; this decides what comes next.
//!
//! Move: PLANNED → RESERVED → SNAPSHOT → TRANSFERRED → SHADOW → [AWAITING_APPROVAL → SHADOW] → FENCED →
//! ACTIVATED → VERIFIED → RELEASED → DONE. Resize: PLANNED → RESERVED → ACTIVATED → VERIFIED → DONE.
//! Entering a state writes the intent of its effect; the result of that effect is written
//! when the next one is entered. Before FENCED a failure leaves the source untouched
//! (ABORTED); from FENCED on the source resumes under a new epoch (ROLLED_BACK). Where a person is asked, that is when the
//! shadow run has passed, and it goes on meanwhile; what they refuse, or do not answer, ends before the fence
//! (REJECTED, EXPIRED; `approval.rs`).
use crate::command::Reply;
use crate::event::Event;
use crate::ids::{ParticipantId, SwapId};
pub use crate::records::swap::{StepReport, StepResult};
use crate::records::swap::{Swap, SwapState};
use crate::records::workload::Instance;
use crate::refusal::{Refusal, not_found};
use crate::swap::blame::{self, Blame, CANCELLED_BY_OPERATOR, DEADLINE, EXPIRED, MEMORY_IN_USE, REJECTED};
pub use crate::swap::blame::{RESTARTED, SUPERSEDED};
pub use crate::swap::phase::is_out_of_time;
use crate::swap::phase::{self, enter};
use crate::swap::{approval, plan, recall, waiting};
use crate::turn::Turn;
use crate::units::Amounts;
use crate::workload::{away, hold_time, relocation, run, vacate};

/// The most differences that are kept with a swap.
pub const MOST_DIFFERENCES: usize = 100;

/// Takes a step; a result for another state than the present one is an old message and
/// changes nothing.
pub fn step(turn: &mut Turn<'_>, id: SwapId, result: StepResult) -> bool {
    let Some(swap) = turn.state.swaps.get(&id) else { return false };
    let mut swap = swap.clone();
    let mut by_exchange = false;
    // It was approved while its worker found out that its shadow run had ended: the copy is dropped already.
    let is_late = |of: SwapState| of == SwapState::AwaitingApproval && swap.state == SwapState::Shadow;
    let ends = |of: SwapState| of == swap.state || is_late(of);
    match result {
        StepResult::Failed { state, .. } | StepResult::OutOfTime { state }
            if ends(state) && approval::ending(&swap).is_some() =>
        {
            return end_as_said(turn, swap);
        }
        // What waits for a person has no next state, so no effect of it can have succeeded.
        StepResult::Succeeded { state, report } if state == swap.state && swap.next().is_some() => {
            succeed(turn, &mut swap, report);
        }
        StepResult::Failed { state, reason, detail, report } if ends(state) => {
            take_report(&mut swap, report);
            by_exchange = fail(turn, &mut swap, reason, detail);
        }
        StepResult::InUse { state } if state == swap.state && swap.in_use_since.is_none() => {
            swap.in_use_since = Some(turn.now);
            keep(turn, &swap);
        }
        StepResult::GaveBack { state, in_force } if state == swap.state && !swap.moves() => {
            set_in_force(turn, &swap, in_force);
        }
        StepResult::TookAtOnce { state, in_force } if state == swap.state && !swap.at_once.is_empty() => {
            swap.at_once.clear();
            set_in_force(turn, &swap, in_force);
        }
        StepResult::Compared { state, evidence } if state == swap.state && swap.waits_for_answer() => {
            approval::note_evidence(turn, swap, evidence);
            return true;
        }
        StepResult::OutOfTime { state } if state == swap.state && lacks_an_answer(&swap) => {
            let detail = "nobody has answered while that would have helped".to_owned();
            by_exchange = fail(turn, &mut swap, EXPIRED.to_owned(), detail);
        }
        StepResult::OutOfTime { state } if ends(state) => {
            by_exchange = fail(turn, &mut swap, DEADLINE.to_owned(), "the phase took longer than its limit".to_owned());
        }
        _ => return false,
    }
    tell(turn, swap, by_exchange);
    true
}

/// Whether it is a person who has not answered in time, or could not be asked any more: nothing is late by its own doing.
fn lacks_an_answer(swap: &Swap) -> bool {
    swap.waits_for_answer() || swap.is_unanswered() && !swap.state.has_begun()
}

/// A person has refused it, or nobody needed to answer for it any more, and its copy is dropped.
fn end_as_said(turn: &mut Turn<'_>, mut swap: Swap) -> bool {
    let Some((reason, detail)) = approval::ending(&swap).map(|(reason, detail)| (reason.to_owned(), detail.to_owned()))
    else {
        return false;
    };
    if reason == REJECTED {
        let by_exchange = fail(turn, &mut swap, reason, detail);
        tell(turn, swap, by_exchange);
        return true;
    }
    let (instance, slot) = (swap.instance, swap.slot);
    phase::drop_it(turn, swap.clone(), &reason, &detail);
    if reason == SUPERSEDED {
        recall::plan_withdrawn(turn, &swap);
    }
    run::stop_if_due(turn, instance);
    // Its driver says again that its program has failed. A stop may have been taken back.
    if reason != run::INSTANCE_FAILED {
        plan::plan_stayed(turn, instance, slot);
        plan::plan_after(turn, &swap);
    }
    true
}

/// Writes a swap as it is now, and what follows from its end. `by_exchange`: it did not come about, by the exchange's
/// own doing.
fn tell(turn: &mut Turn<'_>, swap: Swap, by_exchange: bool) {
    let failed_move = swap.moves() && swap.state != SwapState::Done;
    let done_on = (swap.state == SwapState::Done).then_some(swap.node_to);
    turn.emit(Event::SwapChanged(Box::new(swap.clone())));
    if swap.ended_at.is_some() {
        relocation::settle_in(turn, &swap);
        waiting::note_waiting(turn, &swap, by_exchange);
        if failed_move {
            plan::plan_stayed(turn, swap.instance, swap.slot);
        }
        plan::plan_after(turn, &swap);
        // What has failed is not tried again at once: two that fail would start each other for ever.
        if let Some(node) = done_on {
            recall::plan_waiting(turn, node, swap.slot);
        }
    }
}

/// A person asks for a swap to be stopped. The worker undoes its effects, then reports the
/// failure: aborted before the fence, rolled back after it.
pub fn cancel(
    turn: &mut Turn<'_>,
    swap: SwapId,
    participant: Option<ParticipantId>,
    reason: String,
) -> Result<Reply, Refusal> {
    let known = turn.state.swaps.get(&swap).filter(|s| participant.is_none_or(|p| p == s.participant));
    let mut known = known.cloned().ok_or_else(|| not_found("running swap"))?;
    approval::check_goes_on(&known)?;
    known.cancel_requested = Some(reason);
    turn.emit(Event::SwapChanged(Box::new(known)));
    Ok(Reply::Swap(swap))
}

/// Its own program keeps what its slot was sold without.
fn keep(turn: &mut Turn<'_>, swap: &Swap) {
    let Some(mut instance) = turn.state.instances.get(&swap.instance).cloned() else { return };
    if instance.kept_by_program.insert(swap.slot) {
        turn.emit(Event::InstanceChanged(instance));
    }
}

/// What was given back is others' from now on, and what was taken its own, whatever becomes of the swap.
fn set_in_force(turn: &mut Turn<'_>, swap: &Swap, in_force: Amounts) {
    if let Some(instance) = turn.state.instances.get(&swap.instance).cloned() {
        turn.emit(Event::InstanceChanged(Instance { in_force, ..instance }));
    }
}

fn succeed(turn: &mut Turn<'_>, swap: &mut Swap, report: StepReport) {
    let detail = report.detail.clone();
    let (in_force, suspended) = (report.in_force.clone(), report.suspended.clone());
    let evidence = report.evidence.clone();
    take_report(swap, report);
    let Some(next) = swap.next() else { return };
    enter(swap, next, turn.now, detail);
    if next == SwapState::AwaitingApproval {
        approval::ask(swap, evidence, turn.now);
    }
    let Some(mut instance) = turn.state.instances.get(&swap.instance).cloned() else { return };
    match next {
        // Placement epoch + 1 is durable before the source is stopped.
        SwapState::Fenced => instance.epoch = swap.epoch + 1,
        SwapState::Verified => {
            instance.in_force = in_force.unwrap_or_else(|| swap.limits_to.clone());
            instance.node = swap.node_to;
            relocation::arrive(&mut instance, swap);
            if swap.moves() {
                hold_time::record(&mut instance, turn.now, turn.state.market.rhythm.slot_seconds);
            } else {
                vacate::note(&mut instance, suspended, turn.now);
            }
        }
        SwapState::Done => {
            swap.ended_at = Some(turn.now);
            relocation::after(&mut instance, swap, turn.now);
            instance.swap = None;
            waiting::note_late(turn.state, &mut instance, swap, turn.now);
            away::after(&mut instance, swap);
        }
        _ => return,
    }
    turn.emit(Event::InstanceChanged(instance));
}

/// Answers whether it is put down to the exchange.
fn fail(turn: &mut Turn<'_>, swap: &mut Swap, reason: String, detail: String) -> bool {
    let began = swap.state;
    let blame = blame::of(&reason);
    let fenced = swap.state.is_fenced() && swap.moves();
    // The target already carries the load once VERIFIED has passed: what remains is tidying up.
    if swap.state == SwapState::Released {
        enter(swap, SwapState::Done, turn.now, Some(detail));
    } else {
        let end = match reason.as_str() {
            blame::REJECTED => SwapState::Rejected,
            blame::EXPIRED => SwapState::Expired,
            _ if fenced => SwapState::RolledBack,
            _ => SwapState::Aborted,
        };
        enter(swap, end, turn.now, Some(detail));
        swap.reason = Some(reason.clone());
    }
    swap.ended_at = Some(turn.now);
    let Some(mut instance) = turn.state.instances.get(&swap.instance).cloned() else { return false };
    relocation::after(&mut instance, swap, turn.now);
    instance.swap = None;
    // What is in its shadow run when its slot begins is late by its own program's or others' doing,
    // and not the exchange's, whoever puts an end to it.
    let is_answered_late = swap.is_answered_late() || swap.kept_waiting;
    let late = swap.moves() && began == SwapState::Shadow && turn.now >= swap.slot.start() && !is_answered_late;
    let kept_waiting = reason == DEADLINE && waiting::was_kept_waiting(turn.state, swap, began);
    let by_exchange = kept_waiting || blame == Blame::Exchange && !(late && reason == CANCELLED_BY_OPERATOR);
    if swap.state != SwapState::Done && by_exchange {
        instance.failed_by_exchange.insert(swap.slot);
    }
    // Who is moved gives nothing back to others: it lends nothing. Whoever shrinks does.
    if !swap.moves() && blame == Blame::Program {
        instance.kept_by_program.insert(swap.slot);
    }
    if reason == MEMORY_IN_USE && !swap.moves() {
        vacate::forget(&mut instance);
    }
    if swap.state == SwapState::RolledBack {
        instance.epoch = instance.epoch.max(swap.epoch + 1) + 1;
        instance.node = swap.node_from;
        instance.in_force = swap.limits_from.clone();
    }
    let stranded = swap.moves() && swap.state != SwapState::Done && instance.is_away();
    if let Some(away) = instance.away.as_mut().filter(|_| stranded) {
        away.stranded = true;
    }
    let goes = instance.away.filter(|_| swap.moves() && swap.state != SwapState::Done && !instance.is_away());
    if let Some(away) = goes.filter(|_| by_exchange) {
        // It is not tried again: all that it had won there fails by the exchange.
        let seconds = turn.state.market.rhythm.slot_seconds;
        instance.failed_by_exchange.extend(away::slots_from(away, swap.slot, seconds));
    }
    away::after(&mut instance, swap);
    if swap.moves() && swap.state != SwapState::Done {
        let slot_seconds = turn.state.market.rhythm.slot_seconds;
        instance.pinned_until = Some(turn.now.plus_seconds(hold_time::SLOTS_AFTER_FAILURE * slot_seconds));
        instance.pinned_by_exchange = by_exchange;
        instance.pinned_by_program = blame == Blame::Program;
    }
    let id = instance.id;
    turn.emit(Event::InstanceChanged(instance));
    // A program that won't be brought home would keep for nothing what others are sold. One that has more memory
    // in use than it has at home gives it back first, where it is, or is ended for that.
    if reason == vacate::VACATED {
        run::vacate(turn, id);
    }
    if stranded && blame == Blame::Program && reason != MEMORY_IN_USE {
        let detail = format!("It could not be brought home ({reason}): its program was not shown to run there.");
        let _known = run::fail(turn, id, detail);
    }
    by_exchange
}

fn take_report(swap: &mut Swap, report: StepReport) {
    swap.bytes += report.bytes;
    swap.downtime_micros = report.downtime_micros.or(swap.downtime_micros);
    swap.forecast = report.forecast.or(swap.forecast.take());
    swap.positions_compared = swap.positions_compared.max(report.positions_compared);
    if report.difference_count > 0 {
        swap.difference_count = report.difference_count;
        swap.differences = report.differences;
        swap.differences.truncate(MOST_DIFFERENCES);
    }
}
