//! Levels of the tree organisation › POP › tier › pool in bids and strategies.

use crate::support::away::{node, workload};
use crate::support::one_node::{cpu, plain};
use crate::support::world::{RHYTHM, World, participant};
use headroom_market::book::{Assurance, OrderRequest, PoolChoice, Side, Window};
use headroom_market::command::{Command, Reply};
use headroom_market::ids::{InstanceId, ParticipantId, UserId};
use headroom_market::pool::Tier;
use headroom_market::units::{Credits, Resource, Share};
use headroom_market::workload::Strategy;
use headroom_market::workload::strategy_check::allowed_pools;

const POOLS: [(&str, &str, Tier, Resource); 5] = [
    ("fra-gp", "fra1", Tier::GeneralPurpose, Resource::CpuMilli),
    ("fra-hp", "fra1", Tier::HighPerformance, Resource::CpuMilli),
    ("fra-mem", "fra1", Tier::GeneralPurpose, Resource::MemMib),
    ("par-gp", "par1", Tier::GeneralPurpose, Resource::CpuMilli),
    ("par-hp", "par1", Tier::HighPerformance, Resource::CpuMilli),
];

fn tree() -> (World, ParticipantId, InstanceId) {
    let mut world = World::new(1);
    for (slug, pop, tier, resource) in POOLS {
        let (slug, release_start) = (slug.to_owned(), "1".parse().unwrap());
        let (name, pop, resources) = (slug.clone(), pop.to_owned(), vec![resource]);
        world.run(Command::CreatePool { slug: slug.clone(), name, pop, tier, resources, release_start });
        node(&mut world, &slug, &format!("of {slug}"), [(resource, 4_000)].into());
    }
    world.run(Command::OpenRecallable { pool: "fra-gp".into() });
    let owner = participant(&mut world, "owner", "1000");
    let id = workload(&mut world, owner, "fra-gp", cpu(400), cpu(2_000));
    (world, owner, id)
}

fn bid(world: &World, pools: &[(&str, &str)]) -> OrderRequest {
    let slot = RHYTHM.first_open(world.now);
    let choice = |(pool, adder): &(&str, &str)| PoolChoice { pool: (*pool).into(), adder: adder.parse().unwrap() };
    OrderRequest {
        window: Window { start_at: slot.start(), end_at: slot.plus(1, RHYTHM.slot_seconds).start() },
        resources: cpu(100),
        pools: pools.iter().map(choice).collect(),
        min_fill: Share::from_units(1_000_000),
        ..plain("1")
    }
}

fn place(world: &mut World, participant: ParticipantId, side: Side, request: OrderRequest) -> Reply {
    world.run(Command::PlaceOrder { participant, side, request: Box::new(request), client_order: None })
}

/// The pools of the order that a bid becomes, or the code and place of its refusal.
fn pools(world: &mut World, owner: ParticipantId, request: OrderRequest) -> Result<Vec<String>, (String, String)> {
    match place(world, owner, Side::Bid, request) {
        Reply::Order(id) => {
            let order = &world.state.orders[&id];
            let named = order.request.pools.iter().map(|c| match c.adder {
                Credits::ZERO => c.pool.clone(),
                adder => format!("{} + {adder}", c.pool),
            });
            let named = named.collect();
            world.run(Command::CancelOrder { participant: owner, order: id });
            Ok(named)
        }
        Reply::Refused(refusal) => Err((refusal.code.to_owned(), refusal.pointer)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_bid_for_a_level_takes_its_pools() {
    let (mut world, owner, _) = tree();
    for (level, expected) in [
        ("fra1/*", vec!["fra-gp", "fra-hp"]),
        ("*/general_purpose", vec!["fra-gp", "par-gp"]),
        ("par1/high_performance", vec!["par-hp"]),
        ("*/*", vec!["fra-gp", "fra-hp", "par-gp", "par-hp"]),
    ] {
        let request = bid(&world, &[(level, "0")]);
        assert_eq!(pools(&mut world, owner, request).expect(level), expected, "{level}: without the one of memory");
    }
    let request = bid(&world, &[("*/*", "0.2"), ("fra-gp", "0"), ("fra1/*", "0.1")]);
    let expected = ["fra-hp + 0.200000", "par-gp + 0.200000", "par-hp + 0.200000", "fra-gp"];
    assert_eq!(pools(&mut world, owner, request).expect("both"), expected, "a pool's own name comes first");
    let by = UserId::from_raw(5);
    world.run(Command::HaltPool { pool: "fra-hp".into(), by, reason: "repair".into() });
    let request = bid(&world, &[("fra1/*", "0")]);
    assert_eq!(pools(&mut world, owner, request).expect("one"), ["fra-gp"], "a halted pool is left out");
}

#[test]
fn a_level_without_a_pool_is_refused_by_its_name() {
    let (mut world, owner, _) = tree();
    for level in ["ber1/*", "fra1/fast", "fra1/low_priority", "/", "*/", "fra1/*/*"] {
        let request = bid(&world, &[("par-gp", "0"), (level, "0")]);
        let refused = pools(&mut world, owner, request).expect_err(level);
        assert_eq!(refused, ("unknown_pool".to_owned(), "/pools/1/pool".to_owned()), "{level}");
    }
    let many = vec![("fra1/*", "0"); 65];
    let request = bid(&world, &many);
    assert_eq!(pools(&mut world, owner, request).expect_err("too many").0, "pool_repeated");
    let request = OrderRequest { assurance: Assurance::Recallable, ..bid(&world, &[("fra1/*", "0")]) };
    assert!(pools(&mut world, owner, request).is_err(), "recallable capacity is at no level");
}

#[test]
fn a_workload_of_others_is_not_found_at_any_level() {
    let (mut world, _, theirs) = tree();
    let other = participant(&mut world, "other", "1000");
    for level in ["fra1/*", "par1/*"] {
        let request = OrderRequest { instance: Some(theirs), ..bid(&world, &[(level, "0")]) };
        assert_eq!(pools(&mut world, other, request).expect_err(level).0, "not_found", "{level}");
    }
}

#[test]
fn a_place_may_not_look_like_a_level() {
    let (mut world, ..) = tree();
    for pop in ["*", "fra1/a"] {
        let (slug, release_start) = ("new".to_owned(), "1".parse().unwrap());
        let (name, pop, resources) = (slug.clone(), pop.to_owned(), vec![Resource::CpuMilli]);
        let pool = Command::CreatePool { slug, name, pop, tier: Tier::LowPriority, resources, release_start };
        assert!(matches!(world.run(pool), Reply::Refused(refusal) if refusal.code == "pop_out_of_range"));
    }
}

#[test]
fn a_level_carries_a_workload_to_pools_with_all_of_it() {
    let (mut world, owner, id) = tree();
    let request = OrderRequest { instance: Some(id), ..bid(&world, &[("*/*", "0")]) };
    let expected = ["fra-gp", "fra-hp", "par-gp", "par-hp"];
    assert_eq!(pools(&mut world, owner, request).expect("carried"), expected);
    let request = OrderRequest { instance: Some(id), min_fill: Share::ZERO, ..bid(&world, &[("fra1/*", "0")]) };
    assert_eq!(pools(&mut world, owner, request).expect_err("in part").0, "away_not_whole");
    let offer = OrderRequest { instance: Some(id), min_fill: Share::ZERO, ..bid(&world, &[("*/*", "0")]) };
    let refused = place(&mut world, owner, Side::Offer, offer);
    assert!(matches!(refused, Reply::Refused(r) if r.code == "offer_outside_home_pool"));
}

#[test]
fn a_strategy_may_move_a_workload_within_a_level() {
    let (mut world, participant, instance) = tree();
    let mut allow = |move_to: &[&str]| {
        let move_to = move_to.iter().map(|text| (*text).to_owned()).collect();
        let strategy = Strategy { move_to, ..Strategy::default() };
        match world.run(Command::SetStrategy { participant, instance, strategy, expected_version: None }) {
            Reply::Refused(refusal) => Err((refusal.code, refusal.pointer)),
            _ => {
                let pools = allowed_pools(&world.state, &world.state.instances[&instance]);
                Ok(pools.into_iter().map(|pool| pool.slug.clone()).collect::<Vec<_>>())
            }
        }
    };
    assert_eq!(allow(&["*/general_purpose"]).expect("a tier"), ["fra-gp", "par-gp"], "without the one of memory");
    assert_eq!(allow(&["fra1/*", "par-hp"]).expect("both"), ["fra-gp", "fra-hp", "par-hp"]);
    assert_eq!(allow(&[]).expect("none"), Vec::<String>::new());
    for level in ["ber1/*", "*/fast", "fra1/low_priority"] {
        assert_eq!(allow(&["par-gp", level]), Err(("unknown_pool", "/move_to/1".to_owned())), "{level}");
    }
}
