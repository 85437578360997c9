//! What outsiders tell us about a workload: hints and application profiles.
//!
//! Both are priors, never commands: a hint raises the expected need of an instance or keeps
//! it off nodes for a while; a profile is where its forecast starts before there is data.
use crate::event::Event;
use crate::ids::{HintId, InstanceId, NodeId, ParticipantId, ProfileId};
use crate::printable::check_name;
pub use crate::records::guidance::{ApplicationProfile, Hint};
use crate::refusal::{Refusal, RefusalKind, invalid, not_found, stale};
use crate::state::State;
use crate::time::Timestamp;
use crate::turn::Turn;
use crate::units::{Amounts, amount};
use crate::workload::check::own;
use std::collections::BTreeSet;

/// They stay in memory and are looked at with every forecast.
const MOST_HINTS: usize = 200;
const MOST_PROFILES: usize = 100;

/// The nodes that hints in force say a workload's moves should not go to.
pub fn avoided_nodes(state: &State, id: InstanceId, now: Timestamp) -> BTreeSet<NodeId> {
    let in_force = state.hints.values().filter(|h| h.instance == id && h.is_in_force(now));
    in_force.flat_map(|h| h.avoid_nodes.iter().copied()).collect()
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
    let in_force = |h: &&Hint| h.participant == participant && h.is_in_force(turn.now);
    if turn.state.hints.values().filter(in_force).count() >= MOST_HINTS {
        return Err(too_many(
            "too_many_hints",
            format!("A participant has at most {MOST_HINTS} hints in force. Withdraw one, or wait until one expires."),
        ));
    }
    forget_hints(turn, participant);
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

fn too_many(code: &'static str, detail: String) -> Refusal {
    Refusal { kind: RefusalKind::Conflict, code, pointer: String::new(), detail }
}
