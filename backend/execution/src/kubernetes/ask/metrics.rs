//! Samples of use from `metrics.k8s.io`: a mean over a window, by container. The API is an extra of a cluster.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kube::api::ListParams;
use kube::core::Request;
use serde::Deserialize;

use super::cluster::Cluster;
use super::quantity;

/// The use of one container over a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::kubernetes) struct Sample {
    /// When the window ended.
    pub at: Timestamp,
    pub window: Duration,
    /// Mean over the window, in billionths of a core.
    pub cpu_nanos: u128,
    pub mem_kib: u64,
}

/// Samples by pod and container.
pub(in crate::kubernetes) type Samples = BTreeMap<(String, String), Sample>;

#[derive(Clone, Deserialize)]
struct List {
    items: Vec<PodMetrics>,
}

#[derive(Clone, Deserialize)]
struct PodMetrics {
    metadata: Metadata,
    timestamp: String,
    window: String,
    containers: Vec<ContainerMetrics>,
}

#[derive(Clone, Deserialize)]
struct Metadata {
    name: String,
}

#[derive(Clone, Deserialize)]
struct ContainerMetrics {
    name: String,
    usage: BTreeMap<String, String>,
}

impl Cluster {
    /// Samples of all pods of the namespace; none where nobody serves them or they may not be read: use is unknown then.
    pub fn samples(&self) -> Samples {
        let path = format!("/apis/metrics.k8s.io/v1beta1/namespaces/{}/pods", self.namespace);
        let Ok(request) = Request::new(path).list(&ListParams::default()) else { return Samples::new() };
        let client = self.client.clone();
        let listed = self.ask("list pods of metrics.k8s.io", async move { client.request::<List>(request).await });
        listed.map(samples_of).unwrap_or_default()
    }
}

fn samples_of(list: List) -> Samples {
    let mut samples = Samples::new();
    for pod in list.items {
        let (Ok(at), Some(window)) = (pod.timestamp.parse::<Timestamp>(), quantity::duration(&pod.window)) else {
            continue;
        };
        for container in pod.containers {
            let of = |resource: &str| container.usage.get(resource).map(String::as_str);
            let Some(cpu_nanos) = of("cpu").and_then(quantity::nanos) else { continue };
            let mem_kib = of("memory").and_then(quantity::kib).unwrap_or(0);
            samples.insert((pod.metadata.name.clone(), container.name), Sample { at, window, cpu_nanos, mem_kib });
        }
    }
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_that_make_no_sense_are_left_out() {
        let of = |name: &str, timestamp: &str, window: &str, cpu: &str| {
            serde_json::json!({ "metadata": { "name": name }, "timestamp": timestamp, "window": window,
                "containers": [{ "name": "app", "usage": { "cpu": cpu, "memory": "2Mi" } }] })
        };
        let now = "2026-11-30T12:00:00Z";
        let items = [
            of("good", now, "15s", "250000000n"),
            of("time", "soon", "15s", "1"),
            of("window", now, "x", "1"),
            of("cpu", now, "15s", "-1"),
        ];
        let list = serde_json::from_value(serde_json::json!({ "items": items })).expect("a list");
        let samples = samples_of(list);
        assert_eq!(samples.len(), 1, "{samples:?}");
        let good = samples[&("good".to_owned(), "app".to_owned())];
        assert_eq!((good.cpu_nanos, good.mem_kib), (250_000_000, 2_048));
    }
}
