//! Rounds of one pool and one resource, in which nodes are full.
use super::movers;
use super::world::{RHYTHM, World};
use headroom_market::book::{OrderRequest, PoolChoice, Resell, Side, TimeInForce, Window};
use headroom_market::command::{Command, NewInstance, Reply};
use headroom_market::ids::{InstanceId, NodeId, OrderId, ParticipantId};
use headroom_market::pool::{ReserveStep, Tier};
use headroom_market::units::{Amounts, Credits, Resource, Share};
use headroom_market::workload::{AtEnd, Class, ComparisonRules, Strategy};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One resource, for a reserve price of 0.0005 a unit.
pub fn market(seed: u64) -> World {
    let mut world = World::new(seed);
    world.run(Command::CreatePool {
        slug: "p".into(),
        name: "P".into(),
        pop: "x".into(),
        tier: Tier::GeneralPurpose,
        resources: vec![Resource::CpuMilli],
        release_start: "1".parse().unwrap(),
    });
    let steps = vec![ReserveStep { share: Share::from_units(1_000_000), price: "0.0005".parse().unwrap() }];
    let effective_at = world.now.plus_seconds(-60);
    let (pool, resource) = ("p".to_owned(), Resource::CpuMilli);
    world.run(Command::ScheduleReserve { pool, resource, steps, effective_at, expected_version: None, by: None });
    world
}

/// A pool without nodes.
pub fn another_pool(world: &mut World, slug: &str) {
    let create = Command::CreatePool {
        slug: slug.into(),
        name: slug.into(),
        pop: "x".into(),
        tier: Tier::GeneralPurpose,
        resources: vec![Resource::CpuMilli],
        release_start: "1".parse().unwrap(),
    };
    let reply = world.run(create);
    assert!(matches!(reply, Reply::Pool(_)), "{reply:?}");
    let (name, pool, properties) = (format!("of-{slug}"), slug.to_owned(), BTreeMap::new());
    world.run(Command::CreateNode { name, pool, capacity: cpu(1), properties });
}

pub fn cpu(quantity: i64) -> Amounts {
    [(Resource::CpuMilli, quantity)].into()
}

pub fn node(world: &mut World, name: &str, capacity: i64) -> NodeId {
    let (properties, pool) = (BTreeMap::new(), "p".to_owned());
    world.run(Command::CreateNode { name: name.into(), pool, capacity: cpu(capacity), properties });
    *world.state.nodes.iter().find(|(_, n)| n.name == name).expect("it was made").0
}

pub fn workload(world: &mut World, owner: ParticipantId, node: NodeId, baseline: i64) -> InstanceId {
    let registered =
        Command::RegisterModule { participant: None, name: "steady".into(), hash: "h".into(), size_bytes: 1 };
    let Reply::Module(module) = world.run(registered) else { panic!("module") };
    let new = NewInstance {
        participant: owner,
        name: format!("w{}", world.state.instances.len()),
        driver: "wasm".into(),
        module,
        arguments: Vec::new(),
        pool: "p".into(),
        node: Some(node),
        class: Class::Standard,
        baseline: cpu(baseline),
        floor: cpu(100),
        limit: cpu(9_000),
        at_end: AtEnd::Shrink,
        comparison: ComparisonRules::default(),
        strategy: Strategy::default(),
    };
    match world.run(Command::RegisterInstance(Box::new(new))) {
        Reply::Instance(id) => id,
        other => panic!("{other:?}"),
    }
}

/// All or nothing where it names no workload.
pub fn bid(
    world: &mut World,
    participant: ParticipantId,
    instance: Option<InstanceId>,
    quantity: i64,
    limit: &str,
) -> OrderId {
    bid_that(world, participant, instance, quantity, limit, |_| {})
}

/// The same, changed before it is placed.
pub fn bid_that(
    world: &mut World,
    participant: ParticipantId,
    instance: Option<InstanceId>,
    quantity: i64,
    limit: &str,
    change: impl FnOnce(&mut OrderRequest),
) -> OrderId {
    let first = RHYTHM.first_open(world.now);
    let mut request = OrderRequest {
        instance,
        window: Window { start_at: first.start(), end_at: first.plus(1, RHYTHM.slot_seconds).start() },
        latest_start_at: None,
        replicas: 1,
        resources: cpu(quantity),
        pools: vec![PoolChoice { pool: "p".into(), adder: Credits::ZERO }],
        assurance: Default::default(),
        limit: limit.parse().unwrap(),
        min_fill: if instance.is_none() { "1" } else { "0" }.parse().unwrap(),
        time_in_force: TimeInForce::Gtc,
        expires_at: None,
        resell: Resell::Never,
        project: None,
        no_displacement: false,
        min_run_slots: 0,
        class: Class::Standard,
        client_bid_id: None,
    };
    change(&mut request);
    let command = Command::PlaceOrder { participant, side: Side::Bid, request: Box::new(request), client_order: None };
    match world.run(command) {
        Reply::Order(id) => id,
        other => panic!("{other:?}"),
    }
}

/// What each order won.
pub fn round(world: &mut World) -> BTreeMap<OrderId, (i64, Vec<NodeId>)> {
    let seal = movers::seal(&world.state, world.now);
    round_of(world, seal).unwrap_or_else(|reason| panic!("{reason}"))
}

/// The same with movers that somebody has chosen; why it is void, if it is.
pub fn round_of(world: &mut World, seal: Command) -> Result<BTreeMap<OrderId, (i64, Vec<NodeId>)>, String> {
    let reply = world.run(seal);
    let Reply::Sealed { round, book } = reply else { panic!("{reply:?}") };
    let outcome = crate::support::cleared(&book);
    let result_hash = outcome.result_hash().to_owned();
    let reply = world.run(Command::RecordOutcome { round, result_hash, outcome: Some(Arc::new(outcome)) });
    if let Reply::Refused(refusal) = reply {
        world.run(Command::VoidRound { round, reason: refusal.detail.clone() });
        return Err(refusal.detail);
    }
    assert!(matches!(reply, Reply::Done), "{reply:?}");
    let awards = world.state.awards.values().filter(|a| a.round == round);
    Ok(awards.map(|a| (a.order, (a.lines.iter().map(|l| l.quantity).sum(), a.nodes.clone()))).collect())
}
