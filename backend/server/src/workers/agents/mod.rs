//! Hosts of their own: what an agent on each is to do, and what it has last told.
//!
//! An agent sends what it observes, and gets the whole list of what its host is to run (level-triggered): a lost answer
//! costs nothing. A host that hears nothing changes nothing. What is in force is what its kernel has, as the agent read it
//! back. Absent: who an agent is (`http/agents.rs`), the agent itself (`cli/work.rs`).
mod address;
mod driver;
mod place;
mod told;

pub use address::HeartbeatRefused;
pub use place::AgentHosts;
pub use told::{
    AgentDriver, AgentStatus, CopyReport, Heartbeat, HostReport, JobReport, Orders, PodReport, ProcessReport, VmReport,
    Wanted, WantedCopy, WorkloadReport, reported,
};

use headroom_execution::linux::MOST_CPU_MILLI;
use headroom_execution::{DriverError, InstanceId, Limits, NodeId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// An agent that was not heard for so long is silent: nothing of it counts as delivered.
const SILENT_AFTER: Duration = Duration::from_secs(10);
/// What a step of a swap waits for an agent; then it is tried again.
const PATIENCE: Duration = Duration::from_millis(1_500);
/// The longest wait of a heartbeat for something to do.
pub const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// The same while copies of services are about to start or end there: somebody waits for that.
const WAIT_UNSETTLED: Duration = Duration::from_millis(200);
/// How long somebody who asks for processes waits for an agent to list them.
const LIST_PATIENCE: Duration = Duration::from_secs(8);

/// What may be adopted on a node.
#[derive(Clone, Debug, Default)]
pub struct Candidates {
    pub processes: Vec<ProcessReport>,
    pub jobs: Vec<JobReport>,
    pub pods: Vec<PodReport>,
    pub vms: Vec<VmReport>,
}

struct Heard {
    at: Instant,
    heartbeat: Heartbeat,
}

#[derive(Default)]
struct Host {
    list: u64,
    wanted: BTreeMap<InstanceId, Wanted>,
    /// Copies of services that are to run.
    copies: BTreeMap<InstanceId, WantedCopy>,
    /// Services of before whose copies stay as they are.
    kept: BTreeSet<InstanceId>,
    /// Copies that were to end, and that its agent may still have.
    ending: BTreeSet<InstanceId>,
    heard: Option<Heard>,
    list_candidates: bool,
    candidates: Option<Candidates>,
    /// When each workload was observed last, and what was counted then.
    seen: BTreeMap<InstanceId, (Instant, WorkloadReport)>,
}

/// All hosts with agents. The lists are known once the market's state was read: no agent lets go of anything before.
#[derive(Default)]
pub struct Agents {
    hosts: Mutex<Hosts>,
    heard: Condvar,
    changed: Notify,
    listed: Notify,
}

#[derive(Default)]
struct Hosts {
    is_ready: bool,
    of: BTreeMap<NodeId, Host>,
    node_of: BTreeMap<InstanceId, NodeId>,
}

impl Host {
    fn is_silent(&self) -> bool {
        self.heard.as_ref().is_none_or(|heard| heard.at.elapsed() > SILENT_AFTER)
    }

    /// What its agent has told of a workload in its present epoch.
    fn report(&self, instance: &InstanceId) -> Option<&WorkloadReport> {
        let epoch = self.wanted.get(instance)?.epoch;
        let heard = self.heard.as_ref().filter(|_| !self.is_silent())?;
        heard.heartbeat.workloads.iter().find(|report| report.instance == instance.as_str() && report.epoch == epoch)
    }

    /// What its agent has told last of a copy of a service.
    fn copy_told(&self, instance: &InstanceId) -> Option<&CopyReport> {
        let told = &self.heard.as_ref()?.heartbeat.copies;
        told.iter().find(|report| report.counts.instance == instance.as_str())
    }

    /// Whether a copy of a service is about to start or end.
    fn is_unsettled(&self) -> bool {
        let is_ready = |instance| self.copy_told(instance).is_some_and(|told| told.port.is_some());
        !self.ending.is_empty() || !self.copies.keys().all(is_ready)
    }

    fn orders(&self) -> Orders {
        let kept = self.kept.iter().filter(|instance| !self.ending.contains(*instance));
        Orders {
            list: self.list,
            wanted: self.wanted.values().cloned().collect(),
            copies: self.copies.values().cloned().collect(),
            kept: kept.map(InstanceId::to_string).collect(),
            list_candidates: self.list_candidates,
        }
    }
}

impl Agents {
    fn hosts(&self) -> MutexGuard<'_, Hosts> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lists are whole from here on.
    pub fn ready(&self) {
        if !std::mem::replace(&mut self.hosts().is_ready, true) {
            self.changed.notify_waiters();
        }
    }

    pub fn has(&self, instance: &InstanceId) -> bool {
        self.hosts().node_of.contains_key(instance)
    }

    pub fn active_epoch(&self, instance: &InstanceId) -> Option<u64> {
        let hosts = self.hosts();
        Some(hosts.of.get(hosts.node_of.get(instance)?)?.wanted.get(instance)?.epoch)
    }

    pub fn limits_in_force(&self, instance: &InstanceId) -> Option<Limits> {
        let hosts = self.hosts();
        let report = hosts.of.get(hosts.node_of.get(instance)?)?.report(instance)?;
        Some(Limits::new(report.cpu_milli, 0))
    }

    /// Takes in what an agent tells, and answers what it is to do: at once where there is something new, else after a while.
    /// `None` before the lists are known.
    ///
    /// # Errors
    /// Another host speaks for this node, or the address of its copies is none that requests are sent to.
    pub async fn heartbeat(&self, node: &NodeId, mut told: Heartbeat) -> Result<Option<Orders>, HeartbeatRefused> {
        let carried_out = told.carried_out;
        let copies = told.copies.iter_mut().map(|copy| &mut copy.counts);
        for report in told.workloads.iter_mut().chain(copies) {
            report.cpu_milli = report.cpu_milli.min(MOST_CPU_MILLI);
        }
        address::check_ports(&told)?;
        let longest_wait = {
            let mut hosts = self.hosts();
            hosts.check_address(node, &told)?;
            let host = hosts.of.entry(node.clone()).or_default();
            let is_another = |heard: &Heard| heard.heartbeat.boot != told.boot;
            if !host.is_silent() && host.heard.as_ref().is_some_and(is_another) {
                return Err(HeartbeatRefused::AnotherHost);
            }
            let (processes, jobs) = (told.processes.take(), told.jobs.take());
            let (pods, vms) = (told.pods.take(), told.vms.take());
            if processes.is_some() || jobs.is_some() || pods.is_some() || vms.is_some() {
                host.list_candidates = false;
                host.candidates = Some(Candidates {
                    processes: processes.unwrap_or_default(),
                    jobs: jobs.unwrap_or_default(),
                    pods: pods.unwrap_or_default(),
                    vms: vms.unwrap_or_default(),
                });
            }
            host.ending.retain(|instance| told.copies.iter().any(|copy| copy.counts.instance == instance.as_str()));
            host.heard = Some(Heard { at: Instant::now(), heartbeat: told });
            if host.is_unsettled() { WAIT_UNSETTLED } else { LONGEST_WAIT }
        };
        self.heard.notify_all();
        self.listed.notify_waiters();
        let news = || {
            let hosts = self.hosts();
            let orders = hosts.of.get(node).map(Host::orders).filter(|_| hosts.is_ready)?;
            (orders.list != carried_out || orders.list_candidates).then_some(orders)
        };
        if let Some(orders) = until(&self.changed, longest_wait, news).await {
            return Ok(Some(orders));
        }
        let hosts = self.hosts();
        Ok(hosts.of.get(node).map(Host::orders).filter(|_| hosts.is_ready))
    }

    pub fn status(&self, node: &NodeId) -> Option<AgentStatus> {
        let hosts = self.hosts();
        let host = hosts.of.get(node)?;
        let heard = host.heard.as_ref()?;
        Some(AgentStatus {
            version: heard.heartbeat.version.clone(),
            driver: heard.heartbeat.driver,
            silent_seconds: heard.at.elapsed().as_secs(),
            is_silent: host.is_silent(),
            unavailable: heard.heartbeat.unavailable.clone(),
            host: heard.heartbeat.host.clone(),
            workloads: heard.heartbeat.workloads.len() + heard.heartbeat.copies.len(),
            services: heard.heartbeat.services.keys().cloned().collect(),
        })
    }

    /// Why nothing can be adopted on a node's host, if so.
    pub fn unavailable(&self, node: &NodeId) -> Option<String> {
        match self.status(node) {
            None => Some("its agent was not heard yet; start `headroom work` on its host".to_owned()),
            Some(status) if status.is_silent => {
                Some(format!("its agent is silent for {} seconds", status.silent_seconds))
            }
            Some(status) => status.unavailable,
        }
    }

    /// What may be adopted on a node, as its agent lists it now; `None` if it does not in time.
    pub async fn candidates(&self, node: &NodeId) -> Option<Candidates> {
        {
            let mut hosts = self.hosts();
            let host = hosts.of.entry(node.clone()).or_default();
            (host.list_candidates, host.candidates) = (true, None);
        }
        self.changed.notify_waiters();
        until(&self.listed, LIST_PATIENCE, || self.hosts().of.get(node)?.candidates.clone()).await
    }

    /// Changes what is wanted of a workload on its host, as a new list.
    fn change(&self, instance: &InstanceId, change: impl FnOnce(&mut Host)) -> Result<(), DriverError> {
        let mut hosts = self.hosts();
        let node = hosts.node_of.get(instance).cloned();
        let host = node.and_then(|node| hosts.of.get_mut(&node));
        let host = host.ok_or_else(|| DriverError::UnknownInstance(instance.clone()))?;
        let before = host.wanted.get(instance).cloned();
        change(host);
        if host.wanted.get(instance) != before.as_ref() {
            host.list += 1;
            drop(hosts);
            self.changed.notify_waiters();
        }
        Ok(())
    }

    /// The host's report of a workload once `is_it` holds of it.
    fn wait_for(&self, instance: &InstanceId, is_it: impl Fn(&WorkloadReport) -> bool) -> Option<WorkloadReport> {
        let deadline = Instant::now() + PATIENCE;
        let mut hosts = self.hosts();
        loop {
            let host = hosts.of.get(hosts.node_of.get(instance)?)?;
            if let Some(report) = host.report(instance).filter(|report| is_it(report)) {
                return Some(report.clone());
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            hosts = self.heard.wait_timeout(hosts, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn check_epoch(&self, instance: &InstanceId, given: u64) -> Result<NodeId, DriverError> {
        let hosts = self.hosts();
        let unknown = || DriverError::UnknownInstance(instance.clone());
        let node = hosts.node_of.get(instance).cloned().ok_or_else(unknown)?;
        let wanted = hosts.of.get(&node).and_then(|host| host.wanted.get(instance)).ok_or_else(unknown)?;
        let (instance, seen) = (instance.clone(), wanted.epoch);
        match given.cmp(&seen) {
            std::cmp::Ordering::Equal => Ok(node),
            std::cmp::Ordering::Less => Err(DriverError::StaleEpoch { instance, node, given, seen }),
            std::cmp::Ordering::Greater => Err(DriverError::EpochAhead { instance, node, given, seen }),
        }
    }
}

/// What a look finds, now or after one of the notices that come within a time.
async fn until<T>(notice: &Notify, within: Duration, look: impl Fn() -> Option<T>) -> Option<T> {
    let deadline = tokio::time::Instant::now() + within;
    loop {
        // Registered before the look, so that no notice between the two is missed.
        let noticed = notice.notified();
        tokio::pin!(noticed);
        noticed.as_mut().enable();
        if let Some(found) = look() {
            return Some(found);
        }
        tokio::time::timeout_at(deadline, noticed).await.ok()?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headroom_execution::{AdoptRequest, Detail, Driver, OpKey};
    use headroom_market::workload::{Adopted, HostProcess};

    fn told(boot: &str, cpu_milli: u64) -> Heartbeat {
        let report = WorkloadReport {
            instance: "ins_a".to_owned(),
            epoch: 1,
            cpu_milli,
            cpu_micros: Some(7),
            throttled_micros: 0,
            mem_kib: 0,
            refused: None,
            ended: None,
        };
        Heartbeat { version: "1".to_owned(), boot: boot.to_owned(), workloads: vec![report], ..Heartbeat::default() }
    }

    fn request() -> AdoptRequest {
        let process = HostProcess { pid: 7, started_ticks: 1, boot: "b".to_owned(), command: "c".to_owned() };
        let (instance, node) = (InstanceId::from("ins_a"), NodeId::from("nod_a"));
        AdoptRequest { instance, node, epoch: 1, adopted: Adopted::Process(process), limits: Limits::new(200, 0) }
    }

    #[tokio::test]
    async fn no_agent_is_told_anything_before_the_lists_are_known() {
        let (agents, node) = (Agents::default(), NodeId::from("nod_a"));
        assert_eq!(agents.heartbeat(&node, told("b", 200)).await, Ok(None));
        agents.adopt(&OpKey::new("s", "a"), &request()).expect("adopted");
        assert_eq!(agents.heartbeat(&node, told("b", 200)).await, Ok(None), "a list that may lack others");
        agents.ready();
        let orders = agents.heartbeat(&node, told("b", 200)).await.expect("its host").expect("a list");
        assert_eq!(orders.wanted.iter().map(|w| w.cpu_milli).collect::<Vec<_>>(), [200]);
    }

    #[tokio::test]
    async fn another_host_does_not_speak_for_a_node_that_is_heard() {
        let (agents, node) = (Agents::default(), NodeId::from("nod_a"));
        agents.ready();
        assert!(agents.heartbeat(&node, told("b", 200)).await.is_ok());
        assert_eq!(agents.heartbeat(&node, told("another", 200)).await, Err(HeartbeatRefused::AnotherHost));
    }

    #[tokio::test]
    async fn use_that_nobody_counts_is_not_told_as_nothing() {
        let (agents, node) = (Agents::default(), NodeId::from("nod_a"));
        agents.adopt(&OpKey::new("s", "a"), &request()).expect("adopted");
        agents.ready();
        let mut unknown = told("b", 200);
        unknown.workloads[0].cpu_micros = None;
        for told in [unknown.clone(), unknown] {
            agents.heartbeat(&node, told).await.expect("its host");
            let seen = agents.observe(&InstanceId::from("ins_a"), Detail::Counters).expect("it is there").remove(0);
            assert_eq!((seen.window_micros, seen.limits.cpu_milli), (0, 200));
        }
    }

    #[tokio::test]
    async fn a_count_that_begins_or_goes_back_begins_a_window() {
        let (agents, node) = (Agents::default(), NodeId::from("nod_a"));
        agents.adopt(&OpKey::new("s", "a"), &request()).expect("adopted");
        agents.ready();
        let mut has_window = Vec::new();
        // Its agent has started again before the second and the fourth.
        for cpu_micros in [Some(900), Some(5), None, Some(7), Some(8)] {
            let mut counted = told("b", 200);
            counted.workloads[0].cpu_micros = cpu_micros;
            agents.heartbeat(&node, counted).await.expect("its host");
            let seen = agents.observe(&InstanceId::from("ins_a"), Detail::Counters).expect("it is there").remove(0);
            has_window.push(seen.window_micros > 0);
        }
        assert_eq!(has_window, [false, false, false, false, true]);
    }

    #[tokio::test]
    async fn a_limit_without_measure_is_no_more_than_a_quantity() {
        let (agents, node) = (Agents::default(), NodeId::from("nod_a"));
        agents.adopt(&OpKey::new("s", "a"), &request()).expect("adopted");
        agents.ready();
        agents.heartbeat(&node, told("b", u64::MAX)).await.expect("its host");
        let seen = agents.observe(&InstanceId::from("ins_a"), Detail::Counters).expect("it is there").remove(0);
        assert_eq!(seen.limits.cpu_milli, MOST_CPU_MILLI);
    }
}
