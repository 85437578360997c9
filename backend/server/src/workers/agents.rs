//! Hosts of their own: what an agent on each is to do, and what it has last told.
//!
//! An agent sends what it observes, and gets the whole list of what its host is to run (level-triggered): a lost answer
//! costs nothing. A host that hears nothing changes nothing. What is in force is what its kernel has, as the agent read it
//! back. Absent: who an agent is (`http/agents.rs`), the agent itself (`cli/work.rs`).
use headroom_execution::linux::{Candidate, HostProcess, LEAST_CPU_MILLI, MOST_CPU_MILLI, Report};
use headroom_execution::{
    AdoptRequest, Capabilities, Check, Detail, Driver, DriverError, InstanceId, Limits, NodeId, Observation, OpKey,
    Operation, Resized, Started, Stopped, Support, Verification, VerifyRequest,
};
use headroom_market::units::Resource;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use utoipa::ToSchema;

/// An agent that was not heard for so long is silent: nothing of it counts as delivered.
const SILENT_AFTER: Duration = Duration::from_secs(10);
/// What a step of a swap waits for an agent; then it is tried again.
const PATIENCE: Duration = Duration::from_millis(1_500);
/// The longest wait of a heartbeat for something to do.
pub const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// How long somebody who asks for processes waits for an agent to list them.
const LIST_PATIENCE: Duration = Duration::from_secs(8);

/// What an agent tells.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    /// Version of the agent.
    pub version: String,
    /// The boot of its host: two hosts are not one node.
    pub boot: String,
    /// The list that it has carried out; 0 before the first.
    pub carried_out: u64,
    /// Why this host lets it limit no process, if so.
    #[serde(default)]
    pub unavailable: Option<String>,
    /// What it has adopted, as the kernel counts it.
    pub workloads: Vec<WorkloadReport>,
    /// Processes that may be adopted, where they were asked for.
    #[serde(default)]
    pub processes: Option<Vec<ProcessReport>>,
}

/// An adopted process, as its host's kernel counts it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkloadReport {
    pub instance: String,
    pub epoch: u64,
    /// The limit in force, read back from the kernel.
    pub cpu_milli: u64,
    /// Counted since the process was adopted.
    pub cpu_micros: u64,
    pub throttled_micros: u64,
    pub mem_kib: u64,
    /// Why it does not run any more, if so.
    #[serde(default)]
    pub ended: Option<String>,
}

/// A process that may be adopted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessReport {
    pub process: HostProcess,
    pub user: u32,
    pub running_seconds: u64,
    pub cpu_milli: u64,
    pub mean_cpu_milli: u64,
    pub mem_kib: u64,
    pub descendants: u64,
    /// The workload that it is already.
    #[serde(default)]
    pub workload: Option<String>,
}

/// What an agent is to do: everything else that it has adopted is to be let go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Orders {
    /// The number of this list.
    pub list: u64,
    pub wanted: Vec<WantedProcess>,
    /// Whether somebody waits for a list of processes.
    pub list_processes: bool,
}

/// A process to hold to a limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WantedProcess {
    pub instance: String,
    pub epoch: u64,
    pub process: HostProcess,
    pub cpu_milli: u64,
}

/// What is known of an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct AgentStatus {
    pub version: String,
    /// Seconds since it was last heard.
    pub silent_seconds: u64,
    pub is_silent: bool,
    /// Why its host lets it limit no process, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unavailable: Option<String>,
    pub workloads: usize,
}

struct Heard {
    at: Instant,
    heartbeat: Heartbeat,
}

#[derive(Default)]
struct Host {
    list: u64,
    wanted: BTreeMap<InstanceId, WantedProcess>,
    heard: Option<Heard>,
    list_processes: bool,
    processes: Option<Vec<ProcessReport>>,
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

    fn orders(&self) -> Orders {
        Orders { list: self.list, wanted: self.wanted.values().cloned().collect(), list_processes: self.list_processes }
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
    /// Another host speaks for this node.
    pub async fn heartbeat(&self, node: &NodeId, mut told: Heartbeat) -> Result<Option<Orders>, AnotherHost> {
        let carried_out = told.carried_out;
        for report in &mut told.workloads {
            report.cpu_milli = report.cpu_milli.min(MOST_CPU_MILLI);
        }
        {
            let mut hosts = self.hosts();
            let host = hosts.of.entry(node.clone()).or_default();
            let is_another = |heard: &Heard| heard.heartbeat.boot != told.boot;
            if !host.is_silent() && host.heard.as_ref().is_some_and(is_another) {
                return Err(AnotherHost);
            }
            if let Some(processes) = &told.processes {
                host.list_processes = false;
                host.processes = Some(processes.clone());
            }
            host.heard = Some(Heard { at: Instant::now(), heartbeat: told });
        }
        self.heard.notify_all();
        self.listed.notify_waiters();
        let news = || {
            let hosts = self.hosts();
            let orders = hosts.of.get(node).map(Host::orders).filter(|_| hosts.is_ready)?;
            (orders.list != carried_out || orders.list_processes).then_some(orders)
        };
        if let Some(orders) = until(&self.changed, LONGEST_WAIT, news).await {
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
            silent_seconds: heard.at.elapsed().as_secs(),
            is_silent: host.is_silent(),
            unavailable: heard.heartbeat.unavailable.clone(),
            workloads: heard.heartbeat.workloads.len(),
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

    /// The processes of a node's host, as its agent lists them now; `None` if it does not in time.
    pub async fn processes(&self, node: &NodeId) -> Option<Vec<ProcessReport>> {
        {
            let mut hosts = self.hosts();
            let host = hosts.of.entry(node.clone()).or_default();
            (host.list_processes, host.processes) = (true, None);
        }
        self.changed.notify_waiters();
        until(&self.listed, LIST_PATIENCE, || self.hosts().of.get(node)?.processes.clone()).await
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

/// Another host speaks for a node whose agent is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnotherHost;

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

impl Driver for Agents {
    fn name(&self) -> &'static str {
        "linux"
    }

    fn capabilities(&self) -> Capabilities {
        let operations =
            [Operation::Observe, Operation::Adopt, Operation::ResizeCpu].map(|operation| (operation, Support::Native));
        Capabilities {
            driver: self.name().to_owned(),
            enforces: [Resource::CpuMilli].into(),
            operations: operations.into(),
        }
    }

    fn adopt(&self, _: &OpKey, request: &AdoptRequest) -> Result<Started, DriverError> {
        let AdoptRequest { instance, node, epoch, process, limits } = request;
        {
            let mut hosts = self.hosts();
            hosts.node_of.insert(instance.clone(), node.clone());
            hosts.of.entry(node.clone()).or_default();
        }
        self.change(instance, |host| {
            let wanted = WantedProcess {
                instance: instance.to_string(),
                epoch: *epoch,
                process: process.clone(),
                cpu_milli: limits.cpu_milli,
            };
            host.wanted.insert(instance.clone(), wanted);
        })?;
        Ok(Started { node: node.clone(), epoch: *epoch, position: 0, limits: limits.clone() })
    }

    fn stop(&self, _: &OpKey, instance: &InstanceId, epoch: u64) -> Result<Stopped, DriverError> {
        self.check_epoch(instance, epoch)?;
        self.change(instance, |host| {
            host.wanted.remove(instance);
            host.seen.remove(instance);
        })?;
        self.hosts().node_of.remove(instance);
        Ok(Stopped { position: 0, state_hash: String::new() })
    }

    fn observe(&self, instance: &InstanceId, _: Detail) -> Result<Vec<Observation>, DriverError> {
        let mut hosts = self.hosts();
        let unknown = || DriverError::UnknownInstance(instance.clone());
        let node = hosts.node_of.get(instance).cloned().ok_or_else(unknown)?;
        let host = hosts.of.get_mut(&node).ok_or_else(unknown)?;
        let Some(report) = host.report(instance).cloned() else { return Ok(Vec::new()) };
        // The counters are as old as the heartbeat that brought them.
        let at = host.heard.as_ref().map_or_else(Instant::now, |heard| heard.at);
        let (since, before) = host.seen.insert(instance.clone(), (at, report.clone())).unwrap_or((at, report.clone()));
        let counted = Report {
            epoch: report.epoch,
            cpu_milli: report.cpu_milli,
            cpu_micros: report.cpu_micros,
            throttled_micros: report.throttled_micros,
            mem_kib: report.mem_kib,
            ended: report.ended,
        };
        let window = at.saturating_duration_since(since);
        Ok(vec![counted.observation(instance, &node, (before.cpu_micros, before.throttled_micros), window)])
    }

    fn resize(&self, _: &OpKey, instance: &InstanceId, epoch: u64, limits: &Limits) -> Result<Resized, DriverError> {
        let started = Instant::now();
        let node = self.check_epoch(instance, epoch)?;
        let before = self.limits_in_force(instance).unwrap_or_default();
        self.change(instance, |host| {
            if let Some(wanted) = host.wanted.get_mut(instance) {
                wanted.cpu_milli = limits.cpu_milli;
            }
        })?;
        let asked = limits.cpu_milli.max(LEAST_CPU_MILLI);
        let report = self.wait_for(instance, |report| report.cpu_milli == asked && report.ended.is_none());
        let report = report.ok_or(DriverError::Unanswered(node))?;
        let work_micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        Ok(Resized { before, actual: Limits::new(report.cpu_milli, 0), suspended_kib: None, work_micros })
    }

    fn verify(&self, request: &VerifyRequest) -> Result<Verification, DriverError> {
        let node = self.check_epoch(&request.instance, request.epoch)?;
        let wanted = request.limits.cpu_milli.max(LEAST_CPU_MILLI);
        let report = self.wait_for(&request.instance, |report| report.cpu_milli == wanted);
        let report = report.ok_or_else(|| DriverError::Unanswered(node.clone()))?;
        let check = |name: &str, passed: bool, seen: String| Check { name: name.to_owned(), passed, seen };
        let checks = vec![
            check("limits", true, format!("{} thousandths of a core in the kernel", report.cpu_milli)),
            check("node", node == request.node, node.to_string()),
            check("runs", report.ended.is_none(), report.ended.unwrap_or_default()),
        ];
        Ok(Verification { passed: checks.iter().all(|check| check.passed), checks })
    }
}

impl From<(Candidate, Option<InstanceId>)> for ProcessReport {
    fn from((candidate, workload): (Candidate, Option<InstanceId>)) -> Self {
        Self {
            process: candidate.process,
            user: candidate.user,
            running_seconds: candidate.running_seconds,
            cpu_milli: candidate.cpu_milli,
            mean_cpu_milli: candidate.mean_cpu_milli,
            mem_kib: candidate.mem_kib,
            descendants: candidate.descendants,
            workload: workload.map(|id| id.0),
        }
    }
}

/// What an agent has adopted, by workload, in the words of a heartbeat.
pub fn reported(reports: Vec<(InstanceId, Report)>) -> Vec<WorkloadReport> {
    let of = |(instance, report): (InstanceId, Report)| WorkloadReport {
        instance: instance.0,
        epoch: report.epoch,
        cpu_milli: report.cpu_milli,
        cpu_micros: report.cpu_micros,
        throttled_micros: report.throttled_micros,
        mem_kib: report.mem_kib,
        ended: report.ended,
    };
    reports.into_iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(boot: &str, cpu_milli: u64) -> Heartbeat {
        let report = WorkloadReport {
            instance: "ins_a".to_owned(),
            epoch: 1,
            cpu_milli,
            cpu_micros: 7,
            throttled_micros: 0,
            mem_kib: 0,
            ended: None,
        };
        Heartbeat { version: "1".to_owned(), boot: boot.to_owned(), workloads: vec![report], ..Heartbeat::default() }
    }

    fn request() -> AdoptRequest {
        let process = HostProcess { pid: 7, started_ticks: 1, boot: "b".to_owned(), command: "c".to_owned() };
        let (instance, node) = (InstanceId::from("ins_a"), NodeId::from("nod_a"));
        AdoptRequest { instance, node, epoch: 1, process, limits: Limits::new(200, 0) }
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
        assert_eq!(agents.heartbeat(&node, told("another", 200)).await, Err(AnotherHost));
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
