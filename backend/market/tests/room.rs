//! What a round that is being cleared may award is nobody else's room until it has ended.
mod support;

use headroom_market::command::{Command, Reply};
use support::world::{amounts, random_order, seeded};

#[test]
fn a_baseline_is_not_raised_into_what_a_sealed_round_may_award() {
    let (mut told, mut given) = (0, 0);
    for seed in 0..20 {
        let (mut world, workloads) = seeded(seed);
        for _ in 0..12 {
            let order = random_order(&mut world, &workloads);
            world.run(order);
        }
        let Reply::Sealed { round, .. } = world.run(Command::SealRound) else { continue };
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
