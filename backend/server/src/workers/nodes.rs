//! The worker nodes inside this process: what the market calls nodes and instances, as the
//! driver knows them.
use crate::demo;
use crate::workers::agents::{AgentHosts, Agents};
use crate::workers::commands::{Commands, is_command};
use crate::workers::feed::{Demand, Source, WorkloadFeed};
use crate::workers::modules::ModuleQueue;
use crate::workers::services::UnderWay;
use crate::workers::wanted::Wanted;
use crate::workers::{adopted, services};
use headroom_execution::linux::Linux;
use headroom_execution::service::Services;
use headroom_execution::{
    Cluster, Config, Detail, Driver, DriverError, InstanceId, Limits, NodeId, NodeSpec, Observation, OpKey, Placement,
    Program, Role, RunningThreads, StartFrom, StartRequest, command_program,
};
use headroom_market::pool::{Node, Pool};
use headroom_market::units::{Amounts, Resource, amount};
use headroom_market::workload::{Instance, InstanceState, ModuleKind};
use headroom_store::Store;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

/// A move copies a guest's whole memory several times while the guest waits: with this much it is a
/// second or two. In the demo, where a MiB is a KiB, the 32 bits of a memory are the bound.
const MOST_GUEST_MIB: u64 = 256;
const MOST_DEMO_GUEST_MIB: u64 = 4096;
/// Of a command only what it saves is copied.
const MOST_COMMAND_MIB: u64 = 65_536;
/// A fifth of what a milli-core is worth elsewhere: the demo's jobs burn what the trace says, and nobody waits for
/// what they work out. What a step costs besides is at most 4 milli-cores.
const DEMO_FUEL_PER_CPU_MILLI: u64 = 1_000;

pub(super) type ModuleId = headroom_market::ids::ModuleId;

/// What became of the participants' modules in this process.
type Programs = Mutex<BTreeMap<ModuleId, Loading>>;

#[derive(Clone)]
pub(super) enum Loading {
    /// It waits for the compiler or is there now.
    UnderWay,
    Known(Program),
    /// It cannot run here: it was uploaded when the rules were others.
    Refused(String),
}

pub struct Nodes {
    pub cluster: Cluster,
    /// HTTP services, where the operator has defined some.
    pub services: Option<Arc<Services>>,
    pub(super) services_under_way: UnderWay,
    /// Processes of this host that were adopted.
    pub linux: Linux,
    pub(super) others_let_go: AtomicBool,
    /// Hosts of their own, with an agent on each.
    pub agents: Arc<Agents>,
    feed: Arc<WorkloadFeed>,
    /// KiB of guest memory that one traded MiB stands for: 1024, and 1 in the demo, where
    /// memory is scaled down like fuel so that everything fits on a laptop.
    kib_per_mem_mib: u64,
    /// The most memory that a module can use, in traded MiB, and a command.
    pub most_guest_mib: i64,
    pub most_command_mib: i64,
    /// Only a demo's workloads follow the demo's trace, whatever they are called; from this slot of it.
    trace_from: Option<u64>,
    checkpoints: PathBuf,
    /// Where books of void rounds are kept.
    pub rejected_books: PathBuf,
    slot_micros: i64,
    /// Modules from outside on their way to compiled code.
    pub modules: ModuleQueue,
    programs: Arc<Programs>,
    restarting: Mutex<BTreeSet<headroom_market::ids::InstanceId>>,
    commands: Commands,
    threads: Mutex<Option<RunningThreads>>,
}

pub fn instance_id(id: headroom_market::ids::InstanceId) -> InstanceId {
    InstanceId(id.to_string())
}

pub fn node_id(id: headroom_market::ids::NodeId) -> NodeId {
    NodeId(id.to_string())
}

impl Nodes {
    /// `commands` is the folder of the programs that may run as commands, `services` that of the definitions of services.
    pub fn new(
        data: &Path,
        slot_seconds: i64,
        trace_from: Option<u64>,
        commands: Option<PathBuf>,
        services: Option<&Path>,
    ) -> Result<Self, DriverError> {
        let checkpoints = data.join("checkpoints");
        let (kib_per_mem_mib, most_guest_mib) =
            if trace_from.is_some() { (1, MOST_DEMO_GUEST_MIB) } else { (1024, MOST_GUEST_MIB) };
        let usual = Config::default();
        let fuel_per_cpu_milli = if trace_from.is_some() { DEMO_FUEL_PER_CPU_MILLI } else { usual.fuel_per_cpu_milli };
        let config = Config {
            fuel_per_cpu_milli,
            checkpoint_dir: Some(checkpoints.clone()),
            max_module_bytes: crate::workers::modules::MOST_MODULE_BYTES,
            max_guest_kib: most_guest_mib * kib_per_mem_mib,
            max_command_kib: MOST_COMMAND_MIB * kib_per_mem_mib,
            commands_dir: commands,
            kib_per_mib: kib_per_mem_mib,
            ..usual
        };
        let feed = Arc::new(WorkloadFeed::new(config.fuel_per_cpu_milli));
        std::fs::create_dir_all(&checkpoints)
            .map_err(|source| DriverError::Io { path: checkpoints.clone(), source })?;
        let cluster = Cluster::new(config, feed.clone())?;
        let agents: Arc<Agents> = Arc::default();
        let named = |folder| Services::new(&adopted::group_name(data), folder, &data.join("services"));
        let services = services.map(named).transpose()?;
        let services = services.map(|services| Arc::new(services.with_others(Arc::new(AgentHosts(agents.clone())))));
        Ok(Self {
            modules: ModuleQueue::new(cluster.clone()),
            cluster,
            services,
            services_under_way: UnderWay::default(),
            linux: Linux::new(&adopted::group_name(data)),
            others_let_go: AtomicBool::default(),
            agents,
            feed,
            kib_per_mem_mib,
            most_guest_mib: i64::try_from(most_guest_mib).unwrap_or(i64::MAX),
            most_command_mib: i64::try_from(MOST_COMMAND_MIB).unwrap_or(i64::MAX),
            trace_from,
            checkpoints,
            rejected_books: data.join("rejected-books"),
            slot_micros: slot_seconds * 1_000_000,
            programs: Arc::default(),
            restarting: Mutex::default(),
            commands: Commands::default(),
            threads: Mutex::default(),
        })
    }

    /// Runs the guests in real time on their own threads: one, and one more for every four cores.
    pub fn start_threads(&self, clock: Arc<dyn crate::clock::Clock>) -> Result<(), DriverError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = self.cluster.spawn_threads(move || clock.now().micros(), 1 + cores / 4)?;
        *self.threads.lock().unwrap_or_else(PoisonError::into_inner) = Some(threads);
        Ok(())
    }

    /// Pauses every workload at a step boundary with a checkpoint.
    pub fn stop(&self) -> Result<u64, DriverError> {
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner).take();
        let summary = match threads {
            Some(threads) => threads.stop(Some(&self.checkpoints))?,
            None => self.cluster.checkpoint_all(&self.checkpoints)?,
        };
        for (instance, reason) in &summary.skipped {
            tracing::warn!(%instance, reason, "no checkpoint of it could be taken; it goes on from an older one, if there is one");
        }
        Ok(summary.instances)
    }

    /// Whether guests run by the clock of the world; else each step of a simulation waits for its effects.
    pub(super) fn is_real_time(&self) -> bool {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    pub fn limits(&self, amounts: &Amounts) -> Limits {
        let positive = |r| u64::try_from(amount(amounts, r)).unwrap_or(0);
        Limits::new(positive(Resource::CpuMilli), positive(Resource::MemMib) * self.kib_per_mem_mib)
    }
    pub fn mem_mib(&self, kib: u64) -> i64 {
        i64::try_from(kib / self.kib_per_mem_mib).unwrap_or(i64::MAX)
    }
    pub fn mem_mib_up(&self, kib: u64) -> i64 {
        i64::try_from(kib.div_ceil(self.kib_per_mem_mib)).unwrap_or(i64::MAX)
    }
    pub fn amounts(&self, limits: &Limits) -> Amounts {
        let cpu = i64::try_from(limits.cpu_milli).unwrap_or(i64::MAX);
        [(Resource::CpuMilli, cpu), (Resource::MemMib, self.mem_mib(limits.mem_kib))].into()
    }

    /// Why a command with these arguments cannot be started here, if so.
    pub fn command_missing(&self, name: &str, arguments: &[String]) -> Option<String> {
        match self.cluster.check_program(&command_program(name, arguments)) {
            Ok(()) => None,
            Err(DriverError::CommandUnavailable { reason, .. }) => Some(reason),
            Err(error) => Some(error.to_string()),
        }
    }

    /// Why a module that was accepted once cannot be run, if so.
    pub fn unloadable(&self, module: ModuleId) -> Option<String> {
        match self.loading(module) {
            Some(Loading::Refused(why)) => Some(why),
            _ => None,
        }
    }

    pub(super) fn loading(&self, module: ModuleId) -> Option<Loading> {
        self.programs.lock().unwrap_or_else(PoisonError::into_inner).get(&module).cloned()
    }

    fn note(&self, module: ModuleId, loading: Loading) {
        self.programs.lock().unwrap_or_else(PoisonError::into_inner).insert(module, loading);
    }

    /// A node that was just created, from its document.
    pub fn add_from(&self, document: &str) {
        if let Ok(node) = serde_json::from_str::<Node>(document) {
            self.ensure_node(&node, None);
        }
    }

    fn ensure_node(&self, node: &Node, pool: Option<&Pool>) {
        if node.has_agent() {
            self.agents.serve(node_id(node.id));
        }
        self.cluster.ensure_node(NodeSpec {
            id: node_id(node.id),
            name: node.name.clone(),
            pool: node.pool.clone(),
            pop: pool.map(|p| p.pop.clone()).unwrap_or_default(),
            tier: pool.map(|p| format!("{:?}", p.tier)).unwrap_or_default(),
            capacity: self.limits(&node.capacity),
            properties: node.properties.clone(),
        });
    }

    /// Brings what runs in line with what is wanted; level-triggered, safe to repeat.
    pub async fn reconcile(&self, wanted: &Wanted, store: &Store, now_micros: i64) {
        for node in &wanted.nodes {
            self.ensure_node(node, wanted.pools.get(&node.pool));
        }
        let running: BTreeSet<InstanceId> = self.cluster.instances().into_iter().collect();
        for instance in &wanted.instances {
            let id = instance_id(instance.id);
            let under_way = wanted.under_way.contains(&instance.id);
            if let Some(adopted) = &instance.adopted {
                let has_agent = wanted.nodes.iter().any(|node| node.id == instance.node && node.has_agent());
                adopted::reconcile(self, instance, adopted, has_agent, under_way);
                continue;
            }
            if instance.driver == ModuleKind::Service.driver() {
                if let Some(service) = wanted.modules.get(&instance.module) {
                    services::reconcile(self, instance, &service.name, under_way);
                }
                continue;
            }
            self.feed.set_once(id.clone(), self.source(instance, now_micros));
            let runs = running.contains(&id);
            match instance.state {
                InstanceState::Running if under_way => {}
                InstanceState::Running => {
                    let outdated = runs && self.is_outdated(instance);
                    if outdated {
                        // It was stopped and started again between two looks.
                        self.note_restart(instance);
                        if !self.stop_instance(instance) {
                            continue;
                        }
                    }
                    if outdated || !runs {
                        // Inputs of the time before it began are nobody's any more.
                        self.feed.resume(&id, 0, now_micros);
                        self.start(instance, wanted, store, now_micros).await;
                    }
                }
                InstanceState::Stopped | InstanceState::Failed => {
                    self.commands.forget(&id);
                    self.note_restart(instance);
                    if runs {
                        self.stop_instance(instance);
                    }
                }
            }
        }
        self.end_other_services(wanted.instances.iter());
        self.keep_unsteered_services(wanted.instances.iter());
        self.let_go_other_processes(&wanted.instances);
        self.agents.ready();
    }

    fn source(&self, instance: &Instance, now_micros: i64) -> Source {
        let demand = match self.trace_from.and_then(|from| Some((demo::seed::entity_of(&instance.name)?, from))) {
            Some((entity, from)) => Demand::Trace {
                entity,
                from,
                cpu_milli: demo::seed::FULL_CPU_MILLI,
                mem_kib: demo::seed::FULL_MEM_MIB * self.kib_per_mem_mib,
            },
            // No trace: three quarters of the baseline, for ever.
            None => {
                let limits = self.limits(&instance.baseline);
                // A command has memory of this host, also where a market trades smaller MiB.
                let scale = if is_command(instance) { 1024 / self.kib_per_mem_mib } else { 1 };
                Demand::Flat { cpu_milli: limits.cpu_milli * 3 / 4, mem_kib: limits.mem_kib * 3 / 4 * scale }
            }
        };
        Source { start_micros: now_micros, slot_micros: self.slot_micros, demand }
    }

    /// The compiled module of an instance; `None` while it is being compiled. Only a simulation
    /// waits for that: there the order of things is always the same.
    async fn program(&self, instance: &Instance, wanted: &Wanted, store: &Store) -> Option<Program> {
        let id = instance.module;
        if let Some(command) = wanted.modules.get(&id).filter(|m| m.kind == ModuleKind::Command) {
            return Some(command_program(&command.name, &instance.arguments));
        }
        match self.loading(id) {
            Some(Loading::Known(program)) if self.cluster.is_compiled(&program) => return Some(program),
            Some(Loading::UnderWay | Loading::Refused(_)) => return None,
            Some(Loading::Known(_)) | None => {}
        }
        let module = wanted.modules.get(&id)?;
        if module.participant.is_none() {
            let program = Program(module.name.clone());
            self.note(id, Loading::Known(program.clone()));
            return Some(program);
        }
        let Ok(Some(bytes)) = store.module_bytes(&module.hash).await else {
            tracing::error!(instance = %instance.id, "the bytes of its module cannot be read; trying again");
            return None;
        };
        if let Some(program) = self.cluster.find_compiled(&bytes) {
            self.note(id, Loading::Known(program.clone()));
            return Some(program);
        }
        if !self.is_real_time() {
            let loading = loaded(self.cluster.admit(&bytes));
            self.note(id, loading);
            return self.loading(id).and_then(|loading| match loading {
                Loading::Known(program) => Some(program),
                _ => None,
            });
        }
        self.note(id, Loading::UnderWay);
        let programs = Arc::clone(&self.programs);
        self.modules.compile_later(bytes.into(), move |result| {
            programs.lock().unwrap_or_else(PoisonError::into_inner).insert(id, loaded(result));
        });
        None
    }

    async fn start(&self, instance: &Instance, wanted: &Wanted, store: &Store, now_micros: i64) {
        let Some(program) = self.program(instance, wanted, store).await else { return };
        let goes_on = self.commands.goes_on(&instance_id(instance.id));
        let request = StartRequest {
            instance: instance_id(instance.id),
            node: node_id(instance.node),
            epoch: instance.epoch,
            program,
            limits: self.limits(&instance.in_force),
            from: if goes_on { StartFrom::Checkpoint } else { StartFrom::Fresh },
        };
        let key = OpKey::new(format!("start-{}", instance.id), instance.epoch.to_string());
        match self.cluster.start(&key, &request) {
            Ok(started) => {
                self.commands.forget(&request.instance);
                if goes_on {
                    self.feed.resume(&request.instance, started.position, now_micros);
                }
                self.restarting.lock().unwrap_or_else(PoisonError::into_inner).remove(&instance.id);
            }
            Err(DriverError::NoCheckpoint(_)) if goes_on => {
                // It had none yet: it begins anew at the next look.
                self.commands.forget(&request.instance);
            }
            Err(error @ DriverError::CommandUnavailable { .. }) => {
                // Not its owner's doing, whoever started it.
                self.restarting.lock().unwrap_or_else(PoisonError::into_inner).remove(&instance.id);
                self.commands.say_why(instance, &request.instance, &error);
            }
            Err(error) => tracing::warn!(instance = %instance.id, %error, "it cannot start yet; trying again"),
        }
    }

    fn note_restart(&self, instance: &Instance) {
        self.restarting.lock().unwrap_or_else(PoisonError::into_inner).insert(instance.id);
    }

    /// Whether its owner, or its own fault, ended it and it has not begun again yet: then nobody
    /// else is to blame that it does not use what it has.
    pub fn is_restarting(&self, instance: headroom_market::ids::InstanceId) -> bool {
        self.restarting.lock().unwrap_or_else(PoisonError::into_inner).contains(&instance)
    }

    fn is_outdated(&self, instance: &Instance) -> bool {
        self.cluster.active_epoch(&instance_id(instance.id)).is_some_and(|epoch| epoch < instance.epoch)
    }

    /// Whatever runs ends, under the epoch that it runs under: the market's may be newer already. Whether it has
    /// ended: a command, which the market does not wait for, has by one of the next looks.
    fn stop_instance(&self, instance: &Instance) -> bool {
        let id = instance_id(instance.id);
        let epoch = self.cluster.active_epoch(&id).unwrap_or(instance.epoch);
        let key = OpKey::new(format!("stop-{}", instance.id), epoch.to_string());
        let (cluster, stopped) = (self.cluster.clone(), id.clone());
        let stop = move || {
            if let Err(error) = cluster.stop(&key, &stopped, epoch) {
                tracing::warn!(instance = %stopped, %error, "it cannot stop yet; trying again");
            }
        };
        if self.is_real_time() && is_command(instance) {
            self.commands.end_apart(id, stop);
            return false;
        }
        stop();
        true
    }

    /// After a restart: everything that has a checkpoint runs again from it, where the market
    /// says, under the market's (newer) epoch. A damaged checkpoint is reported and keeps nobody else from starting; ones that
    /// can't be read may be whole, and of what is suspended there is no other copy: they are an error.
    pub fn restore(&self, wanted: &Wanted, now_micros: i64) -> Result<(), DriverError> {
        for node in &wanted.nodes {
            self.ensure_node(node, wanted.pools.get(&node.pool));
        }
        for instance in wanted.instances.iter().filter(|i| !i.trades_cpu_only()) {
            self.feed.set_once(instance_id(instance.id), self.source(instance, now_micros));
        }
        let by_id: BTreeMap<String, &Instance> = wanted.instances.iter().map(|i| (i.id.to_string(), i)).collect();
        let restored = self.cluster.restore_all(&self.checkpoints, now_micros, &mut |saved| {
            let instance = by_id.get(&saved.instance.0)?;
            (instance.state == InstanceState::Running).then(|| Placement {
                node: node_id(instance.node),
                epoch: instance.epoch,
                limits: self.limits(&instance.in_force),
            })
        });
        let summary = restored?;
        for restored in &summary.restored {
            self.feed.resume(&restored.saved.instance, restored.position, now_micros);
        }
        tracing::info!(workloads = summary.restored.len(), "restored from checkpoints");
        let restored: BTreeSet<&InstanceId> =
            summary.restored.iter().map(|restored| &restored.saved.instance).collect();
        for instance in wanted.instances.iter().filter(|i| is_command(i)) {
            let id = instance_id(instance.id);
            if !restored.contains(&id) {
                self.commands.may_go_on(id);
            }
        }
        for (path, error) in summary.failed {
            // Its checkpoint stays for when its program is there again; `cli/up/commands.rs` has said so.
            if matches!(error, DriverError::CommandUnavailable { .. }) {
                continue;
            }
            if matches!(error, DriverError::Io { .. }) {
                return Err(error);
            }
            tracing::warn!(path = %path.display(), %error, "a checkpoint could not be used; the workload starts afresh");
        }
        Ok(())
    }

    /// The active copy of an instance, as measured since the last call.
    pub fn observe(&self, id: headroom_market::ids::InstanceId) -> Option<Observation> {
        let all = self.driver(id).observe(&instance_id(id), Detail::Counters).ok()?;
        all.into_iter().find(|o| o.role == Role::Active)
    }
}

fn loaded(result: Result<Program, DriverError>) -> Loading {
    match result {
        Ok(program) => Loading::Known(program),
        Err(error) => Loading::Refused(error.to_string()),
    }
}
