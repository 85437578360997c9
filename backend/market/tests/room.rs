//! What a round that is being cleared may award is nobody else's room until it has ended.

use crate::support;
use crate::support::movers;
use crate::support::world::{World, amounts, random_order, seeded};
use crate::support::world_steps::{clear_round, no_node_is_promised_twice};
use headroom_market::command::{Command, Reply};
use headroom_market::ids::{InstanceId, ParticipantId};
use headroom_market::round::AwardKind;

/// A world, its workloads with their owners, and the number of a round that is being cleared.
type Sealed = (World, Vec<(ParticipantId, InstanceId)>, u64);

/// A dozen random orders, in a round that is being cleared.
fn sealed(seed: u64) -> Option<Sealed> {
    let (mut world, workloads) = seeded(seed);
    for _ in 0..12 {
        let order = random_order(&mut world, &workloads);
        world.run(order);
    }
    let seal = movers::seal(&world.state, world.now);
    let Reply::Sealed { round, .. } = world.run(seal) else { return None };
    Some((world, workloads, round))
}

#[test]
fn a_baseline_is_not_raised_into_what_a_sealed_round_may_award() {
    let (mut told, mut given) = (0, 0);
    for seed in 0..20 {
        let Some((mut world, workloads, round)) = sealed(seed) else { continue };
        let raised =
            |instance| Command::SetBaseline { instance, baseline: amounts(1_400, 900), floor: amounts(400, 300) };
        let refused = |reply: Reply| match reply {
            Reply::Refused(refusal) => Some(refusal.code),
            _ => None,
        };
        let (_, instance) = workloads[0];
        match refused(world.run(raised(instance))) {
            Some(code) => assert_eq!(code, "round_under_way", "without the round there is room"),
            None => continue,
        }
        told += 1;
        world.run(Command::VoidRound { round, reason: "to see what is left".into() });
        assert_eq!(refused(world.run(raised(instance))), None, "nothing was awarded");
        given += 1;
    }
    assert!(told > 5 && given == told, "{told} told to wait, {given} served afterwards");
}

#[test]
fn a_cancellation_asked_for_twice_waits_for_the_round_once() {
    let mut asked = 0;
    for seed in 0..20 {
        let Some((mut world, _, round)) = sealed(seed) else { continue };
        let Some(order) = world.state.orders.values().find(|o| o.sealed_in.is_some()) else { continue };
        let (id, participant) = (order.id, order.participant);
        for _ in 0..2 {
            let reply = world.run(Command::CancelOrder { participant, order: id });
            assert!(matches!(reply, Reply::PendingOrder(pending) if pending == id), "{reply:?}");
        }
        let (_, events) = world.log.last().expect("it was asked for");
        assert!(events.is_empty(), "the second time nothing happens: {events:?}");
        let stranger = *world.state.participants.keys().find(|p| **p != participant).expect("others");
        let reply = world.run(Command::CancelOrder { participant: stranger, order: id });
        assert!(matches!(reply, Reply::Refused(_)), "it is somebody else's: {reply:?}");
        world.run(Command::VoidRound { round, reason: "to see what is left".into() });
        assert!(!world.state.orders.contains_key(&id));
        asked += 1;
    }
    assert!(asked > 5, "{asked}");
}

/// While it stands still, the room that it would need beside its award on another node is sold.
#[test]
fn a_workload_is_restarted_only_if_its_awards_find_it_with_its_baseline() {
    let (mut restarted, mut refused) = (0, 0);
    for seed in 0..300 {
        let (mut world, workloads) = seeded(seed);
        let trade = |world: &mut support::world::World| {
            for _ in 0..12 {
                let order = random_order(world, &workloads);
                world.run(order);
            }
            clear_round(world)
        };
        if !trade(&mut world) {
            continue;
        }
        let moves = world.state.awards.values().find_map(|award| {
            let instance = world.state.instances.get(&award.instance?)?;
            let elsewhere = award.nodes.first().is_some_and(|node| *node != instance.node);
            (award.kind == AwardKind::Bought && elsewhere).then_some((instance.participant, instance.id))
        });
        let Some((participant, instance)) = moves else { continue };
        assert!(!matches!(world.run(Command::StopInstance { participant, instance }), Reply::Refused(_)));
        for _ in 0..seed % 3 {
            trade(&mut world);
        }
        match world.run(Command::StartInstance { participant, instance }) {
            Reply::Refused(refusal) => {
                assert_eq!(refusal.code, "no_host_fits");
                refused += 1;
            }
            _ => restarted += 1,
        }
        no_node_is_promised_twice(&world);
    }
    println!("{restarted} restarted, {refused} refused");
    assert!(restarted > 5 && refused > 0, "{restarted} restarted, {refused} refused");
}
