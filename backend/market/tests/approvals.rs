//! Moves that a person has to approve: who may answer when, what a no and no answer come to, and for whom.

use crate::support::approvals::{answer, credits, person, refused, require, share};
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
fn a_move_waits_for_a_person_and_goes_on_when_it_is_approved() {
    let mut asked = planned();
    let swap = asked.swap();
    assert_eq!((swap.state, swap.node_from, swap.node_to), (SwapState::AwaitingApproval, asked.home, asked.target));
    let told: Vec<SwapState> = (asked.world.log.last().unwrap().1.iter())
        .filter_map(|e| if let Event::SwapChanged(s) = e { Some((s.id, s.state)) } else { None })
        .filter_map(|(id, state)| (id == swap.id).then_some(state))
        .collect();
    assert_eq!(told, [SwapState::Planned, SwapState::AwaitingApproval]);
    let asking = swap.approval.expect("a person is asked");
    assert_eq!((asking.answer_by, asking.answer), (RHYTHM.slot_end(asked.slot), None));
    let lends = asked.world.state.instances[&asked.lender.1].swap.expect("a lender shrinks");
    assert_eq!(asked.world.state.swaps[&lends].approval, None, "a resize asks nobody");
    asked.step(swap.id, None);
    assert_eq!(asked.swap().state, SwapState::AwaitingApproval, "no worker gets it on");

    assert!(matches!(asked.say(Approved, Some("it is quiet"), 1), Reply::Swap(_)));
    let approved = asked.swap();
    let given = approved.approval.clone().and_then(|a| a.answer).expect("it was answered");
    assert_eq!((given.verdict, given.by, given.at), (Approved, person(1), asked.world.now));
    assert_eq!((given.reason.as_deref(), approved.state), (Some("it is quiet"), SwapState::Reserved));
    assert_eq!(approved.phases[1].detail.as_deref(), Some("it is quiet"));
    asked.make(lends);
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
        let mut asked = planned();
        let swap = asked.swap();
        let lends = asked.world.state.instances[&asked.lender.1].swap.expect("a lender shrinks");
        asked.make(lends);
        match expires {
            None => assert!(matches!(asked.say(Rejected, Some("the target is to be serviced"), 1), Reply::Swap(_))),
            Some(true) => {
                asked.world.now = RHYTHM.slot_end(asked.slot);
                assert!(saga::is_out_of_time(&swap, asked.world.now, RHYTHM.slot_seconds));
                let result = StepResult::OutOfTime { state: swap.state };
                asked.world.run(Command::StepSwap { swap: swap.id, result });
            }
            // The process was away: the slot is settled before anybody has looked.
            Some(false) => {}
        }
        let (bought, lent) = asked.settle(&[0; 4]);
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

/// The same move, approved, and its own program is at fault: as ever.
#[test]
fn what_is_approved_and_fails_by_its_program_is_its_owners() {
    let mut asked = planned();
    let swap = asked.swap();
    asked.say(Approved, None, 1);
    for _ in 0..3 {
        asked.step(swap.id, None);
    }
    assert_eq!(asked.swap().state, SwapState::Shadow);
    asked.step(swap.id, Some("shadow_mismatch"));
    let (bought, lent) = asked.settle(&[0; 4]);
    assert!(bought.reservation_fee > Credits::ZERO && lent.reservation_fee > Credits::ZERO);
    assert_eq!((lent.lines[0].delivered, asked.risk()), (0, Credits::ZERO));
}

/// What is missing before it is there, as a person thought it over, is not for the lender to bear.
#[test]
fn who_is_approved_late_is_late_by_the_exchanges_doing() {
    let mut asked = planned();
    let swap = asked.swap();
    asked.world.now = asked.slot.start().plus_seconds(20);
    assert!(matches!(asked.say(Approved, None, 1), Reply::Swap(_)));
    asked.make(swap.id);
    assert!(asked.fails_by_exchange());
    let (bought, lent) = asked.settle(&[0, 0, 1_000, 1_000]);
    assert_eq!((bought.lines[0].delivered, lent.lines[0].delivered), (500, 1_000));
    assert!(asked.risk() < Credits::ZERO);
}

/// Approved in the last moment, and under way when the slot is settled, or not wanted any more.
#[test]
fn what_is_approved_too_late_to_be_there_is_the_exchanges_doing_too() {
    for given_up in [true, false] {
        let mut asked = planned();
        let swap = asked.swap();
        asked.world.now = RHYTHM.slot_end(asked.slot).plus_seconds(-1);
        asked.say(Approved, None, 1);
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
    let mut asked = planned();
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

    let mut late = planned();
    late.world.now = RHYTHM.slot_end(late.slot);
    assert_eq!(refused(&late.say(Approved, None, 1)), "answer_too_late");
    let mut cancelled = planned();
    let id = cancelled.swap().id;
    cancelled.world.run(Command::CancelSwap { swap: id, participant: None, reason: "no".into() });
    assert_eq!(refused(&cancelled.say(Approved, None, 1)), "swap_cancelled");
}

/// A stop, or a fault of the program, is not kept waiting by what waits for a person; what was won is its owner's.
#[test]
fn a_workload_that_runs_no_more_is_asked_for_no_more() {
    for faults in [false, true] {
        let mut asked = planned();
        let swap = asked.swap();
        let (participant, instance) = asked.buyer;
        let (command, expected) = match faults {
            false => (Command::StopInstance { participant, instance }, InstanceState::Stopped),
            true => (Command::ReportFault { instance, detail: "trap".into() }, InstanceState::Failed),
        };
        assert!(matches!(asked.world.run(command), Reply::Instance(_)));
        let now = &asked.world.state.instances[&instance];
        assert_eq!((now.state, now.swap), (expected, None));
        assert!(now.failed_by_exchange.is_empty());
        let ended = asked.ended(swap.id);
        assert_eq!(ended.state, SwapState::Aborted);
        assert_eq!(refused(&asked.world.run(answer(swap.id, Approved, None, person(1)))), "not_found");
        let reply = asked.world.run(Command::StartInstance { participant, instance });
        assert!(matches!(reply, Reply::Instance(_)), "{reply:?}");
        let again = asked.swap();
        assert_eq!(again.state, SwapState::AwaitingApproval, "it is to go there all the same, and asked for anew");
    }
}

/// What has been approved and has begun is a move as any.
#[test]
fn a_workload_that_is_moved_is_stopped_when_the_move_has_ended() {
    let mut asked = planned();
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

#[test]
fn a_restart_and_a_halt_leave_it_waiting() {
    let mut asked = planned();
    let swap = asked.swap();
    let instance = asked.buyer.1;
    asked.world.run(Command::HaltPool { pool: "p".into(), by: person(9), reason: "a test".into() });
    recover(&mut asked.world);
    let waits = asked.swap();
    assert_eq!((waits.id, waits.state), (swap.id, SwapState::AwaitingApproval));
    assert_eq!(waits.epoch, asked.world.state.instances[&instance].epoch, "it is fenced as what runs now");
    assert!(matches!(asked.say(Approved, None, 1), Reply::Swap(_)));
    recover(&mut asked.world);
    assert_eq!(asked.swap().state, SwapState::Reserved, "what was approved and has not begun goes on");
    asked.make(swap.id);
    assert_eq!(asked.world.state.instances[&instance].node, asked.target);
}

#[test]
fn what_a_refused_move_leaves_is_told_and_not_drawn_on_top_of() {
    let mut asked = planned();
    let (instance, slot) = (asked.buyer.1, asked.slot);
    let expected = |asked: &Asked| {
        let world = &asked.world;
        let (target, missed) = plan::expected(&world.state, &world.state.instances[&instance], slot);
        (target.node, amount(&target.limits, Resource::CpuMilli), amount(&missed, Resource::CpuMilli))
    };
    assert_eq!(expected(&asked), (asked.target, 4_500, 0), "it may still be moved");
    assert!(matches!(asked.say(Rejected, Some("the target is to be serviced"), 1), Reply::Swap(_)));
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
