//! What a change replaced: the fields that its command sets, as they were when it was decided.
use crate::command::Command;
use crate::state::State;
use crate::time::Slot;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// By the names of the command's own fields; `None` where it makes something new, or what it does says all.
pub fn before(command: &Command, state: &State) -> Option<Value> {
    match command {
        Command::SetQuota { participant, quota, instance_limit, highest_class } => {
            let p = state.participants.get(participant)?;
            let mut was = json!({});
            // what is left out stays as it is
            if quota.is_some() {
                was["quota"] = json!(p.quota);
            }
            if instance_limit.is_some() {
                was["instance_limit"] = p.instance_limit.into();
            }
            if highest_class.is_some() {
                was["highest_class"] = p.highest_class.name().into();
            }
            Some(was)
        }
        Command::SetShortageCost { pool, .. } => of("shortage_cost", &state.pools.get(pool)?.shortage_cost),
        Command::SetMovesAtOnce { pool, .. } => of("moves_at_once", &state.pools.get(pool)?.moves_at_once),
        Command::SetReserveApproval { .. } => of("two_person", &state.market.two_person_approval),
        Command::SetMoveApproval { pool, .. } => of("required", &state.pools.get(pool)?.move_approval),
        Command::SetNodeState { node, .. } => of("state", &state.nodes.get(node)?.state),
        Command::ScheduleReserve { pool, resource, effective_at, .. } => {
            let slot = Slot::containing(*effective_at, state.market.rhythm.slot_seconds);
            of("steps", &state.reserve(pool, *resource, slot)?.steps)
        }
        Command::SetBaseline { instance, .. } => {
            let i = state.instances.get(instance)?;
            Some(json!({ "baseline": i.baseline, "floor": i.floor }))
        }
        Command::SetStrategy { instance, .. } => of("strategy", &state.instances.get(instance)?.strategy),
        Command::PutProject { participant, name, .. } => {
            let live = state
                .projects
                .values()
                .find(|p| p.participant == *participant && p.name == *name && p.deleted_at.is_none());
            of("limit", &live?.limit)
        }
        _ => None,
    }
}

fn of(field: &str, value: &impl Serialize) -> Option<Value> {
    let value = serde_json::to_value(value).ok()?;
    Some(Value::Object(Map::from_iter([(field.to_owned(), value)])))
}

/// The name that people know an object by, where it has one beside its id.
pub fn name_of(object: &str, state: &State) -> Option<String> {
    if let Ok(id) = object.parse() {
        return state.participants.get(&id).map(|p| p.name.clone());
    }
    if let Ok(id) = object.parse() {
        return state.users.get(&id).map(|u| u.name.clone());
    }
    if let Ok(id) = object.parse() {
        return state.keys.get(&id).map(|k| k.name.clone());
    }
    if let Ok(id) = object.parse() {
        return state.nodes.get(&id).map(|n| n.name.clone());
    }
    if let Ok(id) = object.parse() {
        return state.modules.get(&id).map(|m| m.name.clone());
    }
    let instance = |id| state.instances.get(&id).map(|i| i.name.clone());
    if let Ok(id) = object.parse() {
        return instance(id);
    }
    let swap = object.parse().ok().and_then(|id| state.swaps.get(&id));
    swap.and_then(|swap| instance(swap.instance))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::market::{Market, Rhythm};
    use crate::records::participant::Participant;
    use crate::time::Timestamp;
    use std::collections::BTreeMap;

    #[test]
    fn a_quota_is_told_as_it_was() {
        let rhythm = Rhythm { slot_seconds: 60, horizon_slots: 6, lead_seconds: 10, round_seconds: 5 };
        let market: Market = serde_json::from_value(json!({
            "name": "m", "rhythm": rhythm, "price_cap": "1", "demo": false, "last_round": 0, "full_round": 0, "last_root": "", "two_person_approval": false,
            "planned_until": Slot::default(), "settled_until": Slot::default(), "created_at": Timestamp::default()
        }))
        .expect("a market");
        let mut state = State::new(market);
        let participant: Participant = serde_json::from_value(json!({
            "id": "par_01m89psmrcenf9h91pq4gbeckt", "name": "Atlas", "platform": false,
            "quota": { "cpu_milli": 4000 }, "open_order_limit": 10, "instance_limit": 3, "highest_class": "critical",
            "created_at": Timestamp::default()
        }))
        .expect("a participant");
        let id = participant.id;
        state.participants.insert(id, participant);
        let command = Command::SetQuota {
            participant: id,
            quota: Some(BTreeMap::new()),
            instance_limit: Some(5),
            highest_class: None,
        };
        let told = before(&command, &state).expect("what was there");
        assert_eq!(told, json!({ "quota": { "cpu_milli": 4000 }, "instance_limit": 3 }));
        assert_eq!(name_of(&id.to_string(), &state).as_deref(), Some("Atlas"));
        assert_eq!(name_of("par_01m89psmrcenf9h91pq4gbeckv", &state), None);
    }
}
