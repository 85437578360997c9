//! Ordinary services that listen at a port, unchanged: started, limited by the kernel, and moved.
//!
//! The operator defines them in a folder ([`list_services`]). Clients reach a service through a front
//! (`headroom_front`) at a fixed address. A node is an account of this host, or a host with an agent ([`Place`]). A move
//! starts a second copy on the target under its limits, compares its answers, and switches the front.
//!
//! Invariants: requests go to one copy at a time; a copy is in its control group, and written down on disk, before its
//! first instruction; a copy outlives the exchange, and the next life takes it on without a restart; a copy without a
//! record is ended. Absent: state that moves along, memory limits, a front at an agent, users other than the exchange's own.

mod answers;
mod definition;
mod driver;
mod here;
mod hosted;
mod moves;
mod place;
mod ready;
mod start;
mod workload;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use headroom_front::Counts;

use crate::driver::{Adopting, DriverError, InstanceId, Limits, NodeId, Report};
use answers::Answers;
use here::Here;
use place::Running;
use workload::Workload;

pub use definition::{DefinitionFault, Ready, Service, list_services};
pub use here::is_port_of_copies;
pub use hosted::{Assigned, Hosted, HostedReport};
pub use place::{Copy, CopyRequest, Place, Readiness, Usage};

const NAME: &str = "service";

/// Locks. No panic leaves a change half done: changes under these locks are single steps.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The services that are workloads. Dropped, it closes the fronts and leaves the copies running, as the end of the exchange
/// does.
pub struct Services {
    here: Here,
    /// Hosts with agents, where there are some.
    others: Option<Arc<dyn Place>>,
    definitions: PathBuf,
    workloads: Mutex<BTreeMap<InstanceId, Arc<Workload>>>,
    /// Copies of an earlier life that no start has asked for yet.
    found: Mutex<BTreeMap<InstanceId, Vec<Running>>>,
    answers: Answers,
    /// Held while a workload starts or stops.
    changing: Mutex<()>,
}

impl Services {
    /// Reads the definitions of a folder at each start of a service, and keeps its own files in `state`. Control groups
    /// lie below `headroom-services-` and `name`, which must be this exchange's own on this host. Copies of an earlier
    /// life wait for their start; groups without a file are emptied.
    ///
    /// # Errors
    /// The folder `state` cannot be used. Where there can be no control groups, [`Adopting::unavailable`] says why.
    pub fn new(name: &str, definitions: &Path, state: &Path) -> Result<Self, DriverError> {
        let here = Here::new(name, state, Ipv4Addr::LOCALHOST)?;
        let mut found: BTreeMap<InstanceId, Vec<Running>> = BTreeMap::new();
        for (instance, copy) in here.find_earlier()? {
            found.entry(instance).or_default().push(Running::new(copy));
        }
        Ok(Self {
            here,
            others: None,
            definitions: definitions.to_owned(),
            workloads: Mutex::default(),
            found: Mutex::new(found),
            answers: Answers::default(),
            changing: Mutex::default(),
        })
    }

    /// Copies of the nodes that `others` has run there.
    #[must_use]
    pub fn with_others(mut self, others: Arc<dyn Place>) -> Self {
        self.others = Some(others);
        self
    }

    fn place(&self, node: &NodeId) -> &dyn Place {
        match &self.others {
            Some(others) if others.has(node) => &**others,
            _ => &self.here,
        }
    }

    /// Whether the workload runs here, or has a copy of an earlier life that waits for its start.
    pub fn has(&self, instance: &InstanceId) -> bool {
        lock(&self.workloads).contains_key(instance) || lock(&self.found).contains_key(instance)
    }

    /// Where clients reach the workload.
    pub fn address(&self, instance: &InstanceId) -> Option<SocketAddr> {
        Some(self.workload(instance).ok()?.front().ok()?.address())
    }

    /// The counts of its front since it was opened.
    pub fn traffic(&self, instance: &InstanceId) -> Option<Counts> {
        Some(self.workload(instance).ok()?.front().ok()?.counts())
    }

    /// Why the service of this name cannot be started here, if so.
    pub fn missing(&self, service: &str) -> Option<String> {
        definition::find_service(&self.definitions, service).err()
    }

    fn workload(&self, instance: &InstanceId) -> Result<Arc<Workload>, DriverError> {
        let known = lock(&self.workloads).get(instance).cloned();
        known.ok_or_else(|| DriverError::UnknownInstance(instance.clone()))
    }

    /// The fingerprint of a service's definition here.
    ///
    /// # Errors
    /// The service cannot be started.
    pub fn fingerprint(&self, service: &str) -> Result<String, String> {
        definition::find_service(&self.definitions, service).map(|service| service.fingerprint())
    }

    /// Nodes and newest epochs of copies of an earlier life.
    fn found_epochs(&self, instance: &InstanceId) -> Vec<(NodeId, u64)> {
        lock(&self.found).get(instance).into_iter().flatten().map(|copy| (copy.node().clone(), copy.epoch())).collect()
    }
}

impl Adopting for Services {
    /// Why no copies run on this host, if so.
    fn unavailable(&self) -> Option<String> {
        self.here.unavailable()
    }

    fn active_epoch(&self, instance: &InstanceId) -> Option<u64> {
        Some(self.workload(instance).ok()?.state().epoch)
    }

    fn limits_in_force(&self, instance: &InstanceId) -> Option<Limits> {
        let active = self.workload(instance).ok()?.state().active.clone();
        active.limits().ok()
    }

    fn reports(&self) -> Vec<(InstanceId, Report)> {
        let workloads: Vec<Arc<Workload>> = lock(&self.workloads).values().cloned().collect();
        let report = |workload: &Arc<Workload>| {
            let (epoch, active) = {
                let state = workload.state();
                (state.epoch, state.active.clone())
            };
            Some((workload.instance.clone(), active.report(epoch).ok()?.0))
        };
        workloads.iter().filter_map(report).collect()
    }

    /// Ends copies of an earlier life that are no workload any more. Errors: the first copy that did not end; it is tried
    /// again with the next call.
    fn let_go_others(&self, wanted: &BTreeSet<InstanceId>) -> Result<(), DriverError> {
        let _changing = lock(&self.changing);
        let others: Vec<InstanceId> =
            lock(&self.found).keys().filter(|instance| !wanted.contains(instance)).cloned().collect();
        others.iter().try_for_each(|instance| self.end_found(instance))
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        self.here.remove_groups();
    }
}
