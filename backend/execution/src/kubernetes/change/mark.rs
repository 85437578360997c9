//! The annotation on an adopted pod: which exchange and workload it belongs to, under which epoch, and the CPU that it had.
//!
//! It outlives the agent, a second exchange sees it, and what is let go gets back exactly what stands in it.

use k8s_openapi::api::core::v1::Pod;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::driver::InstanceId;
use crate::kubernetes::ask::pod::{Cpu, annotation, uid_of};
use crate::kubernetes::ask::quantity;

pub(in crate::kubernetes) const KEY: &str = "headroom/adopted";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::kubernetes) struct Mark {
    pub exchange: String,
    pub workload: InstanceId,
    pub epoch: u64,
    /// A copy of a pod's document has the annotation, too, and is another pod.
    pub uid: String,
    pub container: String,
    /// What the container had when it was adopted, as the cluster wrote it.
    pub request: String,
    pub limit: String,
}

impl Mark {
    /// The mark of this very pod, if it has one.
    pub fn of(pod: &Pod) -> Option<Self> {
        let mark: Self = serde_json::from_str(annotation(pod, KEY)?).ok()?;
        (mark.uid == uid_of(pod)).then_some(mark)
    }

    /// The CPU that it had.
    pub fn first(&self) -> Option<Cpu> {
        Some(Cpu { request: quantity::milli(&self.request)?, limit: quantity::milli(&self.limit)? })
    }
}

/// A change that is refused where the pod is another, or was changed since it was read.
pub(in crate::kubernetes) fn of_version(pod: &Pod) -> Value {
    json!({ "metadata": { "uid": uid_of(pod), "resourceVersion": pod.metadata.resource_version } })
}

/// The change of a pod as it was read that gives it a mark, or takes its mark away.
pub(in crate::kubernetes) fn change(pod: &Pod, mark: Option<&Mark>) -> Value {
    let mut patch = of_version(pod);
    patch["metadata"]["annotations"] = json!({ KEY: mark.and_then(|mark| serde_json::to_string(mark).ok()) });
    patch
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(uid: &str, annotation: &str) -> Pod {
        let metadata = json!({ "uid": uid, "resourceVersion": "7", "annotations": { KEY: annotation } });
        serde_json::from_value(json!({ "metadata": metadata })).expect("a pod")
    }

    #[test]
    fn a_mark_is_of_one_pod_only() {
        let mark = Mark {
            exchange: "x".to_owned(),
            workload: InstanceId::from("ins_a"),
            epoch: 7,
            uid: "u1".to_owned(),
            container: "app".to_owned(),
            request: "0.5".to_owned(),
            limit: "1".to_owned(),
        };
        let written = serde_json::to_string(&mark).expect("written");
        assert_eq!(Mark::of(&pod("u1", &written)), Some(mark.clone()));
        assert_eq!(mark.first(), Some(Cpu { request: 500, limit: 1_000 }));
        assert_eq!(Mark::of(&pod("u2", &written)), None, "a copy of its document");
        for damaged in ["", "{}", "null", &written.replace('7', "-7"), &written.replace("epoch", "age")] {
            assert_eq!(Mark::of(&pod("u1", damaged)), None, "{damaged}");
        }
        assert_eq!(change(&pod("u1", ""), None)["metadata"]["annotations"], json!({ KEY: null }));
    }
}
