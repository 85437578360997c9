//! Adopted workloads, of this host and of agents: kept to what the market says, under its epoch.
use crate::workers::nodes::{Nodes, instance_id, node_id};
use headroom_execution::{AdoptRequest, Adopting, Driver, InstanceId, Limits, OpKey};
use headroom_market::workload::{Adopted, Instance, InstanceState};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::Ordering;

impl Nodes {
    /// What runs a workload.
    pub fn driver(&self, instance: headroom_market::ids::InstanceId) -> &dyn Driver {
        let id = instance_id(instance);
        if self.agents.has(&id) {
            &*self.agents
        } else if self.linux.has(&id) {
            &self.linux
        } else if let Some(services) = self.services.as_deref().filter(|services| services.has(&id)) {
            services
        } else {
            &self.cluster
        }
    }

    /// Lifts, once, limits that an earlier life has set on processes which are no workload any more.
    pub(super) fn let_go_other_processes(&self, instances: &[Instance]) {
        // An exchange that has adopted nothing leaves no trace on its host.
        if instances.iter().all(|i| i.adopted.is_none()) || self.others_let_go.load(Ordering::Relaxed) {
            return;
        }
        // Its adoptions say why nothing can be limited here.
        if self.linux.unavailable().is_some() {
            return;
        }
        let running = instances.iter().filter(|i| i.state == InstanceState::Running);
        let wanted: BTreeSet<InstanceId> = running.map(|i| instance_id(i.id)).collect();
        match self.linux.let_go_others(&wanted) {
            Ok(()) => self.others_let_go.store(true, Ordering::Relaxed),
            Err(error) => tracing::warn!(%error, "limits of an earlier life cannot be lifted yet; trying again"),
        }
    }

    pub fn limits_in_force(&self, instance: headroom_market::ids::InstanceId) -> Option<Limits> {
        let id = instance_id(instance);
        let adopted = self.linux.limits_in_force(&id).or_else(|| self.agents.limits_in_force(&id));
        let service = || self.services.as_ref().and_then(|services| services.limits_in_force(&id));
        adopted.or_else(service).or_else(|| self.cluster.limits_in_force(&id))
    }
}

/// Adopts a workload under the market's epoch, or lifts its limit. What has ended is adopted, too: its owner is told.
pub fn reconcile(nodes: &Nodes, instance: &Instance, adopted: &Adopted, has_agent: bool, is_under_way: bool) {
    let id = instance_id(instance.id);
    let known = match has_agent {
        true => nodes.agents.active_epoch(&id),
        false => nodes.linux.active_epoch(&id),
    };
    let driver: &dyn Driver = if has_agent { &*nodes.agents } else { &nodes.linux };
    let done = match (instance.state, known) {
        (InstanceState::Running, Some(epoch)) if is_under_way || epoch >= instance.epoch => return,
        (InstanceState::Running, _) => {
            let request = AdoptRequest {
                instance: id.clone(),
                node: node_id(instance.node),
                epoch: instance.epoch,
                adopted: adopted.clone(),
                limits: nodes.limits(&instance.in_force),
            };
            let key = OpKey::new(format!("adopt-{}", instance.id), instance.epoch.to_string());
            driver.adopt(&key, &request).map(|_| ())
        }
        (InstanceState::Stopped | InstanceState::Failed, Some(epoch)) => {
            let key = OpKey::new(format!("stop-{}", instance.id), epoch.to_string());
            driver.stop(&key, &id, epoch).map(|_| ())
        }
        (InstanceState::Stopped | InstanceState::Failed, None) => return,
    };
    if let Err(error) = done {
        tracing::warn!(instance = %id, %adopted, %error, "its limit cannot be set or lifted yet; trying again");
    }
}

/// The name of this exchange's control groups: two on one host have different folders of data.
pub fn group_name(data: &Path) -> String {
    let whole = std::fs::canonicalize(data).unwrap_or_else(|_| data.to_owned());
    let hash = blake3::hash(whole.as_os_str().as_encoded_bytes()).to_hex();
    hash[..12].to_owned()
}
