//! HTTP services: started and ended as the market says, under its epoch.
use crate::workers::nodes::{Nodes, instance_id, node_id};
use headroom_execution::{Adopting, Driver, InstanceId, NodeId, OpKey, Program, StartFrom, StartRequest};
use headroom_market::pool::{Node, NodeState};
use headroom_market::workload::{Instance, InstanceState, ModuleKind};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

impl Nodes {
    /// Why the service of this name cannot be started on any host now, if so.
    pub fn service_missing(&self, name: &str) -> Option<String> {
        let services = self.services.as_ref();
        let Some(services) = services else { return Some("the server was started without --services".to_owned()) };
        match services.fingerprint(name) {
            Err(why) => Some(why),
            Ok(fingerprint) => services.unavailable().filter(|_| !self.agents.is_offered(name, &fingerprint)),
        }
    }

    /// Why the service of this name cannot be started in a pool with these nodes, if so. It may move to any of them, so the
    /// host of each has to have it.
    pub fn service_missing_in(&self, name: &str, pool: &[Node]) -> Option<String> {
        let services = self.services.as_ref();
        let Some(services) = services else { return Some("the server was started without --services".to_owned()) };
        let fingerprint = match services.fingerprint(name) {
            Err(why) => return Some(why),
            Ok(fingerprint) => fingerprint,
        };
        let (with_agents, others): (Vec<&Node>, Vec<&Node>) =
            pool.iter().filter(|node| node.state == NodeState::Up).partition(|node| node.has_agent());
        let lacks = |node: &&Node| {
            let why = self.agents.lacks_service(&node_id(node.id), name, &fingerprint)?;
            Some(format!("on node {} {why}", node.name))
        };
        let here = services.unavailable().filter(|_| !others.is_empty());
        here.or_else(|| with_agents.iter().find_map(lacks))
    }

    /// Copies at agents of services that run and that nobody steers in this life yet: they stay until somebody does.
    pub(super) fn keep_unsteered_services<'a>(&self, instances: impl Iterator<Item = &'a Instance>) {
        let mut kept: BTreeMap<NodeId, BTreeSet<InstanceId>> = BTreeMap::new();
        let is_steered = |id: &InstanceId| self.services.as_ref().is_some_and(|all| all.active_epoch(id).is_some());
        for instance in instances.filter(|i| i.driver == ModuleKind::Service.driver()) {
            let id = instance_id(instance.id);
            if instance.state == InstanceState::Running && !is_steered(&id) {
                kept.entry(node_id(instance.node)).or_default().insert(id);
            }
        }
        self.agents.keep(kept);
    }

    /// Ends copies of an earlier life that are no workload any more.
    pub(super) fn end_other_services<'a>(&self, instances: impl Iterator<Item = &'a Instance>) {
        let Some(services) = self.services.clone() else { return };
        let running = instances.filter(|i| i.state == InstanceState::Running);
        let wanted: BTreeSet<InstanceId> = running.map(|i| instance_id(i.id)).collect();
        let step = move || {
            if let Err(error) = services.let_go_others(&wanted) {
                tracing::warn!(%error, "a service that is no workload any more does not end yet; trying again");
            }
        };
        self.services_under_way.run(&InstanceId::from("others"), !self.is_real_time(), step);
    }
}

/// Services whose start or end is under way, each on a thread of its own: it may take as long as their programs let it.
#[derive(Clone, Default)]
pub struct UnderWay(Arc<Mutex<BTreeSet<InstanceId>>>);

impl UnderWay {
    /// Does something about a service, unless something is being done about it: `at_once` before the next look, else beside it.
    fn run(&self, id: &InstanceId, at_once: bool, step: impl FnOnce() + Send + 'static) {
        if !self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone()) {
            return;
        }
        let (under_way, id) = (self.clone(), id.clone());
        let whole = move || {
            step();
            under_way.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        };
        if at_once {
            whole();
        } else {
            std::thread::spawn(whole);
        }
    }
}

/// Starts a service, or takes on the copy of an earlier life; ends it where it is to stand still.
pub fn reconcile(nodes: &Nodes, instance: &Instance, service: &str, is_under_way: bool) {
    let Some(services) = nodes.services.clone() else { return };
    let (id, service) = (instance_id(instance.id), service.to_owned());
    let is_running = instance.state == InstanceState::Running;
    let known = services.active_epoch(&id);
    if is_running && known.is_some_and(|epoch| is_under_way || epoch >= instance.epoch) {
        return;
    }
    if !is_running && !services.has(&id) {
        return;
    }
    let request = StartRequest {
        instance: id.clone(),
        node: node_id(instance.node),
        epoch: instance.epoch,
        program: Program(service.clone()),
        limits: nodes.limits(&instance.in_force),
        from: StartFrom::Fresh,
    };
    let name = instance.id.to_string();
    let step = move || {
        // One that was stopped and started again between two looks ends first.
        let ended = known.or((!is_running).then_some(request.epoch)).map(|epoch| {
            services.stop(&OpKey::new(format!("stop-{name}"), epoch.to_string()), &request.instance, epoch)
        });
        let done = match (ended, is_running) {
            (Some(Err(error)), _) => Err(error),
            (_, false) => Ok(()),
            (_, true) => {
                let key = OpKey::new(format!("start-{name}"), request.epoch.to_string());
                services.start(&key, &request).map(|_| ())
            }
        };
        if let Err(error) = done {
            tracing::warn!(instance = name, service, %error, "it cannot start or stop yet; trying again");
        }
    };
    nodes.services_under_way.run(&id, !nodes.is_real_time(), step);
}
