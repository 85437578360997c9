//! One look of a kubelet: it takes resizes up, defers those without room, and ends those that it has taken up.
use crate::rules::{containers, milli};
use crate::world::World;
use serde_json::{Value, json};

const PENDING: &str = "PodResizePending";
const IN_PROGRESS: &str = "PodResizeInProgress";

pub(crate) fn step(world: &mut World) {
    for (namespace, name) in world.names() {
        let Some(pod) = world.pod(&namespace, &name) else { continue };
        if pod["status"]["phase"] != "Running" {
            continue;
        }
        let status = looked_at(world, pod);
        world.change(&namespace, &name, |pod| pod["status"] = status);
    }
}

/// CPU that the containers of a pod ask for.
fn asked_for(pod: &Value) -> u64 {
    containers(pod).filter_map(|container| milli(&container["resources"]["requests"]["cpu"])).sum()
}

/// CPU that the containers of a pod have been given.
fn given(pod: &Value) -> u64 {
    let statuses = pod["status"]["containerStatuses"].as_array().into_iter().flatten();
    statuses.filter_map(|status| milli(&status["resources"]["requests"]["cpu"])).sum()
}

fn is_in_force(pod: &Value) -> bool {
    let statuses = || pod["status"]["containerStatuses"].as_array().into_iter().flatten();
    containers(pod).all(|container| {
        statuses().any(|status| status["name"] == container["name"] && status["resources"] == container["resources"])
    })
}

/// The status of a pod after a look at it.
fn looked_at(world: &World, pod: &Value) -> Value {
    let (mut status, generation) = (pod["status"].clone(), &pod["metadata"]["generation"]);
    let was_in_progress =
        conditions(pod).any(|one| one["type"] == IN_PROGRESS && one["observedGeneration"] == *generation);
    status["observedGeneration"] = generation.clone();
    let condition = |kind: &str, reason: &str, message: String| {
        let mut one = json!({ "type": kind, "status": "True", "observedGeneration": generation });
        for (field, text) in [("reason", reason), ("message", message.as_str())] {
            if !text.is_empty() {
                one[field] = text.into();
            }
        }
        Some(one)
    };
    let node = &pod["spec"]["nodeName"];
    let capacity = node.as_str().and_then(|node| world.nodes.get(node)).copied().unwrap_or(0);
    let is_other = |other: &&Value| {
        other["spec"]["nodeName"] == *node
            && other["metadata"]["uid"] != pod["metadata"]["uid"]
            && other["status"]["phase"] == "Running"
    };
    let used: u64 = world.pods().filter(is_other).map(given).sum();
    let asked = asked_for(pod);
    let told = |what: &str| {
        format!("Node didn't have enough {what}: cpu, requested: {asked}, used: {used}, capacity: {capacity}")
    };
    let found = if is_in_force(pod) {
        None
    } else if asked > capacity {
        condition(PENDING, "Infeasible", told("capacity"))
    } else if used + asked > capacity {
        condition(PENDING, "Deferred", told("resource"))
    } else if let Some(message) = world.stuck.clone().filter(|_| was_in_progress) {
        condition(IN_PROGRESS, "Error", message)
    } else if was_in_progress {
        put_in_force(&mut status, pod);
        None
    } else {
        condition(IN_PROGRESS, "", String::new())
    };
    let is_of_resize = |one: &&Value| one["type"] == PENDING || one["type"] == IN_PROGRESS;
    let mut all: Vec<Value> = conditions(pod).filter(|one| !is_of_resize(one)).cloned().collect();
    all.extend(found);
    status["conditions"] = all.into();
    status
}

fn put_in_force(status: &mut Value, pod: &Value) {
    for one in status["containerStatuses"].as_array_mut().into_iter().flatten() {
        if let Some(container) = containers(pod).find(|container| container["name"] == one["name"]) {
            one["resources"] = container["resources"].clone();
        }
    }
}

fn conditions(pod: &Value) -> impl Iterator<Item = &Value> {
    pod["status"]["conditions"].as_array().into_iter().flatten()
}
