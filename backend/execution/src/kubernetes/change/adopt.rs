//! Taking in a container of a pod that runs, or one whose agent starts again.

use std::sync::Arc;

use headroom_market::workload::{Adopted, ClusterPod};
use k8s_openapi::api::core::v1::Pod;

use super::mark::{self, Mark};
use crate::driver::*;
use crate::kubernetes::ask::cluster::Cluster;
use crate::kubernetes::ask::failure::Failure;
use crate::kubernetes::ask::pod::{self, Cpu};
use crate::kubernetes::report::refusal::refusal;
use crate::kubernetes::{Changes, Entry, Kubernetes, MOST_TRIES, gone, limits_of, locked};

fn refused(reason: impl Into<String>) -> DriverError {
    DriverError::Unsupported { operation: "adopt", reason: reason.into() }
}

impl Kubernetes {
    /// Adopts a container, and brings it to the limit as far as its node has room. Errors: it cannot be adopted, or belongs
    /// to another workload or a newer epoch.
    pub(in crate::kubernetes) fn take_in(&self, request: &AdoptRequest) -> Result<Started, DriverError> {
        let AdoptRequest { instance, node, epoch, adopted, limits } = request;
        let Adopted::Pod(asked) = adopted else { return Err(refused(format!("{adopted} is no pod"))) };
        let known = locked(&self.entries).get(instance).cloned();
        let changes: Arc<std::sync::Mutex<Changes>> =
            known.as_ref().map(|known| known.changes.clone()).unwrap_or_default();
        let _changing = locked(&changes);
        let started = |limits| Started { node: node.clone(), epoch: *epoch, position: 0, limits };
        if let Some(known) = known.as_ref().filter(|known| known.epoch >= *epoch) {
            if known.epoch == *epoch && known.pod == *asked {
                return Ok(started(self.limits_in_force(instance).unwrap_or_default()));
            }
            let (instance, node) = (instance.clone(), known.node.clone());
            return Err(DriverError::StaleEpoch { instance, node, given: *epoch, seen: known.epoch });
        }
        let cluster = self.cluster()?;
        if cluster.namespace != asked.namespace {
            let own = &cluster.namespace;
            return Err(refused(format!("its agent serves the namespace {own}, the pod is in {}", asked.namespace)));
        }
        let entry = Arc::new(Entry::new(instance.clone(), asked.clone(), node.clone(), *epoch, changes.clone()));
        let limits_now = match self.write_mark(&cluster, &entry)? {
            // One that has ended is taken in all the same: the next look says so, and its owner is told.
            None => Limits::default(),
            // Without room it stays as it is, and the answer says so.
            Some(marked) => limits_of(&self.bring_to(&cluster, &entry, limits.cpu_milli).unwrap_or(marked), asked),
        };
        locked(&self.entries).insert(instance.clone(), entry);
        Ok(started(limits_now))
    }

    /// Marks a pod as this workload's; nothing where it has ended. Errors: it cannot be adopted, or somebody else has it.
    fn write_mark(&self, cluster: &Cluster, entry: &Entry) -> Result<Option<Pod>, DriverError> {
        let ClusterPod { name, uid, container, .. } = &entry.pod;
        for _ in 0..MOST_TRIES {
            let Some(found) = cluster.pod(name)?.filter(|found| pod::uid_of(found) == uid) else {
                entry.ended.get_or_init(|| gone(&entry.pod));
                return Ok(None);
            };
            if let Some(ended) = pod::ended(&found, container) {
                entry.ended.get_or_init(|| ended);
                return Ok(None);
            }
            let mark = self.next_mark(entry, &found)?;
            match cluster.annotate(name, mark::change(&found, Some(&mark))) {
                Ok(marked) => {
                    entry.see(&marked);
                    return Ok(Some(marked));
                }
                Err(Failure::Conflict | Failure::Gone) => {}
                Err(Failure::Other(error)) => return Err(error),
            }
        }
        Err(entry.contended())
    }

    /// The mark that a pod is to have: what it had first is kept.
    fn next_mark(&self, entry: &Entry, found: &Pod) -> Result<Mark, DriverError> {
        if let Some(mark) = Mark::of(found) {
            if mark.exchange != self.exchange
                || mark.workload != entry.instance
                || mark.container != entry.pod.container
            {
                return Err(refused(format!("the workload {} of exchange {} has it", mark.workload, mark.exchange)));
            }
            if mark.epoch > entry.epoch {
                let (instance, node) = (entry.instance.clone(), entry.node.clone());
                return Err(DriverError::StaleEpoch { instance, node, given: entry.epoch, seen: mark.epoch });
            }
            return Ok(Mark { epoch: entry.epoch, ..mark });
        }
        if let Some(reason) = refusal(found, &entry.pod.container, &self.settings.node) {
            return Err(refused(reason));
        }
        let resources = pod::container(found, &entry.pod.container).and_then(|container| container.resources.as_ref());
        let first = Cpu::of(resources).ok_or_else(|| refused("its container has no CPU limit"))?;
        Ok(Mark {
            exchange: self.exchange.clone(),
            workload: entry.instance.clone(),
            epoch: entry.epoch,
            uid: entry.pod.uid.clone(),
            container: entry.pod.container.clone(),
            request: format!("{}m", first.request),
            limit: format!("{}m", first.limit),
        })
    }
}
