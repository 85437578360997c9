//! People who answer for moves at random, and an auditor of what came of it.
#![allow(dead_code)]
use super::world::{RHYTHM, World};
use super::world_steps::{blame, nothing_planned_is_missed};
use headroom_market::command::{Command, Reply};
use headroom_market::event::Event;
use headroom_market::ids::{SwapId, UserId};
use headroom_market::swap::approval::MoveVerdict;
use headroom_market::swap::saga::{StepReport, StepResult};
use headroom_market::swap::{Swap, SwapState};
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

/// One that waits is approved or rejected, sometimes by two people at once, or not answered; now and then somebody
/// cancels it, and when its time is over the worker says so.
pub fn answer_or_not(world: &mut World, id: SwapId) {
    // What its workload and those that wait for it miss is the exchange's doing from now on.
    blame(world, id);
    let swap = world.state.swaps[&id].clone();
    let state = swap.state;
    if RHYTHM.slot_end(swap.slot) <= world.now {
        let late = world.run(answer(id, MoveVerdict::Approved, None, person(1)));
        assert!(matches!(&late, Reply::Refused(r) if r.code == "answer_too_late"), "{late:?}");
        world.run(Command::StepSwap { swap: id, result: StepResult::OutOfTime { state } });
    } else {
        match world.chance.below(8) {
            0 | 1 => {
                world.run(answer(id, MoveVerdict::Rejected, Some("not now"), person(1)));
            }
            2..=4 => {
                let approved = world.run(answer(id, MoveVerdict::Approved, None, person(1)));
                assert!(matches!(approved, Reply::Swap(_)), "{approved:?}");
                let other = world.run(answer(id, MoveVerdict::Rejected, Some("no"), person(2)));
                assert!(matches!(&other, Reply::Refused(r) if r.code == "swap_answered"), "{other:?}");
                return;
            }
            5 => {
                let detail = "test".to_owned();
                let (reason, report) = ("cancelled_by_operator".to_owned(), StepReport::default());
                world.run(Command::StepSwap { swap: id, result: StepResult::Failed { state, reason, detail, report } });
            }
            6 => {
                // No worker gets it on.
                let result = StepResult::Succeeded { state, report: StepReport::default() };
                world.run(Command::StepSwap { swap: id, result });
            }
            _ => {}
        }
    }
    match world.state.swaps.get(&id) {
        Some(waits) => assert_eq!(waits.state, SwapState::AwaitingApproval),
        None => nothing_planned_is_missed(world, swap.instance, swap.slot),
    }
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
}

/// Every move of a pool that asks was asked for before anything was done for it, and no resize was.
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
        assert_eq!(approval.answer_by, RHYTHM.slot_end(swap.slot));
        asked.insert(swap.id);
        let verdict = approval.answer.as_ref().map(|a| a.verdict);
        match swap.state {
            SwapState::AwaitingApproval | SwapState::Aborted => {}
            SwapState::Rejected => assert_eq!(verdict, Some(MoveVerdict::Rejected)),
            SwapState::Expired => assert_eq!(verdict, None),
            _ => {
                assert_eq!(verdict, Some(MoveVerdict::Approved), "it goes on without an answer: {swap:?}");
                approved.insert(swap.id);
            }
        }
        seen.done += usize::from(swap.state == SwapState::Done);
        seen.rejected += usize::from(swap.state == SwapState::Rejected);
        seen.expired += usize::from(swap.state == SwapState::Expired);
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
