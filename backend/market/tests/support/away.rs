//! A second pool, bids that would have their workloads there, and an auditor of where workloads are.
#![allow(dead_code)]
use super::world::{World, amounts};
use headroom_market::book::{OrderRequest, PoolChoice, Side};
use headroom_market::command::{Command, Reply};
use headroom_market::event::Event;
use headroom_market::ids::{InstanceId, ParticipantId};
use headroom_market::pool::{ReserveStep, Tier};
use headroom_market::round::{Award, AwardKind};
use headroom_market::swap::SwapState;
use headroom_market::time::Slot;
use headroom_market::units::{Amounts, Credits, Resource, Share};
use headroom_market::workload::{AtEnd, Class, ComparisonRules, InstanceState, Strategy};
use headroom_market::{command::NewInstance, ids::NodeId};
use std::collections::{BTreeMap, BTreeSet};

/// A pool of these resources, at a reserve price.
pub fn pool(world: &mut World, slug: &str, resources: &[Resource], price: &str) {
    world.run(Command::CreatePool {
        slug: slug.into(),
        name: slug.to_uppercase(),
        pop: slug.into(),
        tier: Tier::GeneralPurpose,
        resources: resources.to_vec(),
        release_start: "1".parse().unwrap(),
    });
    for resource in resources {
        let steps = vec![ReserveStep { share: Share::from_units(1_000_000), price: price.parse().unwrap() }];
        let (effective_at, pool) = (world.now.plus_seconds(-60), slug.to_owned());
        let resource = *resource;
        world.run(Command::ScheduleReserve { pool, resource, steps, effective_at, expected_version: None, by: None });
    }
}

pub fn node(world: &mut World, pool: &str, name: &str, capacity: Amounts) -> NodeId {
    world.run(Command::CreateNode { name: name.into(), pool: pool.into(), capacity, properties: BTreeMap::new() });
    *world.state.nodes.iter().find(|(_, n)| n.name == name).expect("it was made").0
}

/// One that has shown that it gives memory back.
pub fn workload(world: &mut World, owner: ParticipantId, pool: &str, baseline: Amounts, limit: Amounts) -> InstanceId {
    let id = undrilled(world, owner, pool, baseline, limit);
    world.drill(id);
    id
}

pub fn undrilled(world: &mut World, owner: ParticipantId, pool: &str, baseline: Amounts, limit: Amounts) -> InstanceId {
    let registered =
        Command::RegisterModule { participant: None, name: "steady".into(), hash: "h".into(), size_bytes: 1 };
    let Reply::Module(module) = world.run(registered) else { panic!("module") };
    let floor = baseline.keys().map(|r| (*r, 100)).collect();
    let new = NewInstance {
        participant: owner,
        name: format!("w{}", world.state.instances.len()),
        driver: "wasm".into(),
        module,
        arguments: Vec::new(),
        pool: pool.into(),
        node: None,
        class: Class::Standard,
        baseline,
        floor,
        limit,
        at_end: AtEnd::Shrink,
        comparison: ComparisonRules::default(),
        strategy: Strategy::default(),
    };
    match world.run(Command::RegisterInstance(Box::new(new))) {
        Reply::Instance(id) => id,
        other => panic!("{other:?}"),
    }
}

pub fn choices(pools: &[&str]) -> Vec<PoolChoice> {
    pools.iter().map(|pool| PoolChoice { pool: (*pool).into(), adder: Credits::ZERO }).collect()
}

/// Two of three bids of a workload may carry it to the pool `q`, half of them only there.
pub fn some_elsewhere(world: &mut World, mut command: Command) -> Command {
    if !world.state.pools.contains_key("q") {
        pool(world, "q", &[Resource::CpuMilli, Resource::MemMib], "0.000400");
        for name in ["x", "y"] {
            node(world, "q", name, amounts(3_300, 3_300));
        }
    }
    let Command::PlaceOrder { side: Side::Bid, request, .. } = &mut command else { return command };
    match request.instance {
        Some(_) if world.chance.below(3) > 0 => {
            request.pools = choices(if world.chance.below(2) == 0 { &["q"] } else { &["p", "q"] });
            request.min_fill = "1".parse().unwrap();
            // All of the workload costs more than what it adds.
            request.limit = Credits::from_units(request.limit.units() * 3);
        }
        // Others buy there, too.
        None => request.pools = choices(if world.chance.below(2) == 0 { &["q"] } else { &["p"] }),
        Some(_) => {}
    }
    command
}

/// What histories have shown.
#[derive(Debug, Default)]
pub struct Seen {
    pub carried: usize,
    pub at_home_after_all: usize,
    pub went: usize,
    pub came_home: usize,
    pub went_on: usize,
    pub not_brought: usize,
    pub stopped: usize,
    pub waited: BTreeMap<String, usize>,
}

/// Of every workload: what it has won for a slot is in one pool, whole where that is not its own; every way out
/// that ended well has a way home, or the workload's end.
pub fn check_history(world: &World, seen: &mut Seen) {
    let mut places: BTreeMap<(InstanceId, Slot), BTreeSet<String>> = BTreeMap::new();
    let mut out: BTreeMap<InstanceId, i64> = BTreeMap::new();
    for event in world.log.iter().flat_map(|(_, events)| events) {
        match event {
            Event::AwardMade(award) if award.kind == AwardKind::Bought => {
                let Some(id) = award.instance else { continue };
                for line in &award.lines {
                    places.entry((id, line.slot)).or_default().insert(line.pool.clone());
                }
                note_award(world, award, id, seen);
            }
            Event::SwapChanged(swap) if swap.pool_from != swap.pool_to && swap.ended_at.is_some() => {
                let home = world.state.instances[&swap.instance].pool == swap.pool_to;
                match (swap.state, home) {
                    (SwapState::Done, true) => {
                        seen.came_home += 1;
                        *out.entry(swap.instance).or_default() -= 1;
                    }
                    (SwapState::Done, false) => {
                        seen.went += 1;
                        *out.entry(swap.instance).or_default() += 1;
                    }
                    (_, true) => seen.not_brought += 1,
                    (_, false) => seen.went_on += 1,
                }
            }
            Event::RoundAwarded { not_won, .. } => {
                for (_, why) in
                    not_won.iter().filter(|(_, w)| ["WORKLOAD_AWAY", "NEEDED_AT_HOME"].contains(&w.reason.code()))
                {
                    *seen.waited.entry(why.reason.code().to_owned()).or_default() += 1;
                }
            }
            _ => {}
        }
    }
    for ((id, slot), pools) in places {
        assert!(pools.len() == 1, "{id} has won in {pools:?} for {slot}");
    }
    for instance in world.state.instances.values() {
        let left = out.get(&instance.id).copied().unwrap_or(0);
        let ended = instance.state != InstanceState::Running;
        seen.stopped += usize::from(ended && left > 0);
        assert!(left == 0 || ended, "{} is still elsewhere", instance.name);
        assert!(ended || world.state.nodes[&instance.node].pool == instance.pool, "{} is not home", instance.name);
        assert!(instance.away.is_none() || ended, "{} is at home and counts as away", instance.name);
    }
}

fn note_award(world: &World, award: &Award, id: InstanceId, seen: &mut Seen) {
    let elsewhere = award.lines.iter().any(|l| l.pool != world.state.instances[&id].pool);
    let request = requests(world).find(|(order, _)| *order == award.order).map(|(_, request)| request);
    let asked = request.is_some_and(|r| r.pools.iter().any(|c| c.pool == "q"));
    seen.carried += usize::from(elsewhere);
    seen.at_home_after_all += usize::from(asked && !elsewhere);
    if elsewhere {
        assert!(asked, "it asked for no other pool");
        assert!(!award.resell, "what carries a workload is not sold on");
        assert_eq!(award.nodes.len(), 1);
        let resources: BTreeSet<Resource> = award.lines.iter().map(|l| l.resource).collect();
        assert_eq!(resources.len(), 2, "all of its resources are bought there");
    }
}

fn requests(world: &World) -> impl Iterator<Item = (headroom_market::ids::OrderId, &OrderRequest)> {
    world.log.iter().flat_map(|(_, events)| events).filter_map(|event| match event {
        Event::OrderAccepted(order) => Some((order.id, &order.request)),
        _ => None,
    })
}
