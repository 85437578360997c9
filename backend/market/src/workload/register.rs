//! Registering workloads and their modules, and what bounds them: quota, shape, room on a node.
use crate::command::NewInstance;
use crate::event::Event;
use crate::ids::*;
use crate::printable::check_name;
use crate::records::pool::Node;
use crate::records::recallable;
use crate::records::workload::{Adopted, Instance, InstanceState, Module, ModuleKind};
use crate::refusal::{Refusal, RefusalKind, invalid, not_found};
use crate::round::book::occupancy::Occupancy;
use crate::state::State;
use crate::time::{Slot, Timestamp};
use crate::turn::Turn;
use crate::units::{Amounts, Resource, amount};
use crate::workload::check::{check_amounts, check_quota, check_shape};
use crate::workload::{service, strategy_check};

/// The most inputs that a shadow run can compare before it is out of time, with some to spare.
const MOST_POSITIONS: u32 = 200;
/// Modules of one participant; they are kept for ever.
const MOST_MODULES: usize = 100;
/// What a command may be started with.
const MOST_ARGUMENTS: usize = 32;
const LONGEST_ARGUMENT: usize = 500;
/// The memory of one guest is 32-bit.
const MOST_WASM_MEM_MIB: i64 = 4096;

/// Whether a module may be added: the one that is there already, if the bytes are the same.
pub fn may_add_module(
    state: &State,
    participant: Option<ParticipantId>,
    hash: &str,
) -> Result<Option<ModuleId>, Refusal> {
    let own = || state.modules.values().filter(|m| m.participant == participant && m.kind.is_wasm());
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
    let (created_at, kind) = (turn.now, ModuleKind::Wasm);
    turn.emit(Event::ModuleRegistered(Module { id, participant, name, hash, size_bytes, created_at, kind }));
    Ok(id)
}

/// A service that the operator has defined; the one of that name, if there is one already.
pub fn service(turn: &mut Turn<'_>, name: String) -> Result<ModuleId, Refusal> {
    offered(turn, ModuleKind::Service, name)
}

/// Everybody may run a command that is offered; the one of that name, if there is one already.
pub fn command(turn: &mut Turn<'_>, name: String) -> Result<ModuleId, Refusal> {
    offered(turn, ModuleKind::Command, name)
}

/// What the operator's nodes have of this kind and name, named once.
pub(super) fn offered(turn: &mut Turn<'_>, kind: ModuleKind, name: String) -> Result<ModuleId, Refusal> {
    check_name(&name, "/name")?;
    let mut offered = turn.state.modules.values().filter(|m| m.kind == kind);
    if let Some(same) = offered.find(|m| m.name == name) {
        return Ok(same.id);
    }
    let id = ModuleId::next(&mut turn.ids);
    let created_at = turn.now;
    let (participant, hash, size_bytes) = (None, String::new(), 0);
    turn.emit(Event::ModuleRegistered(Module { id, participant, name, hash, size_bytes, created_at, kind }));
    Ok(id)
}

fn check_arguments(kind: ModuleKind, arguments: &[String]) -> Result<(), Refusal> {
    let refused = |at: String, detail: String| Err(invalid("arguments_invalid", &at, detail));
    if kind.is_wasm() && !arguments.is_empty() {
        return refused("/command".to_owned(), "Only a command has arguments; a module reads inputs.".to_owned());
    }
    if arguments.len() > MOST_ARGUMENTS {
        let detail = format!("A command has at most {MOST_ARGUMENTS} arguments; these are {}.", arguments.len());
        return refused("/command".to_owned(), detail);
    }
    for (at, argument) in arguments.iter().enumerate() {
        if argument.len() > LONGEST_ARGUMENT || argument.chars().any(char::is_control) {
            let detail = format!(
                "An argument has at most {LONGEST_ARGUMENT} bytes and no control characters, such as line ends."
            );
            return refused(format!("/command/{}", at + 1), detail);
        }
    }
    Ok(())
}

pub fn instance(turn: &mut Turn<'_>, new: NewInstance) -> Result<InstanceId, Refusal> {
    if turn.state.modules.get(&new.module).is_some_and(|module| module.kind.is_adopted()) {
        let detail = "An operator adopts it: POST /v1/nodes/{id}/adoptions.";
        return Err(invalid("module_not_startable", "/module", detail));
    }
    made_of(turn, new, None)
}

/// The same, of what runs already if it is given.
pub(super) fn made_of(turn: &mut Turn<'_>, new: NewInstance, adopted: Option<Adopted>) -> Result<InstanceId, Refusal> {
    check_name(&new.name, "/name")?;
    let state = &*turn.state;
    let module = state.modules.get(&new.module).filter(|m| m.participant.is_none_or(|p| p == new.participant));
    let Some(&Module { kind, .. }) = module else {
        return Err(invalid(
            "not_found",
            "/module",
            "There is no such module. POST /v1/modules uploads one; GET /v1/modules lists those that come with the product.",
        ));
    };
    check_arguments(kind, &new.arguments)?;
    let is_for_agents = adopted.is_some() || kind == ModuleKind::Service;
    if !is_for_agents && state.nodes.values().any(|node| node.pool == new.pool && node.has_agent()) {
        let detail =
            format!("The nodes of `{}` run services and adopted workloads only. Choose another pool.", new.pool);
        return Err(invalid("pool_of_agents", "/pool", detail));
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
    if kind == ModuleKind::Service {
        service::check_amounts(&[(&new.baseline, "baseline"), (&new.floor, "floor"), (&new.limit, "limit")])?;
        service::check_is_free(state, new.module, None)?;
    }
    if kind.is_wasm() && amount(&new.limit, Resource::MemMib) > MOST_WASM_MEM_MIB {
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
    strategy_check::check_strategy(state, pool, &new.strategy, "/strategy")?;
    let has = (&new.baseline, &new.limit);
    strategy_check::check_move_to(state, &new.strategy, has, adopted.is_some(), "/strategy")?;
    check_owner(state, &new)?;
    check_quota(state, new.participant, None, &new.baseline)?;
    let nodes = state.nodes.values().filter(|n| n.pool == new.pool && new.node.is_none_or(|id| id == n.id));
    let node = first_fit(turn.state, turn.now, &new.pool, nodes, |_, _, _| new.baseline.clone())?;
    let id = InstanceId::next(&mut turn.ids);
    let instance = Instance {
        id,
        participant: new.participant,
        name: new.name,
        driver: new.driver,
        module: new.module,
        arguments: new.arguments,
        adopted,
        pool: new.pool,
        away: None,
        relocation: None,
        last_relocation: None,
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
        stop_requested: false,
        recent_moves: Vec::new(),
        earlier_baselines: Vec::new(),
        given_up: Default::default(),
        created_at: turn.now,
    };
    turn.emit(Event::InstanceChanged(instance));
    Ok(id)
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

/// The first of a pool's nodes with room for what is asked for on it in the present slot and all that can be
/// traded, beside the baselines there, what was won on it, and what the round under way may award.
pub(crate) fn first_fit<'a>(
    state: &'a State,
    now: Timestamp,
    pool: &str,
    mut nodes: impl Iterator<Item = &'a Node> + Clone,
    asked: impl Fn(&Occupancy, NodeId, Slot) -> Amounts,
) -> Result<NodeId, Refusal> {
    let rhythm = &state.market.rhythm;
    let present = Slot::containing(now, rhythm.slot_seconds);
    // Between the present slot and the first open one may lie one whose gate has closed.
    let next = present.plus(1, rhythm.slot_seconds);
    let later = rhythm.open_slots(now).into_iter().filter(|slot| *slot > next);
    let slots: Vec<Slot> = [present, next].into_iter().chain(later).collect();
    let mut occupancy = Occupancy::of(state, &slots);
    let fits = |occupancy: &Occupancy, node: NodeId| {
        slots.iter().all(|slot| occupancy.fits(state, node, &asked(occupancy, node, *slot), &[*slot]))
    };
    if !nodes.clone().any(|n| fits(&occupancy, n.id)) {
        return Err(no_host_fits());
    }
    occupancy.take_sealed(state, pool);
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
        detail: "There is room, but the round that is being cleared may award it. Try again in a few seconds."
            .to_owned(),
    }
}
