//! What a pod says of its containers, its owner and its end.

use k8s_openapi::api::core::v1::{Container, ContainerStatus, Pod, PodCondition, ResourceRequirements};
use k8s_openapi::jiff::Timestamp;

use super::quantity;

/// CPU of a container, in thousandths of a core.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::kubernetes) struct Cpu {
    pub request: u64,
    pub limit: u64,
}

impl Cpu {
    /// Of a container with a limit. The API server takes a missing request for the limit, and so does this.
    pub fn of(resources: Option<&ResourceRequirements>) -> Option<Self> {
        let of = |all: &Option<std::collections::BTreeMap<String, _>>| {
            let quantity: &k8s_openapi::apimachinery::pkg::api::resource::Quantity = all.as_ref()?.get("cpu")?;
            quantity::milli(&quantity.0)
        };
        let limit = of(&resources?.limits)?;
        Some(Self { request: of(&resources?.requests).unwrap_or(limit), limit })
    }

    /// What it is with another limit: the request keeps its part of the limit, so that the pod's class of service stays.
    pub fn with_limit(self, limit: u64) -> Self {
        let part = u128::from(self.request) * u128::from(limit) / u128::from(self.limit.max(1));
        // A request of nothing stays one; another does not become one by rounding.
        let least = self.request.min(1);
        Self { request: u64::try_from(part).unwrap_or(limit).clamp(least.min(limit), limit), limit }
    }
}

pub(in crate::kubernetes) fn name_of(pod: &Pod) -> &str {
    pod.metadata.name.as_deref().unwrap_or_default()
}

pub(in crate::kubernetes) fn uid_of(pod: &Pod) -> &str {
    pod.metadata.uid.as_deref().unwrap_or_default()
}

pub(in crate::kubernetes) fn annotation<'a>(pod: &'a Pod, key: &str) -> Option<&'a str> {
    pod.metadata.annotations.as_ref()?.get(key).map(String::as_str)
}

pub(in crate::kubernetes) fn container<'a>(pod: &'a Pod, name: &str) -> Option<&'a Container> {
    pod.spec.as_ref()?.containers.iter().find(|container| container.name == name)
}

pub(in crate::kubernetes) fn status_of<'a>(pod: &'a Pod, container: &str) -> Option<&'a ContainerStatus> {
    pod.status.as_ref()?.container_statuses.as_ref()?.iter().find(|status| status.name == container)
}

/// The CPU that the kubelet has in force for a container.
pub(in crate::kubernetes) fn in_force(pod: &Pod, container: &str) -> Option<Cpu> {
    Cpu::of(status_of(pod, container)?.resources.as_ref())
}

/// A condition that holds, if it is of the specification that the pod has now.
pub(in crate::kubernetes) fn condition<'a>(pod: &'a Pod, kind: &str) -> Option<&'a PodCondition> {
    let status = pod.status.as_ref()?;
    let found = status.conditions.as_ref()?.iter().find(|one| one.type_ == kind && one.status == "True")?;
    let observed = found.observed_generation.or(status.observed_generation);
    let is_of_now = observed.zip(pod.metadata.generation).is_none_or(|(observed, now)| observed >= now);
    is_of_now.then_some(found)
}

/// What a condition says, in the kubelet's words.
pub(in crate::kubernetes) fn words(condition: &PodCondition) -> String {
    let all = [condition.reason.as_deref(), condition.message.as_deref()];
    all.into_iter().flatten().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(": ")
}

/// The Deployment, StatefulSet, Job or other object that it belongs to, for people.
pub(in crate::kubernetes) fn owner(pod: &Pod) -> Option<String> {
    let owners = pod.metadata.owner_references.as_ref()?;
    let owner = owners.iter().find(|owner| owner.controller == Some(true)).or_else(|| owners.first())?;
    // Between a Deployment and its pods stands a ReplicaSet, whose name ends with a hash that its pods carry.
    let hash = pod.metadata.labels.as_ref().and_then(|labels| labels.get("pod-template-hash"));
    let deployment = hash.and_then(|hash| owner.name.strip_suffix(hash)?.strip_suffix('-'));
    Some(match deployment.filter(|_| owner.kind == "ReplicaSet") {
        Some(name) => format!("Deployment {name}"),
        None => format!("{} {}", owner.kind, owner.name),
    })
}

pub(in crate::kubernetes) fn running_seconds(pod: &Pod) -> u64 {
    let started = pod.status.as_ref().and_then(|status| status.start_time.as_ref());
    let seconds = started.map_or(0, |started| Timestamp::now().as_second() - started.0.as_second());
    u64::try_from(seconds).unwrap_or(0)
}

/// Why a container does not run any more, if so. One that is started again in place has not ended.
pub(in crate::kubernetes) fn ended(pod: &Pod, container: &str) -> Option<String> {
    let status = pod.status.as_ref()?;
    let called = format!("pod {}", name_of(pod));
    let told = |reason: Option<&str>, message: Option<&str>| {
        let words = [reason, message].into_iter().flatten().filter(|text| !text.is_empty());
        words.fold(String::new(), |all, text| format!("{all}: {text}"))
    };
    let of_container = status_of(pod, container).and_then(|status| status.state.as_ref()?.terminated.as_ref());
    let phase = status.phase.as_deref().unwrap_or_default();
    if phase == "Succeeded" || phase == "Failed" {
        let why = match (&status.reason, of_container) {
            (Some(reason), _) => told(Some(reason), status.message.as_deref()),
            (None, Some(end)) => {
                format!("{}, exit code {}", told(end.reason.as_deref(), end.message.as_deref()), end.exit_code)
            }
            (None, None) => String::new(),
        };
        return Some(format!("{called} has {}{why}", if phase == "Failed" { "failed" } else { "succeeded" }));
    }
    let end = of_container?;
    let policy = pod.spec.as_ref().and_then(|spec| spec.restart_policy.as_deref()).unwrap_or("Always");
    let stays_ended = policy == "Never" || (policy == "OnFailure" && end.exit_code == 0);
    let why = told(end.reason.as_deref(), end.message.as_deref());
    stays_ended.then(|| format!("container {container} of {called} has ended{why}, exit code {}", end.exit_code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_keeps_its_part_of_the_limit() {
        let of = |request, limit, new| Cpu { request, limit }.with_limit(new);
        assert_eq!(of(500, 500, 1_500), Cpu { request: 1_500, limit: 1_500 }, "guaranteed stays guaranteed");
        assert_eq!(of(250, 1_000, 2_000), Cpu { request: 500, limit: 2_000 });
        assert_eq!(of(999, 1_000, 10), Cpu { request: 9, limit: 10 }, "rounded down: it stays below");
        assert_eq!(of(1, 64_000, 10), Cpu { request: 1, limit: 10 }, "no request becomes none");
        assert_eq!(of(0, 1_000, 2_000), Cpu { request: 0, limit: 2_000 });
    }
}
