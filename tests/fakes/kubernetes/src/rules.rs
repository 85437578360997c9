//! What a pod's document may be, and which changes of it are refused.
use serde_json::{Value, json};

/// An answer that is no success.
#[derive(Debug)]
pub struct Refused {
    pub status: u16,
    pub reason: &'static str,
    pub message: String,
}

impl Refused {
    pub(crate) fn new(status: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { status, reason, message: message.into() }
    }

    fn invalid(pod: &Value, message: impl AsRef<str>) -> Self {
        let name = pod["metadata"]["name"].as_str().unwrap_or_default();
        Self::new(422, "Invalid", format!("Pod \"{name}\" is invalid: {}", message.as_ref()))
    }
}

/// CPU in thousandths of a core; nothing where the text is no quantity of CPU that the fake knows.
pub(crate) fn milli(quantity: &Value) -> Option<u64> {
    let text = quantity.as_str()?;
    if let Some(milli) = text.strip_suffix('m') {
        return milli.parse().ok();
    }
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let part: u64 = format!("{part:0<3}").get(..3)?.parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(1_000)?.checked_add(part)
}

pub(crate) fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    pod["spec"]["containers"].as_array().into_iter().flatten()
}

fn containers_mut(pod: &mut Value) -> impl Iterator<Item = &mut Value> {
    pod["spec"]["containers"].as_array_mut().into_iter().flatten()
}

/// Fills in what an API server fills in: a request that is left out is the limit.
pub(crate) fn complete(pod: &mut Value) {
    if pod["spec"]["restartPolicy"].is_null() {
        pod["spec"]["restartPolicy"] = "Always".into();
    }
    for container in containers_mut(pod) {
        for resource in ["cpu", "memory"] {
            let limit = container["resources"]["limits"][resource].clone();
            if !limit.is_null() && container["resources"]["requests"][resource].is_null() {
                container["resources"]["requests"][resource] = limit;
            }
        }
        if container["resources"].is_null() {
            container["resources"] = json!({});
        }
    }
    for container in containers_mut(pod) {
        if let Some(resources) = container["resources"].as_object_mut() {
            // A look at a field that is not there has made one.
            resources.retain(|_, of| of.as_object().is_some_and(|of| of.values().any(|value| !value.is_null())));
            for of in resources.values_mut().filter_map(Value::as_object_mut) {
                of.retain(|_, value| !value.is_null());
            }
        }
    }
}

/// Whether a document makes sense: quantities can be read, and no request is above its limit.
pub(crate) fn check_pod(pod: &Value) -> Result<(), Refused> {
    for (at, container) in containers(pod).enumerate() {
        let cpu = |of: &str| match &container["resources"][of]["cpu"] {
            Value::Null => Ok(None),
            quantity => milli(quantity).map(Some).ok_or_else(|| {
                Refused::new(400, "BadRequest", format!("quantities must match the regular expression: {quantity}"))
            }),
        };
        if let (Some(request), Some(limit)) = (cpu("requests")?, cpu("limits")?)
            && request > limit
        {
            let message = format!(
                "spec.containers[{at}].resources.requests: Invalid value: \"{request}m\": must be less than or equal to cpu limit of {limit}m"
            );
            return Err(Refused::invalid(pod, message));
        }
    }
    Ok(())
}

/// The class of service that a pod's requests and limits give it.
pub(crate) fn class_of(pod: &Value) -> &'static str {
    let has = |container: &Value, of: &str| !container["resources"][of].is_null();
    if !containers(pod).any(|container| has(container, "limits") || has(container, "requests")) {
        return "BestEffort";
    }
    let is_same = |container: &Value, resource: &str| {
        let of = |which: &str| {
            let quantity = &container["resources"][which][resource];
            milli(quantity).map_or_else(|| quantity.clone(), Value::from)
        };
        !of("limits").is_null() && of("limits") == of("requests")
    };
    let is_guaranteed = |container| is_same(container, "cpu") && is_same(container, "memory");
    if containers(pod).all(is_guaranteed) { "Guaranteed" } else { "Burstable" }
}

/// A document without the resources of its containers.
fn without_resources(spec: &Value) -> Value {
    let mut spec = spec.clone();
    for container in spec["containers"].as_array_mut().into_iter().flatten() {
        container["resources"] = Value::Null;
    }
    spec
}

/// A pod after a change by the main resource: of what was asked for, only metadata is taken.
pub(crate) fn updated(before: &Value, asked: &Value) -> Result<Value, Refused> {
    check_identity(before, asked)?;
    if before["spec"] != asked["spec"] {
        let message = "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`, \
             `spec.initContainers[*].image`, `spec.activeDeadlineSeconds`, `spec.tolerations`, `spec.terminationGracePeriodSeconds`";
        return Err(Refused::invalid(before, message));
    }
    let mut after = before.clone();
    for field in ["annotations", "labels"] {
        after["metadata"][field] = asked["metadata"][field].clone();
        if after["metadata"][field].is_null() {
            after["metadata"].as_object_mut().map(|metadata| metadata.remove(field));
        }
    }
    Ok(after)
}

/// A pod after a change by the subresource `resize`: of what was asked for, only resources of containers are taken.
pub(crate) fn resized(before: &Value, asked: &Value) -> Result<Value, Refused> {
    check_identity(before, asked)?;
    let names = |pod| containers(pod).map(|container| container["name"].clone()).collect::<Vec<_>>();
    if names(before) != names(asked) {
        let message =
            "spec.containers: Forbidden: containers may not be added, removed, renamed or re-ordered on resize";
        return Err(Refused::invalid(before, message));
    }
    if without_resources(&before["spec"]) != without_resources(&asked["spec"]) {
        return Err(Refused::invalid(before, "spec: Forbidden: only cpu and memory resources are mutable"));
    }
    if !before["metadata"]["annotations"]["kubernetes.io/config.mirror"].is_null() {
        return Err(Refused::invalid(before, "Forbidden: static pods cannot be resized"));
    }
    for (old, new) in containers(before).zip(containers(asked)) {
        for (which, resource) in [("limits", "cpu"), ("limits", "memory"), ("requests", "cpu"), ("requests", "memory")]
        {
            let of = |container: &Value| container["resources"][which][resource].is_null();
            if !of(old) && of(new) {
                return Err(Refused::invalid(before, format!("resource {which} cannot be removed")));
            }
        }
    }
    check_pod(asked)?;
    if class_of(before) != class_of(asked) {
        let message = "metadata: Invalid value: Pod QOS Class may not change as a result of resizing";
        return Err(Refused::invalid(before, message));
    }
    let mut after = before.clone();
    after["spec"] = asked["spec"].clone();
    Ok(after)
}

/// A change names the version and the pod that it is of, or leaves them out.
fn check_identity(before: &Value, asked: &Value) -> Result<(), Refused> {
    let of = |pod: &Value, field: &str| pod["metadata"][field].as_str().unwrap_or_default().to_owned();
    if of(before, "resourceVersion") != of(asked, "resourceVersion") {
        let message = format!(
            "Operation cannot be fulfilled on pods \"{}\": the object has been modified; please apply your changes to the latest version and try again",
            of(before, "name")
        );
        return Err(Refused::new(409, "Conflict", message));
    }
    if of(before, "uid") != of(asked, "uid") {
        let message = format!("metadata.uid: Invalid value: \"{}\": field is immutable", of(asked, "uid"));
        return Err(Refused::invalid(before, message));
    }
    Ok(())
}
