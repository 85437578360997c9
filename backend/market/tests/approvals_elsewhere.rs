//! Moves that a person has to approve, where more than one workload or pool is concerned: to another pool and home, to
//! make way, beside recalls, and in random histories.

use crate::exchange_random::{check_replay, check_settlement};
use crate::support::approvals::{
    Seen, answer, check_history, credits, end_as_said, evidence, person, refused, require, share,
};
use crate::support::away;
use crate::support::crowded::{bid_that, cpu, market, node, round, workload};
use crate::support::world::{RHYTHM, World, participant};
use crate::support::world_steps::*;
use headroom_market::book::{Assurance, Side, Window};
use headroom_market::command::{Command, Reply};
use headroom_market::ids::{InstanceId, NodeId};
use headroom_market::swap::approval::MoveVerdict;
use headroom_market::swap::recall::Recall;
use headroom_market::swap::saga::{StepReport, StepResult};
use headroom_market::swap::{Swap, SwapState};
use headroom_market::time::Slot;
use headroom_market::units::{Resource, amount};
use headroom_market::workload::InstanceState;

use MoveVerdict::{Approved, Rejected};

/// It is the pool that it leaves as well as the one that it comes to; others ask nobody.
#[test]
fn either_pool_may_ask() {
    for (asks, waits) in [(None, false), (Some("p"), true), (Some("q"), true), (Some("r"), false)] {
        let (mut world, instance, _) = two_pools();
        away::pool(&mut world, "r", &[Resource::CpuMilli], "0.0004");
        asks.into_iter().for_each(|pool| require(&mut world, pool));
        let slot = carried_off(&mut world, instance);
        let swap = of(&world, instance).expect("it goes");
        assert_eq!(swap.approval.is_some(), waits, "{asks:?}");
        assert_eq!(swap.slot, slot);
    }
    let (mut world, instance, _) = two_pools();
    require(&mut world, "q");
    world.run(Command::SetMoveApproval { pool: "q".into(), required: false, expected_version: None });
    carried_off(&mut world, instance);
    assert_eq!(of(&world, instance).expect("it goes").approval, None, "nobody is asked any more");
    world.run(Command::OpenRecallable { pool: "p".into() });
    for pool in ["p~recallable", "nowhere"] {
        let reply = world.run(Command::SetMoveApproval { pool: pool.into(), required: true, expected_version: None });
        assert_eq!(refused(&reply), "not_found");
    }
}

/// A pool of 4,000, of which a workload has 3,500, and a cheaper one of 10,000.
fn two_pools() -> (World, InstanceId, [NodeId; 2]) {
    let mut world = World::new(1);
    away::pool(&mut world, "p", &[Resource::CpuMilli], "0.0005");
    away::pool(&mut world, "q", &[Resource::CpuMilli], "0.0004");
    let home = away::node(&mut world, "p", "home", cpu(4_000));
    let elsewhere = away::node(&mut world, "q", "elsewhere", cpu(10_000));
    let tenant = participant(&mut world, "tenant", "1000");
    let instance = away::workload(&mut world, tenant, "p", cpu(3_500), cpu(9_000));
    (world, instance, [home, elsewhere])
}

fn of(world: &World, instance: InstanceId) -> Option<Swap> {
    world.state.instances[&instance].swap.map(|id| world.state.swaps[&id].clone())
}

fn plan(world: &mut World, slot: Slot) {
    world.now = world.now.max(RHYTHM.gate_closes(slot));
    world.run(Command::PlanSlot { slot });
    check_plan(world, slot);
}

/// It wins two slots in the other pool.
fn carried_off(world: &mut World, instance: InstanceId) -> Slot {
    let slot = RHYTHM.first_open(world.now);
    let owner = world.state.instances[&instance].participant;
    bid_that(world, owner, Some(instance), 1_000, "100", |request| {
        request.window.end_at = slot.plus(2, RHYTHM.slot_seconds).start();
        (request.pools, request.min_fill) = (away::choices(&["q"]), share("1"));
    });
    round(world);
    plan(world, slot);
    slot
}

/// Its worker prepares it until a person is asked.
fn prepare(world: &mut World, instance: InstanceId) -> Swap {
    let swap = of(world, instance).expect("it is to be changed");
    for _ in 0..5 {
        let report = StepReport { evidence: Some(evidence(5)), ..StepReport::default() };
        let result = StepResult::Succeeded { state: world.state.swaps[&swap.id].state, report };
        world.run(Command::StepSwap { swap: swap.id, result });
    }
    of(world, instance).expect("it waits")
}

/// Its worker ends what was rejected or withdrawn.
fn end(world: &mut World, swap: &Swap) {
    assert!(end_as_said(world, swap.id), "{swap:?}");
}

fn carry_out(world: &mut World, instance: InstanceId, approve: bool) {
    if approve {
        let swap = prepare(world, instance);
        assert!(matches!(world.run(answer(swap.id, Approved, None, person(1))), Reply::Swap(_)));
    }
    let swap = of(world, instance).expect("it is to be changed");
    while let Some(state) = world.state.swaps.get(&swap.id).map(|s| s.state) {
        let result = StepResult::Succeeded { state, report: StepReport::default() };
        world.run(Command::StepSwap { swap: swap.id, result });
    }
}

#[test]
fn a_way_to_another_pool_that_is_refused_fails_in_all_its_slots_by_the_exchange() {
    let (mut world, instance, [home, _]) = two_pools();
    require(&mut world, "q");
    let slot = carried_off(&mut world, instance);
    let swap = prepare(&mut world, instance);
    world.run(answer(swap.id, Rejected, Some("q is full of work"), person(1)));
    end(&mut world, &swap);
    let next = slot.plus(1, RHYTHM.slot_seconds);
    let stays = &world.state.instances[&instance];
    assert_eq!((stays.node, stays.away), (home, None));
    assert_eq!(stays.failed_by_exchange, [slot, next].into());
    plan(&mut world, next);
    assert_eq!(of(&world, instance), None, "it has what it is to have");
}

/// It keeps its baseline where it is, uncharged, and is asked for again in every slot, until somebody lets it go home.
#[test]
fn a_way_home_is_asked_for_again_in_every_slot() {
    let (mut world, instance, [home, elsewhere]) = two_pools();
    require(&mut world, "q");
    let slot = carried_off(&mut world, instance);
    carry_out(&mut world, instance, true);
    let after = |n: i64| slot.plus(n, RHYTHM.slot_seconds);
    plan(&mut world, after(1));
    plan(&mut world, after(2));
    for (n, answers) in [(2, Some(Rejected)), (3, None), (4, Some(Approved))] {
        let swap = prepare(&mut world, instance);
        assert_eq!((swap.slot, swap.state, swap.node_to), (after(n), SwapState::AwaitingApproval, home));
        world.now = after(n).start().plus_seconds(1);
        match answers {
            Some(Approved) => {
                assert!(matches!(world.run(answer(swap.id, Approved, None, person(1))), Reply::Swap(_)));
                carry_out(&mut world, instance, false);
                break;
            }
            Some(Rejected) => {
                world.run(answer(swap.id, Rejected, Some("not yet"), person(1)));
                end(&mut world, &swap);
            }
            None => {
                world.now = RHYTHM.gate_closes(after(n + 1));
                world.run(Command::StepSwap { swap: swap.id, result: StepResult::OutOfTime { state: swap.state } });
            }
        }
        let there = &world.state.instances[&instance];
        assert_eq!((there.node, there.state), (elsewhere, InstanceState::Running), "it goes on where it is");
        if of(&world, instance).is_some_and(|s| !s.moves()) {
            carry_out(&mut world, instance, false);
        }
        assert_eq!(amount(&world.state.instances[&instance].in_force, Resource::CpuMilli), 3_500);
        world.now = world.now.max(RHYTHM.gate_closes(after(n + 1)));
        world.run(Command::PlanSlot { slot: after(n + 1) });
    }
    let back = &world.state.instances[&instance];
    assert_eq!((back.node, back.away, back.swap), (home, None, None));
}

/// Who waits for what nobody answers ends with its own slot, and not as its own doing.
#[test]
fn whoever_waits_for_a_move_that_waits_ends_too() {
    let (mut world, instance, [_, elsewhere]) = two_pools();
    let slot = carried_off(&mut world, instance);
    carry_out(&mut world, instance, false);
    require(&mut world, "q");
    let last = slot.plus(2, RHYTHM.slot_seconds);
    plan(&mut world, slot.plus(1, RHYTHM.slot_seconds));
    // Somebody else has bought what it is to leave, all of it.
    let other = participant(&mut world, "other", "1000");
    let grows = away::workload(&mut world, other, "q", cpu(1_000), cpu(10_000));
    bid_that(&mut world, other, Some(grows), 8_500, "100", |request| {
        request.window = Window { start_at: last.start(), end_at: last.plus(1, RHYTHM.slot_seconds).start() };
        (request.pools, request.min_fill) = (away::choices(&["q"]), share("1"));
    });
    round(&mut world);
    plan(&mut world, last);
    let (home, waits) = (prepare(&mut world, instance), of(&world, grows).expect("it grows"));
    assert_eq!((home.state, home.node_from), (SwapState::AwaitingApproval, elsewhere));
    assert_eq!(waits.depends_on, [home.id]);
    world.now = RHYTHM.slot_end(last);
    // In the same moment, whichever is looked at first.
    for id in [waits.id, home.id] {
        let state = world.state.swaps[&id].state;
        world.run(Command::StepSwap { swap: id, result: StepResult::OutOfTime { state } });
    }
    assert!(world.state.instances[&grows].failed_by_exchange.contains(&last));
    assert!(!world.state.swaps.contains_key(&waits.id) && !world.state.swaps.contains_key(&home.id));
}

/// Whoever takes back what it lent is not kept waiting by a move of its buyer, for the next slot, that waits for a person.
#[test]
fn a_recall_comes_before_a_move_that_waits() {
    let mut world = market(5);
    let (home, target) = (node(&mut world, "home", 4_000), node(&mut world, "target", 8_000));
    let (one, two) = (participant(&mut world, "one", "100"), participant(&mut world, "two", "100"));
    let buyer = workload(&mut world, one, home, 1_500);
    let lender = workload(&mut world, two, home, 2_000);
    world.run(Command::OpenRecallable { pool: "p".into() });
    require(&mut world, "p");
    let slot = RHYTHM.first_open(world.now);
    let next = slot.plus(1, RHYTHM.slot_seconds);
    let bought = bid_that(&mut world, one, Some(buyer), 600, "5", |r| r.assurance = Assurance::Recallable);
    let mut offer = Box::new(world.state.orders[&bought].request.clone());
    (offer.instance, offer.limit) = (Some(lender), credits("0.01"));
    let offer = Command::PlaceOrder { participant: two, side: Side::Offer, request: offer, client_order: None };
    assert!(matches!(world.run(offer), Reply::Order(_)));
    assert_eq!(round(&mut world)[&bought], (600, vec![home]));
    let firm = bid_that(&mut world, one, Some(buyer), 1_500, "5", |r| {
        r.window = Window { start_at: next.start(), end_at: next.plus(1, RHYTHM.slot_seconds).start() };
        r.min_fill = share("1");
    });
    assert_eq!(round(&mut world)[&firm], (1_500, vec![target]));
    plan(&mut world, slot);
    world.now = slot.start().plus_seconds(1);
    carry_out(&mut world, lender, false);
    carry_out(&mut world, buyer, false);
    assert_eq!(amount(&world.state.instances[&buyer].in_force, Resource::CpuMilli), 2_100);
    plan(&mut world, next);
    let moves = prepare(&mut world, buyer);
    assert_eq!((moves.state, moves.slot, moves.node_to), (SwapState::AwaitingApproval, next, target));

    let recall = Recall { instance: lender, resource: Resource::CpuMilli, slot, quantity: None };
    assert!(matches!(world.run(Command::Recall { participant: Some(two), recall }), Reply::Recalled(_)));
    assert_eq!(refused(&world.run(answer(moves.id, Approved, None, person(1)))), "swap_withdrawn");
    let cancel = Command::CancelSwap { swap: moves.id, participant: None, reason: "too".into() };
    assert_eq!(refused(&world.run(cancel)), "swap_withdrawn");
    end(&mut world, &moves);
    let shrinks = of(&world, buyer).expect("it gives back what it had");
    assert_eq!((shrinks.slot, shrinks.moves(), shrinks.state), (slot, false, SwapState::Planned));
    let grows = of(&world, lender).expect("it has again what it had lent");
    assert_eq!((grows.slot, grows.depends_on.as_slice()), (slot, &[shrinks.id][..]), "once that is given back");
    assert_eq!(refused(&world.run(answer(moves.id, Approved, None, person(1)))), "not_found");
    carry_out(&mut world, buyer, false);
    carry_out(&mut world, lender, false);
    assert_eq!(amount(&world.state.instances[&lender].in_force, Resource::CpuMilli), 2_000);
    let anew = of(&world, buyer).expect("it is to go all the same");
    assert_eq!((anew.slot, anew.node_to, anew.is_unanswered()), (next, target, true));
    carry_out(&mut world, buyer, true);
    assert_eq!(world.state.instances[&buyer].node, target);
}

/// Random histories of two pools that ask, with workloads that go to and fro, are stopped and recovered.
#[test]
fn random_histories_with_people_who_answer_or_do_not() {
    let (mut seen, mut rounds) = (Seen::default(), 0);
    for seed in 7_000..8_200 {
        let (world, cleared) = random_life_with(seed, |world, command| {
            let command = away::some_elsewhere(world, command);
            for pool in ["p", "q"] {
                if !world.state.pools[pool].move_approval {
                    require(world, pool);
                }
            }
            let at = world.chance.below(world.state.instances.len() as u64) as usize;
            let (id, instance) = world.state.instances.iter().nth(at).expect("one of them");
            let (participant, instance) = (instance.participant, *id);
            match (world.state.instances[&instance].state, world.chance.below(12)) {
                (InstanceState::Running, 0) => _ = world.run(Command::StopInstance { participant, instance }),
                (InstanceState::Stopped | InstanceState::Failed, 0..=6) => {
                    world.run(Command::StartInstance { participant, instance });
                }
                _ => {}
            }
            // Shadow runs pass within the lead time.
            (0..3).for_each(|_| step_swaps(world));
            no_node_is_promised_twice(world);
            command
        });
        rounds += cleared;
        check_history(&world, &mut seen);
        check_settlement(&world);
        check_replay(&world);
    }
    println!("{rounds} rounds, {seen:?}");
    assert!(rounds > 500 && seen.asked > 150 && seen.done > 50, "{rounds} {seen:?}");
    assert!(seen.rejected > 20 && seen.expired > 10 && seen.kept_from_home > 3, "{seen:?}");
    assert!(seen.approved >= seen.done && seen.kept_waiting > 5, "{seen:?}");
    assert!(seen.differed > 5 && seen.withdrawn > 5 && seen.prepared_again > 5, "{seen:?}");
}
