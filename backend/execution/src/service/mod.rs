//! Ordinary services of this host that listen at a port, unchanged: started, limited by the kernel, and moved.
//!
//! The operator defines them in a folder ([`list_services`]). Clients reach a service through a front
//! (`headroom_front`) at a fixed address. A node is an account of this host, so a move starts a second copy under the
//! target's limits, compares its answers, and switches the front.
//!
//! Invariants: requests go to one copy at a time; a copy is in its control group, and written down on disk, before its
//! first instruction; a copy outlives the exchange, and the next life takes it on without a restart; a copy without a
//! record is ended. Absent: state that moves along, memory limits, other hosts, users other than the exchange's own.

mod answers;
mod compared;
mod copy;
mod definition;
mod driver;
mod launch;
mod moves;
mod output;
mod port;
mod ready;
mod record;
mod start;
mod workload;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use headroom_front::Counts;

use crate::driver::{Adopting, DriverError, InstanceId, Limits, Report};
use crate::linux::cgroup::Cgroups;
use crate::linux::process::PREFIX;
use answers::Answers;
use copy::{Copy, end_group};
use record::{Place, Record};
use workload::Workload;

pub use definition::{DefinitionFault, Ready, Service, list_services};

const NAME: &str = "service";

/// Locks. No panic leaves a change half done: changes under these locks are single steps.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The services of this host that are workloads. Dropped, it closes the fronts and leaves the copies running, as the end
/// of the exchange does.
pub struct Services {
    cgroups: Result<Cgroups, String>,
    definitions: PathBuf,
    state: PathBuf,
    workloads: Mutex<BTreeMap<InstanceId, Arc<Workload>>>,
    /// Copies of an earlier life that no start has asked for yet.
    found: Mutex<BTreeMap<InstanceId, Vec<Copy>>>,
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
        let in_state = |source| DriverError::Io { path: state.to_owned(), source };
        std::fs::create_dir_all(state).map_err(in_state)?;
        // Copies run elsewhere than here, so their paths have to be whole.
        let state = std::fs::canonicalize(state).map_err(in_state)?;
        let services = Self {
            cgroups: Cgroups::probe(&format!("{PREFIX}services-{name}")),
            definitions: definitions.to_owned(),
            state,
            workloads: Mutex::default(),
            found: Mutex::default(),
            answers: Answers::default(),
            changing: Mutex::default(),
        };
        if let Ok(cgroups) = &services.cgroups {
            services.find_earlier(cgroups)?;
        }
        Ok(services)
    }

    /// Takes in the copies of an earlier life, and ends all other groups.
    fn find_earlier(&self, cgroups: &Cgroups) -> Result<(), DriverError> {
        let mut known = BTreeSet::new();
        for record in record::read_all(&self.state)? {
            let place = Place::new(&self.state, &record.instance, &record.node);
            let copy = Copy::new(record, place.clone(), cgroups.group(&place.name), None);
            if copy.runs() {
                known.insert(place.name);
                lock(&self.found).entry(copy.record().instance.clone()).or_default().push(copy);
            } else if copy.end(Duration::ZERO).is_err() {
                known.insert(place.name);
            }
        }
        for name in cgroups.names().into_iter().filter(|name| !known.contains(name)) {
            let group = cgroups.group(&name);
            if end_group(&group, Duration::ZERO) == 0 {
                group.remove();
            }
        }
        Ok(())
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

    fn cgroups(&self, operation: &'static str) -> Result<&Cgroups, DriverError> {
        self.cgroups.as_ref().map_err(|reason| DriverError::Unsupported { operation, reason: reason.clone() })
    }

    fn free_port(&self, service: &Service) -> Result<u16, DriverError> {
        let none = || (service.name.clone(), "no port is free".to_owned());
        let port = port::free(&format!("{} {}", self.state.display(), service.name));
        port.ok_or_else(none).map_err(|(name, reason)| DriverError::CommandUnavailable { name, reason })
    }

    /// Records of copies of an earlier life.
    fn found_records(&self, instance: &InstanceId) -> Vec<Record> {
        lock(&self.found).get(instance).into_iter().flatten().map(|copy| copy.record().clone()).collect()
    }
}

impl Adopting for Services {
    fn unavailable(&self) -> Option<String> {
        self.cgroups.as_ref().err().cloned()
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
            Some((workload.instance.clone(), active.report(epoch).ok()?))
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
        if let Ok(cgroups) = &self.cgroups {
            cgroups.remove();
        }
    }
}
