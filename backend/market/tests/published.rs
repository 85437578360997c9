//! What is sold at all, and what a round publishes of a product that nobody bought.

use crate::support::away::{choices, node, pool, workload};
use crate::support::one_node::{hold_round, plain};
use crate::support::world::{RHYTHM, World, amounts, participant};
use headroom_market::book::{OrderRequest, Side, Window};
use headroom_market::command::{Command, Reply};
use headroom_market::ids::{OrderId, ParticipantId};
use headroom_market::units::Resource;

const BOTH: [Resource; 2] = [Resource::CpuMilli, Resource::GpuMilli];

fn bid(world: &World, pools: &[&str], resource: Resource, quantity: i64, limit: &str) -> OrderRequest {
    let slot = RHYTHM.first_open(world.now);
    OrderRequest {
        instance: None,
        window: Window { start_at: slot.start(), end_at: RHYTHM.slot_end(slot) },
        resources: [(resource, quantity)].into(),
        pools: choices(pools),
        min_fill: "1".parse().unwrap(),
        ..plain(limit)
    }
}

fn place(world: &mut World, participant: ParticipantId, request: OrderRequest) -> Reply {
    let request = Box::new(request);
    world.run(Command::PlaceOrder { participant, side: Side::Bid, request, client_order: None })
}

#[test]
fn bid_for_what_no_node_enforces_names_the_pools_that_have_it() {
    let mut world = World::new(7);
    for slug in ["p", "q"] {
        pool(&mut world, slug, &BOTH, "0.0005");
    }
    node(&mut world, "p", "cores", amounts(4_000, 0).into_iter().filter(|(r, _)| *r == Resource::CpuMilli).collect());
    let buyer = participant(&mut world, "buyer", "1000");
    let refused = |world: &mut World| {
        let request = bid(world, &["p"], Resource::GpuMilli, 1_000, "50");
        let Reply::Refused(refusal) = place(world, buyer, request) else { panic!("it was taken") };
        assert_eq!((refusal.code, refusal.pointer.as_str()), ("resource_not_enforced", "/resources/gpu_milli"));
        refusal.detail
    };
    assert!(refused(&mut world).contains("no other pool has it"));
    node(&mut world, "q", "devices", [(Resource::GpuMilli, 2_000)].into());
    assert!(refused(&mut world).contains("`q`"));
    let request = bid(&world, &["q"], Resource::GpuMilli, 1_000, "50");
    assert!(matches!(place(&mut world, buyer, request), Reply::Order(_)));
}

#[test]
fn round_without_trade_tells_no_losing_bids_limit() {
    let mut world = World::new(7);
    pool(&mut world, "p", &[Resource::CpuMilli], "0.0005");
    node(&mut world, "p", "cores", [(Resource::CpuMilli, 4_000)].into());
    pool(&mut world, "q", &[Resource::CpuMilli], "0.0005");
    node(&mut world, "q", "others", [(Resource::CpuMilli, 4_000)].into());
    let buyers = ["one", "other"].map(|name| participant(&mut world, name, "1000"));
    // Both are under the reserve price of 0.5 credits; the better one would set the price.
    let divisible = |limit| OrderRequest {
        min_fill: "0".parse().unwrap(),
        ..bid(&world, &["p"], Resource::CpuMilli, 1_000, limit)
    };
    let [low, high] = ["0.1", "0.234567"].map(divisible);
    let Reply::Order(OrderId::Bid(told)) = place(&mut world, buyers[0], low) else { panic!("refused") };
    assert!(matches!(place(&mut world, buyers[1], high), Reply::Order(_)));
    let wins = bid(&world, &["q"], Resource::CpuMilli, 1_000, "9");
    assert!(matches!(place(&mut world, buyers[1], wins), Reply::Order(_)));
    hold_round(&mut world);
    let round = world.state.rounds.values().last().expect("a round");
    let traded: Vec<&str> = round.prices.iter().map(|p| p.pool.as_str()).collect();
    assert_eq!(traded, ["q"], "{:?}", round.prices);
    let why = world.state.orders[&OrderId::Bid(told)].last_reason.clone().expect("a reason");
    assert_eq!((why.price_faced, why.shortfall, why.winning_limit), (None, None, None), "{why:?}");
}

/// On a full node nobody buys; its premium is what the best losing bid there would pay.
#[test]
fn full_node_without_trade_tells_no_losing_bids_limit() {
    let cpu = |quantity: i64| [(Resource::CpuMilli, quantity)].into();
    let mut world = World::new(7);
    pool(&mut world, "p", &[Resource::CpuMilli], "0.0005");
    node(&mut world, "p", "full", cpu(1_000));
    let buyers = ["one", "other", "third"].map(|name| participant(&mut world, name, "1000"));
    let stays = |world: &mut World, owner, limit| {
        let instance = Some(workload(world, owner, "p", cpu(500), cpu(4_000)));
        let min_fill = "0".parse().unwrap();
        let no_displacement = true;
        let bid = bid(world, &["p"], Resource::CpuMilli, 100, limit);
        OrderRequest { instance, min_fill, no_displacement, ..bid }
    };
    let [low, high] = [(0, "0.08"), (1, "0.123456")].map(|(n, limit)| stays(&mut world, buyers[n], limit));
    node(&mut world, "p", "free", cpu(4_000));
    let Reply::Order(OrderId::Bid(told)) = place(&mut world, buyers[0], low) else { panic!("refused") };
    assert!(matches!(place(&mut world, buyers[1], high), Reply::Order(_)));
    let wins = bid(&world, &["p"], Resource::CpuMilli, 1_000, "0.9");
    assert!(matches!(place(&mut world, buyers[2], wins), Reply::Order(_)));
    hold_round(&mut world);
    let round = world.state.rounds.values().last().expect("a round");
    assert_eq!((round.prices.len(), round.awards), (1, 1), "{:?}", round.prices);
    assert!(round.premiums.is_empty(), "{:?}", round.premiums);
    let why = world.state.orders[&OrderId::Bid(told)].last_reason.clone().expect("a reason");
    assert_eq!((why.price_faced, why.shortfall, why.winning_limit), (None, None, None), "{why:?}");
    assert!(why.binding_node.is_some(), "the node is named: {why:?}");
}
