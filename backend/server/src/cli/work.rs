//! `headroom work`: the agent of a host. It adopts and limits what the server says, runs copies of services of its own
//! folder, and tells what the kernel counts.
use crate::cli::client::client;
use crate::workers::agents::{
    AgentDriver, Candidates, CopyReport, Heartbeat, HostReport, JobReport, Orders, PodReport, ProcessReport, VmReport,
    Wanted, WantedCopy, reported,
};
use anyhow::{Context, ensure};
use clap::Args;
use headroom_execution::kubernetes::{self, Kubernetes};
use headroom_execution::linux::{HostMeter, Linux, boot};
use headroom_execution::qemu::Qemu;
use headroom_execution::service::{Assigned, Hosted, list_services};
use headroom_execution::slurm::{Settings, Slurm};
use headroom_execution::{AdoptRequest, Adopting, DriverError, InstanceId, Limits, NodeId, OpKey, Report};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;

/// Jobs or pods that are changed at once: a cluster takes seconds for each.
const OF_CLUSTER_AT_ONCE: usize = 16;
/// Candidates that one list has.
const MOST_LISTED: usize = 200;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// The longest time without a heartbeat while a list is carried out.
const BETWEEN_BEATS: Duration = Duration::from_secs(1);
/// A server answers within two seconds, or it is away.
const ANSWER: Duration = Duration::from_secs(10);

/// Runs the agent of a host: adopted processes there get the CPU that their owners have won.
///
/// It needs the right to make control groups: run it as root. While the server is away nothing on the host changes.
/// Ctrl-C ends the agent and leaves limits and processes as they are.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example:
  1. An admin makes the node: POST /v1/nodes with \"properties\": {\"agent\": 1}, in a pool of such nodes.
  2. An operator makes an API key with the name of the node and the scopes market:read and nodes:work.
  3. HEADROOM_KEY=xk_… headroom work --server http://market:8080 --node host-1
With virtual machines instead of processes: … --qemu /run/machines
With copies of HTTP services on this host: … --services /srv/services --data /srv/headroom-agent --address 10.0.0.5
As a pod of each node of a Kubernetes cluster: headroom work --kubernetes --node \"$NODE_NAME\"")]
pub struct WorkArgs {
    /// Name or id of the node that this host is.
    #[arg(long)]
    node: String,
    /// Where the server is.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    server: String,
    /// Limits jobs of the Slurm cluster that this host commands instead of processes; of one partition if it is named.
    #[arg(long, value_name = "PARTITION", num_args = 0..=1, default_missing_value = "")]
    slurm: Option<String>,
    /// Limits pods of one Kubernetes node instead of processes: of the node with the name of --node, in the namespace that is
    /// named, or else in that of the kubeconfig or of the agent's own pod.
    #[arg(long, value_name = "NAMESPACE", num_args = 0..=1, default_missing_value = "", conflicts_with = "slurm")]
    kubernetes: Option<String>,
    /// Limits virtual machines of this host instead of processes: QEMU processes that somebody has started with a QMP socket
    /// in this folder, as -qmp unix:DIR/NAME.qmp,server=on,wait=off. QEMU serves one client at a time at a socket.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["slurm", "kubernetes"])]
    qemu: Option<PathBuf>,
    /// API key with the name of the node and the scopes market:read and nodes:work; better in the environment than on the command line.
    #[arg(long, env = "HEADROOM_KEY", hide_env_values = true, required_unless_present = "key_file")]
    key: Option<String>,
    /// Folder with one TOML file for each HTTP service whose copies may run on this host, as the server's: the server names a
    /// service, and this host's own file says what that is. Copies run as the user that this process is.
    #[arg(long, value_name = "DIR", requires = "data", conflicts_with_all = ["slurm", "kubernetes", "qemu"])]
    services: Option<PathBuf>,
    /// Where copies of services have their files; one folder for each agent.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// IPv4 address of this host at which copies of services listen, in plain HTTP, and the server reaches them. The usual
    /// one is for a server on this same host.
    #[arg(long, value_name = "HOST", default_value_t = Ipv4Addr::LOCALHOST)]
    address: Ipv4Addr,
    /// A file with that key, where a cluster mounts one for each node.
    #[arg(long, value_name = "PATH")]
    key_file: Option<PathBuf>,
}

struct Agent {
    args: WorkArgs,
    key: String,
    http: reqwest::Client,
    place: Place,
    hosted: Option<Arc<Hosted>>,
    /// What an earlier life has limited and nobody wants any more has no limit.
    others_let_go: AtomicBool,
    meter: Mutex<HostMeter>,
}

/// What was carried out of the lists.
#[derive(Default)]
struct Done {
    list: u64,
    /// Why a workload's limit is not what was asked for.
    refused: BTreeMap<InstanceId, String>,
    /// The next heartbeat tells candidates.
    list_candidates: bool,
}

/// What an agent limits.
enum Place {
    Host(Linux),
    Cluster(Slurm, Option<String>),
    Kubernetes(Kubernetes),
    Machines(Qemu),
}

/// The name of this agent on its host: one with a new key finds what the one with the old key has adopted.
fn name_of(args: &WorkArgs) -> String {
    let hash = blake3::hash(format!("{} {}", args.server, args.node).as_bytes()).to_hex();
    hash[..12].to_owned()
}

/// The copies of services of this host, where it may have some.
fn hosted(args: &WorkArgs) -> anyhow::Result<Option<Arc<Hosted>>> {
    let Some(named) = &args.services else { return Ok(None) };
    let data = args.data.as_ref().context("--services needs --data, a folder for the files of copies")?;
    let whole = std::fs::canonicalize(named).ok().filter(|folder| folder.is_dir());
    let folder = whole.with_context(|| {
        format!("--services {} cannot be read: name a folder with one TOML file a service", named.display())
    })?;
    for fault in list_services(&folder).into_iter().filter_map(Result::err) {
        tracing::warn!(%fault, "a service is not offered");
    }
    let name = name_of(args);
    let hosted = Hosted::new(&name, &folder, &data.join(&name), args.address);
    Ok(Some(hosted.with_context(|| format!("--data {} cannot be used", data.display()))?))
}

impl Place {
    fn new(args: &WorkArgs) -> Self {
        let name = &name_of(args);
        let named = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        if let Some(folder) = &args.qemu {
            return Self::Machines(Qemu::new(name, folder));
        }
        match (&args.slurm, &args.kubernetes) {
            (Some(partition), _) => Self::Cluster(Slurm::new(name, Settings::default()), named(partition)),
            (None, Some(namespace)) => {
                let of_node = kubernetes::Settings::of_node(&args.node);
                Self::Kubernetes(Kubernetes::new(name, kubernetes::Settings { namespace: named(namespace), ..of_node }))
            }
            (None, None) => Self::Host(Linux::new(name)),
        }
    }

    fn driver(&self) -> &dyn Adopting {
        match self {
            Self::Host(linux) => linux,
            Self::Cluster(slurm, _) => slurm,
            Self::Kubernetes(kubernetes) => kubernetes,
            Self::Machines(qemu) => qemu,
        }
    }

    fn kind(&self) -> AgentDriver {
        match self {
            Self::Host(_) => AgentDriver::Linux,
            Self::Cluster(..) => AgentDriver::Slurm,
            Self::Kubernetes(_) => AgentDriver::Kubernetes,
            Self::Machines(_) => AgentDriver::Qemu,
        }
    }

    /// Workloads that are changed at once; a kernel takes no time for one.
    fn at_once(&self) -> usize {
        match self {
            Self::Host(_) | Self::Machines(_) => 1,
            Self::Cluster(..) | Self::Kubernetes(_) => OF_CLUSTER_AT_ONCE,
        }
    }

    /// What may be adopted: processes or machines of a host, jobs or pods of a cluster.
    fn candidates(&self) -> Candidates {
        let mut found = Candidates::default();
        let untold = |error: DriverError| tracing::warn!(%error, "what runs here cannot be listed");
        match self {
            Self::Host(linux) => {
                found.processes = linux.candidates(MOST_LISTED).into_iter().map(ProcessReport::from).collect();
            }
            Self::Cluster(slurm, partition) => match slurm.candidates(partition.as_deref(), MOST_LISTED) {
                Ok(jobs) => found.jobs = jobs.into_iter().map(JobReport::from).collect(),
                Err(error) => untold(error),
            },
            Self::Kubernetes(kubernetes) => match kubernetes.candidates(MOST_LISTED) {
                Ok(pods) => found.pods = pods.into_iter().map(PodReport::from).collect(),
                Err(error) => untold(error),
            },
            Self::Machines(qemu) => match qemu.candidates(MOST_LISTED) {
                Ok(vms) => found.vms = vms.into_iter().map(VmReport::from).collect(),
                Err(error) => untold(error),
            },
        }
        found
    }
}

pub async fn run(args: WorkArgs) -> anyhow::Result<ExitCode> {
    let http = client().timeout(ANSWER).build()?;
    let key = match &args.key_file {
        Some(path) => std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?,
        None => args.key.clone().context("an agent needs an API key")?,
    };
    let key = key.trim().to_owned();
    let agent = Arc::new(Agent {
        place: Place::new(&args),
        hosted: hosted(&args)?,
        args,
        key,
        http,
        others_let_go: AtomicBool::default(),
        meter: Mutex::default(),
    });
    if let Some(reason) = agent.place.driver().unavailable() {
        tracing::warn!("nothing can be limited here: {reason}");
    }
    tokio::select! {
        ended = agent.work() => ended?,
        _ = tokio::signal::ctrl_c() => {}
    }
    // Groups and limits stay for the next start.
    Ok(ExitCode::SUCCESS)
}

impl Agent {
    /// Beats, and carries out the newest list beside it: a cluster takes longer for a job than an agent may be silent.
    async fn work(self: &Arc<Self>) -> anyhow::Result<()> {
        let (mut node, mut done, mut pause) = (None, Done::default(), FIRST_PAUSE);
        let mut under_way: Option<JoinHandle<Done>> = None;
        loop {
            match self.beat(&mut node, &done).await {
                Ok((orders, told)) => {
                    if pause > FIRST_PAUSE {
                        tracing::info!("the server answers");
                    }
                    pause = FIRST_PAUSE;
                    let (agent, node) = (Arc::clone(self), node.clone());
                    done.list_candidates = orders.list_candidates;
                    let list = under_way.get_or_insert_with(|| {
                        tokio::task::spawn_blocking(move || agent.carry_out(node.as_ref(), &orders, &told))
                    });
                    if let Ok(ended) = tokio::time::timeout(BETWEEN_BEATS, list).await {
                        under_way = None;
                        done = Done { list_candidates: done.list_candidates, ..ended? };
                    }
                }
                Err(error) => {
                    if pause == FIRST_PAUSE {
                        tracing::warn!("{error:#}; nothing changes on this host meanwhile, trying again");
                    }
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    /// One heartbeat: tells what is observed, and takes what is to be done; answers both.
    async fn beat(&self, node: &mut Option<NodeId>, done: &Done) -> anyhow::Result<(Orders, Told)> {
        let id = match node {
            Some(id) => id.clone(),
            None => node.insert(self.find_node().await?).clone(),
        };
        let driver = self.place.driver();
        let listed = done.list_candidates.then(|| tokio::task::block_in_place(|| self.place.candidates()));
        let (processes, jobs, pods, vms) = match listed {
            Some(Candidates { processes, jobs, pods, vms }) => (Some(processes), Some(jobs), Some(pods), Some(vms)),
            None => (None, None, None, None),
        };
        let (unavailable, reports) = tokio::task::block_in_place(|| (driver.unavailable(), driver.reports()));
        let hosted = self.hosted.as_ref();
        let copies = tokio::task::block_in_place(|| hosted.map(|hosted| (hosted.offers(), hosted.reports())));
        let (services, copies) = copies.unwrap_or_default();
        let in_force = |(instance, report): &(InstanceId, Report)| (instance.clone(), (report.epoch, report.cpu_milli));
        let observed = reports.iter().map(in_force).collect();
        let told = Heartbeat {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            driver: self.place.kind(),
            boot: boot(),
            carried_out: done.list,
            unavailable,
            host: self.load(),
            workloads: reported(reports, &done.refused),
            address: hosted.map(|hosted| hosted.address()),
            services,
            services_unavailable: hosted.and_then(|hosted| hosted.unavailable()),
            copies: copies.into_iter().map(CopyReport::from).collect(),
            processes,
            jobs,
            pods,
            vms,
        };
        let answer = self.ask(&format!("/v1/nodes/{id}/heartbeat"), Some(serde_json::to_string(&told)?)).await?;
        let orders =
            serde_json::from_str(&answer).context("the server answers in another language: is it of this version?");
        Ok((orders?, observed))
    }

    /// The load of this host, where that is what the node is.
    fn load(&self) -> Option<HostReport> {
        let is_host = matches!(self.place, Place::Host(_) | Place::Machines(_));
        let mut meter = self.meter.lock().unwrap_or_else(PoisonError::into_inner);
        meter.look().filter(|_| is_host).map(HostReport::from)
    }

    async fn find_node(&self) -> anyhow::Result<NodeId> {
        let nodes: Value = serde_json::from_str(&self.ask("/v1/nodes", None).await?)?;
        let named = &self.args.node;
        let mut all = nodes["data"].as_array().into_iter().flatten();
        let found = all.find(|one| one["name"] == *named || one["id"] == *named);
        let found = found.with_context(|| format!("the server has no node `{named}`"))?;
        Ok(NodeId::new(found["id"].as_str().unwrap_or_default()))
    }

    async fn ask(&self, path: &str, body: Option<String>) -> anyhow::Result<String> {
        let url = format!("{}{path}", self.args.server.trim_end_matches('/'));
        let request = match body {
            None => self.http.get(&url),
            Some(body) => self.http.post(&url).header("Content-Type", "application/json").body(body),
        };
        let answer = request.bearer_auth(&self.key).send().await;
        let answer = answer.with_context(|| format!("{url} does not answer"))?;
        let (status, text) = (answer.status(), answer.text().await?);
        let read: Value = serde_json::from_str(&text).unwrap_or_default();
        ensure!(status.is_success(), "{}", read["detail"].as_str().unwrap_or(status.as_str()));
        Ok(text)
    }

    /// Adopts, limits and lets go, until this node runs what the list says. What is as it was told with the heartbeat is not
    /// looked at again. What fails is tried with the next heartbeat; answers why it fails.
    fn carry_out(&self, node: Option<&NodeId>, orders: &Orders, told: &Told) -> Done {
        let mut done = Done { list: orders.list, ..Done::default() };
        let (Some(node), driver) = (node, self.place.driver()) else { return done };
        if let Some(hosted) = &self.hosted {
            let assigned: Vec<Assigned> = orders.copies.iter().map(assigned).collect();
            let kept = orders.kept.iter().map(InstanceId::new).collect();
            hosted.carry_out(node, &assigned, &kept);
        }
        let is_not_so = |wanted: &&Wanted| {
            told.get(&InstanceId::new(&wanted.instance)).is_none_or(|told| *told != (wanted.epoch, wanted.cpu_milli))
        };
        let to_do: Vec<&Wanted> = orders.wanted.iter().filter(is_not_so).collect();
        for some in to_do.chunks(self.place.at_once()) {
            let set = match some {
                [one] => vec![(*one, set(driver, node, orders.list, one))],
                several => set_at_once(driver, node, orders.list, several),
            };
            for (wanted, set) in set {
                if let Err(error) = set {
                    tell(&wanted.instance, &error);
                    done.refused.insert(InstanceId::new(&wanted.instance), error.to_string());
                }
            }
        }
        let wanted: BTreeSet<InstanceId> =
            orders.wanted.iter().map(|wanted| InstanceId::new(&wanted.instance)).collect();
        // Where nothing can be limited that was said at the start, and is told with each heartbeat.
        if !self.others_let_go.load(Ordering::Relaxed) && driver.unavailable().is_none() {
            match driver.let_go_others(&wanted) {
                Ok(()) => self.others_let_go.store(true, Ordering::Relaxed),
                Err(error) => tracing::warn!(%error, "limits of an earlier life cannot be lifted yet; trying again"),
            }
        }
        for (instance, (epoch, _)) in told {
            if !wanted.contains(instance) {
                let key = OpKey::new(format!("list-{}", orders.list), "stop");
                if let Err(error) = driver.stop(&key, instance, *epoch) {
                    tell(instance.as_str(), &error);
                }
            }
        }
        done
    }
}

fn assigned(wanted: &WantedCopy) -> Assigned {
    Assigned {
        instance: InstanceId::new(&wanted.instance),
        epoch: wanted.epoch,
        service: wanted.service.clone(),
        definition: wanted.definition.clone(),
        limits: Limits::new(wanted.cpu_milli, 0),
    }
}

/// The epoch and the limit in force of each workload, as the last heartbeat told them.
type Told = BTreeMap<InstanceId, (u64, u64)>;
type Set<'a> = (&'a Wanted, Result<(), DriverError>);

fn set_at_once<'a>(driver: &dyn Adopting, node: &NodeId, list: u64, several: &[&'a Wanted]) -> Vec<Set<'a>> {
    std::thread::scope(|scope| {
        let begin = |wanted: &'a Wanted| scope.spawn(move || set(driver, node, list, wanted));
        let threads: Vec<_> = several.iter().map(|wanted| (*wanted, begin(wanted))).collect();
        threads.into_iter().filter_map(|(wanted, thread)| Some((wanted, thread.join().ok()?))).collect()
    })
}

/// Adopts a workload or changes its limit, where it is not as wanted.
fn set(driver: &dyn Adopting, node: &NodeId, list: u64, wanted: &Wanted) -> Result<(), DriverError> {
    let (instance, limits) = (InstanceId::new(&wanted.instance), Limits::new(wanted.cpu_milli, 0));
    let key = OpKey::new(format!("list-{list}"), wanted.instance.clone());
    if driver.active_epoch(&instance).is_none_or(|epoch| epoch < wanted.epoch) {
        let (adopted, node) = (wanted.adopted.clone(), node.clone());
        let request = AdoptRequest { instance, node, epoch: wanted.epoch, adopted, limits };
        return driver.adopt(&key, &request).map(|_| ());
    }
    if driver.limits_in_force(&instance) != Some(limits.clone()) {
        driver.resize(&key, &instance, wanted.epoch, &limits)?;
    }
    Ok(())
}

fn tell(instance: &str, error: &DriverError) {
    tracing::warn!(instance, %error, "its limit cannot be set yet; trying again");
}
