//! Containers that may be adopted, and why others may not.

use std::cmp::Reverse;

use headroom_market::workload::ClusterPod;

use super::refusal::refusal;
use crate::driver::{DriverError, InstanceId};
use crate::kubernetes::Kubernetes;
use crate::kubernetes::ask::pod;
use crate::kubernetes::change::mark::Mark;

/// A container of a pod of the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub pod: ClusterPod,
    /// The Deployment, StatefulSet, Job or other object that it belongs to.
    pub owner: Option<String>,
    /// `Guaranteed`, `Burstable` or `BestEffort`.
    pub service: String,
    /// Thousandths of a core, in force; nothing where it has no limit.
    pub request_milli: Option<u64>,
    pub limit_milli: Option<u64>,
    /// Mean over the newest sample; nothing where nobody takes samples.
    pub cpu_milli: Option<u64>,
    pub mem_kib: u64,
    pub running_seconds: u64,
    /// Why it cannot be adopted, if so.
    pub refused: Option<String>,
}

impl Kubernetes {
    /// Containers of the node's pods, the busiest first, and the workload of this exchange that each is already. Errors:
    /// the cluster does not answer.
    pub fn candidates(&self, most: usize) -> Result<Vec<(Candidate, Option<InstanceId>)>, DriverError> {
        let cluster = self.cluster()?;
        let (pods, samples) = (cluster.pods_on(&self.settings.node)?, cluster.samples());
        let mut found = Vec::new();
        for one in &pods {
            let name = pod::name_of(one);
            let mark = Mark::of(one);
            for container in one.spec.iter().flat_map(|spec| &spec.containers) {
                let container = &container.name;
                if pod::ended(one, container).is_some() {
                    continue;
                }
                let is_own = |mark: &&Mark| mark.exchange == self.exchange && mark.container == *container;
                let workload = mark.as_ref().filter(is_own).map(|mark| mark.workload.clone());
                let taken =
                    mark.as_ref().filter(|_| workload.is_none()).map(|mark| match mark.exchange == self.exchange {
                        true => format!("its container {} is the workload {}", mark.container, mark.workload),
                        false => format!("the exchange {} has adopted it", mark.exchange),
                    });
                let (sample, cpu) = (samples.get(&(name.to_owned(), container.clone())), pod::in_force(one, container));
                let milli = |nanos: u128| u64::try_from(nanos.div_ceil(1_000_000)).unwrap_or(u64::MAX);
                let candidate = Candidate {
                    pod: ClusterPod {
                        namespace: cluster.namespace.clone(),
                        name: name.to_owned(),
                        uid: pod::uid_of(one).to_owned(),
                        container: container.clone(),
                    },
                    owner: pod::owner(one),
                    service: one.status.as_ref().and_then(|status| status.qos_class.clone()).unwrap_or_default(),
                    request_milli: cpu.map(|cpu| cpu.request),
                    limit_milli: cpu.map(|cpu| cpu.limit),
                    cpu_milli: sample.map(|sample| milli(sample.cpu_nanos)),
                    mem_kib: sample.map_or(0, |sample| sample.mem_kib),
                    running_seconds: pod::running_seconds(one),
                    refused: taken.or_else(|| match workload {
                        Some(_) => None,
                        None => refusal(one, container, &self.settings.node),
                    }),
                };
                found.push((candidate, workload));
            }
        }
        found.sort_by(|(one, _), (two, _)| {
            let order = |of: &Candidate| (of.refused.is_some(), Reverse(of.cpu_milli), Reverse(of.limit_milli));
            (order(one), &one.pod.name, &one.pod.container).cmp(&(order(two), &two.pod.name, &two.pod.container))
        });
        found.truncate(most);
        Ok(found)
    }
}
