//! Who waits for whom when a slot is planned; by hand, on one node.

use crate::support::away::{node, pool, workload};
use crate::support::one_node;
use crate::support::rolls;
use crate::support::world::{RHYTHM, World, amounts, participant};
use crate::support::world_steps::check_plan;
use headroom_market::book::Side;
use headroom_market::command::Command;
use headroom_market::ids::{InstanceId, ParticipantId, SwapId};
use headroom_market::swap::saga::{SUPERSEDED, StepReport, StepResult};
use headroom_market::swap::{Swap, SwapState, plan};
use headroom_market::time::Slot;
use headroom_market::units::{Amounts, Resource};

const BOTH: [Resource; 2] = [Resource::CpuMilli, Resource::MemMib];

struct Full {
    world: World,
    slot: Slot,
    owner: ParticipantId,
}

/// A node of 1,000 millicores and 1,000 MiB.
fn full() -> Full {
    let mut world = World::new(7);
    pool(&mut world, "p", &BOTH, "0.0005");
    node(&mut world, "p", "only", amounts(1_000, 1_000));
    let owner = participant(&mut world, "owner", "1000");
    let slot = RHYTHM.first_open(world.now);
    Full { world, slot, owner }
}

impl Full {
    fn workload(&mut self, cpu: i64, memory: i64) -> InstanceId {
        workload(&mut self.world, self.owner, "p", amounts(cpu, memory), amounts(1_000, 1_000))
    }
    /// What it is to have from the next planned slot on.
    fn is_to_have(&mut self, instance: InstanceId, cpu: i64, memory: i64) {
        let command = Command::SetBaseline { instance, baseline: amounts(cpu, memory), floor: Amounts::new() };
        let reply = self.world.run(command);
        assert!(!format!("{reply:?}").contains("Refused"), "{reply:?}");
    }
    fn plan(&mut self) {
        self.world.now = RHYTHM.gate_closes(self.slot);
        self.world.run(Command::PlanSlot { slot: self.slot });
        check_plan(&self.world, self.slot);
    }
    fn swap(&self, instance: InstanceId) -> &Swap {
        &self.world.state.swaps[&self.world.state.instances[&instance].swap.expect("a swap")]
    }
    fn step(&mut self, swap: SwapId) {
        let (state, report) = (self.world.state.swaps[&swap].state, StepReport::default());
        self.world.run(Command::StepSwap { swap, result: StepResult::Succeeded { state, report } });
    }
    fn in_force(&self, instance: InstanceId) -> &Amounts {
        &self.world.state.instances[&instance].in_force
    }
}

#[test]
fn a_swap_order_says_nothing_that_was_not_predicted() {
    let mut full = full();
    let one = full.workload(600, 600);
    full.plan();
    full.slot = full.slot.plus(1, RHYTHM.slot_seconds);
    full.is_to_have(one, 800, 700);
    full.plan();
    let swap = serde_json::to_value(full.swap(one)).expect("JSON");
    let predicts = |name: &&String| name.contains("predicted") || *name == "considered" || *name == "downtime_micros";
    let said: Vec<_> = swap.as_object().expect("an object").iter().filter(|(name, _)| predicts(name)).collect();
    assert!(said.iter().all(|(_, value)| value.is_null()), "{said:?}");
}

#[test]
fn of_two_that_trade_neither_waits_to_give() {
    let mut full = full();
    let (one, two) = (full.workload(500, 400), full.workload(400, 500));
    full.is_to_have(one, 400, 500);
    full.is_to_have(two, 500, 400);
    // 100 are free of both, so nobody waits; with one more on the node both lack room.
    full.workload(100, 100);
    full.plan();
    let (first, second) = (full.swap(one), full.swap(two));
    assert!(plan::may_begin(&full.world.state, first) && plan::may_begin(&full.world.state, second));
    assert!(first.depends_on.is_empty() && second.depends_on.is_empty(), "{first:?} {second:?}");
    // What the first gives is given, whatever becomes of it.
    let id = first.id;
    full.step(id);
    full.step(id);
    let state = SwapState::Activated;
    assert_eq!(full.swap(one).state, state);
    let gave = StepResult::GaveBack { state, in_force: amounts(400, 400) };
    full.world.run(Command::StepSwap { swap: id, result: gave });
    assert_eq!((full.swap(one).state, full.in_force(one)), (state, &amounts(400, 400)));
    let late = StepResult::GaveBack { state: SwapState::Reserved, in_force: amounts(1, 1) };
    full.world.run(Command::StepSwap { swap: id, result: late });
    assert_eq!(full.in_force(one), &amounts(400, 400), "an old message changes nothing");
    full.world.run(Command::StepSwap { swap: id, result: StepResult::OutOfTime { state } });
    assert_eq!(full.in_force(one), &amounts(400, 400));
}

/// Who waits for others has what is free already as soon as its slot begins, and once.
#[test]
fn who_waits_has_what_is_free_at_once() {
    let mut full = full();
    let (gives, takes) = (full.workload(500, 300), full.workload(300, 300));
    full.is_to_have(gives, 100, 300);
    full.is_to_have(takes, 500, 300);
    // It leaves 100 free, of the 200 that are asked for.
    full.workload(100, 300);
    full.plan();
    let swaps = [gives, takes].map(|id| full.swap(id).clone());
    assert_eq!(swaps.clone().map(|s| s.at_once), [Amounts::new(), [(Resource::CpuMilli, 100)].into()]);
    assert_eq!((swaps[0].depends_on.len(), &swaps[1].depends_on), (0, &vec![swaps[0].id]));
    let took = |state, cpu| StepResult::TookAtOnce { state, in_force: amounts(cpu, 300) };
    let run = |full: &mut Full, result| full.world.run(Command::StepSwap { swap: swaps[1].id, result });
    run(&mut full, took(SwapState::Activated, 999));
    assert_eq!(full.in_force(takes), &amounts(300, 300), "an old message changes nothing");
    run(&mut full, took(SwapState::Planned, 400));
    assert_eq!((full.in_force(takes), full.swap(takes).state), (&amounts(400, 300), SwapState::Planned));
    run(&mut full, took(SwapState::Planned, 500));
    assert_eq!(full.in_force(takes), &amounts(400, 300), "it has had it");
    assert!(!plan::may_begin(&full.world.state, full.swap(takes)), "the rest comes from who gives");
    // Whatever becomes of the rest, what it has it has.
    run(&mut full, StepResult::OutOfTime { state: SwapState::Planned });
    assert_eq!(full.in_force(takes), &amounts(400, 300));
}

#[test]
fn a_resize_whose_slot_is_over_gives_way_to_the_next() {
    let mut full = full();
    let one = full.workload(600, 400);
    full.is_to_have(one, 300, 400);
    full.plan();
    let late = full.swap(one).id;
    // Nothing is carried out for two slots.
    full.world.now = RHYTHM.slot_end(full.slot);
    full.slot = full.slot.plus(2, RHYTHM.slot_seconds);
    full.plan();
    let swap = full.swap(one);
    assert!(swap.id != late && swap.slot == full.slot && !full.world.state.swaps.contains_key(&late));
    let mut ended = full.world.log.iter().flat_map(|(_, events)| events).filter_map(|e| match e {
        headroom_market::event::Event::SwapChanged(s) if s.id == late => s.reason.clone(),
        _ => None,
    });
    assert_eq!(ended.next_back().as_deref(), Some(SUPERSEDED));
}

/// Who is to have what a late resize still takes waits until that one's workload has given it back.
#[test]
fn who_waits_for_a_late_resize_waits_for_what_follows_it() {
    let mut one = one_node::one(3_000);
    let (lender, [first, second], slot) = (one.lender, [one.buyers[0], one.buyers[1]], one.slot);
    for (at, buyer) in [(slot, first), (rolls::next(slot), second)] {
        one.slot = at;
        rolls::firm(&mut one, lender, Side::Offer, 300, "0.1");
        rolls::firm(&mut one, buyer, Side::Bid, 300, "0.4");
    }
    one.slot = slot;
    one.round();
    let plan_next = |one: &mut one_node::One| {
        one.world.now = RHYTHM.gate_closes(one.slot);
        one.world.run(Command::PlanSlot { slot: one.slot });
        check_plan(&one.world, one.slot);
        one.world.now = one.slot.start().plus_seconds(1);
    };
    let step = |one: &mut one_node::One, id: SwapId| {
        let (state, report) = (one.world.state.swaps[&id].state, StepReport::default());
        one.world.run(Command::StepSwap { swap: id, result: StepResult::Succeeded { state, report } });
    };
    let of = |one: &one_node::One, (_, id): (ParticipantId, InstanceId)| {
        one.world.state.instances[&id].swap.expect("a swap")
    };
    plan_next(&mut one);
    // The lender has given, and the first buyer's resize has only begun.
    let (gives, takes) = (of(&one, lender), of(&one, first));
    while one.world.state.swaps.contains_key(&gives) {
        step(&mut one, gives);
    }
    step(&mut one, takes);
    one.slot = rolls::next(slot);
    plan_next(&mut one);
    let waits = of(&one, second);
    assert_eq!(one.world.state.swaps[&waits].depends_on, [takes]);
    while one.world.state.swaps.contains_key(&takes) {
        assert!(!plan::may_begin(&one.world.state, &one.world.state.swaps[&waits]));
        step(&mut one, takes);
    }
    let follows = of(&one, first);
    assert_eq!(one.world.state.swaps[&waits].depends_on, [follows]);
    while one.world.state.swaps.contains_key(&follows) {
        assert!(!plan::may_begin(&one.world.state, &one.world.state.swaps[&waits]));
        step(&mut one, follows);
    }
    assert!(plan::may_begin(&one.world.state, &one.world.state.swaps[&waits]));
}
