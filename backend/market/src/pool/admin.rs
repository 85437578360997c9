//! What an admin does to pools: create, extend, price, halt.
use crate::event::Event;
use crate::ids::{NodeId, PoolId, ReservePriceId, UserId};
use crate::pool::recallable::refuse_reserve;
use crate::printable::{check_name, check_reason};
use crate::records::pool::{Halt, Node, NodeState, Pool, PoolSlug, ReservePrice, ReserveState, ReserveStep, Tier};
use crate::records::recallable::is_recallable;
use crate::refusal::{Refusal, RefusalKind, invalid, not_found, stale};
use crate::state::State;
use crate::time::Timestamp;
use crate::turn::Turn;
use crate::units::{Amounts, GPU_LOT_MILLI, Price, Resource, Share};
use std::collections::BTreeMap;

pub struct NewPool {
    pub slug: PoolSlug,
    pub name: String,
    pub pop: String,
    pub tier: Tier,
    pub resources: Vec<Resource>,
    pub release_start: Share,
}

pub fn create(turn: &mut Turn<'_>, new: NewPool) -> Result<PoolSlug, Refusal> {
    check_name(&new.name, "/name")?;
    check_name(&new.pop, "/pop")?;
    if new.pop.contains(['*', '/']) {
        return Err(invalid(
            "pop_out_of_range",
            "/pop",
            "A place has no * and no /: a level of pools is written with them.",
        ));
    }
    let slug_char = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if new.slug.is_empty() || new.slug.len() > 40 || !new.slug.chars().all(slug_char) {
        return Err(invalid("slug_out_of_range", "/slug", "A slug has 1 to 40 characters from a-z, 0-9 and -."));
    }
    if turn.state.pools.contains_key(&new.slug) {
        return Err(Refusal {
            kind: RefusalKind::Conflict,
            code: "duplicate_slug",
            pointer: "/slug".to_owned(),
            detail: format!("There is a pool `{}` already. Slugs are never reused.", new.slug),
        });
    }
    if new.resources.is_empty() {
        return Err(invalid("no_resources", "/resources", "A pool has at least one resource."));
    }
    if let Some(index) = (1..new.resources.len()).find(|i| new.resources[..*i].contains(&new.resources[*i])) {
        let detail = "Each resource is listed once. Remove the repetition.";
        return Err(invalid("resource_repeated", format!("/resources/{index}"), detail));
    }
    if new.release_start.units() < 0 || new.release_start.units() > 1_000_000 {
        return Err(invalid("share_out_of_range", "/release_start", "A share is from \"0\" to \"1\"."));
    }
    let pool = Pool {
        id: PoolId::next(&mut turn.ids),
        slug: new.slug.clone(),
        name: new.name,
        pop: new.pop,
        tier: new.tier,
        resources: new.resources,
        release_start: new.release_start,
        reserve_version: 0,
        halted: None,
        shortage_cost: BTreeMap::new(),
        settings_version: 0,
        moves_at_once: None,
        move_approval: false,
        created_at: turn.now,
    };
    turn.emit(Event::PoolChanged(pool));
    Ok(new.slug)
}

/// Bounds the moves that rounds begin for one slot; those that are planned stay.
pub fn set_moves_at_once(
    turn: &mut Turn<'_>,
    slug: &str,
    moves_at_once: Option<u32>,
    expected_version: Option<u64>,
) -> Result<PoolSlug, Refusal> {
    let pool = pool_to_set(turn.state, slug, expected_version)?;
    change_settings(turn, &pool, Pool { moves_at_once, ..pool.clone() });
    Ok(slug.to_owned())
}

/// A pool whose settings are to be changed, as whoever changes them has read it.
pub(crate) fn pool_to_set(state: &State, slug: &str, expected_version: Option<u64>) -> Result<Pool, Refusal> {
    let pool = state.pools.get(slug).filter(|_| !is_recallable(slug)).cloned().ok_or_else(|| not_found("pool"))?;
    match expected_version {
        Some(expected) if expected != pool.settings_version => {
            Err(stale("The settings of the pool are", pool.settings_version))
        }
        _ => Ok(pool),
    }
}

/// What is so already is no change, and has no new version.
pub(crate) fn change_settings(turn: &mut Turn<'_>, before: &Pool, after: Pool) {
    if *before != after {
        turn.emit(Event::PoolChanged(Pool { settings_version: before.settings_version + 1, ..after }));
    }
}

pub fn add_node(
    turn: &mut Turn<'_>,
    name: String,
    pool: PoolSlug,
    capacity: Amounts,
    properties: BTreeMap<String, i64>,
) -> Result<NodeId, Refusal> {
    check_name(&name, "/name")?;
    let Some(home) = turn.state.pools.get(&pool).filter(|_| !is_recallable(&pool)) else {
        return Err(invalid("unknown_pool", "/pool", format!("There is no pool `{pool}`.")));
    };
    if turn.state.nodes.values().any(|n| n.name == name) {
        return Err(Refusal {
            kind: RefusalKind::Conflict,
            code: "duplicate_name",
            pointer: "/name".to_owned(),
            detail: format!(
                "There is a node `{name}` already. People tell nodes apart by their names: choose another."
            ),
        });
    }
    if let Some(resource) = capacity.keys().find(|r| !home.resources.contains(r)) {
        let detail = format!("Pool `{pool}` does not have {resource}.");
        return Err(invalid("resource_not_in_pool", format!("/capacity/{resource}"), detail));
    }
    if let Some((resource, _)) = capacity.iter().find(|(_, q)| !(0..=1_000_000_000_000).contains(*q)) {
        return Err(invalid(
            "quantity_out_of_range",
            format!("/capacity/{resource}"),
            "Capacities are from 0 to 1000000000000 base units.",
        ));
    }
    if capacity.values().all(|q| *q == 0) {
        let detail =
            "A node has something of a resource of its pool. One that is to take nothing new for now is cordoned.";
        return Err(invalid("capacity_empty", "/capacity", detail));
    }
    if capacity.get(&Resource::GpuMilli).is_some_and(|gpus| gpus % GPU_LOT_MILLI != 0) {
        let detail = format!("GPUs come whole: a device is {GPU_LOT_MILLI} gpu_milli.");
        return Err(invalid("gpu_not_whole", "/capacity/gpu_milli", detail));
    }
    let has_agent = properties.get("agent") == Some(&1);
    if turn.state.nodes.values().any(|node| node.pool == pool && node.has_agent() != has_agent) {
        let detail = format!(
            "A pool has nodes of agents, or of the server's own host, not both. Make another pool for `{name}`."
        );
        return Err(invalid("pool_of_other_nodes", "/properties/agent", detail));
    }
    let id = NodeId::next(&mut turn.ids);
    turn.emit(Event::NodeChanged(Node {
        id,
        name,
        pool,
        capacity,
        properties,
        state: NodeState::Up,
        created_at: turn.now,
    }));
    Ok(id)
}

pub fn set_node_state(turn: &mut Turn<'_>, id: NodeId, state: NodeState) -> Result<NodeId, Refusal> {
    let mut node = turn.state.nodes.get(&id).cloned().ok_or_else(|| not_found("node"))?;
    node.state = state;
    turn.emit(Event::NodeChanged(node));
    Ok(id)
}

pub fn halt(turn: &mut Turn<'_>, slug: &str, by: UserId, reason: String) -> Result<PoolSlug, Refusal> {
    check_reason(&reason)?;
    let mut pool = turn.state.pools.get(slug).cloned().ok_or_else(|| not_found("pool"))?;
    pool.halted = Some(Halt { by, at: turn.now, reason });
    turn.emit(Event::PoolChanged(pool));
    Ok(slug.to_owned())
}

pub fn resume(turn: &mut Turn<'_>, slug: &str) -> Result<PoolSlug, Refusal> {
    let mut pool = turn.state.pools.get(slug).cloned().ok_or_else(|| not_found("pool"))?;
    pool.halted = None;
    turn.emit(Event::PoolChanged(pool));
    Ok(slug.to_owned())
}

pub struct NewReserve {
    pub resource: Resource,
    pub steps: Vec<ReserveStep>,
    pub effective_at: Timestamp,
    pub expected_version: Option<u64>,
    pub by: Option<UserId>,
}

/// Schedules a reserve price. It is an offer of the operator, not a filter.
pub fn schedule_reserve(turn: &mut Turn<'_>, slug: &str, new: NewReserve) -> Result<ReservePriceId, Refusal> {
    refuse_reserve(slug)?;
    let mut pool = turn.state.pools.get(slug).cloned().ok_or_else(|| not_found("pool"))?;
    check_version(&pool, new.expected_version)?;
    if !pool.resources.contains(&new.resource) {
        return Err(invalid(
            "resource_not_in_pool",
            "/resource",
            format!("Pool `{slug}` does not have {}.", new.resource),
        ));
    }
    check_steps(&new.steps, turn.state.market.price_cap)?;
    // What the market itself sets, at its first start, has nobody to ask.
    let pending = turn.state.market.two_person_approval && new.by.is_some();
    if pending && new.effective_at <= turn.now {
        return Err(invalid(
            "effective_in_the_past",
            "/effective_at",
            "A second person has to approve it before it takes effect. Choose a time that leaves room for that.",
        ));
    }
    let id = ReservePriceId::next(&mut turn.ids);
    pool.reserve_version += 1;
    turn.emit(Event::PoolChanged(pool));
    turn.emit(Event::ReserveScheduled(ReservePrice {
        id,
        pool: slug.to_owned(),
        resource: new.resource,
        steps: new.steps,
        effective_at: new.effective_at,
        created_by: new.by,
        created_at: turn.now,
        state: if pending { ReserveState::Pending } else { ReserveState::Scheduled },
        decision: None,
    }));
    Ok(id)
}

/// Nobody's change is overwritten unseen.
pub(super) fn check_version(pool: &Pool, expected: Option<u64>) -> Result<(), Refusal> {
    if expected.is_none_or(|version| version == pool.reserve_version) {
        return Ok(());
    }
    Err(Refusal {
        kind: RefusalKind::StaleVersion,
        code: "stale_version",
        pointer: String::new(),
        detail: format!(
            "The reserve prices are at version {}. Read them again and repeat the change.",
            pool.reserve_version
        ),
    })
}

/// Whether a schedule could be set: what a simulation of one asks first.
pub fn check_steps(steps: &[ReserveStep], cap: Price) -> Result<(), Refusal> {
    if steps.is_empty() || steps.len() > 16 {
        return Err(invalid("steps_out_of_range", "/steps", "A schedule has 1 to 16 steps."));
    }
    let mut before = Price::ZERO;
    for (index, step) in steps.iter().enumerate() {
        let pointer = format!("/steps/{index}/price");
        if step.price < Price::ZERO {
            return Err(invalid("price_out_of_range", pointer, "A reserve price is 0 or more."));
        }
        if step.price < before || step.price > cap {
            return Err(invalid(
                "price_out_of_range",
                pointer,
                format!("Prices must not fall from step to step, nor exceed the price cap {cap}."),
            ));
        }
        if step.price.units() % 1000 != 0 {
            return Err(invalid("price_too_fine", pointer, "A reserve price has at most 6 digits after the point."));
        }
        if step.share.units() <= 0 {
            return Err(invalid(
                "share_out_of_range",
                format!("/steps/{index}/share"),
                "Every step has a share above 0.",
            ));
        }
        before = step.price;
    }
    if steps.iter().map(|s| s.share.units()).sum::<i64>() != 1_000_000 {
        return Err(invalid("shares_not_whole", "/steps", "The shares of all steps must add up to 1."));
    }
    Ok(())
}
