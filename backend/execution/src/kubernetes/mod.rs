//! Containers of Kubernetes pods, whose CPU changes in place while they run.
//!
//! A running pod is adopted, not restarted: its own container gets another CPU limit by the subresource `resize`, and a
//! request that keeps its part of the limit. A stop gives it back what it had and leaves it running.
//!
//! Invariants: the limit told is the one that the kubelet has in force; a pod with the same name and another uid is never
//! touched; all that was done stands in the cluster, on the pod itself, so an agent that starts again goes on; every write
//! names the version that was read. Absent: memory limits, moves (a new pod elsewhere), snapshots and shadow runs.

mod ask;
mod change;
mod report;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use headroom_market::units::Resource;
use headroom_market::workload::ClusterPod;
use k8s_openapi::api::core::v1::Pod;

use crate::driver::*;
use ask::cluster::Cluster;
use ask::pod;
use change::mark::Mark;
use report::usage::Counted;

pub use report::candidates::Candidate;

const NAME: &str = "kubernetes";
/// Answers remembered for each workload: a swap resizes once or twice.
const REMEMBERED_ANSWERS: usize = 32;
/// A write that others overtake is tried so often.
const MOST_TRIES: usize = 5;
/// Looks at a pod while its kubelet is at a resize.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);
/// Samples of use are taken every 15 seconds unless told otherwise.
const BETWEEN_SAMPLES: Duration = Duration::from_secs(5);
/// What a pod was seen with counts for so long.
const SEEN_LASTS: Duration = Duration::from_secs(2);
/// How long a cluster that did not answer is not asked again.
const ASK_AGAIN: Duration = Duration::from_secs(5);
/// Permissions and version of a cluster that answered are asked again after so long.
const PROBE_LASTS: Duration = Duration::from_secs(60);

/// How the cluster is reached, and what of it is served.
#[derive(Debug, Clone)]
pub struct Settings {
    /// A kubeconfig; without it `KUBECONFIG`, `~/.kube/config` or the pod's own account decides.
    pub kubeconfig: Option<PathBuf>,
    /// Without it the namespace of the connection.
    pub namespace: Option<String>,
    /// Name of the Kubernetes node.
    pub node: String,
    /// What one request may take.
    pub time_limit: Duration,
    /// How long a resize may take; what is not in force then is told as such, and stays asked for.
    pub patience: Duration,
}

impl Settings {
    pub fn of_node(node: &str) -> Self {
        let (time_limit, patience) = (Duration::from_secs(10), Duration::from_secs(5));
        Self { kubeconfig: None, namespace: None, node: node.to_owned(), time_limit, patience }
    }
}

/// The pods of a node that are workloads.
pub struct Kubernetes {
    exchange: String,
    settings: Settings,
    cluster: Mutex<Option<Arc<Cluster>>>,
    /// What the last probe said, and when.
    probed: Mutex<Option<(Instant, Result<String, String>)>>,
    /// When samples were last asked for.
    sampled: Mutex<Option<Instant>>,
    entries: Mutex<BTreeMap<InstanceId, Arc<Entry>>>,
}

/// A workload that is a container of a pod.
struct Entry {
    instance: InstanceId,
    pod: ClusterPod,
    node: NodeId,
    epoch: u64,
    /// Held while the pod is changed; shared by all epochs of a workload.
    changes: Arc<Mutex<Changes>>,
    counted: Mutex<Counted>,
    seen: Mutex<Option<(Instant, Limits)>>,
    /// How its run ended.
    ended: OnceLock<String>,
}

#[derive(Default)]
struct Changes {
    answers: VecDeque<(OpKey, (u64, Limits), Resized)>,
}

impl Entry {
    fn new(instance: InstanceId, pod: ClusterPod, node: NodeId, epoch: u64, changes: Arc<Mutex<Changes>>) -> Self {
        let (counted, seen, ended) = (Mutex::default(), Mutex::default(), OnceLock::new());
        Self { instance, pod, node, epoch, changes, counted, seen, ended }
    }

    fn wrong_state(&self, operation: &'static str, needed: &'static str, state: &'static str) -> DriverError {
        DriverError::WrongState { instance: self.instance.clone(), operation, needed, state }
    }

    fn contended(&self) -> DriverError {
        let told = format!("others changed pod {} {MOST_TRIES} times meanwhile", self.pod.name);
        DriverError::ResizeUnfinished { instance: self.instance.clone(), told }
    }

    /// Remembers what is in force in a pod that was just read.
    fn see(&self, found: &Pod) {
        *locked(&self.seen) = Some((Instant::now(), limits_of(found, &self.pod)));
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is in force for the adopted container of a pod.
fn limits_of(found: &Pod, of: &ClusterPod) -> Limits {
    Limits::new(pod::in_force(found, &of.container).map_or(0, |cpu| cpu.limit), 0)
}

fn gone(pod: &ClusterPod) -> String {
    format!("pod {} was deleted", pod.name)
}

impl Kubernetes {
    /// Marks pods with `exchange`, which must be this exchange's own in the cluster.
    pub fn new(exchange: &str, settings: Settings) -> Self {
        let (cluster, probed, sampled, entries) = Default::default();
        Self { exchange: exchange.to_owned(), settings, cluster, probed, sampled, entries }
    }

    /// The connection, made at the first use.
    fn cluster(&self) -> Result<Arc<Cluster>, DriverError> {
        let mut known = locked(&self.cluster);
        if let Some(cluster) = &*known {
            return Ok(cluster.clone());
        }
        let Settings { kubeconfig, namespace, time_limit, .. } = &self.settings;
        let cluster = Arc::new(Cluster::connect(kubeconfig.clone(), namespace.clone(), *time_limit)?);
        Ok(known.insert(cluster).clone())
    }

    /// The version of the cluster, asked once in a while. Errors: why nothing can be resized, as a sentence.
    pub fn probe(&self) -> Result<String, String> {
        let mut probed = locked(&self.probed);
        if let Some((at, said)) = &*probed
            && at.elapsed() < if said.is_ok() { PROBE_LASTS } else { ASK_AGAIN }
        {
            return said.clone();
        }
        let said = self.cluster().and_then(|cluster| cluster.probe()).map_err(|error| error.to_string());
        *probed = Some((Instant::now(), said.clone()));
        said
    }

    fn entry(&self, instance: &InstanceId) -> Result<Arc<Entry>, DriverError> {
        let entries = locked(&self.entries);
        entries.get(instance).cloned().ok_or_else(|| DriverError::UnknownInstance(instance.clone()))
    }

    fn entry_of(&self, instance: &InstanceId, epoch: u64) -> Result<Arc<Entry>, DriverError> {
        let entry = self.entry(instance)?;
        let (instance, node, seen) = (instance.clone(), entry.node.clone(), entry.epoch);
        match epoch.cmp(&seen) {
            std::cmp::Ordering::Equal => Ok(entry),
            std::cmp::Ordering::Less => Err(DriverError::StaleEpoch { instance, node, given: epoch, seen }),
            std::cmp::Ordering::Greater => Err(DriverError::EpochAhead { instance, node, given: epoch, seen }),
        }
    }

    /// The pod that was adopted, running. Errors: it is gone, its name is another's by now, or it has ended.
    fn own_pod(&self, cluster: &Cluster, entry: &Entry) -> Result<Pod, DriverError> {
        let needed = "the pod that was adopted, running";
        let found = cluster.pod(&entry.pod.name)?.ok_or_else(|| entry.wrong_state("resize", needed, "deleted"))?;
        if pod::uid_of(&found) != entry.pod.uid {
            return Err(entry.wrong_state("resize", needed, "deleted, and another has its name"));
        }
        if pod::ended(&found, &entry.pod.container).is_some() {
            return Err(entry.wrong_state("resize", needed, "at its end"));
        }
        entry.see(&found);
        Ok(found)
    }

    /// The mark on a pod. Errors: another exchange, workload or a newer epoch has it by now.
    fn own_mark(&self, entry: &Entry, found: &Pod) -> Result<Mark, DriverError> {
        let mark = Mark::of(found).filter(|mark| mark.exchange == self.exchange && mark.workload == entry.instance);
        let mark = mark.ok_or_else(|| entry.wrong_state("resize", "its own mark on the pod", "without it"))?;
        if mark.epoch > entry.epoch {
            let (instance, node) = (entry.instance.clone(), entry.node.clone());
            return Err(DriverError::StaleEpoch { instance, node, given: entry.epoch, seen: mark.epoch });
        }
        Ok(mark)
    }
}

impl Adopting for Kubernetes {
    fn unavailable(&self) -> Option<String> {
        self.probe().err()
    }

    fn active_epoch(&self, instance: &InstanceId) -> Option<u64> {
        locked(&self.entries).get(instance).map(|entry| entry.epoch)
    }

    fn limits_in_force(&self, instance: &InstanceId) -> Option<Limits> {
        let entry = self.entry(instance).ok()?;
        if entry.ended.get().is_some() {
            return Some(Limits::default());
        }
        let seen = locked(&entry.seen).clone().filter(|(at, _)| at.elapsed() < SEEN_LASTS);
        if let Some((_, limits)) = seen {
            return Some(limits);
        }
        let cluster = self.cluster().ok()?;
        let found = cluster.pod(&entry.pod.name).ok()?.filter(|found| pod::uid_of(found) == entry.pod.uid);
        Some(found.map_or_else(Limits::default, |found| limits_of(&found, &entry.pod)))
    }

    fn reports(&self) -> Vec<(InstanceId, Report)> {
        let entries: Vec<Arc<Entry>> = locked(&self.entries).values().cloned().collect();
        self.look(&entries).unwrap_or_default()
    }

    fn let_go_others(&self, wanted: &BTreeSet<InstanceId>) -> Result<(), DriverError> {
        self.let_go_unwanted(wanted)
    }
}

impl Driver for Kubernetes {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        let lacks = |reason: &str| Support::Unsupported(reason.to_owned());
        let can = match self.probe() {
            Ok(_) => Support::Native,
            Err(reason) => Support::Unsupported(reason),
        };
        let memory = "memory of adopted pods is measured, not limited";
        let stays = "a pod is never moved: a copy on another node would be another pod, with another name";
        let no_state = "a pod shows nobody its state";
        Capabilities {
            driver: NAME.to_owned(),
            enforces: [Resource::CpuMilli].into(),
            operations: [
                (Operation::Observe, can.clone()),
                (Operation::Adopt, can.clone()),
                (Operation::ResizeCpu, can),
                (Operation::ResizeMemoryUp, lacks(memory)),
                (Operation::ResizeMemoryDown, lacks(memory)),
                (Operation::Fence, lacks(stays)),
                (Operation::LiveMigrate, lacks(stays)),
                (Operation::SnapshotFull, lacks(no_state)),
                (Operation::Shadow, lacks(no_state)),
                (Operation::Drill, lacks(no_state)),
                (Operation::Suspend, lacks(no_state)),
            ]
            .into(),
        }
    }

    fn adopt(&self, _: &OpKey, request: &AdoptRequest) -> Result<Started, DriverError> {
        self.take_in(request)
    }

    fn stop(&self, _: &OpKey, instance: &InstanceId, epoch: u64) -> Result<Stopped, DriverError> {
        self.let_go(instance, epoch)?;
        Ok(Stopped { position: 0, state_hash: String::new() })
    }

    fn observe(&self, instance: &InstanceId, _: Detail) -> Result<Vec<Observation>, DriverError> {
        let entry = self.entry(instance)?;
        let reports = self.look(std::slice::from_ref(&entry))?;
        let own = reports.into_iter().find(|(reported, _)| reported == instance);
        let (before, window) = locked(&entry.counted).window(Instant::now());
        Ok(own.map(|(_, report)| report.observation(instance, &entry.node, (before, 0), window)).into_iter().collect())
    }

    fn resize(&self, key: &OpKey, instance: &InstanceId, epoch: u64, limits: &Limits) -> Result<Resized, DriverError> {
        let (started, request) = (Instant::now(), (epoch, limits.clone()));
        let entry = self.entry_of(instance, epoch)?;
        let mut changes = locked(&entry.changes);
        if let Some((_, asked, answer)) = changes.answers.iter().find(|(known, ..)| known == key) {
            if *asked != request {
                return Err(DriverError::KeyReused { swap: key.swap.clone(), step: key.step.clone() });
            }
            return Ok(answer.clone());
        }
        let least = crate::linux::LEAST_CPU_MILLI;
        if limits.cpu_milli < least {
            let reason = format!("the kernel holds a container to {least} thousandths of a core at least");
            return Err(DriverError::Unsupported { operation: "resize", reason });
        }
        let cluster = self.cluster()?;
        let before = limits_of(&self.own_pod(&cluster, &entry)?, &entry.pod);
        let actual = limits_of(&self.bring_to(&cluster, &entry, limits.cpu_milli)?, &entry.pod);
        let work_micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let resized = Resized { before, actual, suspended_kib: None, work_micros };
        changes.answers.push_back((key.clone(), request, resized.clone()));
        if changes.answers.len() > REMEMBERED_ANSWERS {
            changes.answers.pop_front();
        }
        Ok(resized)
    }

    fn verify(&self, request: &VerifyRequest) -> Result<Verification, DriverError> {
        let entry = self.entry_of(&request.instance, request.epoch)?;
        let found = self.cluster()?.pod(&entry.pod.name)?.filter(|found| pod::uid_of(found) == entry.pod.uid);
        let ended =
            found.as_ref().map_or_else(|| Some(gone(&entry.pod)), |found| pod::ended(found, &entry.pod.container));
        let has = found.filter(|_| ended.is_none()).map_or(0, |found| limits_of(&found, &entry.pod).cpu_milli);
        let check = |name: &str, passed: bool, seen: String| Check { name: name.to_owned(), passed, seen };
        let checks = vec![
            check("limits", has == request.limits.cpu_milli, format!("{has} thousandths of a core in the cluster")),
            check("node", entry.node == request.node, entry.node.to_string()),
            check("runs", ended.is_none(), ended.unwrap_or_else(|| format!("pod {} runs", entry.pod.name))),
        ];
        Ok(Verification { passed: checks.iter().all(|check| check.passed), checks })
    }
}
