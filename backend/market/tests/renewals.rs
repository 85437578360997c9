//! Who has capacity in a slot keeps it in the next where others are worth no more; what has been won is sold on until
//! its workload has to know what it will have; and GPUs are won whole or not at all.

use crate::support::away;
use crate::support::one_node;
use crate::support::one_node::{CPU, One, one};
use crate::support::world::{RHYTHM, World, participant};
use headroom_market::book::{Assurance, OrderRequest, Resell, Side};
use headroom_market::command::{Command, Reply};
use headroom_market::ids::{InstanceId, OrderId, ParticipantId};
use headroom_market::round::{Award, AwardKind};
use headroom_market::time::Timestamp;
use headroom_market::units::{Credits, Resource, amount};
use headroom_market::workload::Strategy;

type Member = (ParticipantId, InstanceId);

/// A firm bid for the slot that the market is at; a unit costs 0.0005 at least, and more than 0.0015 interrupts a round.
fn bid(one: &mut One, who: Member, quantity: i64, limit: &str) -> OrderId {
    bid_for(one, who, quantity, limit, 1)
}

/// The same for so many slots from there on.
fn bid_for(one: &mut One, (who, instance): Member, quantity: i64, limit: &str, slots: i64) -> OrderId {
    let mut request = one.request(instance, quantity, limit);
    request.assurance = Assurance::Firm;
    request.window.end_at = one.slot.plus(slots, RHYTHM.slot_seconds).start();
    one.world.now = Timestamp::from_micros(one.world.now.micros() + 1);
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
fn beyond_the_band_a_round_awards_nothing() {
    assert_eq!(next_slot(&[(1_000, "5")], (1_000, "5")), (0, 0));
}

#[test]
fn who_pays_more_wins() {
    assert_eq!(next_slot(&[(1_000, "0.8")], (1_000, "0.801")), (0, 1_000));
}

#[test]
fn who_asks_for_more_than_it_has_is_a_newcomer_and_nothing_is_gone_on_with_twice() {
    assert_eq!(next_slot(&[(1_250, "1")], (1_250, "1")), (0, 1_000), "the earlier newcomer wins");
    let (first, second) = next_slot(&[(1_000, "0.8"), (1_000, "0.8")], (1_000, "0.8"));
    assert_eq!((first, second), (1_000, 0), "the second bid of the same workload is a newcomer");
    let (first, second) = next_slot(&[(600, "0.48"), (600, "0.48")], (400, "0.32"));
    assert_eq!((first, second), (600, 400), "the rest is for the earlier newcomer");
}

/// A bid in the next round, some seconds later.
fn again(one: &mut One, bids: &[(Member, i64, &str, i64)]) {
    for (who, quantity, limit, slots) in bids {
        bid_for(one, *who, *quantity, limit, *slots);
    }
    one.world.now = one.world.now.plus_seconds(5);
    one.round();
}

#[test]
fn what_was_gone_on_with_in_one_round_is_not_in_the_next() {
    let mut one = one(4_000);
    let [has, comes] = [one.buyers[0], one.buyers[1]];
    again(&mut one, &[(has, 500, "0.45", 1)]);
    one.slot = one.slot.plus(1, RHYTHM.slot_seconds);
    again(&mut one, &[(has, 500, "0.45", 1)]);
    again(&mut one, &[(comes, 500, "0.4", 1), (has, 500, "0.4", 1)]);
    assert_eq!(
        (won(&one.world, has.1, one.slot), won(&one.world, comes.1, one.slot)),
        (500, 500),
        "the earlier newcomer wins the rest"
    );
}

#[test]
fn the_rest_of_a_newcomers_bid_is_a_newcomer() {
    let mut one = one(4_000);
    let [has, comes] = [one.buyers[0], one.buyers[1]];
    again(&mut one, &[(has, 600, "0.54", 1)]);
    one.slot = one.slot.plus(1, RHYTHM.slot_seconds);
    again(&mut one, &[(has, 1_200, "1.2", 1), (comes, 800, "0.8", 1)]);
    assert_eq!((won(&one.world, has.1, one.slot), won(&one.world, comes.1, one.slot)), (1_000, 0));
    let slots = RHYTHM.open_slots(one.world.now);
    let draft = headroom_market::round::book::build(&one.world.state, one.world.now, &slots, &Default::default());
    let bids: Vec<_> =
        draft.book.orders.iter().filter(|o| o.side == headroom_market::clearing::book::Side::Bid).collect();
    assert!(!bids.is_empty() && bids.iter().all(|o| !o.incumbent), "{bids:?}");
}

#[test]
fn one_slot_makes_nobody_an_incumbent_of_several() {
    let mut one = one(4_000);
    let [has, comes] = [one.buyers[0], one.buyers[1]];
    again(&mut one, &[(has, 1_000, "0.9", 1)]);
    one.slot = one.slot.plus(1, RHYTHM.slot_seconds);
    again(&mut one, &[(comes, 1_000, "2.4", 3), (has, 1_000, "2.4", 3)]);
    let last = one.slot.plus(2, RHYTHM.slot_seconds);
    assert_eq!((won(&one.world, has.1, last), won(&one.world, comes.1, last)), (0, 1_000));
}

#[test]
fn a_forgotten_bid_that_cannot_win_takes_nothing_from_the_one_that_can() {
    let (first, second) = next_slot(&[(1_000, "0.000001"), (1_000, "0.8")], (1_000, "0.8"));
    assert_eq!((first, second), (1_000, 0));
}

#[test]
fn what_is_not_for_sale_takes_no_place_in_a_round() {
    use headroom_market::round::capacity::{Places, places};
    let mut one = one(4_000);
    let [has, other] = [one.buyers[0], one.buyers[1]];
    one.slot = one.slot.plus(1, RHYTHM.slot_seconds);
    let mut request = one.request(has.1, 1, "0.9");
    (request.assurance, request.resell) = (Assurance::Firm, Resell::OwnLimit);
    assert!(matches!(one.place(has.0, Side::Bid, request), Reply::Order(_)));
    one.round();
    bid(&mut one, other, 1, "0.1");
    // As many awards as a member may have, made by hand.
    let award = one.world.state.awards.values().next().unwrap().clone();
    for n in 0..9_000 {
        one.world.state.put_award(Award { id: headroom_market::ids::AwardId::from_raw(n + 1), ..award.clone() });
    }
    let is_full = |one: &One| {
        let orders: Vec<_> = one.world.state.orders.values().collect();
        let slots = RHYTHM.open_slots(one.world.now);
        matches!(places(&one.world.state, one.world.now, &orders, &slots), Places::Only(_))
    };
    assert!(is_full(&one));
    let mut instance = one.world.state.instances[&has.1].clone();
    instance.strategy.notice_seconds = 86_400;
    one.world.state.put(instance);
    assert!(!is_full(&one));
}

/// A strategy that prices processors and devices.
#[test]
fn automatic_bids_have_whole_devices_apart() {
    use headroom_market::units::Amounts;
    use headroom_market::workload::{AutoBid, AutoOffer, SlotOutlook};
    let gpu = Resource::GpuMilli;
    let mut world = World::new(3);
    away::pool(&mut world, "g", &[CPU, gpu], "0.0005");
    away::node(&mut world, "g", "only", [(CPU, 9_000), (gpu, 8_000)].into());
    let participant = participant(&mut world, "owner", "1000");
    let both = |cpu, devices| -> Amounts { [(CPU, cpu), (gpu, devices)].into() };
    let quota = both(9_000, 8_000);
    world.run(Command::SetQuota { participant, quota: Some(quota), instance_limit: None, highest_class: None });
    let instance = away::workload(&mut world, participant, "g", both(1_000, 3_000), both(4_000, 8_000));
    let prices = |price: &str| [(CPU, price.parse().unwrap()), (gpu, price.parse().unwrap())].into();
    let strategy = Strategy {
        auto_bid: Some(AutoBid {
            shortage_cost: prices("0.004"),
            promised_service_level: None,
            assurance: Assurance::Firm,
        }),
        auto_offer: Some(AutoOffer {
            minimum_price: prices("0.0001"),
            at_least_reserve_price: false,
            recallable_price: Default::default(),
        }),
        ..Strategy::default()
    };
    assert!(matches!(
        world.run(Command::SetStrategy { participant, instance, strategy, expected_version: None }),
        Reply::Instance(_)
    ));
    let slot = RHYTHM.first_open(world.now);
    let orders = |world: &mut World, need: i64, lendable: i64| -> Vec<(Side, Amounts, String)> {
        let need = vec![(975, both(need, need))];
        let outlook = SlotOutlook { slot, need, lendable: both(0, lendable), joint: None };
        world.run(Command::RecordOutlooks { model: None, outlooks: vec![(instance, vec![outlook])] });
        world
            .state
            .orders
            .values()
            .map(|o| (o.side, o.request.resources.clone(), o.request.min_fill.to_string()))
            .collect()
    };
    let mut bids = orders(&mut world, 4_300, 0);
    bids.sort_by_key(|(_, resources, _)| resources.clone());
    let (cpu, devices) = ([(CPU, 3_000)].into(), [(gpu, 2_000)].into());
    let expected = [(Side::Bid, cpu, "0.000000".to_owned()), (Side::Bid, devices, "1.000000".to_owned())];
    assert_eq!(bids, expected, "1.3 devices are two");
    let lent = orders(&mut world, 0, 2_700);
    assert!(lent.is_empty(), "devices are not lent");
}

fn set_notice(one: &mut One, (participant, instance): Member, notice_seconds: u32) -> Reply {
    let strategy = Strategy { notice_seconds, ..Strategy::default() };
    one.world.run(Command::SetStrategy { participant, instance, strategy, expected_version: None })
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
        // Under the price band: 0.0014 a unit.
        limit: Credits::from_units(quantity * i64::from(replicas) * 1_400),
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
