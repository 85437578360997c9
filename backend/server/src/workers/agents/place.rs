//! Copies of services on hosts with agents: what is wanted goes into a host's list, its agent starts it and tells where it
//! listens, and the front in this process reaches it there.
//!
//! A copy that is to end stays noted until its agent no longer tells of it: till then none is started in its stead. An agent
//! that is silent is not waited for, as its next list ends the copy.
use crate::workers::agents::told::{CopyReport, WantedCopy};
use crate::workers::agents::{Agents, Hosts, PATIENCE};
use headroom_execution::linux::LEAST_CPU_MILLI;
use headroom_execution::service::{Copy, CopyRequest, Place, Readiness, Usage};
use headroom_execution::{DriverError, InstanceId, Limits, NodeId};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// The hosts of all agents.
pub struct AgentHosts(pub Arc<Agents>);

/// A copy on such a host.
struct AwayCopy {
    agents: Arc<Agents>,
    instance: InstanceId,
    node: NodeId,
    service: String,
    epoch: u64,
}

impl Agents {
    /// Nodes that have an agent.
    pub fn serve(&self, node: NodeId) {
        self.hosts().of.entry(node).or_default();
    }

    /// Services that run on each node as the market knows it, and that nobody steers yet: their copies stay as they are.
    pub fn keep(&self, mut kept: BTreeMap<NodeId, BTreeSet<InstanceId>>) {
        let mut is_changed = false;
        for (node, host) in &mut self.hosts().of {
            let kept = kept.remove(node).unwrap_or_default();
            if host.kept != kept {
                host.kept = kept;
                host.list += 1;
                is_changed = true;
            }
        }
        if is_changed {
            self.changed.notify_waiters();
        }
    }

    /// Why the host of a node cannot run a service with this definition now, if so.
    pub fn lacks_service(&self, node: &NodeId, service: &str, fingerprint: &str) -> Option<String> {
        if let Some(status) = self.status(node).filter(|status| status.is_silent) {
            return Some(format!("its agent is silent for {} seconds", status.silent_seconds));
        }
        let hosts = self.hosts();
        let heard = hosts.of.get(node).and_then(|host| host.heard.as_ref());
        let Some(heard) = heard else {
            return Some("its agent was not heard yet; start `headroom work --services` on its host".to_owned());
        };
        let told = &heard.heartbeat;
        match told.services.get(service) {
            _ if told.address.is_none() => Some("its agent was started without --services".to_owned()),
            None => Some(format!("its folder of services has no {service}.toml that can be used")),
            Some(own) if own != fingerprint => Some(format!(
                "its {service}.toml differs from the server's in command, files, ready or stop_seconds; make both equal"
            )),
            Some(_) => told.services_unavailable.clone(),
        }
    }

    /// Whether any host that is heard has a service with this definition.
    pub fn is_offered(&self, service: &str, fingerprint: &str) -> bool {
        let nodes: Vec<NodeId> = self.hosts().of.keys().cloned().collect();
        nodes.iter().any(|node| self.lacks_service(node, service, fingerprint).is_none())
    }

    /// Changes what copies are wanted on a host, as a new list.
    fn change_copy(
        &self,
        node: &NodeId,
        instance: &InstanceId,
        change: impl FnOnce(&mut BTreeMap<InstanceId, WantedCopy>),
    ) {
        let mut hosts = self.hosts();
        let host = hosts.of.entry(node.clone()).or_default();
        let before = host.copies.get(instance).cloned();
        change(&mut host.copies);
        if host.copies.get(instance) != before.as_ref() {
            host.list += 1;
            drop(hosts);
            self.changed.notify_waiters();
        }
    }

    /// What a look at the hosts finds, now or after a heartbeat that comes in time.
    fn wait_until<T>(&self, look: impl Fn(&Hosts) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + PATIENCE;
        let mut hosts = self.hosts();
        loop {
            if let Some(found) = look(&hosts) {
                return Some(found);
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            hosts = self.heard.wait_timeout(hosts, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Refuses a copy while one of before has not ended on that host.
    fn check_ended(&self, request: &CopyRequest<'_>) -> Result<(), DriverError> {
        let CopyRequest { instance, node, .. } = *request;
        if !self.hosts().of.get(node).is_some_and(|host| host.ending.contains(instance)) {
            return Ok(());
        }
        let told = "an earlier copy still runs".to_owned();
        Err(DriverError::Unanswered { node: node.clone(), told })
    }
}

impl Place for AgentHosts {
    fn has(&self, node: &NodeId) -> bool {
        self.0.hosts().of.contains_key(node)
    }

    fn start(&self, request: &CopyRequest<'_>) -> Result<Arc<dyn Copy>, DriverError> {
        let CopyRequest { instance, node, service, .. } = *request;
        if let Some(told) = self.0.lacks_service(node, &service.name, &service.fingerprint()) {
            return Err(DriverError::HostUnreachable { node: node.clone(), told });
        }
        // A copy that an earlier life of this server has left there is none that begins afresh.
        if let Some(host) = self.0.hosts().of.get_mut(node)
            && host.copy_told(instance).is_some()
        {
            host.ending.insert(instance.clone());
        }
        self.resume(request)
    }

    fn resume(&self, request: &CopyRequest<'_>) -> Result<Arc<dyn Copy>, DriverError> {
        self.0.check_ended(request)?;
        let CopyRequest { instance, node, epoch, service, limits } = *request;
        let wanted = WantedCopy {
            instance: instance.to_string(),
            epoch,
            service: service.name.clone(),
            definition: service.fingerprint(),
            cpu_milli: limits.cpu_milli.max(LEAST_CPU_MILLI),
        };
        self.0.change_copy(node, instance, |copies| {
            copies.insert(instance.clone(), wanted);
        });
        let (agents, service) = (self.0.clone(), service.name.clone());
        Ok(Arc::new(AwayCopy { agents, instance: instance.clone(), node: node.clone(), service, epoch }))
    }
}

impl AwayCopy {
    /// What its agent has told of it last, and when.
    fn told<T>(&self, of: impl FnOnce(&CopyReport, Instant, Ipv4Addr) -> Option<T>) -> Option<T> {
        let hosts = self.agents.hosts();
        let host = hosts.of.get(&self.node).filter(|host| host.copies.contains_key(&self.instance))?;
        let heard = host.heard.as_ref()?;
        of(host.copy_told(&self.instance)?, heard.at, heard.heartbeat.address?)
    }

    fn unanswered(&self, told: impl Into<String>) -> DriverError {
        let refused = self.told(|report, _, _| report.counts.refused.clone());
        DriverError::Unanswered { node: self.node.clone(), told: refused.unwrap_or_else(|| told.into()) }
    }

    fn silent(&self) -> Option<String> {
        let status = self.agents.status(&self.node).filter(|status| status.is_silent)?;
        Some(format!("its agent is silent for {} seconds", status.silent_seconds))
    }
}

impl Copy for AwayCopy {
    fn node(&self) -> &NodeId {
        &self.node
    }

    fn service(&self) -> &str {
        &self.service
    }

    fn epoch(&self) -> u64 {
        self.epoch
    }

    fn identity(&self) -> String {
        self.address().map_or_else(|| "not told yet".to_owned(), |address| format!("at {address}"))
    }

    fn address(&self) -> Option<SocketAddr> {
        self.told(|report, _, address| Some(SocketAddr::new(IpAddr::V4(address), report.port?)))
    }

    /// Its agent writes it down with its next list; the market's own record decides.
    fn announce(&self, epoch: u64) -> Result<(), DriverError> {
        self.agents.change_copy(&self.node, &self.instance, |copies| {
            if let Some(wanted) = copies.get_mut(&self.instance) {
                wanted.epoch = epoch;
            }
        });
        Ok(())
    }

    /// A host that hears nothing changes nothing: what was told last is in force.
    fn limits(&self) -> Result<Limits, DriverError> {
        let in_force = self.told(|report, _, _| report.counts.cpu_micros.map(|_| report.counts.cpu_milli));
        let in_force = in_force.ok_or_else(|| self.unanswered("it tells nothing of it"))?;
        Ok(Limits::new(in_force, 0))
    }

    fn set_limits(&self, limits: &Limits) -> Result<(), DriverError> {
        let cpu_milli = limits.cpu_milli.max(LEAST_CPU_MILLI);
        self.agents.change_copy(&self.node, &self.instance, |copies| {
            if let Some(wanted) = copies.get_mut(&self.instance) {
                wanted.cpu_milli = cpu_milli;
            }
        });
        let in_force = self.agents.wait_until(|hosts| {
            let told = hosts.of.get(&self.node)?.copy_told(&self.instance)?;
            (told.counts.cpu_milli == cpu_milli).then_some(())
        });
        in_force.ok_or_else(|| self.unanswered("the limit is not in force"))
    }

    fn usage(&self) -> Result<Usage, DriverError> {
        if let Some(told) = self.silent() {
            return Err(DriverError::Unanswered { node: self.node.clone(), told });
        }
        let usage = self.told(|CopyReport { counts, .. }, at, _| {
            let cpu_micros = counts.cpu_micros?;
            Some(Usage { at, cpu_micros, throttled_micros: counts.throttled_micros, mem_kib: counts.mem_kib })
        });
        usage.ok_or_else(|| self.unanswered("it tells nothing of it"))
    }

    fn ended(&self) -> Option<String> {
        self.told(|report, _, _| report.counts.ended.clone())
    }

    /// Its agent reaches it, as it tells that it is ready.
    fn late(&self, why: String) -> Readiness {
        let at = self.identity();
        Readiness::Unreachable(format!("its host says that it is ready; from the server {why} ({at})"))
    }

    fn hindrance(&self) -> Option<String> {
        if self.address().is_some() {
            return None;
        }
        self.told(|report, _, _| report.counts.refused.clone()).or_else(|| self.silent())
    }

    /// Its agent knows for how long it may take.
    fn stop(&self, _: Duration) -> Result<(), DriverError> {
        {
            let mut hosts = self.agents.hosts();
            let host = hosts.of.entry(self.node.clone()).or_default();
            if host.copies.remove(&self.instance).is_some() {
                host.ending.insert(self.instance.clone());
                host.list += 1;
            }
        }
        self.agents.changed.notify_waiters();
        let has_ended = |hosts: &Hosts| {
            let host = hosts.of.get(&self.node)?;
            (!host.ending.contains(&self.instance) || host.is_silent()).then_some(())
        };
        self.agents.wait_until(has_ended).ok_or_else(|| self.unanswered("its copy still runs"))
    }
}

#[cfg(test)]
mod tests;
