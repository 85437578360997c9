//! Who has capacity in a slot keeps it in the next where others are worth no more; what has been won is sold on until
//! its workload has to know what it will have; and GPUs are won whole or not at all.
#[path = "support/away.rs"]
mod away;
#[path = "support/one_node.rs"]
mod one_node;
#[path = "support/recallable.rs"]
mod recallable;
mod support;

use headroom_market::book::{Assurance, OrderRequest, Resell, Side};
use headroom_market::command::{Command, Reply};
use headroom_market::ids::{InstanceId, OrderId, ParticipantId};
use headroom_market::round::{Award, AwardKind};
use headroom_market::units::{Resource, amount};
use headroom_market::workload::Strategy;
use one_node::{CPU, One, one};
use support::world::{RHYTHM, World, participant};

type Member = (ParticipantId, InstanceId);

/// A firm bid for the slot that the market is at; a unit costs 0.0005 at least and 0.0015 at most.
fn bid(one: &mut One, (who, instance): Member, quantity: i64, limit: &str) -> OrderId {
    let mut request = one.request(instance, quantity, limit);
    request.assurance = Assurance::Firm;
    match one.place(who, Side::Bid, request) {
        Reply::Order(id) => id,
        other => panic!("{other:?}"),
    }
}

fn won(world: &World, instance: InstanceId, slot: headroom_market::time::Slot) -> i64 {
    let bought = world.state.awards_of(instance).filter(|a| a.kind == AwardKind::Bought);
    bought.flat_map(|a| &a.lines).filter(|l| l.slot == slot && l.resource == CPU).map(|l| l.left()).sum()
}

/// The operator has 1,000; the first buyer has all of it in one slot, and both ask for the next.
fn next_slot(first: &[(i64, &str)], second: (i64, &str)) -> (i64, i64) {
    let mut one = one(4_000);
    let [has, comes] = [one.buyers[0], one.buyers[1]];
    bid(&mut one, has, 1_000, "0.9");
    one.round();
    assert_eq!(won(&one.world, has.1, one.slot), 1_000);
    one.slot = one.slot.plus(1, RHYTHM.slot_seconds);
    // The newcomer is the earlier one: nobody is first by his id alone.
    bid(&mut one, comes, second.0, second.1);
    for (quantity, limit) in first {
        bid(&mut one, has, *quantity, limit);
    }
    one.world.now = one.world.now.plus_seconds(5);
    one.round();
    (won(&one.world, has.1, one.slot), won(&one.world, comes.1, one.slot))
}

#[test]
fn who_has_it_keeps_it_at_the_same_price() {
    assert_eq!(next_slot(&[(1_000, "0.8")], (1_000, "0.8")), (1_000, 0));
    assert_eq!(next_slot(&[(600, "0.48")], (1_000, "0.8")), (600, 400), "what it leaves is for others");
}

#[test]
fn at_the_collar_who_has_it_comes_first() {
    assert_eq!(next_slot(&[(1_000, "5")], (1_000, "5")), (1_000, 0));
}

#[test]
fn who_pays_more_wins() {
    assert_eq!(next_slot(&[(1_000, "0.8")], (1_000, "0.801")), (0, 1_000));
}

#[test]
fn who_asks_for_more_than_it_has_is_a_newcomer_and_nothing_is_gone_on_with_twice() {
    assert_eq!(next_slot(&[(1_250, "1")], (1_250, "1")), (500, 500), "as much as anybody else");
    let (first, second) = next_slot(&[(1_000, "0.8"), (1_000, "0.8")], (1_000, "0.8"));
    assert_eq!((first, second), (1_000, 0), "the second bid of the same workload is a newcomer");
    let (first, second) = next_slot(&[(600, "0.48"), (600, "0.48")], (400, "0.32"));
    assert_eq!((first, second), (600 + 240, 160), "400 are shared by those who ask for 600 and 400");
}

fn set_notice(one: &mut One, (participant, instance): Member, notice_seconds: u32) -> Reply {
    let strategy = Strategy { notice_seconds, ..Strategy::default() };
    one.world.run(Command::SetStrategy { participant, instance, strategy })
}

/// What is left of what the first buyer had won, after another has asked for it at so many seconds before the slot.
fn left_at(seconds: i64, notice_seconds: u32) -> i64 {
    let mut one = one(4_000);
    let [has, wants] = [one.buyers[0], one.buyers[1]];
    one.slot = one.slot.plus(1, RHYTHM.slot_seconds);
    assert!(matches!(set_notice(&mut one, has, notice_seconds), Reply::Instance(_)));
    let mut request = one.request(has.1, 1_000, "0.9");
    (request.assurance, request.resell) = (Assurance::Firm, Resell::OwnLimit);
    assert!(matches!(one.place(has.0, Side::Bid, request), Reply::Order(_)));
    one.round();
    one.world.now = one.slot.start().plus_seconds(-seconds);
    bid(&mut one, wants, 1_000, "1.4");
    one.round();
    won(&one.world, has.1, one.slot)
}

#[test]
fn what_was_won_is_sold_on_until_its_notice_and_not_after() {
    assert_eq!(left_at(15, 0), 0, "until the gate closes");
    assert_eq!(left_at(31, 30), 0);
    assert_eq!(left_at(30, 30), 1_000, "from then on it is its own");
    assert_eq!(left_at(60, 3_600), 1_000, "never");
}

#[test]
fn a_notice_is_at_most_a_day() {
    let mut one = one(4_000);
    let first = one.buyers[0];
    assert!(matches!(set_notice(&mut one, first, 86_400), Reply::Instance(_)));
    let Reply::Refused(refusal) = set_notice(&mut one, first, 86_401) else { panic!("it is refused") };
    assert_eq!((refusal.code, refusal.pointer.as_str()), ("notice_out_of_range", "/notice_seconds"));
}

/// A pool with a node of four devices, of which one order asks for some.
fn devices(quantity: i64, replicas: u32, min_fill: &str) -> (World, Reply) {
    let gpu = Resource::GpuMilli;
    let mut world = World::new(3);
    away::pool(&mut world, "g", &[gpu], "0.0005");
    away::node(&mut world, "g", "only", [(gpu, 4_000)].into());
    let buyer = participant(&mut world, "buyer", "1000");
    let slot = RHYTHM.first_open(world.now);
    let request = OrderRequest {
        instance: None,
        window: headroom_market::book::Window { start_at: slot.start(), end_at: RHYTHM.slot_end(slot) },
        replicas,
        resources: [(gpu, quantity)].into(),
        pools: away::choices(&["g"]),
        min_fill: min_fill.parse().unwrap(),
        ..one_node::plain("50")
    };
    let request = Box::new(request);
    let reply = world.run(Command::PlaceOrder { participant: buyer, side: Side::Bid, request, client_order: None });
    (world, reply)
}

#[test]
fn gpus_are_asked_for_whole() {
    let code = |(_, reply): (World, Reply)| match reply {
        Reply::Refused(refusal) => Some((refusal.code, refusal.pointer)),
        _ => None,
    };
    assert_eq!(code(devices(1_500, 1, "1")), Some(("gpu_not_whole", "/resources/gpu_milli".to_owned())));
    assert_eq!(code(devices(999, 4, "0")), Some(("gpu_not_whole", "/resources/gpu_milli".to_owned())));
    assert_eq!(code(devices(1_000, 1, "0")), Some(("gpu_divisible", "/min_fill".to_owned())));
    assert_eq!(code(devices(2_000, 1, "0.5")), Some(("gpu_divisible", "/min_fill".to_owned())));
    assert_eq!(code(devices(2_000, 1, "1")), None);
    assert_eq!(code(devices(1_000, 3, "0")), None);
}

#[test]
fn gpus_are_won_whole_and_not_sold_on() {
    let awards = |quantity, replicas, min_fill: &str| -> Vec<Award> {
        let (mut world, reply) = devices(quantity, replicas, min_fill);
        assert!(matches!(reply, Reply::Order(_)), "{reply:?}");
        one_node::hold_round(&mut world);
        world.state.awards.values().cloned().collect()
    };
    let of = |awards: &[Award]| awards.iter().flat_map(|a| &a.lines).map(|l| l.quantity).sum::<i64>();
    assert_eq!(of(&awards(1_000, 6, "0")), 4_000, "four of six");
    assert_eq!(of(&awards(3_000, 2, "0")), 3_000, "a second three do not fit, and one of them would be a part");
    let whole = awards(3_000, 1, "1");
    assert_eq!((of(&whole), whole[0].resell), (3_000, false));
    assert_eq!(amount(&[(Resource::GpuMilli, of(&awards(5_000, 1, "1")))].into(), Resource::GpuMilli), 0);
}
