//! Nobody trades with itself: what is refused at the gate, and which automatic orders give way; by hand.
use crate::support::away::{node, pool, workload};
use crate::support::one_node::{CPU, One, cpu};
use crate::support::own_orders::*;
use crate::support::rolls::next;
use headroom_market::book::together::{Recommended, known};
use headroom_market::book::{Assurance, OrderRequest, OrderStatus, Origin, PoolChoice, Side};
use headroom_market::command::{Command, Reply};
use headroom_market::event::Event;
use headroom_market::ids::{InstanceId, OrderId};
use headroom_market::refusal::RefusalKind;
use headroom_market::units::Resource;
use headroom_market::workload::{AutoBid, AutoOffer, SlotOutlook, Strategy};

const MEM: Resource = Resource::MemMib;

/// The order that a refusal names.
fn refused(reply: Reply, other: OrderId) {
    let Reply::Refused(refusal) = reply else { panic!("{reply:?}") };
    assert_eq!((refusal.code, refusal.kind), ("self_trade", RefusalKind::Conflict));
    assert!(refusal.detail.contains(&other.to_string()) && refusal.detail.contains("Cancel it"), "{}", refusal.detail);
}

fn accepted(reply: Reply) -> OrderId {
    let Reply::Order(id) = reply else { panic!("{reply:?}") };
    id
}

fn try_to_place(one: &mut One, member: Member, side: Side, quantity: i64, limit: &str) -> Reply {
    let request = firm(one, member, quantity, limit);
    one.place(member.0, side, request)
}

fn replace(one: &mut One, member: Member, order: OrderId, quantity: i64, limit: &str) -> Reply {
    let request = Box::new(firm(one, member, quantity, limit));
    one.world.run(Command::ReplaceOrder { participant: member.0, order, request, client_order: None })
}

fn cancel(one: &mut One, member: Member, order: OrderId) {
    one.world.run(Command::CancelOrder { participant: member.0, order });
}

fn set(one: &mut One, (participant, instance): Member, strategy: Strategy) {
    let reply = one.world.run(Command::SetStrategy { participant, instance, strategy, expected_version: None });
    assert!(matches!(reply, Reply::Instance(_)), "{reply:?}");
}

/// It lends what it will not need, at 0.0004 a unit.
fn lends(one: &mut One, member: Member) {
    let minimum_price = [(CPU, "0.0004".parse().unwrap())].into();
    let auto_offer = Some(AutoOffer { minimum_price, at_least_reserve_price: false, recallable_price: [].into() });
    set(one, member, Strategy { auto_offer, ..Strategy::default() });
}

/// A missing unit costs it 0.004 a slot.
fn covers(one: &mut One, member: Member) {
    let shortage_cost = [(CPU, "0.004".parse().unwrap())].into();
    let bid = AutoBid { shortage_cost, promised_service_level: None, assurance: Assurance::Firm };
    set(one, member, Strategy { auto_bid: Some(bid), ..Strategy::default() });
}

fn foresee(one: &mut One, instance: InstanceId, need: [i64; 3], lendable: i64) {
    let need = [500, 900, 975].into_iter().zip(need.map(cpu)).collect();
    let outlook = SlotOutlook { slot: one.slot, need, lendable: cpu(lendable), joint: None };
    one.world.run(Command::RecordOutlooks { model: None, outlooks: vec![(instance, vec![outlook])] });
}

fn automatic(one: &One, instance: InstanceId) -> Vec<OrderId> {
    let orders = one.world.state.orders.values().filter(|o| o.request.instance == Some(instance));
    orders.filter(|o| o.origin != Origin::Manual).map(|o| o.id).collect()
}

/// How an order ended, if it did.
fn ended(one: &One, order: OrderId) -> Option<String> {
    let events = one.world.log.iter().flat_map(|(_, events)| events);
    events.into_iter().find_map(|event| match event {
        Event::OrderClosed { order: closed, reason, .. } if *closed == order => reason.clone(),
        _ => None,
    })
}

#[test]
fn a_bid_that_an_own_offer_could_serve_is_refused_with_its_id() {
    let (mut one, lender, other) = own();
    let offer = place(&mut one, lender, Side::Offer, 300, "0.03");
    refused(try_to_place(&mut one, other, Side::Bid, 100, "0.5"), offer);
    // Also for the workload that offers.
    refused(try_to_place(&mut one, lender, Side::Bid, 100, "0.5"), offer);
    let stranger = one.buyers[0];
    place(&mut one, stranger, Side::Bid, 100, "0.5");
    cancel(&mut one, lender, offer);
    place(&mut one, other, Side::Bid, 100, "0.5");
}

#[test]
fn an_offer_that_could_serve_an_own_bid_is_refused_with_its_id() {
    let (mut one, lender, other) = own();
    let bid = place(&mut one, other, Side::Bid, 100, "0.5");
    refused(try_to_place(&mut one, lender, Side::Offer, 300, "0.03"), bid);
    // 0.0051 a unit, where 0.005 are paid.
    place(&mut one, lender, Side::Offer, 300, "1.53");
}

#[test]
fn a_bid_that_pays_less_than_the_own_offer_asks_is_accepted() {
    let (mut one, lender, other) = own();
    // 0.0009 a unit.
    let offer = place(&mut one, lender, Side::Offer, 300, "0.27");
    place(&mut one, other, Side::Bid, 100, "0.089999");
    refused(try_to_place(&mut one, other, Side::Bid, 100, "0.09"), offer);
    // What a pool costs its bidder beyond the price is not paid to anybody.
    let adder = |adder: &str| vec![PoolChoice { pool: "p".into(), adder: adder.parse().unwrap() }];
    let bid = OrderRequest { pools: adder("0.010001"), ..firm(&one, other, 100, "0.1") };
    ask(&mut one, other, Side::Bid, bid);
    let bid = OrderRequest { pools: adder("0.01"), ..firm(&one, other, 100, "0.1") };
    refused(one.place(other.0, Side::Bid, bid), offer);
}

#[test]
fn own_orders_of_other_slots_pools_or_resources_are_accepted() {
    let (mut one, lender, other) = own();
    pool(&mut one.world, "q", &[CPU, MEM], "0.0005");
    node(&mut one.world, "q", "far", [(CPU, 9_000), (MEM, 9_000)].into());
    place(&mut one, lender, Side::Offer, 300, "0.03");
    let far = (lender.0, workload(&mut one.world, lender.0, "q", cpu(500), cpu(5_000)));
    let elsewhere = OrderRequest { pools: vec![PoolChoice::new("q".into())], ..firm(&one, far, 100, "0.5") };
    ask(&mut one, far, Side::Bid, elsewhere);
    let both = [(CPU, 900), (MEM, 900)];
    let remembers =
        (lender.0, workload(&mut one.world, lender.0, "q", both.into(), both.map(|(r, q)| (r, 2 * q)).into()));
    let nowhere = OrderRequest { instance: None, resources: [(MEM, 100)].into(), ..firm(&one, remembers, 100, "0.5") };
    ask(&mut one, remembers, Side::Bid, nowhere);
    // What may be taken back is a product of its own.
    let recallable = one.request(other.1, 100, "0.5");
    accepted(one.place(other.0, Side::Bid, recallable));
    one.slot = next(one.slot);
    place(&mut one, other, Side::Bid, 100, "0.5");
}

#[test]
fn a_bid_of_several_slots_may_pay_its_whole_limit_for_one() {
    let (mut one, lender, other) = own();
    // 0.0009 a unit.
    let offer = place(&mut one, lender, Side::Offer, 300, "0.27");
    let longer = |one: &One, limit: &str| {
        let mut request = firm(one, other, 100, limit);
        request.window.end_at = next(next(one.slot)).start();
        request
    };
    let request = longer(&one, "0.09");
    refused(one.place(other.0, Side::Bid, request), offer);
    let request = longer(&one, "0.089999");
    ask(&mut one, other, Side::Bid, request);
}

#[test]
fn an_order_with_a_later_start_meets_in_any_of_its_slots() {
    let (mut one, lender, other) = own();
    let later = next(next(one.slot));
    let first = one.slot;
    one.slot = later;
    let offer = place(&mut one, lender, Side::Offer, 300, "0.03");
    one.slot = first;
    let mut waits = firm(&one, other, 100, "0.5");
    waits.latest_start_at = Some(next(first).start());
    accepted(one.place(other.0, Side::Bid, waits.clone()));
    waits.latest_start_at = Some(later.start());
    refused(one.place(other.0, Side::Bid, waits), offer);
}

#[test]
fn a_replacement_meets_others_and_not_its_own_old_version() {
    let (mut one, lender, other) = own();
    let offer = place(&mut one, lender, Side::Offer, 100, "0.09");
    let bid = place(&mut one, other, Side::Bid, 100, "0.05");
    refused(replace(&mut one, other, bid, 100, "0.1"), offer);
    let bid = accepted(replace(&mut one, other, bid, 100, "0.06"));
    refused(replace(&mut one, lender, offer, 100, "0.06"), bid);
    accepted(replace(&mut one, lender, offer, 100, "0.07"));
}

#[test]
fn beside_a_sealed_order_counts_what_it_is_to_be() {
    let (mut one, lender, other) = own();
    let offer = place(&mut one, lender, Side::Offer, 100, "0.03");
    let stranger = one.buyers[0];
    place(&mut one, stranger, Side::Bid, 10, "0.5");
    let Reply::Sealed { round, .. } = seal(&mut one) else { panic!("a round") };
    assert!(matches!(replace(&mut one, lender, offer, 100, "0.09"), Reply::PendingOrder(_)));
    refused(try_to_place(&mut one, other, Side::Bid, 100, "0.09"), offer);
    let bid = place(&mut one, other, Side::Bid, 100, "0.08");
    one.world.run(Command::VoidRound { round, reason: "x".into() });
    assert_eq!(ended(&one, offer), None, "it is replaced");
    cancel(&mut one, other, bid);
    // One that is about to be cancelled is in no later round.
    let Reply::Sealed { round, .. } = seal(&mut one) else { panic!("a round") };
    let waits = one.world.state.orders.values().find(|o| o.side == Side::Offer).map(|o| o.id).expect("an offer");
    cancel(&mut one, lender, waits);
    assert_eq!(one.world.state.orders[&waits].status, OrderStatus::PendingCancel);
    place(&mut one, other, Side::Bid, 100, "0.5");
    one.world.run(Command::VoidRound { round, reason: "x".into() });
    assert_eq!(ended(&one, waits).as_deref(), Some("user"));
}

#[test]
fn orders_placed_together_must_not_meet_each_other() {
    let (mut one, lender, _) = own();
    let instance = lender.1;
    let together = |one: &One, asks: &str| Recommended {
        participant: lender.0,
        instance,
        known: known(&one.world.state, instance),
        orders: vec![(Side::Bid, firm(one, lender, 100, "0.05")), (Side::Offer, firm(one, lender, 100, asks))],
        advice: "{}".to_owned(),
    };
    let met = together(&one, "0.05");
    let Reply::Refused(refusal) = one.world.run(Command::PlaceRecommended(Box::new(met))) else { panic!("refused") };
    assert_eq!((refusal.code, refusal.pointer.as_str()), ("self_trade", "/orders/1"));
    assert!(one.world.state.orders.is_empty(), "all or none");
    let apart = together(&one, "0.050001");
    assert!(matches!(one.world.run(Command::PlaceRecommended(Box::new(apart))), Reply::Orders(ids) if ids.len() == 2));
}

#[test]
fn an_automatic_offer_is_withdrawn_where_an_own_bid_meets_it() {
    let (mut one, lender, other) = own();
    lends(&mut one, lender);
    foresee(&mut one, lender.1, [500, 600, 700], 1_000);
    let [offer] = automatic(&one, lender.1)[..] else { panic!("an offer") };
    place(&mut one, other, Side::Bid, 100, "0.039999");
    assert_eq!(ended(&one, offer), None, "it asks more than that");
    let bid = place(&mut one, other, Side::Bid, 100, "0.5");
    assert_eq!(ended(&one, offer).as_deref(), Some("self_trade"));
    // Nor is it offered again while the bid is open.
    foresee(&mut one, lender.1, [500, 600, 700], 1_000);
    assert!(automatic(&one, lender.1).is_empty());
    cancel(&mut one, other, bid);
    foresee(&mut one, lender.1, [500, 600, 700], 1_000);
    assert_eq!(automatic(&one, lender.1).len(), 1);
}

#[test]
fn a_sealed_automatic_offer_is_withdrawn_after_its_round() {
    let (mut one, lender, other) = own();
    lends(&mut one, lender);
    foresee(&mut one, lender.1, [500, 600, 700], 1_000);
    let [offer] = automatic(&one, lender.1)[..] else { panic!("an offer") };
    let stranger = one.buyers[0];
    place(&mut one, stranger, Side::Bid, 10, "0.5");
    let Reply::Sealed { round, .. } = seal(&mut one) else { panic!("a round") };
    place(&mut one, other, Side::Bid, 100, "0.5");
    assert_eq!(one.world.state.orders[&offer].status, OrderStatus::PendingCancel);
    one.world.run(Command::VoidRound { round, reason: "x".into() });
    assert_eq!(ended(&one, offer).as_deref(), Some("self_trade"));
}

#[test]
fn an_automatic_bid_that_meets_an_own_offer_is_not_placed() {
    let (mut one, lender, other) = own();
    let offer = place(&mut one, lender, Side::Offer, 100, "0.01");
    covers(&mut one, other);
    foresee(&mut one, other.1, [700, 800, 900], 0);
    assert!(automatic(&one, other.1).is_empty());
    cancel(&mut one, lender, offer);
    foresee(&mut one, other.1, [700, 800, 900], 0);
    assert!(!automatic(&one, other.1).is_empty());
    // Of two automatic orders the offer gives way.
    lends(&mut one, lender);
    foresee(&mut one, lender.1, [500, 600, 700], 1_000);
    assert!(automatic(&one, lender.1).is_empty());
}

#[test]
fn what_is_left_of_an_offer_asks_no_less_for_a_unit() {
    let (mut one, lender, other) = own();
    // Ten micro-credits for three units, and 3.2 are paid for one.
    let offer = place(&mut one, lender, Side::Offer, 3, "0.000010");
    place(&mut one, other, Side::Bid, 5, "0.000016");
    let stranger = one.buyers[0];
    place(&mut one, stranger, Side::Bid, 1, "0.01");
    one.round();
    let left = &one.world.state.orders[&offer];
    assert_eq!((left.remaining[&CPU], left.remaining_limit), (2, credits("0.000007")));
}

#[test]
fn a_bid_for_another_pool_ends_if_a_new_baseline_makes_it_meet() {
    let (mut one, lender, _) = own();
    pool(&mut one.world, "q", &[CPU, MEM], "0.0005");
    node(&mut one.world, "q", "far", [(CPU, 9_000), (MEM, 9_000)].into());
    let far = (lender.0, workload(&mut one.world, lender.0, "q", cpu(900), cpu(5_000)));
    // 0.001 a unit.
    let offer = OrderRequest { pools: vec![PoolChoice::new("q".into())], ..firm(&one, far, 100, "0.1") };
    let offer = ask(&mut one, far, Side::Offer, offer);
    // For 2,100, baseline and all.
    let carried = |one: &One, limit: &str| OrderRequest {
        pools: vec![PoolChoice::new("q".into())],
        min_fill: "1".parse().unwrap(),
        ..firm(one, lender, 100, limit)
    };
    let request = carried(&one, "2.1");
    refused(one.place(lender.0, Side::Bid, request), offer);
    let request = carried(&one, "2.0");
    let bid = ask(&mut one, lender, Side::Bid, request);
    let smaller = |baseline: i64| Command::SetBaseline { instance: lender.1, baseline: cpu(baseline), floor: cpu(100) };
    one.world.run(smaller(1_950));
    assert_eq!(ended(&one, bid), None);
    one.world.run(smaller(1_900));
    assert_eq!(ended(&one, bid).as_deref(), Some("self_trade"));
}
