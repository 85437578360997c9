//! The checks of an order, and the hold that it needs: a bid holds its whole limit. The first one that fails is the answer.
use crate::book::growth::Growth;
use crate::book::{away, lent, self_trade};
use crate::ids::{OrderId, ParticipantId};
use crate::printable::is_printable;
use crate::records::class::Class;
use crate::records::order::{Assurance, OrderRequest, PoolChoice, Side, TimeInForce};
use crate::records::recallable::{can_be_recalled, firm, is_recallable};
use crate::records::rejection::Rejection;
use crate::records::runs;
use crate::records::workload::{Instance, InstanceState};
use crate::state::State;
use crate::time::{Slot, Timestamp};
use crate::units::{Credits, GPU_LOT_MILLI, Resource, Share, amount};
use std::collections::BTreeSet;

/// The most rows of one order, a fifth of what a round takes of such orders (`round::capacity`).
pub const MOST_ROWS: usize = 240;
/// The same of a bid that takes runs of its window: they overlap, and a dozen such bids of 168 rows each had
/// rounds end far from the best, which so many rows of whole windows do not.
pub const MOST_ROWS_OF_RUNS: usize = 120;
/// The most alternatives of one order.
pub const MOST_ALTERNATIVES: usize = 64;
/// The most base units of one resource in one order, replicas and slots included.
pub const MOST_QUANTITY: i64 = 1_000_000_000_000;
/// The most replicas of one order.
pub const MOST_REPLICAS: u32 = 10_000;
/// The highest limit, in credits.
const HIGHEST_LIMIT: Credits = Credits::from_units(1_000_000_000_000_000);
const WHOLE: i64 = 1_000_000;
/// So many faults of one request are named.
const MOST_FAULTS: usize = 32;
/// Checks everything but the balance, and answers what has to be held. `previous` is the order that it replaces.
pub fn check(
    state: &State,
    now: Timestamp,
    participant: ParticipantId,
    side: Side,
    request: &OrderRequest,
    previous: Option<OrderId>,
) -> Result<Credits, Rejection> {
    check_form(request, side, now)?;
    check_place(state, participant, side, request)?;
    check_window(state, now, side, request)?;
    check_growth(state, side, request)?;
    check_project(state, participant, side, request)?;
    check_class(state, participant, request)?;
    let others = state.open_orders(participant) - u32::from(previous.is_some());
    let most = state.participants.get(&participant).map_or(0, |p| p.open_order_limit);
    if others >= most {
        return Err(Rejection::TooManyOpenOrders { most });
    }
    self_trade::check(state, now, participant, side, request)?;
    Ok(match side {
        Side::Bid => request.limit,
        Side::Offer => Credits::ZERO,
    })
}

/// What depends on the request alone.
fn check_form(request: &OrderRequest, side: Side, now: Timestamp) -> Result<(), Rejection> {
    form_faults(request, side, now).into_iter().next().map_or(Ok(()), Err)
}

/// All that is wrong with a request by itself, and what can be known of each of its fields: one fault a field, in the order
/// of `check`. For people who mend it, who would else hear of one after the other.
pub fn faults(
    state: &State,
    now: Timestamp,
    participant: ParticipantId,
    side: Side,
    request: &OrderRequest,
) -> Vec<Rejection> {
    let mut faults = form_faults(request, side, now);
    // what asks for pools and workloads has to have a form
    if faults.is_empty() {
        faults.extend(check_place(state, participant, side, request).err());
    }
    faults.extend((request.instance.is_some() && request.replicas > 1).then_some(Rejection::ReplicasOfInstance));
    let pools = request.pools.iter().enumerate();
    faults.extend(pools.filter_map(|(index, choice)| unknown_pool(state, index, &choice.pool)));
    // how much is too much depends on the window
    let none = |(resource, quantity): (&Resource, &i64)| {
        (*quantity < 1).then_some(Rejection::QuantityOutOfRange { resource: *resource })
    };
    faults.extend(request.resources.iter().filter_map(none));
    faults.extend(check_window(state, now, side, request).err());
    faults.extend(check_project(state, participant, side, request).err());
    faults.extend(check_class(state, participant, request).err());
    let mut named = BTreeSet::new();
    faults.retain(|fault| named.insert(fault.pointer()));
    faults.truncate(MOST_FAULTS);
    faults
}

fn form_faults(request: &OrderRequest, side: Side, now: Timestamp) -> Vec<Rejection> {
    let mut faults = Vec::new();
    if let Some(id) = &request.client_bid_id
        && (id.is_empty() || id.chars().count() > 64 || !is_printable(id))
    {
        faults.push(Rejection::ClientIdOutOfRange);
    }
    if request.pools.is_empty() {
        faults.push(Rejection::NoPools);
    }
    if request.resources.is_empty() {
        faults.push(Rejection::NoResources);
    }
    if request.replicas == 0 || request.replicas > MOST_REPLICAS {
        faults.push(Rejection::ReplicasOutOfRange);
    }
    let lowest = i64::from(side == Side::Bid);
    let is_limit = request.limit.units() >= lowest && request.limit <= HIGHEST_LIMIT;
    if !is_limit {
        faults.push(Rejection::LimitOutOfRange);
    }
    for (index, choice) in request.pools.iter().enumerate() {
        if is_recallable(&choice.pool) != (request.assurance == Assurance::Recallable) {
            faults.push(Rejection::AssuranceMixed { index, slug: choice.pool.clone() });
        }
        // beside a limit that is none an adder is not at fault
        let beyond = side == Side::Bid && is_limit && choice.adder > request.limit;
        if choice.adder.is_negative() || choice.adder > HIGHEST_LIMIT || beyond {
            faults.push(Rejection::AdderOutOfRange { index });
        }
        if request.pools[..index].iter().any(|c| c.pool == choice.pool) {
            faults.push(Rejection::PoolRepeated { index });
        }
    }
    if request.min_fill < Share::ZERO || request.min_fill > Share::from_units(WHOLE) {
        faults.push(Rejection::MinFillOutOfRange);
    }
    let partial = !request.min_fill.is_zero() && request.min_fill.units() != WHOLE;
    if request.time_in_force == TimeInForce::Fok && partial {
        faults.push(Rejection::FillOrKillNeedsFullMinFill);
    }
    if request.time_in_force == TimeInForce::Gtd && request.expires_at.is_none() {
        faults.push(Rejection::ExpiryMissing);
    }
    if request.time_in_force != TimeInForce::Gtd && request.expires_at.is_some() {
        faults.push(Rejection::ExpiryNotUsed);
    }
    if request.expires_at.is_some_and(|at| at <= now) {
        faults.push(Rejection::ExpiryInThePast);
    }
    if side == Side::Offer && request.resources.len() > 1 {
        faults.push(Rejection::OfferOfSeveral { pointer: "/resources" });
    }
    if side == Side::Offer && request.min_fill > Share::ZERO {
        faults.push(Rejection::OfferOfSeveral { pointer: "/min_fill" });
    }
    faults.extend(check_run(request, side).err());
    faults.extend(check_lots(request, side).err());
    match (request.no_displacement, side) {
        (true, Side::Offer) => faults.push(Rejection::NoDisplacementOfOffer),
        (true, Side::Bid) if request.instance.is_none() => faults.push(Rejection::NoDisplacementNeedsInstance),
        _ => {}
    }
    faults
}

/// GPUs come whole: a replica has so many devices, and nobody a part of a replica.
fn check_lots(request: &OrderRequest, side: Side) -> Result<(), Rejection> {
    match amount(&request.resources, Resource::GpuMilli) {
        0 => Ok(()),
        _ if side == Side::Offer => Err(Rejection::GpuLent),
        quantity if quantity % GPU_LOT_MILLI != 0 => Err(Rejection::GpuNotWhole { lot: GPU_LOT_MILLI }),
        _ if request.replicas == 1 && request.min_fill.units() != WHOLE => Err(Rejection::GpuDivisible),
        _ => Ok(()),
    }
}

/// A job of a cluster grows by whole nodes, and lends none.
fn check_lots_of(instance: &Instance, side: Side, request: &OrderRequest) -> Result<(), Rejection> {
    let of_node = |(r, _): &(&Resource, &i64)| **r != Resource::GpuMilli && instance.lot(**r) > 1;
    for (&resource, &quantity) in request.resources.iter().filter(of_node) {
        let lot = instance.lot(resource);
        if side == Side::Offer {
            return Err(Rejection::LotLent { resource });
        }
        if quantity % lot != 0 {
            return Err(Rejection::LotNotWhole { resource, lot });
        }
        if request.min_fill.units() != WHOLE {
            return Err(Rejection::LotDivisible);
        }
    }
    Ok(())
}

/// Which orders take runs; whether a run is longer than the window is asked where the window is.
fn check_run(request: &OrderRequest, side: Side) -> Result<(), Rejection> {
    match (request.min_run_slots, side) {
        (0, _) => Ok(()),
        (_, Side::Offer) => Err(Rejection::MinRunOfOffer),
        _ if request.latest_start_at.is_some() => Err(Rejection::MinRunWithLatestStart),
        _ => Ok(()),
    }
}

/// That there is no such pool.
fn unknown_pool(state: &State, index: usize, slug: &str) -> Option<Rejection> {
    if state.pools.contains_key(slug) {
        return None;
    }
    Some(match state.pools.get(firm(slug)) {
        Some(firm) => Rejection::RecallableNotTraded { index, firm: firm.slug.clone() },
        None => Rejection::UnknownPool { index, slug: slug.to_owned() },
    })
}

/// The refusal of a resource that no node of the pool has, with the pools that have it.
pub(crate) fn not_enforced(state: &State, slug: String, resource: Resource) -> Rejection {
    let recallable = is_recallable(&slug);
    let has = |pool: &&String| is_recallable(pool) == recallable && state.enforces(pool, resource);
    Rejection::ResourceNotEnforced { resource, slug, pools: state.pools.keys().filter(has).cloned().collect() }
}

/// What depends on the pools and the instance.
fn check_place(state: &State, participant: ParticipantId, side: Side, request: &OrderRequest) -> Result<(), Rejection> {
    for (index, choice) in request.pools.iter().enumerate() {
        let slug = choice.pool.clone();
        if let Some(unknown) = unknown_pool(state, index, &slug) {
            return Err(unknown);
        }
        if let Some(halt) = state.halt(&slug) {
            return Err(Rejection::PoolHalted { slug, reason: halt.reason.clone() });
        }
        let cannot = |r: &&Resource| is_recallable(&slug) && !can_be_recalled(**r);
        if let Some(resource) = request.resources.keys().find(cannot) {
            return Err(Rejection::NoVacatePath { resource: *resource });
        }
        if let Some(resource) = request.resources.keys().find(|r| !state.enforces(&slug, **r)) {
            return Err(not_enforced(state, slug, *resource));
        }
    }
    let Some(id) = request.instance else {
        return match (side, request.assurance) {
            (Side::Offer, _) => Err(Rejection::OfferNeedsInstance),
            (Side::Bid, Assurance::Recallable) => Err(Rejection::RecallableNeedsInstance),
            (Side::Bid, Assurance::Firm) => Ok(()),
        };
    };
    let instance = state
        .instances
        .get(&id)
        .filter(|i| i.participant == participant)
        .ok_or(Rejection::NotFound { what: "instance", pointer: "/instance" })?;
    if instance.state != InstanceState::Running || instance.stop_requested {
        return Err(Rejection::InstanceNotRunning);
    }
    if request.replicas != 1 {
        return Err(Rejection::ReplicasOfInstance);
    }
    check_lots_of(instance, side, request)?;
    match side {
        Side::Bid => {
            for (resource, quantity) in &request.resources {
                let limit = amount(&instance.limit, *resource);
                let beyond = amount(&instance.baseline, *resource).saturating_add(*quantity) - limit;
                // It may buy back what it has lent: how much in which slot, `check_growth` says.
                let of_resource = lent::lent(state, id).into_iter().filter(|((_, r), _)| r == resource);
                if beyond > 0 && beyond > of_resource.map(|(_, lent)| lent).max().unwrap_or(0) {
                    return Err(Rejection::AboveInstanceLimit { resource: *resource, limit });
                }
            }
        }
        Side::Offer => {
            for (resource, quantity) in &request.resources {
                let lendable = (amount(&instance.baseline, *resource) - amount(&instance.floor, *resource)).max(0);
                if *quantity > lendable {
                    return Err(Rejection::BelowFloor { resource: *resource, lendable });
                }
            }
        }
    }
    let at_home = |choice: &PoolChoice| firm(&choice.pool) == instance.pool;
    if side == Side::Bid {
        if request.assurance == Assurance::Recallable && !request.pools.iter().all(at_home) {
            return Err(Rejection::RecallableOutsideHomePool { home: instance.pool.clone() });
        }
        return away::check(state, request, Share::from_units(WHOLE));
    }
    if request.pools.len() != 1 || !at_home(&request.pools[0]) {
        return Err(Rejection::OfferOutsideHomePool { home: instance.pool.clone() });
    }
    Ok(())
}

fn check_class(state: &State, participant: ParticipantId, request: &OrderRequest) -> Result<(), Rejection> {
    let highest = state.participants.get(&participant).map_or_else(Class::default, |p| p.highest_class);
    if request.class < highest { Err(Rejection::ClassNotAllowed { highest: highest.name() }) } else { Ok(()) }
}

/// An order that names a project must be bounded by it.
fn check_project(
    state: &State,
    participant: ParticipantId,
    side: Side,
    request: &OrderRequest,
) -> Result<(), Rejection> {
    let Some(name) = &request.project else { return Ok(()) };
    if side == Side::Offer {
        return Err(Rejection::ProjectOfOffer);
    }
    match state.project(participant, name) {
        Some(_) => Ok(()),
        None => Err(Rejection::UnknownProject { name: name.clone() }),
    }
}

/// A bid alone must not take its workload over the limit, with what it has won and lent for the same slots.
/// Where several bids together could, the round takes the earliest (`book/growth.rs`).
fn check_growth(state: &State, side: Side, request: &OrderRequest) -> Result<(), Rejection> {
    let instance = request.instance.filter(|_| side == Side::Bid).and_then(|id| state.instances.get(&id));
    let Some(instance) = instance else { return Ok(()) };
    let growth = Growth::of_instance(state, instance.id);
    let slots: BTreeSet<Slot> =
        request.alternatives(state.market.rhythm.slot_seconds).into_iter().flat_map(|a| a.slots).collect();
    for (resource, quantity) in &request.resources {
        let limit = amount(&instance.limit, *resource);
        if slots.iter().any(|slot| *quantity > growth.room(instance, *slot, *resource)) {
            return Err(Rejection::AboveInstanceLimit { resource: *resource, limit });
        }
    }
    Ok(())
}

fn check_window(state: &State, now: Timestamp, side: Side, request: &OrderRequest) -> Result<(), Rejection> {
    let rhythm = &state.market.rhythm;
    let slot_seconds = rhythm.slot_seconds;
    let on_slot = |at: Timestamp| at.micros().rem_euclid(slot_seconds * 1_000_000) == 0;
    let window = request.window;
    let latest = request.latest_start_at.unwrap_or(window.start_at);
    for (at, field) in
        [(window.start_at, "window/start_at"), (window.end_at, "window/end_at"), (latest, "latest_start_at")]
    {
        if !on_slot(at) {
            return Err(Rejection::WindowNotOnSlots { field, slot_seconds });
        }
    }
    if window.end_at <= window.start_at {
        return Err(Rejection::WindowEmpty);
    }
    if latest < window.start_at {
        return Err(Rejection::LatestStartBeforeStart);
    }
    let (first_open, last_open) = (rhythm.first_open(now), rhythm.last_open(now));
    let length = window.end_at.micros() - window.start_at.micros();
    let last_slot = Slot::starting_at((latest.micros() + length) / 1_000_000 - slot_seconds);
    if request.first_slot() < first_open || last_slot > last_open {
        return Err(Rejection::WindowOutsideHorizon { first_open, last_open });
    }
    let slots = request.window_slots(slot_seconds);
    if side == Side::Offer && (slots > 1 || latest > window.start_at) {
        return Err(Rejection::OfferOfSeveral { pointer: "/window" });
    }
    if i64::from(request.min_run_slots) > slots {
        return Err(Rejection::MinRunLongerThanWindow { slots });
    }
    let starts = (latest.micros() - window.start_at.micros()) / 1_000_000 / slot_seconds + 1;
    let (runs, slots_of_runs) = runs::count(request.shortest_run(slot_seconds), slots);
    let count = request.pools.len() * starts as usize * runs;
    if count > MOST_ALTERNATIVES {
        return Err(Rejection::TooManyAlternatives { count, most: MOST_ALTERNATIVES });
    }
    let of_pool = |c: &PoolChoice| away::amounts(state, request, &request.resources, &c.pool).len();
    let rows = starts as usize * slots_of_runs * request.pools.iter().map(of_pool).sum::<usize>();
    let most = if runs > 1 { MOST_ROWS_OF_RUNS } else { MOST_ROWS };
    if rows > most {
        return Err(Rejection::OrderTooWide { rows, most });
    }
    for (resource, quantity) in &request.resources {
        let all = quantity.checked_mul(i64::from(request.replicas)).and_then(|q| q.checked_mul(slots));
        if *quantity < 1 || all.is_none_or(|q| q > MOST_QUANTITY) {
            return Err(Rejection::QuantityOutOfRange { resource: *resource });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(change: impl FnOnce(&mut serde_json::Value)) -> OrderRequest {
        let mut body = serde_json::json!({ "resources": { "cpu_milli": 100 }, "pools": [{ "pool": "p", "adder": "0.5" }],
            "window": { "start_at": "2026-11-20T10:20:00Z", "end_at": "2026-11-20T10:21:00Z" }, "limit": "1" });
        change(&mut body);
        serde_json::from_value(body).expect("a request")
    }

    #[test]
    fn all_faults_of_a_form_are_named_and_the_first_is_the_answer() {
        let now = Timestamp::from_seconds(1_795_646_400);
        let codes = |request: &OrderRequest, side: Side| -> Vec<&str> {
            form_faults(request, side, now).iter().map(Rejection::code).collect()
        };
        let good = request(|_| {});
        assert!(codes(&good, Side::Bid).is_empty() && check_form(&good, Side::Bid, now).is_ok());
        let wrong = request(|body| {
            (body["limit"], body["min_fill"], body["replicas"]) = ("-1".into(), "3".into(), 0.into());
        });
        // An adder is no more than a limit; beside one that is none it is not at fault.
        let expected = ["replicas_out_of_range", "limit_out_of_range", "min_fill_out_of_range"];
        assert_eq!(codes(&wrong, Side::Bid), expected);
        assert_eq!(check_form(&wrong, Side::Bid, now), Err(Rejection::ReplicasOutOfRange));
        let dear = request(|body| body["pools"][0]["adder"] = "2".into());
        assert_eq!(codes(&dear, Side::Bid), ["adder_out_of_range"]);
        assert!(codes(&dear, Side::Offer).is_empty());
    }
}
