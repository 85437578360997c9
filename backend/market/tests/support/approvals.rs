//! People who answer for moves at random, and an auditor of what came of it.
#![allow(dead_code)]
use super::world::{RHYTHM, World};
use super::world_steps::{blame, nothing_planned_is_missed};
use headroom_market::command::{Command, Reply};
use headroom_market::event::Event;
use headroom_market::ids::{SwapId, UserId};
use headroom_market::swap::approval::{self, MoveVerdict};
use headroom_market::swap::saga::{StepReport, StepResult, is_out_of_time};
use headroom_market::swap::{ShadowEvidence, Swap, SwapState};
use headroom_market::time::Timestamp;
use headroom_market::units::{Credits, Share};
use std::collections::BTreeSet;

pub fn person(n: u128) -> UserId {
    UserId::from_raw(n)
}

pub fn answer(swap: SwapId, verdict: MoveVerdict, reason: Option<&str>, by: UserId) -> Command {
    Command::AnswerSwap { swap, verdict, reason: reason.map(str::to_owned), by }
}

pub fn credits(text: &str) -> Credits {
    text.parse().unwrap()
}

pub fn require(world: &mut World, pool: &str) {
    let reply = world.run(Command::SetMoveApproval { pool: pool.into(), required: true, expected_version: None });
    assert!(matches!(reply, Reply::Pool(_)), "{reply:?}");
}

pub fn share(text: &str) -> Share {
    text.parse().unwrap()
}

pub fn refused(reply: &Reply) -> &'static str {
    match reply {
        Reply::Refused(refusal) => refusal.code,
        other => panic!("{other:?}"),
    }
}

/// Ends what was rejected or withdrawn, as its worker does once the copy is dropped; whether there was anything to end.
pub fn end_as_said(world: &mut World, id: SwapId) -> bool {
    let swap = world.state.swaps[&id].clone();
    let Some((reason, _)) = approval::ending(&swap) else { return false };
    let (state, reason, detail, report) = (swap.state, reason.to_owned(), String::new(), StepReport::default());
    // It may find out something else first: what was said before that counts.
    let result = match world.chance.below(3) {
        0 => StepResult::OutOfTime { state },
        1 => StepResult::Failed { state, reason: "shadow_mismatch".into(), detail, report },
        _ => StepResult::Failed { state, reason, detail, report },
    };
    world.run(Command::StepSwap { swap: id, result });
    assert!(!world.state.swaps.contains_key(&id), "it has ended");
    nothing_planned_is_missed(world, swap.instance, swap.slot);
    true
}

/// One that waits is approved or rejected, sometimes by two people at once, or not answered; now and then somebody
/// cancels it, its shadow run differs or shows more, and when its time is over the worker says so.
pub fn answer_or_not(world: &mut World, id: SwapId) {
    // What its workload and those that wait for it miss is the exchange's doing from now on.
    blame(world, id);
    let swap = world.state.swaps[&id].clone();
    let state = swap.state;
    let (detail, report) = ("test".to_owned(), StepReport::default());
    if swap.approval.as_ref().is_some_and(|a| a.answer_by <= world.now) {
        let late = world.run(answer(id, MoveVerdict::Approved, None, person(1)));
        assert!(matches!(&late, Reply::Refused(r) if r.code == "answer_too_late"), "{late:?}");
        world.run(Command::StepSwap { swap: id, result: StepResult::OutOfTime { state } });
    } else {
        match world.chance.below(9) {
            0 | 1 => {
                let rejected = world.run(answer(id, MoveVerdict::Rejected, Some("not now"), person(1)));
                assert!(matches!(rejected, Reply::Swap(_)), "{rejected:?}");
                let cancel = Command::CancelSwap { swap: id, participant: None, reason: "too".into() };
                let refused = world.run(cancel);
                assert!(matches!(&refused, Reply::Refused(r) if r.code == "swap_answered"), "{refused:?}");
            }
            2..=4 => {
                let approved = world.run(answer(id, MoveVerdict::Approved, None, person(1)));
                assert!(matches!(approved, Reply::Swap(_)), "{approved:?}");
                let other = world.run(answer(id, MoveVerdict::Rejected, Some("no"), person(2)));
                assert!(matches!(&other, Reply::Refused(r) if r.code == "swap_answered"), "{other:?}");
                assert_eq!(world.state.swaps[&id].state, SwapState::Shadow, "it is mirrored until its slot begins");
                return;
            }
            5 => {
                let reason = "cancelled_by_operator".to_owned();
                world.run(Command::StepSwap { swap: id, result: StepResult::Failed { state, reason, detail, report } });
            }
            6 => {
                // No worker gets it on.
                let result = StepResult::Succeeded { state, report };
                world.run(Command::StepSwap { swap: id, result });
            }
            7 => {
                let compared = swap.positions_compared * 2 + 1;
                let result = StepResult::Compared { state, evidence: evidence(compared) };
                world.run(Command::StepSwap { swap: id, result });
                assert_eq!(world.state.swaps[&id].positions_compared, compared);
            }
            _ if world.chance.below(2) == 0 => {
                let reason = "shadow_mismatch".to_owned();
                world.run(Command::StepSwap { swap: id, result: StepResult::Failed { state, reason, detail, report } });
            }
            _ => {}
        }
    }
    match world.state.swaps.get(&id) {
        Some(waits) => assert_eq!(waits.state, SwapState::AwaitingApproval),
        None => nothing_planned_is_missed(world, swap.instance, swap.slot),
    }
}

/// What its worker says of a move that a person is to be asked about and for which it is too late now, if it is.
pub fn out_of_time(world: &mut World, id: SwapId) -> Option<StepResult> {
    let swap = world.state.swaps[&id].clone();
    let is_late = swap.is_unanswered() && is_out_of_time(&swap, world.now, RHYTHM.slot_seconds);
    if is_late && (!swap.state.has_begun() || swap.kept_waiting) {
        blame(world, id);
    }
    is_late.then_some(StepResult::OutOfTime { state: swap.state })
}

/// What a shadow run has shown at so many inputs.
pub fn evidence(positions_compared: i64) -> ShadowEvidence {
    let at = Timestamp::from_seconds(0);
    let (live_latency_micros, shadow_latency_micros) = (200, 300);
    let states_compared = positions_compared;
    ShadowEvidence { at, positions_compared, states_compared, lag: 0, live_latency_micros, shadow_latency_micros }
}

/// What histories have shown.
#[derive(Debug, Default)]
pub struct Seen {
    pub asked: usize,
    pub approved: usize,
    pub done: usize,
    pub rejected: usize,
    pub expired: usize,
    /// Of those that were rejected or expired, how many were to bring a workload home.
    pub kept_from_home: usize,
    pub kept_waiting: usize,
    /// While the question waited the shadow run began to differ, or nobody needed to answer any more.
    pub differed: usize,
    pub withdrawn: usize,
    /// After an end of the process, with the question or the answer that it had.
    pub prepared_again: usize,
}

/// Every move of a pool that asks was asked for when its shadow run had passed and before its source was stopped, no resize
/// was, and none of them was answered twice.
pub fn check_history(world: &World, seen: &mut Seen) {
    let mut asked: BTreeSet<SwapId> = BTreeSet::new();
    let (mut approved, mut waited) = (BTreeSet::new(), BTreeSet::new());
    for event in world.log.iter().flat_map(|(_, events)| events) {
        let Event::SwapChanged(swap) = event else { continue };
        waited.extend(swap.kept_waiting.then_some(swap.id));
        let Some(approval) = &swap.approval else {
            let began = !matches!(swap.state, SwapState::Planned | SwapState::Aborted);
            assert!(!swap.moves() || !began, "nobody was asked: {swap:?}");
            continue;
        };
        assert!(swap.moves(), "a resize asks nobody: {swap:?}");
        let next = swap.slot.plus(1, RHYTHM.slot_seconds);
        assert_eq!(approval.answer_by, RHYTHM.gate_closes(next));
        assert_eq!(approval.ask_by, approval.answer_by.plus_seconds(-RHYTHM.lead_seconds));
        let first_asked = swap.phases.iter().find(|p| p.state == SwapState::AwaitingApproval).map(|p| p.started_at);
        assert_eq!(approval.asked_at, first_asked, "{swap:?}");
        asked.extend(first_asked.map(|_| swap.id));
        let verdict = approval.answer.as_ref().map(|a| a.verdict);
        assert!(verdict.is_none() || first_asked.is_some(), "answered before anything was asked: {swap:?}");
        let began = swap.phases.iter().rev().nth(1).map(|p| p.state);
        match swap.state {
            SwapState::Rejected => assert_eq!(verdict, Some(MoveVerdict::Rejected)),
            SwapState::Expired => assert_eq!(verdict, None),
            SwapState::Aborted => {}
            state if state.is_fenced() || matches!(state, SwapState::Done | SwapState::RolledBack) => {
                assert_eq!(verdict, Some(MoveVerdict::Approved), "it goes on without an answer: {swap:?}");
                approved.insert(swap.id);
            }
            _ => {}
        }
        let refused = swap.ended_at.is_some() && began == Some(SwapState::AwaitingApproval);
        seen.differed += usize::from(refused && swap.reason.as_deref() == Some("shadow_mismatch"));
        let withdrawn = |reasons: &[&str]| swap.reason.as_deref().is_some_and(|r| reasons.contains(&r));
        seen.withdrawn += usize::from(refused && withdrawn(&["instance_stopped", "superseded"]));
        seen.done += usize::from(swap.state == SwapState::Done);
        seen.rejected += usize::from(swap.state == SwapState::Rejected);
        seen.expired += usize::from(swap.state == SwapState::Expired);
        seen.prepared_again += usize::from(
            swap.state == SwapState::Reserved && swap.phases.iter().filter(|p| p.state == swap.state).count() == 2,
        );
        if matches!(swap.state, SwapState::Rejected | SwapState::Expired) {
            note_refused(world, swap, seen);
        }
    }
    seen.asked += asked.len();
    seen.approved += approved.len();
    seen.kept_waiting += waited.len();
}

fn note_refused(world: &World, swap: &Swap, seen: &mut Seen) {
    assert!(swap.ended_at.is_some() && swap.reason.is_some());
    let home = world.state.instances[&swap.instance].pool == swap.pool_to;
    seen.kept_from_home += usize::from(home && swap.pool_from != swap.pool_to);
}
