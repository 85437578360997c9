//! Moves that a person has to approve: who may answer when, what a no and no answer come to, and for whom.

use crate::support::approvals::{answer, credits, end_as_said, evidence, person, refused, require, share};
use crate::support::crowded::{bid_that, market, node, round, workload};
use crate::support::world::{RHYTHM, World, participant};
use crate::support::world_steps::*;
use headroom_market::book::Side;
use headroom_market::command::{Command, Reply};
use headroom_market::event::Event;
use headroom_market::ids::{InstanceId, NodeId, ParticipantId, SwapId};
use headroom_market::ledger::Account;
use headroom_market::settlement::Receipt;
use headroom_market::settlement::meter::Reading;
use headroom_market::swap::approval::{self, MoveVerdict};
use headroom_market::swap::draw::Draw;
use headroom_market::swap::plan;
use headroom_market::swap::saga::{self, StepReport, StepResult};
use headroom_market::swap::{Swap, SwapState};
use headroom_market::time::Slot;
use headroom_market::units::{Credits, Resource, amount};
use headroom_market::workload::{InstanceState, run};

use MoveVerdict::{Approved, Rejected};

/// A workload of 3,500 on a node of 4,000 wins 1,000 more, which another member lends on a node that has room for it.
struct Asked {
    world: World,
    home: NodeId,
    target: NodeId,
    buyer: (ParticipantId, InstanceId),
    lender: (ParticipantId, InstanceId),
    slot: Slot,
}

fn asked() -> Asked {
    let mut asked = planned();
    asked.prepare();
    asked
}

fn planned() -> Asked {
    let mut world = market(3);
    require(&mut world, "p");
    let (home, target) = (node(&mut world, "home", 4_000), node(&mut world, "target", 8_000));
    let (one, two) = (participant(&mut world, "one", "100"), participant(&mut world, "two", "100"));
    let buyer = (one, workload(&mut world, one, home, 3_500));
    let lender = (two, workload(&mut world, two, target, 2_000));
    let slot = RHYTHM.first_open(world.now);
    let order = bid_that(&mut world, one, Some(buyer.1), 1_000, "5", |r| r.min_fill = "1".parse().unwrap());
    let offer = world.state.orders[&order].request.clone();
    let mut offer = Box::new(offer);
    (offer.instance, offer.limit, offer.min_fill) = (Some(lender.1), credits("0.1"), share("0"));
    let placed = Command::PlaceOrder { participant: two, side: Side::Offer, request: offer, client_order: None };
    assert!(matches!(world.run(placed), Reply::Order(_)));
    assert_eq!(round(&mut world)[&order], (1_000, vec![target]));
    world.now = RHYTHM.gate_closes(slot);
    world.run(Command::PlanSlot { slot });
    check_plan(&world, slot);
    Asked { world, home, target, buyer, lender, slot }
}

impl Asked {
    fn swap(&self) -> Swap {
        let id = self.world.state.instances[&self.buyer.1].swap.expect("it is to be changed");
        self.world.state.swaps[&id].clone()
    }
    fn say(&mut self, verdict: MoveVerdict, reason: Option<&str>, by: u128) -> Reply {
        let id = self.swap().id;
        self.world.run(answer(id, verdict, reason, person(by)))
    }
    fn step(&mut self, id: SwapId, fails: Option<&str>) {
        let (state, report) = (self.world.state.swaps[&id].state, StepReport::default());
        let result = match fails {
            None => StepResult::Succeeded { state, report },
            Some(reason) => StepResult::Failed { state, reason: reason.into(), detail: "test".into(), report },
        };
        self.world.run(Command::StepSwap { swap: id, result });
    }
    /// Its worker prepares it until a person is asked.
    fn prepare(&mut self) -> Swap {
        let id = self.swap().id;
        for _ in 0..5 {
            let state = self.world.state.swaps[&id].state;
            let report = StepReport { evidence: Some(evidence(5)), ..StepReport::default() };
            self.world.run(Command::StepSwap { swap: id, result: StepResult::Succeeded { state, report } });
        }
        self.swap()
    }
    /// Its worker ends what was rejected or withdrawn.
    fn end(&mut self) {
        let id = self.swap().id;
        assert!(end_as_said(&mut self.world, id), "it was rejected or withdrawn");
    }
    fn make(&mut self, id: SwapId) {
        for _ in 0..10 {
            if self.world.state.swaps.contains_key(&id) {
                self.step(id, None);
            }
        }
        assert!(!self.world.state.swaps.contains_key(&id), "it is done");
    }
    /// What both have in the slot, by as many ticks of each.
    fn settle(&mut self, bought: &[i64]) -> (Receipt, Receipt) {
        self.world.now = RHYTHM.slot_end(self.slot).plus_seconds(5);
        let mut got = Reading::new(self.buyer.1, Resource::CpuMilli);
        let mut gave = Reading::new(self.lender.1, Resource::CpuMilli);
        for had in bought {
            got.add_tick(*had);
            gave.add_tick(-1_000);
        }
        self.world.run(Command::SettleSlot { slot: self.slot, readings: vec![got, gave] });
        let of = |id| self.world.receipts.iter().find(|r| r.instance == Some(id)).expect("it was settled").clone();
        (of(self.buyer.1), of(self.lender.1))
    }
    fn risk(&self) -> Credits {
        self.world.state.ledger.balance(Account::PlatformRisk)
    }
    fn ended(&self, id: SwapId) -> Swap {
        let events = self.world.log.iter().flat_map(|(_, events)| events);
        let mut ends = events.filter_map(|e| match e {
            Event::SwapChanged(s) if s.id == id && s.ended_at.is_some() => Some((**s).clone()),
            _ => None,
        });
        ends.next_back().expect("it has ended")
    }
    fn fails_by_exchange(&self) -> bool {
        self.world.state.instances[&self.buyer.1].failed_by_exchange.contains(&self.slot)
    }
}

#[test]
fn a_move_is_asked_for_when_its_shadow_run_has_passed() {
    let mut asked = planned();
    let swap = asked.swap();
    assert_eq!((swap.state, swap.node_from, swap.node_to), (SwapState::Planned, asked.home, asked.target));
    let question = swap.approval.clone().expect("a person is to be asked");
    let gate = RHYTHM.gate_closes(asked.slot.plus(1, RHYTHM.slot_seconds));
    assert_eq!((question.answer_by, question.ask_by), (gate, gate.plus_seconds(-RHYTHM.lead_seconds)));
    let lends = asked.world.state.instances[&asked.lender.1].swap.expect("a lender shrinks");
    assert_eq!(asked.world.state.swaps[&lends].approval, None, "a resize asks nobody");
    for state in [SwapState::Planned, SwapState::Reserved, SwapState::Snapshot, SwapState::Transferred] {
        assert_eq!(asked.swap().state, state);
        assert_eq!(refused(&asked.say(Approved, None, 1)), "not_asked_yet");
        asked.step(swap.id, None);
    }
    assert_eq!(asked.swap().state, SwapState::Shadow);
    assert_eq!(refused(&asked.say(Rejected, Some("no"), 1)), "not_asked_yet");
    asked.world.now = asked.world.now.plus_seconds(3);
    let report = StepReport { evidence: Some(evidence(5)), positions_compared: 5, ..StepReport::default() };
    let passed = StepResult::Succeeded { state: SwapState::Shadow, report };
    asked.world.run(Command::StepSwap { swap: swap.id, result: passed });
    let waits = asked.swap();
    assert_eq!(waits.state, SwapState::AwaitingApproval);
    let question = waits.approval.expect("a person is asked");
    let (seen, now) = (question.evidence.expect("what it has shown"), asked.world.now);
    assert_eq!((question.asked_at, seen.at, seen.positions_compared), (Some(now), now, 5));
    asked.step(swap.id, None);
    assert_eq!(asked.swap().state, SwapState::AwaitingApproval, "no worker gets it on");
    let more = StepResult::Compared { state: SwapState::AwaitingApproval, evidence: evidence(10) };
    asked.world.run(Command::StepSwap { swap: swap.id, result: more });
    let seen = asked.swap().approval.and_then(|a| a.evidence).expect("it goes on");
    assert_eq!((seen.positions_compared, asked.swap().positions_compared), (10, 10));

    assert!(matches!(asked.say(Approved, Some("it is quiet"), 1), Reply::Swap(_)));
    let approved = asked.swap();
    let given = approved.approval.clone().and_then(|a| a.answer).expect("it was answered");
    assert_eq!((given.verdict, given.by, given.at), (Approved, person(1), asked.world.now));
    assert_eq!((given.reason.as_deref(), approved.state), (Some("it is quiet"), SwapState::Shadow));
    assert_eq!(approved.phases[5].detail.as_deref(), Some("it is quiet"));
    asked.make(lends);
    asked.step(swap.id, None);
    assert_eq!(asked.swap().state, SwapState::Fenced, "nobody is asked again");
    asked.make(swap.id);
    assert_eq!(asked.world.state.instances[&asked.buyer.1].node, asked.target);
    let (bought, lent) = asked.settle(&[1_000; 4]);
    assert_eq!((bought.lines[0].delivered, lent.lines[0].delivered), (1_000, 1_000));
    assert_eq!((bought.cause, asked.risk()), (None, Credits::ZERO));
}

/// Neither who bought nor who lent is at fault.
#[test]
fn of_what_is_rejected_or_not_answered_nobody_bears_the_loss_but_the_exchange() {
    for expires in [None, Some(true), Some(false)] {
        let mut asked = asked();
        let swap = asked.swap();
        let lends = asked.world.state.instances[&asked.lender.1].swap.expect("a lender shrinks");
        asked.make(lends);
        match expires {
            None => {
                assert!(matches!(asked.say(Rejected, Some("the target is to be serviced"), 1), Reply::Swap(_)));
                assert_eq!(asked.swap().state, SwapState::AwaitingApproval, "until its copy is dropped");
                asked.end();
            }
            Some(true) => {
                asked.world.now = swap.approval.as_ref().expect("asked").answer_by;
                assert!(saga::is_out_of_time(&swap, asked.world.now, RHYTHM.slot_seconds));
                let result = StepResult::OutOfTime { state: swap.state };
                asked.world.run(Command::StepSwap { swap: swap.id, result });
            }
            // The process was away: the slot is settled before anybody has looked.
            Some(false) => {}
        }
        let (bought, lent) = asked.settle(&[0; 4]);
        if expires == Some(false) {
            let result = StepResult::OutOfTime { state: swap.state };
            asked.world.run(Command::StepSwap { swap: swap.id, result });
        }
        let ended = asked.ended(swap.id);
        let (state, reason) = match expires {
            None => (SwapState::Rejected, approval::REJECTED),
            Some(_) => (SwapState::Expired, approval::EXPIRED),
        };
        assert_eq!((ended.state, ended.reason.as_deref()), (state, Some(reason)));
        let instance = &asked.world.state.instances[&asked.buyer.1];
        assert_eq!((instance.node, instance.swap), (asked.home, None), "it stays where it is");
        assert_eq!(amount(&instance.in_force, Resource::CpuMilli), 3_500);
        assert!(instance.pinned_by_exchange && instance.is_pinned(asked.world.now), "nobody is asked again at once");
        assert_eq!(bought.credit_note, bought.lines[0].credit_note);
        assert_eq!((bought.amount, bought.reservation_fee), (Credits::ZERO, Credits::ZERO));
        assert_eq!(bought.cause.as_deref(), Some("exchange_failed"));
        assert_eq!(lent.lines[0].delivered, 1_000, "the lender is made whole");
        assert!(lent.amount > Credits::ZERO);
        assert_eq!(asked.risk(), -lent.amount, "by the exchange");
    }
}

/// Before the answer, while the question waits and after it: its own program is at fault, as ever.
#[test]
fn what_differs_is_its_owners_whether_it_is_approved_or_not() {
    for approved in [None, Some(false), Some(true)] {
        let mut asked = planned();
        let swap = asked.swap();
        (0..4).for_each(|_| asked.step(swap.id, None));
        if let Some(approve) = approved {
            asked.step(swap.id, None);
            assert_eq!(asked.swap().state, SwapState::AwaitingApproval);
            _ = approve && matches!(asked.say(Approved, None, 1), Reply::Swap(_));
        }
        asked.step(swap.id, Some("shadow_mismatch"));
        let ended = asked.ended(swap.id);
        assert_eq!((ended.state, ended.reason.as_deref()), (SwapState::Aborted, Some("shadow_mismatch")));
        assert_eq!(refused(&asked.world.run(answer(swap.id, Approved, None, person(2)))), "not_found");
        let (bought, lent) = asked.settle(&[0; 4]);
        assert!(bought.reservation_fee > Credits::ZERO && lent.reservation_fee > Credits::ZERO);
        assert_eq!((lent.lines[0].delivered, asked.risk()), (0, Credits::ZERO), "{approved:?}");
    }
}

/// Its worker found out that it differs, or that its time is over, in the moment in which somebody answered.
#[test]
fn of_an_answer_and_an_end_at_once_one_counts() {
    let mismatch = |state| {
        let (reason, report) = ("shadow_mismatch".to_owned(), StepReport::default());
        StepResult::Failed { state, reason, detail: "test".into(), report }
    };
    let waits = SwapState::AwaitingApproval;
    for (verdict, result, state, reason) in [
        // The copy is gone: it can't be moved, though that was approved.
        (Approved, mismatch(waits), SwapState::Aborted, "shadow_mismatch"),
        (Approved, StepResult::OutOfTime { state: waits }, SwapState::Aborted, "deadline"),
        (Rejected, mismatch(waits), SwapState::Rejected, approval::REJECTED),
        (Rejected, StepResult::OutOfTime { state: waits }, SwapState::Rejected, approval::REJECTED),
    ] {
        let mut asked = asked();
        let swap = asked.swap();
        assert!(matches!(asked.say(verdict, Some("because"), 1), Reply::Swap(_)));
        asked.world.run(Command::StepSwap { swap: swap.id, result });
        let ended = asked.ended(swap.id);
        assert_eq!((ended.state, ended.reason.as_deref()), (state, Some(reason)), "{verdict:?}");
        assert_eq!(ended.approval.and_then(|a| a.answer).map(|a| a.verdict), Some(verdict), "the answer is kept");
        assert_eq!(asked.world.state.instances[&asked.buyer.1].swap, None);
    }
}

/// A shadow run that passes too late asks nobody: there would be no time to look.
#[test]
fn a_shadow_run_that_passes_too_late_is_late_by_its_own_doing() {
    let mut asked = planned();
    let swap = asked.swap();
    (0..4).for_each(|_| asked.step(swap.id, None));
    let ask_by = swap.approval.expect("it is to be approved").ask_by;
    let is_late = |asked: &Asked| saga::is_out_of_time(&asked.swap(), asked.world.now, RHYTHM.slot_seconds);
    asked.world.now = ask_by.plus_seconds(-1);
    assert!(!is_late(&asked));
    asked.world.now = ask_by;
    assert!(is_late(&asked));
    asked.world.run(Command::StepSwap { swap: swap.id, result: StepResult::OutOfTime { state: SwapState::Shadow } });
    assert_eq!(asked.ended(swap.id).reason.as_deref(), Some("deadline"));
    assert!(!asked.fails_by_exchange());
    // Where nothing could be begun, nobody could be asked.
    let mut held = planned();
    let swap = held.swap();
    held.world.now = ask_by;
    assert!(is_late(&held));
    held.world.run(Command::StepSwap { swap: swap.id, result: StepResult::OutOfTime { state: SwapState::Planned } });
    assert_eq!(held.ended(swap.id).state, SwapState::Expired);
    assert!(held.fails_by_exchange());
}

/// What is missing before it is there, as a person thought it over, is not for the lender to bear.
#[test]
fn who_is_approved_late_is_late_by_the_exchanges_doing() {
    let mut asked = asked();
    let swap = asked.swap();
    asked.world.now = asked.slot.start().plus_seconds(20);
    assert!(matches!(asked.say(Approved, None, 1), Reply::Swap(_)));
    asked.make(swap.id);
    assert!(asked.fails_by_exchange());
    let (bought, lent) = asked.settle(&[0, 0, 1_000, 1_000]);
    assert_eq!((bought.lines[0].delivered, lent.lines[0].delivered), (500, 1_000));
    assert!(asked.risk() < Credits::ZERO);
}

/// Asked in its slot only, as its shadow run was late, it is late as any move; approved in time it is late by nobody's doing.
#[test]
fn what_the_shadow_run_was_late_with_is_not_the_exchanges_doing() {
    for asked_late in [true, false] {
        let mut asked = planned();
        let swap = asked.swap();
        if asked_late {
            asked.world.now = asked.slot.start().plus_seconds(2);
        }
        asked.prepare();
        assert!(matches!(asked.say(Approved, None, 1), Reply::Swap(_)));
        asked.world.now = asked.slot.start().plus_seconds(4);
        asked.make(swap.id);
        assert!(!asked.fails_by_exchange(), "asked late: {asked_late}");
    }
}

/// Approved in the last moment, and under way when the slot is settled, or not wanted any more.
#[test]
fn what_is_approved_too_late_to_be_there_is_the_exchanges_doing_too() {
    for given_up in [true, false] {
        let mut asked = asked();
        let swap = asked.swap();
        asked.world.now = swap.approval.expect("asked").answer_by.plus_seconds(-1);
        assert!(matches!(asked.say(Approved, None, 1), Reply::Swap(_)));
        asked.step(swap.id, None);
        asked.world.now = RHYTHM.slot_end(asked.slot);
        if given_up {
            let state = asked.swap().state;
            asked.world.run(Command::StepSwap { swap: swap.id, result: StepResult::OutOfTime { state } });
        }
        let (_, lent) = asked.settle(&[0; 2]);
        assert_eq!(lent.lines[0].delivered, 1_000, "given up: {given_up}");
    }
}

#[test]
fn an_answer_counts_once_and_only_where_one_is_asked_for() {
    let mut asked = asked();
    let swap = asked.swap();
    let lends = asked.world.state.instances[&asked.lender.1].swap.expect("a lender shrinks");
    let resize = asked.world.run(answer(lends, Approved, None, person(1)));
    assert_eq!(refused(&resize), "approval_not_needed");
    for reason in [None, Some(""), Some("  ")] {
        assert_eq!(refused(&asked.say(Rejected, reason, 1)), "reason_out_of_range", "{reason:?}");
    }
    let unknown = asked.world.run(answer(SwapId::from_raw(77), Approved, None, person(1)));
    assert_eq!(refused(&unknown), "not_found");

    assert!(matches!(asked.say(Approved, None, 1), Reply::Swap(_)));
    let before = asked.swap();
    assert!(matches!(asked.say(Approved, None, 1), Reply::Swap(_)), "a request that was sent twice");
    assert_eq!(refused(&asked.say(Approved, None, 2)), "swap_answered");
    assert_eq!(refused(&asked.say(Rejected, Some("I think not"), 1)), "swap_answered");
    assert_eq!(asked.swap(), before, "one answer has an effect");
    asked.make(swap.id);
    assert_eq!(refused(&asked.world.run(answer(swap.id, Approved, None, person(1)))), "not_found");

    let mut late = self::asked();
    late.world.now = late.swap().approval.expect("asked").answer_by;
    assert_eq!(refused(&late.say(Approved, None, 1)), "answer_too_late");
    let mut cancelled = self::asked();
    let id = cancelled.swap().id;
    cancelled.world.run(Command::CancelSwap { swap: id, participant: None, reason: "no".into() });
    assert_eq!(refused(&cancelled.say(Approved, None, 1)), "swap_cancelled");
}

/// A stop, or a fault of the program, is not kept waiting by what waits for a person; what was won is its owner's. The copy
/// is dropped first.
#[test]
fn a_workload_that_runs_no_more_is_asked_for_no_more() {
    for (faults, prepared) in [(false, true), (true, true), (false, false)] {
        let mut asked = if prepared { asked() } else { planned() };
        let swap = asked.swap();
        let (participant, instance) = asked.buyer;
        let (command, expected, reason) = match faults {
            false => (Command::StopInstance { participant, instance }, InstanceState::Stopped, "instance_stopped"),
            true => {
                (Command::ReportFault { instance, detail: "trap".into() }, InstanceState::Failed, "instance_failed")
            }
        };
        assert!(matches!(asked.world.run(command.clone()), Reply::Instance(_)));
        assert_eq!(asked.world.state.instances[&instance].state, InstanceState::Running, "its copy is still there");
        assert_eq!(refused(&asked.say(Approved, None, 1)), "swap_withdrawn");
        asked.end();
        if faults {
            assert!(matches!(asked.world.run(command), Reply::Instance(_)), "its driver says it again");
        }
        let now = &asked.world.state.instances[&instance];
        assert_eq!((now.state, now.swap, now.pinned_until), (expected, None, None));
        assert!(now.failed_by_exchange.is_empty());
        let ended = asked.ended(swap.id);
        assert_eq!((ended.state, ended.reason.as_deref()), (SwapState::Aborted, Some(reason)));
        assert_eq!(refused(&asked.world.run(answer(swap.id, Approved, None, person(1)))), "not_found");
        let reply = asked.world.run(Command::StartInstance { participant, instance });
        assert!(matches!(reply, Reply::Instance(_)), "{reply:?}");
        let again = asked.prepare();
        assert_eq!(again.state, SwapState::AwaitingApproval, "it is to go there all the same, and asked for anew");
    }
}

/// A stop that is taken back before the copy is dropped leaves nothing to be asked for: it is planned anew.
#[test]
fn a_stop_that_is_taken_back_has_its_move_asked_for_anew() {
    let mut asked = asked();
    let (swap, (participant, instance)) = (asked.swap(), asked.buyer);
    asked.world.run(Command::StopInstance { participant, instance });
    asked.world.run(Command::StartInstance { participant, instance });
    assert_eq!(refused(&asked.say(Approved, None, 1)), "swap_withdrawn", "what was withdrawn stays so");
    asked.end();
    let again = asked.prepare();
    assert!(again.id != swap.id && again.state == SwapState::AwaitingApproval);
}

/// What has been approved and has begun is a move as any.
#[test]
fn a_workload_that_is_moved_is_stopped_when_the_move_has_ended() {
    let mut asked = asked();
    asked.say(Approved, None, 1);
    let ((participant, instance), swap) = (asked.buyer, asked.swap());
    let stopped = asked.world.run(Command::StopInstance { participant, instance });
    assert!(matches!(stopped, Reply::Instance(_)), "{stopped:?}");
    let now = |asked: &Asked| asked.world.state.instances[&instance].clone();
    assert!(now(&asked).stop_requested && now(&asked).state == InstanceState::Running, "it is remembered");
    assert!(run::stops_due(&asked.world.state).is_empty(), "a swap is changing it");
    // taken back, and asked for again
    asked.world.run(Command::StartInstance { participant, instance });
    assert!(!now(&asked).stop_requested);
    asked.world.run(Command::StopInstance { participant, instance });
    let lends = asked.world.state.instances[&asked.lender.1].swap.expect("a lender shrinks");
    asked.make(lends);
    asked.make(swap.id);
    assert_eq!(run::stops_due(&asked.world.state), [(participant, instance)]);
    asked.world.run(Command::StopInstance { participant, instance });
    assert!(!now(&asked).stop_requested && now(&asked).state == InstanceState::Stopped);
}

/// The copy is gone with the process: what was to be answered, or is approved, is prepared again, and a no stays a no.
#[test]
fn a_restart_prepares_it_again_and_a_halt_leaves_it_waiting() {
    for answered in [None, Some(Approved), Some(Rejected)] {
        let mut asked = asked();
        let (swap, instance) = (asked.swap(), asked.buyer.1);
        asked.world.run(Command::HaltPool { pool: "p".into(), by: person(9), reason: "a test".into() });
        assert_eq!(asked.swap().state, SwapState::AwaitingApproval);
        if let Some(verdict) = answered {
            assert!(matches!(asked.say(verdict, Some("because"), 1), Reply::Swap(_)));
        }
        recover(&mut asked.world);
        let again = asked.swap();
        assert_eq!((again.id, again.state, again.ended_at), (swap.id, SwapState::Reserved, None));
        assert_eq!(again.epoch, asked.world.state.instances[&instance].epoch, "it is fenced as what runs now");
        let question = again.approval.expect("it is kept");
        assert_eq!((question.evidence, question.answer.map(|a| a.verdict)), (None, answered));
        assert_eq!(question.asked_at, swap.approval.and_then(|a| a.asked_at));
        if answered == Some(Rejected) {
            asked.end();
            assert_eq!(asked.ended(again.id).state, SwapState::Rejected);
            continue;
        }
        (0..3).for_each(|_| asked.step(again.id, None));
        assert_eq!(asked.swap().state, SwapState::Shadow);
        match answered {
            None => {
                assert_eq!(refused(&asked.say(Approved, None, 1)), "not_asked_yet", "the new run has shown nothing");
                asked.step(again.id, None);
                assert_eq!(asked.swap().state, SwapState::AwaitingApproval, "and nobody needs to ask again");
                assert!(matches!(asked.say(Approved, None, 1), Reply::Swap(_)));
            }
            // The answer is kept.
            Some(_) => {
                asked.step(again.id, None);
                assert_eq!(asked.swap().state, SwapState::Fenced);
            }
        }
        asked.make(again.id);
        assert_eq!(asked.world.state.instances[&instance].node, asked.target);
    }
}

#[test]
fn what_a_refused_move_leaves_is_told_and_not_drawn_on_top_of() {
    let mut asked = asked();
    let (instance, slot) = (asked.buyer.1, asked.slot);
    let expected = |asked: &Asked| {
        let world = &asked.world;
        let (target, missed) = plan::expected(&world.state, &world.state.instances[&instance], slot);
        (target.node, amount(&target.limits, Resource::CpuMilli), amount(&missed, Resource::CpuMilli))
    };
    assert_eq!(expected(&asked), (asked.target, 4_500, 0), "it may still be moved");
    assert!(matches!(asked.say(Rejected, Some("the target is to be serviced"), 1), Reply::Swap(_)));
    asked.end();
    assert_eq!(expected(&asked), (asked.home, 3_500, 1_000), "it has its baseline, where it is");
    asked.world.now = slot.start().plus_seconds(1);
    let draw = Draw { instance, resource: Resource::CpuMilli, quantity: 100, highest_price: None };
    let owner = asked.buyer.0;
    let reply = asked.world.run(Command::Draw { participant: Some(owner), draw });
    assert_eq!(refused(&reply), "workload_pinned");
    // The pin of a failed move may end in the middle of a slot that was planned while it held.
    let pinned_until = asked.world.state.instances[&instance].pinned_until.expect("a move of it was refused");
    let gate = RHYTHM.gate_closes(slot);
    assert!(pinned_until > gate, "it is pinned when the slot is planned");
    asked.world.now = RHYTHM.slot_end(slot).plus_seconds(-1);
    assert_eq!(expected(&asked), (asked.home, 3_500, 1_000), "whatever time it is");
    assert!(matches!(asked.world.run(Command::StopInstance { participant: owner, instance }), Reply::Instance(_)));
    assert_eq!(expected(&asked).2, 0, "a stopped workload pays for what it does not use");
}
