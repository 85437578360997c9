//! Why a container of a pod cannot be adopted.

use k8s_openapi::api::core::v1::Pod;

use crate::kubernetes::ask::pod::{Cpu, annotation, container, in_force, status_of};

/// The kubelet marks what it was told by files with this.
const MIRROR: &str = "kubernetes.io/config.mirror";

/// Why a container cannot be adopted by the agent of this node, if so.
pub(in crate::kubernetes) fn refusal(pod: &Pod, name: &str, node: &str) -> Option<String> {
    let spec = pod.spec.as_ref()?;
    let status = pod.status.as_ref();
    let runs_on = spec.node_name.as_deref().unwrap_or("no node");
    let phase = status.and_then(|status| status.phase.as_deref()).unwrap_or("Unknown");
    let told = |text: &str| Some(text.to_owned());
    if runs_on != node {
        return Some(format!("it runs on {runs_on}, and this agent serves {node}"));
    }
    if pod.metadata.deletion_timestamp.is_some() {
        return told("it is being deleted");
    }
    if phase != "Running" {
        return Some(format!("it is {phase}, not Running"));
    }
    if annotation(pod, MIRROR).is_some() {
        return told("it is a static pod, which is changed by a file on its node only");
    }
    let owners = pod.metadata.owner_references.as_deref().unwrap_or_default();
    if let Some(owner) = owners.iter().find(|owner| owner.kind == "DaemonSet") {
        return Some(format!("it serves its node for the DaemonSet {}", owner.name));
    }
    if spec.os.as_ref().is_some_and(|os| os.name == "windows") {
        return told("it is a pod of Windows, which cannot be resized while it runs");
    }
    if spec.resources.is_some() {
        return told("its resources are set for the whole pod; set them for its containers");
    }
    let Some(found) = container(pod, name) else { return Some(format!("it has no container {name}")) };
    if Cpu::of(found.resources.as_ref()).is_none() {
        return Some(format!("its container {name} has no CPU limit; set one, and a request"));
    }
    let policies = found.resize_policy.as_deref().unwrap_or_default();
    if policies.iter().any(|policy| policy.resource_name == "cpu" && policy.restart_policy == "RestartContainer") {
        return told("a resize would restart it: its resizePolicy for cpu is RestartContainer");
    }
    if status_of(pod, name).and_then(|status| status.state.as_ref()?.running.as_ref()).is_none() {
        return Some(format!("its container {name} does not run now"));
    }
    if in_force(pod, name).is_none() {
        return told("its kubelet does not tell the CPU in force; version 1.33 or newer does");
    }
    None
}
