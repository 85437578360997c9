//! Letting a pod go: its container is asked to have what it had when it was adopted, the mark goes, and it runs on.

use std::collections::BTreeSet;
use std::sync::Arc;

use headroom_market::workload::ClusterPod;
use k8s_openapi::api::core::v1::Pod;

use super::mark::{self, Mark};
use crate::driver::{DriverError, InstanceId, NodeId};
use crate::kubernetes::ask::cluster::Cluster;
use crate::kubernetes::ask::failure::Failure;
use crate::kubernetes::ask::pod::{ended, name_of};
use crate::kubernetes::{Entry, Kubernetes, MOST_TRIES, locked};

impl Kubernetes {
    /// Lets a workload go, also one that an earlier life of the agent has adopted. Errors: the cluster does not answer, or
    /// refuses; then it is still adopted.
    pub(in crate::kubernetes) fn let_go(&self, instance: &InstanceId, epoch: u64) -> Result<(), DriverError> {
        let cluster = self.cluster()?;
        let entry = match self.entry_of(instance, epoch) {
            Err(DriverError::UnknownInstance(_)) => self.marked(&cluster, instance, epoch)?,
            known => known?,
        };
        let _changing = locked(&entry.changes);
        match self.restore(&cluster, &entry) {
            // It is gone, has ended, or somebody has taken the mark away and with it the pod.
            Ok(()) | Err(DriverError::WrongState { .. }) => {}
            Err(error) => return Err(error),
        }
        locked(&self.entries).remove(instance);
        Ok(())
    }

    /// Lets go of every pod that an earlier life has marked and that nobody wants.
    pub(in crate::kubernetes) fn let_go_unwanted(&self, wanted: &BTreeSet<InstanceId>) -> Result<(), DriverError> {
        let pods = self.cluster()?.pods_on(&self.settings.node)?;
        let marks = pods.iter().filter_map(|pod| Some((pod, Mark::of(pod)?)));
        let is_other = |(pod, mark): &(&Pod, Mark)| {
            mark.exchange == self.exchange && !wanted.contains(&mark.workload) && ended(pod, &mark.container).is_none()
        };
        for (_, mark) in marks.filter(is_other) {
            if self.entry(&mark.workload).is_err() {
                self.let_go(&mark.workload, mark.epoch)?;
            }
        }
        Ok(())
    }

    fn restore(&self, cluster: &Cluster, entry: &Entry) -> Result<(), DriverError> {
        // What it lent it gets back where there is room: a resize that is deferred stays asked for.
        self.ask_for(cluster, entry, |mark| Ok((mark.request.clone(), mark.limit.clone())))?;
        for _ in 0..MOST_TRIES {
            let found = self.own_pod(cluster, entry)?;
            self.own_mark(entry, &found)?;
            match cluster.annotate(&entry.pod.name, mark::change(&found, None)) {
                Ok(_) => return Ok(()),
                Err(Failure::Conflict | Failure::Gone) => {}
                Err(Failure::Other(error)) => return Err(error),
            }
        }
        Err(entry.contended())
    }

    /// A workload that is known by the mark on its pod alone.
    fn marked(&self, cluster: &Cluster, instance: &InstanceId, epoch: u64) -> Result<Arc<Entry>, DriverError> {
        let pods = cluster.pods_on(&self.settings.node)?;
        let marks = pods.iter().filter_map(|pod| Some((pod, Mark::of(pod)?)));
        let is_own = |(_, mark): &(&Pod, Mark)| mark.exchange == self.exchange && mark.workload == *instance;
        let runs = |(pod, mark): &(&Pod, Mark)| ended(pod, &mark.container).is_none();
        let found = marks.into_iter().find(|found| is_own(found) && runs(found));
        let (pod, mark) = found.ok_or_else(|| DriverError::UnknownInstance(instance.clone()))?;
        let pod = ClusterPod {
            namespace: cluster.namespace.clone(),
            name: name_of(pod).to_owned(),
            uid: mark.uid,
            container: mark.container,
        };
        Ok(Arc::new(Entry::new(instance.clone(), pod, NodeId::from(""), epoch, Arc::default())))
    }
}
