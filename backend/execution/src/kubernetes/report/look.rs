//! A look at adopted pods: what they have, what they use, and which have ended.

use std::sync::Arc;
use std::time::Instant;

use k8s_openapi::api::core::v1::Pod;

use crate::driver::{DriverError, InstanceId, Report};
use crate::kubernetes::ask::cluster::Cluster;
use crate::kubernetes::ask::pod;
use crate::kubernetes::{BETWEEN_SAMPLES, Entry, Kubernetes, gone, locked};

impl Kubernetes {
    /// Reports of these workloads. One that cannot be read is left out.
    pub(in crate::kubernetes) fn look(&self, entries: &[Arc<Entry>]) -> Result<Vec<(InstanceId, Report)>, DriverError> {
        let cluster = self.cluster()?;
        let pods = cluster.pods_on(&self.settings.node)?;
        self.count(&cluster, entries);
        let mut reports = Vec::new();
        for entry in entries {
            let found = pods.iter().find(|found| pod::uid_of(found) == entry.pod.uid);
            if let Some(report) = report_of(&cluster, entry, found)? {
                reports.push((entry.instance.clone(), report));
            }
        }
        Ok(reports)
    }

    /// Takes in samples of use, no oftener than they are taken.
    fn count(&self, cluster: &Cluster, entries: &[Arc<Entry>]) {
        let now = Instant::now();
        let mut sampled = locked(&self.sampled);
        if entries.is_empty() || sampled.is_some_and(|at| now.saturating_duration_since(at) < BETWEEN_SAMPLES) {
            return;
        }
        *sampled = Some(now);
        let samples = cluster.samples();
        for entry in entries {
            if let Some(sample) = samples.get(&(entry.pod.name.clone(), entry.pod.container.clone())) {
                locked(&entry.counted).add(sample, now);
            }
        }
    }
}

/// The report of a workload whose pod was listed, or not; nothing while its kubelet does not tell what is in force.
fn report_of(cluster: &Cluster, entry: &Entry, found: Option<&Pod>) -> Result<Option<Report>, DriverError> {
    let ended = match (entry.ended.get(), found) {
        (Some(known), _) => Some(known.clone()),
        (None, Some(found)) => {
            entry.see(found);
            pod::ended(found, &entry.pod.container)
        }
        // A list may be older than the pod.
        (None, None) => {
            let same = cluster.pod(&entry.pod.name)?.filter(|found| pod::uid_of(found) == entry.pod.uid);
            if same.is_some() {
                return Ok(None);
            }
            Some(gone(&entry.pod))
        }
    };
    if let Some(ended) = &ended {
        entry.ended.get_or_init(|| ended.clone());
    }
    let cpu = found.and_then(|found| pod::in_force(found, &entry.pod.container));
    if ended.is_none() && cpu.is_none() {
        return Ok(None);
    }
    let counted = locked(&entry.counted);
    Ok(Some(Report {
        epoch: entry.epoch,
        cpu_milli: if ended.is_some() { 0 } else { cpu.map_or(0, |cpu| cpu.limit) },
        cpu_micros: counted.cpu_micros(Instant::now()),
        throttled_micros: 0,
        mem_kib: counted.mem_kib(),
        ended,
    }))
}
