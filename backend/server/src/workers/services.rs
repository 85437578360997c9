//! HTTP services of this host: started and ended as the market says, under its epoch.
use crate::workers::nodes::{Nodes, instance_id, node_id};
use headroom_execution::{Adopting, Driver, InstanceId, OpKey, Program, StartFrom, StartRequest};
use headroom_market::workload::{Instance, InstanceState};
use std::collections::BTreeSet;

impl Nodes {
    /// Why the service of this name cannot be started here, if so.
    pub fn service_missing(&self, name: &str) -> Option<String> {
        let Some(services) = &self.services else {
            return Some("the server was started without --services".to_owned());
        };
        services.unavailable().or_else(|| services.missing(name))
    }

    /// Ends copies of an earlier life that are no workload any more.
    pub(super) fn end_other_services<'a>(&self, instances: impl Iterator<Item = &'a Instance>) {
        let Some(services) = &self.services else { return };
        let running = instances.filter(|i| i.state == InstanceState::Running);
        let wanted: BTreeSet<InstanceId> = running.map(|i| instance_id(i.id)).collect();
        if let Err(error) = services.end_others(&wanted) {
            tracing::warn!(%error, "a service that is no workload any more does not end yet; trying again");
        }
    }
}

/// Starts a service, or takes on the copy of an earlier life; ends it where it is to stand still.
pub fn reconcile(nodes: &Nodes, instance: &Instance, service: &str, is_under_way: bool) {
    let Some(services) = &nodes.services else { return };
    let id = instance_id(instance.id);
    let done = match (instance.state, services.active_epoch(&id)) {
        (InstanceState::Running, Some(epoch)) if is_under_way || epoch >= instance.epoch => return,
        (InstanceState::Running, Some(epoch)) => {
            // It was stopped and started again between two looks.
            let key = OpKey::new(format!("stop-{}", instance.id), epoch.to_string());
            services.stop(&key, &id, epoch).map(|_| ())
        }
        (InstanceState::Running, None) => {
            let request = StartRequest {
                instance: id.clone(),
                node: node_id(instance.node),
                epoch: instance.epoch,
                program: Program(service.to_owned()),
                limits: nodes.limits(&instance.in_force),
                from: StartFrom::Fresh,
            };
            let key = OpKey::new(format!("start-{}", instance.id), instance.epoch.to_string());
            services.start(&key, &request).map(|_| ())
        }
        (InstanceState::Stopped | InstanceState::Failed, epoch) if services.has(&id) => {
            let epoch = epoch.unwrap_or(instance.epoch);
            let key = OpKey::new(format!("stop-{}", instance.id), epoch.to_string());
            services.stop(&key, &id, epoch).map(|_| ())
        }
        (InstanceState::Stopped | InstanceState::Failed, _) => return,
    };
    if let Err(error) = done {
        tracing::warn!(instance = %id, service, %error, "it cannot start or stop yet; trying again");
    }
}
