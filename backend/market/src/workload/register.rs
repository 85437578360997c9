//! Registering and changing workloads, hints and profiles.
use crate::book::Assurance;
use crate::command::{NewInstance, Refusal, RefusalKind};
use crate::event::Event;
use crate::ids::*;
use crate::pool::recallable::{self, can_be_recalled};
use crate::pool::{Node, Pool};
use crate::printable::is_printable;
use crate::round::AwardKind;
use crate::round::occupancy::Occupancy;
use crate::state::State;
use crate::time::{Slot, Timestamp};
use crate::turn::Turn;
use crate::units::{Amounts, Credits, Resource, amount};
use crate::workload::guidance::{ApplicationProfile, Hint};
use crate::workload::{Instance, InstanceState, Module, Strategy, newsvendor};
use std::collections::BTreeMap;

pub fn invalid(code: &'static str, pointer: impl Into<String>, detail: impl Into<String>) -> Refusal {
    Refusal { kind: RefusalKind::Invalid, code, pointer: pointer.into(), detail: detail.into() }
}

pub fn not_found(what: &str) -> Refusal {
    let detail = format!("There is no such {what}. Check the id; objects of other participants are not shown.");
    Refusal { kind: RefusalKind::NotFound, code: "not_found", pointer: String::new(), detail }
}

/// The most inputs that a shadow run can compare before it is out of time, with some to spare.
const MOST_POSITIONS: u32 = 200;
/// The longest name of anything.
const LONGEST_NAME: usize = 100;
/// The longest reason for something that is done to others.
pub const LONGEST_REASON: usize = 200;

/// Modules of one participant; they are kept for ever.
const MOST_MODULES: usize = 100;
/// They stay in memory and are looked at with every forecast.
const MOST_HINTS: usize = 200;
const MOST_PROFILES: usize = 100;

/// The memory of one guest is 32-bit.
const MOST_WASM_MEM_MIB: i64 = 4096;

pub fn check_name(name: &str, pointer: &str) -> Result<(), Refusal> {
    let words: Vec<&str> = name.split_whitespace().collect();
    let good = !words.is_empty() && name.chars().count() <= LONGEST_NAME && is_printable(name);
    if !good {
        return Err(invalid("name_out_of_range", pointer, "A name has 1 to 100 printable characters."));
    }
    // Spaces that nobody sees would make two names that look the same.
    if words.join(" ") != name {
        let detail = "A name has single spaces between its words and none around them.";
        return Err(invalid("name_out_of_range", pointer, detail));
    }
    Ok(())
}

/// A reason is shown to those whom it concerns.
pub fn check_reason(reason: &str) -> Result<(), Refusal> {
    let good = !reason.trim().is_empty() && reason.chars().count() <= LONGEST_REASON && is_printable(reason);
    if good {
        return Ok(());
    }
    Err(invalid("reason_out_of_range", "/reason", "Give a reason of 1 to 200 printable characters; others see it."))
}

/// Whether a module may be added: the one that is there already, if the bytes are the same.
pub fn may_add_module(
    state: &State,
    participant: Option<ParticipantId>,
    hash: &str,
) -> Result<Option<ModuleId>, Refusal> {
    let own = || state.modules.values().filter(|m| m.participant == participant);
    if let Some(same) = own().find(|m| m.hash == hash) {
        return Ok(Some(same.id));
    }
    if participant.is_some() && own().count() >= MOST_MODULES {
        return Err(Refusal {
            kind: RefusalKind::Conflict,
            code: "too_many_modules",
            pointer: String::new(),
            detail: format!("A participant has at most {MOST_MODULES} modules. GET /v1/modules lists them; use one."),
        });
    }
    Ok(None)
}

pub fn module(
    turn: &mut Turn<'_>,
    participant: Option<ParticipantId>,
    name: String,
    hash: String,
    size_bytes: i64,
) -> Result<ModuleId, Refusal> {
    check_name(&name, "/name")?;
    if let Some(module) = may_add_module(turn.state, participant, &hash)? {
        return Ok(module);
    }
    let id = ModuleId::next(&mut turn.ids);
    turn.emit(Event::ModuleRegistered(Module { id, participant, name, hash, size_bytes, created_at: turn.now }));
    Ok(id)
}

pub fn instance(turn: &mut Turn<'_>, new: NewInstance) -> Result<InstanceId, Refusal> {
    check_name(&new.name, "/name")?;
    let state = &*turn.state;
    let module = state.modules.get(&new.module).filter(|m| m.participant.is_none_or(|p| p == new.participant));
    if module.is_none() {
        return Err(invalid(
            "not_found",
            "/module",
            "There is no such module. POST /v1/modules uploads one; GET /v1/modules lists those that come with the product.",
        ));
    }
    let Some(pool) = state.pools.get(&new.pool).filter(|p| !recallable::is_recallable(&p.slug)) else {
        return Err(invalid(
            "unknown_pool",
            "/pool",
            format!("There is no pool `{}`. GET /v1/pools lists them.", new.pool),
        ));
    };
    for (amounts, field) in [(&new.baseline, "baseline"), (&new.floor, "floor"), (&new.limit, "limit")] {
        check_amounts(pool, amounts, field)?;
    }
    check_shape(&new.baseline, &new.floor, &new.limit)?;
    if amount(&new.limit, Resource::MemMib) > MOST_WASM_MEM_MIB {
        let detail = format!("A WebAssembly workload has at most {MOST_WASM_MEM_MIB} MiB of memory.");
        return Err(invalid("quantity_out_of_range", "/limit/mem_mib", detail));
    }
    if !(1..=MOST_POSITIONS).contains(&new.comparison.positions) {
        return Err(invalid(
            "positions_out_of_range",
            "/comparison/positions",
            "Compare from 1 to 200 input positions: a shadow run has two minutes, and two inputs come in a second.",
        ));
    }
    check_strategy(state, pool, &new.strategy, "/strategy")?;
    check_owner(state, &new)?;
    check_quota(state, new.participant, None, &new.baseline)?;
    let nodes = state.nodes.values().filter(|n| n.pool == new.pool && new.node.is_none_or(|id| id == n.id));
    let node = first_fit(turn, &new.pool, nodes, |_, _, _| new.baseline.clone())?;
    let id = InstanceId::next(&mut turn.ids);
    let instance = Instance {
        id,
        participant: new.participant,
        name: new.name,
        driver: new.driver,
        module: new.module,
        pool: new.pool,
        away: None,
        node,
        epoch: 1,
        class: new.class,
        in_force: new.baseline.clone(),
        baseline: new.baseline,
        floor: new.floor,
        limit: new.limit,
        at_end: new.at_end,
        shown_at_end: None,
        drill: None,
        comparison: new.comparison,
        strategy: Box::new(new.strategy),
        strategy_version: 1,
        state: InstanceState::Running,
        suspended: None,
        fault: None,
        swap: None,
        pinned_until: None,
        kept_by_program: Default::default(),
        failed_by_exchange: Default::default(),
        pinned_by_exchange: false,
        pinned_by_program: false,
        recent_moves: Vec::new(),
        earlier_baselines: Vec::new(),
        given_up: Default::default(),
        created_at: turn.now,
    };
    turn.emit(Event::InstanceChanged(instance));
    Ok(id)
}

pub(super) fn check_amounts(pool: &Pool, amounts: &Amounts, field: &str) -> Result<(), Refusal> {
    for (resource, quantity) in amounts {
        let pointer = format!("/{field}/{resource}");
        if !pool.resources.contains(resource) {
            let detail = format!("Pool `{}` does not have {resource}.", pool.slug);
            return Err(invalid("resource_not_in_pool", pointer, detail));
        }
        if !(0..=1_000_000_000).contains(quantity) {
            let detail = "Quantities are from 0 to 1000000000 base units.";
            return Err(invalid("quantity_out_of_range", pointer, detail));
        }
    }
    Ok(())
}

/// 0 ≤ floor ≤ baseline ≤ limit, resource by resource; a baseline of at least one resource.
pub(super) fn check_shape(baseline: &Amounts, floor: &Amounts, limit: &Amounts) -> Result<(), Refusal> {
    if baseline.values().all(|q| *q == 0) {
        return Err(invalid("no_resources", "/baseline", "A workload needs a baseline of at least one resource."));
    }
    for resource in Resource::ALL {
        let (f, b, l) = (amount(floor, resource), amount(baseline, resource), amount(limit, resource));
        if f > b {
            return Err(invalid(
                "floor_above_baseline",
                format!("/floor/{resource}"),
                format!("The capacity floor ({f}) must not be above the baseline ({b})."),
            ));
        }
        if l < b {
            return Err(invalid(
                "limit_below_baseline",
                format!("/limit/{resource}"),
                format!("The limit ({l}) must not be below the baseline ({b})."),
            ));
        }
    }
    Ok(())
}

/// What the participant is allowed, besides its quota.
fn check_owner(state: &State, new: &NewInstance) -> Result<(), Refusal> {
    let owner = state.participants.get(&new.participant).ok_or_else(|| not_found("participant"))?;
    if new.class < owner.highest_class {
        let highest = owner.highest_class.name();
        let detail = format!("The highest class of this participant is {highest}. An admin can allow more.");
        return Err(invalid("class_not_allowed", "/class", detail));
    }
    let of_owner = |i: &&Instance| i.participant == new.participant && i.state == InstanceState::Running;
    let running = state.instances.values().filter(of_owner).count();
    if running >= owner.instance_limit as usize {
        return Err(Refusal {
            kind: RefusalKind::Conflict,
            code: "too_many_instances",
            pointer: String::new(),
            detail: format!(
                "At most {} workloads may run at once. Stop one, or ask an admin for a higher instance limit.",
                owner.instance_limit
            ),
        });
    }
    Ok(())
}

/// A day: longer than any market's slots are open.
pub const MOST_NOTICE_SECONDS: u32 = 86_400;

/// A million credits: above it nothing moves anyway, and it stays far from what an amount can hold.
const MOST_MOVE_FEE: Credits = Credits::from_units(1_000_000_000_000);

fn check_strategy(state: &State, pool: &Pool, strategy: &Strategy, at: &str) -> Result<(), Refusal> {
    // Automatic bids stay in the workload's own pool: another one must not be taken silently.
    if strategy.auto_bid.as_ref().is_some_and(|s| !s.other_pools.is_empty()) {
        let detail = "Automatic bids stay in the workload's own pool in this version. Leave other_pools empty.";
        return Err(invalid("not_in_this_version", format!("{at}/auto_bid/other_pools"), detail));
    }
    let promised = strategy.auto_bid.as_ref().and_then(|s| s.promised_service_level);
    if let Some(level) = promised.filter(|level| !newsvendor::can_be_promised(*level)) {
        return Err(invalid(
            "service_level_out_of_range",
            format!("{at}/auto_bid/promised_service_level"),
            format!(
                "A promised service level is more than 0 and less than 1, like 0.95; {level} is not. Leave it out to promise nothing."
            ),
        ));
    }
    check_amounts(pool, &strategy.max_swap, format!("{at}/max_swap").trim_start_matches('/'))?;
    for (fee, field) in [(Some(strategy.move_fee), "move_fee"), (strategy.makes_way_for, "makes_way_for")] {
        if fee.is_some_and(|fee| fee.is_negative() || fee > MOST_MOVE_FEE) {
            return Err(invalid(
                "move_fee_out_of_range",
                format!("{at}/{field}"),
                format!("A move fee is from 0 to {MOST_MOVE_FEE} credits."),
            ));
        }
    }
    if let Some(resource) = strategy.draws.keys().find(|r| !recallable::can_be_recalled(**r)) {
        return Err(invalid(
            "draws_by_hand_only",
            format!("{at}/draws/{resource}"),
            format!("{resource} is not drawn automatically: a program in need of it does not show. Draw it yourself."),
        ));
    }
    if strategy.notice_seconds > MOST_NOTICE_SECONDS {
        return Err(invalid(
            "notice_out_of_range",
            format!("{at}/notice_seconds"),
            format!("A notice is from 0 to {MOST_NOTICE_SECONDS} seconds, a day."),
        ));
    }
    let bids_for_it = strategy.auto_bid.as_ref().is_some_and(|s| s.assurance == Assurance::Recallable);
    if promised.is_some() && bids_for_it {
        return Err(invalid(
            "promise_of_recallable",
            format!("{at}/auto_bid/promised_service_level"),
            "A promise can't rest on what others may take back. Bid firmly, or promise nothing.",
        ));
    }
    let lends_it = strategy.auto_offer.as_ref().is_some_and(|s| !s.recallable_price.is_empty());
    if (bids_for_it || lends_it) && !state.pools.contains_key(&recallable::of(&pool.slug)) {
        let field = if bids_for_it { "auto_bid/assurance" } else { "auto_offer/recallable_price" };
        let detail = format!(
            "Recallable capacity is not traded in pool `{}`. Leave it out, or ask an admin to open it.",
            pool.slug
        );
        return Err(invalid("recallable_not_traded", format!("{at}/{field}"), detail));
    }
    let recallable =
        strategy.auto_offer.iter().flat_map(|s| s.recallable_price.iter().map(|e| ("auto_offer/recallable_price", e)));
    if let Some((field, (resource, _))) = recallable.clone().find(|(_, (r, _))| !can_be_recalled(**r)) {
        let detail =
            format!("{resource} can't be taken back by a limit alone, so it is not lent as recallable. Leave it out.");
        return Err(invalid("no_vacate_path", format!("{at}/{field}/{resource}"), detail));
    }
    let prices = strategy.auto_bid.iter().flat_map(|s| s.shortage_cost.iter().map(|e| ("auto_bid/shortage_cost", e)));
    let minimums =
        strategy.auto_offer.iter().flat_map(|s| s.minimum_price.iter().map(|e| ("auto_offer/minimum_price", e)));
    let draws = strategy.draws.iter().map(|e| ("draws", e));
    for (field, (resource, price)) in prices.chain(minimums).chain(recallable).chain(draws) {
        let pointer = format!("{at}/{field}/{resource}");
        if !pool.resources.contains(resource) {
            return Err(invalid(
                "resource_not_in_pool",
                pointer,
                format!("Pool `{}` does not have {resource}.", pool.slug),
            ));
        }
        if price.is_negative() || *price > state.market.price_cap {
            return Err(invalid(
                "price_out_of_range",
                pointer,
                format!("Prices are from 0 to the price cap, {}.", state.market.price_cap),
            ));
        }
    }
    Ok(())
}

pub(super) fn check_quota(
    state: &State,
    participant: ParticipantId,
    except: Option<InstanceId>,
    baseline: &Amounts,
) -> Result<(), Refusal> {
    let owner = state.participants.get(&participant).ok_or_else(|| not_found("participant"))?;
    let others = || state.instances.values().filter(|i| i.participant == participant && Some(i.id) != except);
    // What a stopped workload has lent stays with its buyers until that is settled.
    let mut lent: BTreeMap<(Slot, Resource), i64> = BTreeMap::new();
    for stopped in others().filter(|i| i.state != InstanceState::Running) {
        let awards = state.awards_of(stopped.id).filter(|a| a.kind == AwardKind::Lent);
        for line in awards.flat_map(|a| &a.lines).filter(|l| !l.settled) {
            *lent.entry((line.slot, line.resource)).or_default() += line.left();
        }
    }
    for (resource, quantity) in baseline {
        let running = others().filter(|i| i.state == InstanceState::Running);
        let most_lent = lent.iter().filter(|((_, r), _)| r == resource).map(|(_, q)| *q).max().unwrap_or(0);
        let used = running.map(|i| amount(&i.baseline, *resource)).sum::<i64>() + most_lent;
        let quota = amount(&owner.quota, *resource);
        if used.saturating_add(*quantity) > quota {
            return Err(invalid(
                "quota_exceeded",
                format!("/baseline/{resource}"),
                format!(
                    "The quota is {quota} {resource}, {used} are in use, {quantity} were asked for. Ask an admin for more quota."
                ),
            ));
        }
    }
    Ok(())
}

/// The first of a pool's nodes with room for what is asked for on it in the present slot and all that can be
/// traded, beside the baselines there, what was won on it, and what the round under way may award.
pub(super) fn first_fit<'a>(
    turn: &'a Turn<'_>,
    pool: &str,
    mut nodes: impl Iterator<Item = &'a Node> + Clone,
    asked: impl Fn(&Occupancy, NodeId, Slot) -> Amounts,
) -> Result<NodeId, Refusal> {
    let rhythm = &turn.state.market.rhythm;
    let present = Slot::containing(turn.now, rhythm.slot_seconds);
    // Between the present slot and the first open one may lie one whose gate has closed.
    let next = present.plus(1, rhythm.slot_seconds);
    let later = rhythm.open_slots(turn.now).into_iter().filter(|slot| *slot > next);
    let slots: Vec<Slot> = [present, next].into_iter().chain(later).collect();
    let mut occupancy = Occupancy::of(turn.state, &slots);
    let fits = |occupancy: &Occupancy, node: NodeId| {
        slots.iter().all(|slot| occupancy.fits(turn.state, node, &asked(occupancy, node, *slot), &[*slot]))
    };
    if !nodes.clone().any(|n| fits(&occupancy, n.id)) {
        return Err(no_host_fits());
    }
    occupancy.take_sealed(turn.state, pool);
    nodes.find(|n| fits(&occupancy, n.id)).map(|n| n.id).ok_or_else(round_under_way)
}

fn no_host_fits() -> Refusal {
    Refusal {
        kind: RefusalKind::Conflict,
        code: "no_host_fits",
        pointer: "/baseline".to_owned(),
        detail: "No node of the pool has room for this baseline. Ask for less, or choose another pool.".to_owned(),
    }
}

fn round_under_way() -> Refusal {
    Refusal {
        kind: RefusalKind::Conflict,
        code: "round_under_way",
        pointer: "/baseline".to_owned(),
        detail: "There is room, but the round that is being cleared may award it. Try again in a few seconds, with another Idempotency-Key if you gave one.".to_owned(),
    }
}

pub(super) fn own(state: &State, participant: ParticipantId, id: InstanceId) -> Result<Instance, Refusal> {
    let instance = state.instances.get(&id).filter(|i| i.participant == participant);
    instance.cloned().ok_or_else(|| not_found("instance"))
}

/// Somebody else has changed it since it was read: nobody's change is overwritten unseen.
pub(crate) fn stale(what_is: &str, version: u64) -> Refusal {
    Refusal {
        kind: RefusalKind::StaleVersion,
        code: "stale_version",
        pointer: String::new(),
        detail: format!("{what_is} at version {version}. Read it again and repeat the change."),
    }
}

/// The whole strategy: what it leaves out is off from now on.
pub fn set_strategy(
    turn: &mut Turn<'_>,
    participant: ParticipantId,
    id: InstanceId,
    strategy: Strategy,
    expected_version: Option<u64>,
) -> Result<InstanceId, Refusal> {
    let mut instance = own(turn.state, participant, id)?;
    if expected_version.is_some_and(|expected| expected != instance.strategy_version) {
        return Err(stale("The strategy is", instance.strategy_version));
    }
    check_strategy(turn.state, &turn.state.pools[&instance.pool], &strategy, "")?;
    instance.strategy = Box::new(strategy);
    instance.strategy_version += 1;
    turn.emit(Event::InstanceChanged(instance));
    let outlook = turn.state.outlooks.get(&id).cloned().unwrap_or_default();
    crate::workload::auto::follow(turn, id, &outlook);
    Ok(id)
}

pub struct NewHint {
    pub instance: InstanceId,
    pub expected_demand: Amounts,
    pub avoid_nodes: Vec<NodeId>,
    pub starts_at: Timestamp,
    pub expires_at: Timestamp,
    pub source: Option<String>,
}

pub fn hint(turn: &mut Turn<'_>, participant: ParticipantId, new: NewHint) -> Result<HintId, Refusal> {
    let instance = own(turn.state, participant, new.instance)?;
    if let Some(source) = &new.source {
        check_name(source, "/source")?;
    }
    if new.expected_demand.is_empty() && new.avoid_nodes.is_empty() {
        return Err(invalid(
            "hint_empty",
            "/expected_demand",
            "A hint says what will be needed (expected_demand), or which nodes to avoid (avoid_nodes).",
        ));
    }
    if new.expires_at <= new.starts_at.max(turn.now) {
        return Err(invalid(
            "expiry_in_the_past",
            "/expires_at",
            "expires_at must be in the future and after starts_at.",
        ));
    }
    for (resource, quantity) in &new.expected_demand {
        let limit = amount(&instance.limit, *resource);
        if *quantity < 0 || *quantity > limit {
            return Err(invalid(
                "above_instance_limit",
                format!("/expected_demand/{resource}"),
                format!("The instance can use from 0 to {limit} {resource}."),
            ));
        }
    }
    if let Some(index) = new.avoid_nodes.iter().position(|n| !turn.state.nodes.contains_key(n)) {
        return Err(invalid("not_found", format!("/avoid_nodes/{index}"), "There is no such node."));
    }
    check_distinct(&new.avoid_nodes, "/avoid_nodes")?;
    forget_hints(turn, participant);
    if turn.state.hints.values().filter(|h| h.participant == participant).count() >= MOST_HINTS {
        return Err(too_many(
            "too_many_hints",
            format!("A participant has at most {MOST_HINTS} hints in force. Withdraw one, or wait until one expires."),
        ));
    }
    let id = HintId::next(&mut turn.ids);
    let NewHint { instance, expected_demand, avoid_nodes, starts_at, expires_at, source } = new;
    let hint = Hint {
        id,
        participant,
        instance,
        expected_demand,
        avoid_nodes,
        starts_at,
        expires_at,
        source,
        created_at: turn.now,
        withdrawn_at: None,
    };
    turn.emit(Event::HintChanged(hint));
    Ok(id)
}

/// Hints that are over leave memory.
fn forget_hints(turn: &mut Turn<'_>, participant: ParticipantId) {
    let over = |h: &&Hint| h.participant == participant && h.withdrawn_at.is_none() && !h.is_in_force(turn.now);
    let over: Vec<Hint> = turn.state.hints.values().filter(over).cloned().collect();
    for mut hint in over {
        hint.withdrawn_at = Some(hint.expires_at);
        turn.emit(Event::HintChanged(hint));
    }
}

fn check_distinct<T: Ord>(list: &[T], pointer: &str) -> Result<(), Refusal> {
    let mut seen = std::collections::BTreeSet::new();
    match list.iter().position(|entry| !seen.insert(entry)) {
        Some(index) => Err(invalid("duplicate", format!("{pointer}/{index}"), "It is in the list twice.")),
        None => Ok(()),
    }
}

fn too_many(code: &'static str, detail: String) -> Refusal {
    Refusal { kind: RefusalKind::Conflict, code, pointer: String::new(), detail }
}

pub fn withdraw_hint(turn: &mut Turn<'_>, participant: ParticipantId, id: HintId) -> Result<HintId, Refusal> {
    let hint = turn.state.hints.get(&id).filter(|h| h.participant == participant).cloned();
    let mut hint = hint.ok_or_else(|| not_found("hint"))?;
    hint.withdrawn_at = hint.withdrawn_at.or(Some(turn.now));
    turn.emit(Event::HintChanged(hint));
    Ok(id)
}

pub struct NewProfile {
    pub profile: Option<ProfileId>,
    pub expected_version: Option<u64>,
    pub name: String,
    pub instances: Vec<InstanceId>,
    pub typical: Amounts,
    pub peak: Amounts,
}

pub fn profile(turn: &mut Turn<'_>, participant: ParticipantId, new: NewProfile) -> Result<ProfileId, Refusal> {
    check_name(&new.name, "/name")?;
    check_distinct(&new.instances, "/instances")?;
    let count = turn.state.profiles.values().filter(|p| p.participant == participant).count();
    if new.profile.is_none() && count >= MOST_PROFILES {
        return Err(too_many(
            "too_many_profiles",
            format!("A participant has at most {MOST_PROFILES} application profiles. Change one with PUT."),
        ));
    }
    for (index, id) in new.instances.iter().enumerate() {
        if own(turn.state, participant, *id).is_err() {
            return Err(invalid("not_found", format!("/instances/{index}"), "There is no such instance."));
        }
    }
    for (resource, typical) in &new.typical {
        if *typical < 0 || *typical > amount(&new.peak, *resource) {
            return Err(invalid(
                "typical_above_peak",
                format!("/typical/{resource}"),
                "typical must be from 0 to peak.",
            ));
        }
    }
    let previous = match new.profile {
        None => None,
        Some(id) => {
            let profile = turn.state.profiles.get(&id).filter(|p| p.participant == participant);
            Some(profile.cloned().ok_or_else(|| not_found("application profile"))?)
        }
    };
    if let (Some(previous), Some(expected)) = (&previous, new.expected_version)
        && previous.version != expected
    {
        return Err(stale("The profile is", previous.version));
    }
    let id = previous.as_ref().map_or_else(|| ProfileId::next(&mut turn.ids), |p| p.id);
    let profile = ApplicationProfile {
        id,
        participant,
        name: new.name,
        version: previous.as_ref().map_or(1, |p| p.version + 1),
        instances: new.instances,
        typical: new.typical,
        peak: new.peak,
        created_at: previous.map_or(turn.now, |p| p.created_at),
        updated_at: turn.now,
    };
    turn.emit(Event::ProfileChanged(profile));
    Ok(id)
}
