//! Memory is bought only by workloads that have been shown to give it back, or may be stopped for it.

use crate::support::away::{choices, node, pool, undrilled};
use crate::support::movers;
use crate::support::world::{RHYTHM, World, participant};
use headroom_market::book::{OrderRequest, Reason, Resell, Side, TimeInForce, Window};
use headroom_market::command::{Command, Reply};
use headroom_market::ids::{InstanceId, OrderId, ParticipantId};
use headroom_market::settlement::meter::Reading;
use headroom_market::swap::saga::{StepReport, StepResult};
use headroom_market::swap::{Swap, SwapState};
use headroom_market::time::Slot;
use headroom_market::units::{Amounts, Credits, Resource, amount};
use headroom_market::workload::{AtEnd, Away, Class, InstanceState, vacate};
use std::sync::Arc;

const CPU: Resource = Resource::CpuMilli;
const MEM: Resource = Resource::MemMib;

struct Two {
    world: World,
    owner: ParticipantId,
    instance: InstanceId,
    /// Another one's, so that there is a round.
    other: (ParticipantId, InstanceId),
    slot: Slot,
    /// Its last swap that ended well, as it began.
    grew: Option<Swap>,
}

fn two() -> Two {
    let mut world = World::new(11);
    pool(&mut world, "p", &[CPU, MEM], "0.0005");
    node(&mut world, "p", "only", [(CPU, 9_000), (MEM, 9_000)].into());
    let owner = participant(&mut world, "owner", "1000");
    let both = |n| -> Amounts { [(CPU, n), (MEM, n)].into() };
    let instance = undrilled(&mut world, owner, "p", both(1_000), both(3_000));
    let second = participant(&mut world, "second", "1000");
    let other = (second, undrilled(&mut world, second, "p", both(500), both(3_000)));
    let slot = RHYTHM.first_open(world.now);
    Two { world, owner, instance, other, slot, grew: None }
}

impl Two {
    fn bid(&mut self, (participant, instance): (ParticipantId, InstanceId), resources: Amounts) -> OrderId {
        let request = OrderRequest {
            instance: Some(instance),
            window: Window { start_at: self.slot.start(), end_at: RHYTHM.slot_end(self.slot) },
            latest_start_at: None,
            replicas: 1,
            resources,
            pools: choices(&["p"]),
            assurance: Default::default(),
            limit: "5".parse().unwrap(),
            min_fill: "0".parse().unwrap(),
            time_in_force: TimeInForce::Gtc,
            expires_at: None,
            resell: Resell::Never,
            project: None,
            no_displacement: false,
            min_run_slots: 0,
            class: Class::Standard,
            client_bid_id: None,
        };
        let side = Side::Bid;
        match self.world.run(Command::PlaceOrder { participant, side, request: Box::new(request), client_order: None })
        {
            Reply::Order(id) => id,
            other => panic!("{other:?}"),
        }
    }
    fn round(&mut self) {
        self.bid(self.other, [(CPU, 10)].into());
        let seal = movers::seal(&self.world.state, self.world.now);
        let Reply::Sealed { round, book } = self.world.run(seal) else { panic!("no round") };
        let outcome = crate::support::cleared(&book);
        let result_hash = outcome.result_hash().to_owned();
        self.world.run(Command::RecordOutcome { round, result_hash, outcome: Some(Arc::new(outcome)) });
    }
    fn won(&self, id: OrderId) -> bool {
        self.world.state.awards.values().any(|a| a.order == id)
    }
    fn reason(&self, id: OrderId) -> Option<Reason> {
        self.world.state.orders[&id].last_reason.as_ref().map(|why| why.reason)
    }
    fn drilled(&mut self, at_end: AtEnd, passed: bool) -> Reply {
        let (detail, epoch) = ("seen".to_owned(), self.instance().epoch);
        self.world.run(Command::RecordDrill { instance: self.instance, epoch, at_end, passed, detail })
    }
    fn ask(&mut self, at_end: Option<AtEnd>) -> Reply {
        let (participant, instance) = (self.owner, self.instance);
        self.world.run(Command::RequestDrill { participant, instance, at_end })
    }
    fn acts(&self, swap: &Swap) -> Option<AtEnd> {
        vacate::acts(self.instance(), swap, RHYTHM.slot_seconds)
    }
    fn swap(&self) -> Swap {
        let mut swaps = self.world.state.swaps.values();
        swaps.find(|s| s.instance == self.instance).cloned().expect("it is resized")
    }
    fn instance(&self) -> &headroom_market::workload::Instance {
        &self.world.state.instances[&self.instance]
    }
    /// A round is held for a slot that nobody wants anything of, and the slot begins: what it had won ends.
    fn ends(&mut self, slot: Slot) {
        self.world.now = RHYTHM.gate_closes(slot).plus_seconds(-5);
        self.world.run(Command::SealRound(None));
        self.world.now = RHYTHM.gate_closes(slot);
        self.world.run(Command::PlanSlot { slot });
        self.world.now = slot.start().plus_seconds(1);
    }
    /// All swaps that there are take effect; its own leaves it standing still for what `suspended` says.
    fn resized(&mut self, suspended: Option<Amounts>) {
        while let Some(swap) = self.world.state.swaps.values().next().cloned() {
            let own = swap.instance == self.instance && swap.state == SwapState::Activated;
            let report = StepReport { suspended: suspended.clone().filter(|_| own), ..StepReport::default() };
            let result = StepResult::Succeeded { state: swap.state, report };
            self.world.run(Command::StepSwap { swap: swap.id, result });
        }
    }
    /// Plans the slot that comes and takes all of its swaps to their end.
    fn carry_out(&mut self, slot: Slot) {
        self.world.now = RHYTHM.gate_closes(slot);
        self.world.run(Command::PlanSlot { slot });
        self.world.now = slot.start().plus_seconds(1);
        while let Some(swap) = self.world.state.swaps.values().next().cloned() {
            if swap.instance == self.instance {
                self.grew = Some(swap.clone());
            }
            let result = StepResult::Succeeded { state: swap.state, report: StepReport::default() };
            self.world.run(Command::StepSwap { swap: swap.id, result });
        }
    }
}

fn refused(reply: &Reply) -> &'static str {
    match reply {
        Reply::Refused(refusal) => refusal.code,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_bid_for_memory_waits_for_the_drill_and_one_for_processors_does_not() {
    let mut two = two();
    let me = (two.owner, two.instance);
    let memory = two.bid(me, [(CPU, 100), (MEM, 100)].into());
    let processors = two.bid(me, [(CPU, 100)].into());
    assert_eq!(vacate::due(two.instance()), Some(AtEnd::Shrink), "it is drilled by itself");
    two.round();
    assert!(!two.won(memory) && two.won(processors));
    assert_eq!(two.reason(memory), Some(Reason::NoVacatePath));
    two.drilled(AtEnd::Shrink, true);
    assert_eq!(vacate::due(two.instance()), None);
    two.round();
    assert!(two.won(memory));
}

#[test]
fn a_drill_that_fails_leaves_the_way_out_of_being_stopped() {
    let mut two = two();
    let me = (two.owner, two.instance);
    let memory = two.bid(me, [(MEM, 100)].into());
    two.drilled(AtEnd::Shrink, false);
    let drill = two.instance().drill.clone().unwrap();
    assert!(!drill.passed && drill.ended_at.is_some() && drill.detail.as_deref() == Some("seen"));
    assert_eq!(vacate::due(two.instance()), None, "it is not tried again by itself");
    two.round();
    assert_eq!(two.reason(memory), Some(Reason::NoVacatePath));
    assert_eq!(refused(&two.ask(None)), "drilled_lately");
    assert_eq!(refused(&two.ask(Some(AtEnd::Checkpoint))), "drilled_lately");
    assert!(matches!(two.ask(Some(AtEnd::Stop)), Reply::Instance(_)));
    assert_eq!(two.instance().at_end, AtEnd::Stop);
    two.round();
    assert!(two.won(memory));
}

#[test]
fn a_drill_is_asked_for_by_its_owner_once_a_minute() {
    let mut two = two();
    let stranger = two.other.0;
    let instance = two.instance;
    let reply = two.world.run(Command::RequestDrill { participant: stranger, instance, at_end: None });
    assert_eq!(refused(&reply), "not_found");
    two.drilled(AtEnd::Shrink, true);
    two.world.now = two.world.now.plus_seconds(60);
    assert!(matches!(two.ask(None), Reply::Instance(_)));
    assert_eq!(vacate::due(two.instance()), Some(AtEnd::Shrink));
    let waiting = two.instance().clone();
    two.world.now = two.world.now.plus_seconds(1);
    two.ask(None);
    assert_eq!(*two.instance(), waiting, "asking twice is asking once");
    // What was shown before counts until something else is seen.
    assert!(vacate::is_shown(two.instance()));
    two.drilled(AtEnd::Shrink, false);
    assert!(!vacate::is_shown(two.instance()));
    // Results of drills that nobody waits for change nothing.
    let before = two.instance().clone();
    assert!(matches!(two.drilled(AtEnd::Shrink, true), Reply::Nothing));
    assert_eq!(*two.instance(), before);
    let participant = two.owner;
    two.world.run(Command::StopInstance { participant, instance });
    assert_eq!(refused(&two.ask(Some(AtEnd::Stop))), "instance_not_running");
}

#[test]
fn one_that_is_to_be_stopped_is_stopped_at_the_end_of_what_it_had_won_and_has_no_fault() {
    let mut two = two();
    let me = (two.owner, two.instance);
    two.ask(Some(AtEnd::Stop));
    let memory = two.bid(me, [(MEM, 700)].into());
    two.round();
    assert!(two.won(memory));
    let (slot, next) = (two.slot, two.slot.plus(1, RHYTHM.slot_seconds));
    two.carry_out(slot);
    assert_eq!(amount(&two.instance().in_force, MEM), 1_700);
    assert_eq!(two.grew.clone().and_then(|swap| two.acts(&swap)), None);
    two.ends(next);
    loop {
        let swap = two.swap();
        assert_eq!(two.acts(&swap), Some(AtEnd::Stop));
        let state = swap.state;
        let result = if state == SwapState::Activated {
            let reason = vacate::VACATED.to_owned();
            StepResult::Failed { state, reason, detail: "1500 in use".into(), report: StepReport::default() }
        } else {
            StepResult::Succeeded { state, report: StepReport::default() }
        };
        two.world.run(Command::StepSwap { swap: swap.id, result });
        if state == SwapState::Activated {
            break;
        }
    }
    let instance = two.instance();
    assert_eq!((instance.state, &instance.fault, instance.swap), (InstanceState::Stopped, &None, None));
    assert!(instance.kept_by_program.is_empty(), "it kept nothing");
    assert!(
        two.world.state.orders.values().all(|o| o.request.instance != Some(two.instance) || o.remaining_replicas == 0)
    );
    let (participant, instance) = (two.owner, two.instance);
    assert!(matches!(two.world.run(Command::StartInstance { participant, instance }), Reply::Instance(_)));
    assert_eq!(amount(&two.instance().in_force, MEM), 1_000);
}

/// It had 1,700 and holds them; what it had won ends, and it is written to disk.
fn suspended() -> Two {
    let mut two = two();
    let me = (two.owner, two.instance);
    two.ask(Some(AtEnd::Checkpoint));
    let memory = two.bid(me, [(MEM, 700)].into());
    two.round();
    assert_eq!(two.reason(memory), Some(Reason::NoVacatePath), "nothing has shown that it can be written to disk");
    two.drilled(AtEnd::Checkpoint, true);
    assert_eq!((two.instance().at_end, two.instance().shown_at_end), (AtEnd::Checkpoint, Some(AtEnd::Checkpoint)));
    two.round();
    assert!(two.won(memory));
    let (slot, next) = (two.slot, two.slot.plus(1, RHYTHM.slot_seconds));
    two.carry_out(slot);
    two.ends(next);
    assert_eq!(two.acts(&two.swap()), Some(AtEnd::Checkpoint));
    two.resized(Some([(MEM, 1_700)].into()));
    two.slot = next.plus(2, RHYTHM.slot_seconds);
    two
}

#[test]
fn one_that_is_written_to_disk_stands_still_and_goes_on_with_what_it_wins() {
    let mut two = suspended();
    let me = (two.owner, two.instance);
    let instance = two.instance();
    let since = two.world.now;
    let needs: Amounts = [(MEM, 1_700)].into();
    assert_eq!(instance.suspended, Some(vacate::Suspended { since, needs: needs.clone() }));
    assert_eq!((instance.state, &instance.fault, instance.swap), (InstanceState::Running, &None, None));
    assert_eq!(amount(&instance.in_force, MEM), 1_000, "it has its baseline, and others the rest");
    assert!(instance.kept_by_program.is_empty() && vacate::is_shown(instance));
    // Nothing runs that could be drilled.
    assert_eq!(vacate::due(instance), None);
    two.world.now = two.world.now.plus_seconds(60);
    assert_eq!(refused(&two.ask(None)), "instance_suspended");

    // Too little: it has it, and stands still as before.
    let little = two.bid(me, [(MEM, 300)].into());
    two.round();
    assert!(two.won(little), "{:?}", two.reason(little));
    let slot = two.slot;
    two.world.now = RHYTHM.gate_closes(slot);
    two.world.run(Command::PlanSlot { slot });
    two.world.now = slot.start().plus_seconds(1);
    two.resized(Some(needs.clone()));
    assert_eq!(amount(&two.instance().in_force, MEM), 1_300);
    assert_eq!(two.instance().suspended, Some(vacate::Suspended { since, needs }));

    two.slot = slot.plus(2, RHYTHM.slot_seconds);
    let enough = two.bid(me, [(MEM, 700)].into());
    two.round();
    assert!(two.won(enough), "{:?}", two.reason(enough));
    let slot = two.slot;
    two.world.now = RHYTHM.gate_closes(slot);
    two.world.run(Command::PlanSlot { slot });
    two.world.now = slot.start().plus_seconds(1);
    two.resized(None);
    assert_eq!((two.instance().suspended.as_ref(), amount(&two.instance().in_force, MEM)), (None, 1_700));
}

#[test]
fn one_that_stands_still_is_taken_nowhere_and_may_be_stopped() {
    let mut two = suspended();
    // Its node is full, another one is not.
    let filler = participant(&mut two.world, "filler", "1000");
    for _ in 0..2 {
        undrilled(&mut two.world, filler, "p", [(CPU, 100), (MEM, 3_700)].into(), [(CPU, 100), (MEM, 3_700)].into());
    }
    node(&mut two.world, "p", "other", [(CPU, 9_000), (MEM, 9_000)].into());
    let me = (two.owner, two.instance);
    let bid = two.bid(me, [(MEM, 700)].into());
    let look = |two: &Two| movers::look(&two.world.state, two.world.now, &[two.instance].into()).expect("a round");
    let looked = look(&two);
    assert!(looked.moves.could.is_empty() && looked.moves.kept_free.is_empty(), "{:?}", looked.moves);
    let home = two.instance().node.to_string();
    let in_book = looked.book.orders.iter().find(|o| o.id == bid.to_string()).expect("it takes part where it is");
    assert_eq!(in_book.node.as_ref(), Some(&home));

    let (participant, instance) = (two.owner, two.instance);
    two.world.run(Command::StopInstance { participant, instance });
    assert_eq!((two.instance().state, two.instance().suspended.as_ref()), (InstanceState::Stopped, None));
    two.world.run(Command::StartInstance { participant, instance });
    assert_eq!((two.instance().state, two.instance().suspended.as_ref()), (InstanceState::Running, None));
    assert!(!vacate::is_shown(two.instance()), "its program begins anew");
}

/// Who lends a little of what its module starts with can't be brought under that, and keeps what it was to give by its
/// own doing.
#[test]
fn a_limit_that_its_module_can_not_run_under_is_no_way_to_keep_memory_for_nothing() {
    for (reason, own_doing) in [("below_minimum", true), ("node_down", false)] {
        let mut two = two();
        let me = (two.owner, two.instance);
        two.drilled(AtEnd::Shrink, true);
        two.bid(me, [(MEM, 700)].into());
        two.round();
        let (slot, next) = (two.slot, two.slot.plus(1, RHYTHM.slot_seconds));
        two.carry_out(slot);
        two.ends(next);
        while let Some(swap) = two.world.state.swaps.values().find(|s| s.instance == two.instance).cloned() {
            let (state, report) = (swap.state, StepReport::default());
            let result = match state {
                SwapState::Activated => {
                    StepResult::Failed { state, reason: reason.into(), detail: "as its driver said".into(), report }
                }
                _ => StepResult::Succeeded { state, report },
            };
            two.world.run(Command::StepSwap { swap: swap.id, result });
            if state == SwapState::Activated {
                break;
            }
        }
        assert_eq!(two.instance().kept_by_program.contains(&next), own_doing, "{reason}");
        assert_eq!(two.instance().failed_by_exchange.contains(&next), !own_doing, "{reason}");
    }
}

/// A drill fails while it has what it won; it is written to disk all the same, which shows more than a drill.
#[test]
fn one_that_was_written_to_disk_may_bid_for_what_it_needs() {
    let mut two = two();
    let me = (two.owner, two.instance);
    two.ask(Some(AtEnd::Checkpoint));
    two.drilled(AtEnd::Checkpoint, true);
    two.bid(me, [(MEM, 700)].into());
    two.round();
    let (slot, next) = (two.slot, two.slot.plus(1, RHYTHM.slot_seconds));
    two.carry_out(slot);
    two.world.now = two.world.now.plus_seconds(40);
    assert!(matches!(two.ask(None), Reply::Instance(_)));
    two.drilled(AtEnd::Checkpoint, false);
    assert_eq!(two.instance().shown_at_end, None);
    two.ends(next);
    two.resized(Some([(MEM, 1_700)].into()));
    two.slot = RHYTHM.first_open(two.world.now);
    let bid = two.bid(me, [(MEM, 700)].into());
    two.round();
    assert!(two.won(bid), "{:?}", two.reason(bid));
}

/// What its driver finds after a crash counts, unless it is old, or a swap is about to say so.
#[test]
fn what_the_driver_finds_is_what_is_known() {
    let mut two = suspended();
    let (instance, epoch) = (two.instance, two.instance().epoch);
    let found = |two: &mut Two, epoch, needs: Option<Amounts>| {
        two.world.run(Command::RecordSuspension { instance, epoch, needs });
        two.instance().suspended.is_some()
    };
    assert!(found(&mut two, epoch + 1, None), "of another epoch");
    assert!(!found(&mut two, epoch, None));
    assert_eq!((two.instance().shown_at_end, &two.instance().drill), (None, &None), "it may have begun anew");
    assert!(found(&mut two, epoch, Some([(MEM, 1_700)].into())));
    let known = two.instance().clone();
    assert!(found(&mut two, epoch, Some([(MEM, 9)].into())) && *two.instance() == known);
}

/// What it had won on another node is missed by its own doing: a tenth of it is due, whatever a pin of before says and
/// whether or not it goes on before the slot is settled.
#[test]
fn what_it_had_won_elsewhere_is_missed_by_its_own_doing() {
    let fee = |goes_on: bool| {
        let mut two = suspended();
        let other_node = node(&mut two.world, "p", "other", [(CPU, 9_000), (MEM, 9_000)].into());
        let slot = RHYTHM.first_open(two.world.now);
        two.slot = slot;
        let me = (two.owner, two.instance);
        let bid = two.bid(me, [(MEM, 700)].into());
        two.round();
        assert!(two.won(bid));
        // As if it had been won before it stood still.
        two.world.state.awards.values_mut().filter(|a| a.order == bid).for_each(|a| a.nodes = vec![other_node]);
        let instance = two.world.state.instances.get_mut(&two.instance).unwrap();
        (instance.pinned_until, instance.pinned_by_exchange) = (Some(slot.start().plus_seconds(-3_600)), true);
        two.world.now = RHYTHM.gate_closes(slot);
        two.world.run(Command::PlanSlot { slot });
        assert!(!two.instance().failed_by_exchange.contains(&slot));
        two.world.now = RHYTHM.slot_end(slot).plus_seconds(1);
        if goes_on {
            two.world.state.instances.get_mut(&two.instance).unwrap().suspended = None;
        }
        two.world.now = two.world.now.plus_seconds(5);
        let mut reading = Reading::new(two.instance, MEM);
        reading.add_tick(0);
        two.world.run(Command::SettleSlot { slot, readings: vec![reading] });
        let receipt = two.world.receipts.iter().rev().find(|r| r.order == bid).expect("it is settled");
        assert_eq!(receipt.cause.as_deref(), Some("move_failed"));
        receipt.reservation_fee
    };
    assert!(fee(false) > Credits::ZERO);
    assert_eq!(fee(true), fee(false));
}

/// Standing still it could not be brought home.
#[test]
fn in_another_pool_it_is_stopped() {
    let mut two = suspended();
    let swap = two.grew.clone().expect("it grew");
    let shrinks = Swap { limits_from: swap.limits_to.clone(), limits_to: swap.limits_from.clone(), ..swap };
    assert_eq!(two.acts(&shrinks), Some(AtEnd::Checkpoint));
    let other_node = node(&mut two.world, "p", "other", [(CPU, 9_000), (MEM, 9_000)].into());
    let instance = two.world.state.instances.get_mut(&two.instance).unwrap();
    instance.away = Some(Away { home: other_node, first: shrinks.slot, last: shrinks.slot, stranded: true });
    assert_eq!(two.acts(&shrinks), Some(AtEnd::Stop));
}

#[test]
fn what_an_admin_takes_off_a_baseline_stops_nobody() {
    let mut two = two();
    two.ask(Some(AtEnd::Stop));
    let (instance, slot) = (two.instance, two.slot);
    let baseline: Amounts = [(CPU, 1_000), (MEM, 500)].into();
    let reply = two.world.run(Command::SetBaseline { instance, baseline, floor: Amounts::new() });
    assert!(matches!(reply, Reply::Instance(_)), "{reply:?}");
    two.world.now = RHYTHM.gate_closes(slot);
    two.world.run(Command::PlanSlot { slot });
    let swap = two.swap();
    assert_eq!((amount(&swap.limits_from, MEM), amount(&swap.limits_to, MEM)), (1_000, 500));
    assert_eq!(two.acts(&swap), None);
}

#[test]
fn who_keeps_memory_all_the_same_or_begins_anew_shows_it_again() {
    let mut two = two();
    two.drilled(AtEnd::Shrink, true);
    let me = (two.owner, two.instance);
    two.bid(me, [(MEM, 700)].into());
    two.round();
    let (slot, next) = (two.slot, two.slot.plus(1, RHYTHM.slot_seconds));
    two.carry_out(slot);
    two.ends(next);
    for _ in 0..2 {
        let (id, state) = (two.swap().id, two.swap().state);
        two.world.run(Command::StepSwap {
            swap: id,
            result: StepResult::Succeeded { state, report: StepReport::default() },
        });
    }
    let (swap, state) = (two.swap().id, two.swap().state);
    let (reason, detail) = ("memory_in_use".to_owned(), "1700 in use".to_owned());
    let result = StepResult::Failed { state, reason, detail, report: StepReport::default() };
    two.world.run(Command::StepSwap { swap, result });
    assert!(!vacate::is_shown(two.instance()) && two.instance().drill.is_none(), "what it had shown was not so");
    // Its program is ended; the one that begins anew is drilled by itself, and not by what came of the first.
    let (participant, instance, epoch) = (two.owner, two.instance, two.instance().epoch);
    two.world.run(Command::ReportFault { instance, detail: "out of memory".into() });
    assert!(matches!(two.world.run(Command::StartInstance { participant, instance }), Reply::Instance(_)));
    let late = Command::RecordDrill { instance, epoch, at_end: AtEnd::Shrink, passed: true, detail: "late".into() };
    assert!(matches!(two.world.run(late), Reply::Nothing));
    let swaps: Vec<_> = two.world.state.swaps.values().filter(|s| s.instance == instance).cloned().collect();
    assert!(swaps.is_empty() || vacate::due(two.instance()).is_none());
    assert!(two.instance().drill.is_none() && !vacate::is_shown(two.instance()));
}
