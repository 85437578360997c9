//! Other CPU for a container: asked for in place, and told only once the kubelet has it in force.

use std::time::Instant;

use k8s_openapi::api::core::v1::Pod;
use serde_json::json;

use super::mark::{self, Mark};
use crate::driver::DriverError;
use crate::kubernetes::ask::cluster::Cluster;
use crate::kubernetes::ask::failure::Failure;
use crate::kubernetes::ask::pod::{self, Cpu};
use crate::kubernetes::{BETWEEN_LOOKS, Entry, Kubernetes, MOST_TRIES};

impl Kubernetes {
    /// Brings a container to a limit, and answers its pod once that is in force.
    pub(in crate::kubernetes) fn bring_to(
        &self,
        cluster: &Cluster,
        entry: &Entry,
        limit: u64,
    ) -> Result<Pod, DriverError> {
        let started = Instant::now();
        self.ask_for(cluster, entry, |mark| {
            let first =
                mark.first().ok_or_else(|| entry.wrong_state("resize", "a mark that can be read", "damaged"))?;
            let Cpu { request, limit } = first.with_limit(limit);
            Ok((format!("{request}m"), format!("{limit}m")))
        })?;
        loop {
            let found = self.own_pod(cluster, entry)?;
            if pod::in_force(&found, &entry.pod.container).is_some_and(|cpu| cpu.limit == limit) {
                return Ok(found);
            }
            let is_late = started.elapsed() >= self.settings.patience;
            if let Some(error) = pending(entry, &found, is_late) {
                return Err(error);
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
    }

    /// Writes what a container is to have, request and limit, unless that stands there already.
    pub(in crate::kubernetes) fn ask_for(
        &self,
        cluster: &Cluster,
        entry: &Entry,
        wanted: impl Fn(&Mark) -> Result<(String, String), DriverError>,
    ) -> Result<(), DriverError> {
        for _ in 0..MOST_TRIES {
            let found = self.own_pod(cluster, entry)?;
            let (request, limit) = wanted(&self.own_mark(entry, &found)?)?;
            let name = &entry.pod.container;
            let resources = json!({ "requests": { "cpu": request }, "limits": { "cpu": limit } });
            let asked = serde_json::from_value(resources.clone()).ok();
            let stands = pod::container(&found, name).and_then(|container| Cpu::of(container.resources.as_ref()));
            if stands.is_some() && stands == Cpu::of(asked.as_ref()) {
                return Ok(());
            }
            let mut patch = mark::of_version(&found);
            patch["spec"] = json!({ "containers": [{ "name": name, "resources": resources }] });
            match cluster.resize(&entry.pod.name, patch) {
                Ok(changed) => {
                    entry.see(&changed);
                    return Ok(());
                }
                // Somebody else has written, or it is gone: the next look says which.
                Err(Failure::Conflict | Failure::Gone) => {}
                Err(Failure::Other(error)) => return Err(error),
            }
        }
        Err(entry.contended())
    }
}

/// Why a limit that was asked for is not in force: nothing while the kubelet is at it.
fn pending(entry: &Entry, found: &Pod, is_late: bool) -> Option<DriverError> {
    let instance = entry.instance.clone();
    if let Some(pending) = pod::condition(found, "PodResizePending") {
        let told = pod::words(pending);
        return Some(match pending.reason.as_deref() {
            Some("Infeasible") => DriverError::ResizeInfeasible { instance, told },
            _ => DriverError::ResizeDeferred { instance, told },
        });
    }
    let progress = pod::condition(found, "PodResizeInProgress");
    if let Some(failed) = progress.filter(|progress| progress.reason.as_deref() == Some("Error")) {
        return Some(DriverError::ResizeUnfinished { instance, told: pod::words(failed) });
    }
    let told = match progress {
        Some(progress) => format!("the kubelet is still at it {}", pod::words(progress)).trim().to_owned(),
        None => "the kubelet has not taken it up yet".to_owned(),
    };
    is_late.then_some(DriverError::ResizeUnfinished { instance, told })
}
