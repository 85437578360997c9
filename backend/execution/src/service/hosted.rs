//! The copies of a host with an agent: started and ended as the exchange's list says, and told to it.
//!
//! The list names services; what they are is defined by the host's own files. Copies outlive the agent: its next life finds
//! them by their records. Nothing ends unless a list leaves it out.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::definition::{Service, find_service, list_services};
use super::here::Here;
use super::lock;
use super::place::{CopyRequest, Place, Readiness, Running};
use super::ready;
use crate::driver::{DriverError, InstanceId, Limits, NodeId, Report};
use crate::linux::LEAST_CPU_MILLI;

/// How long a copy may take to end whose definition is gone.
const USUAL_PATIENCE: Duration = Duration::from_secs(10);

/// A copy that the exchange wants on this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assigned {
    pub instance: InstanceId,
    pub epoch: u64,
    pub service: String,
    /// The fingerprint of the exchange's definition: another one is not started.
    pub definition: String,
    pub limits: Limits,
}

/// What is told of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostedReport {
    pub instance: InstanceId,
    /// Once it is ready.
    pub port: Option<u16>,
    /// As the kernel counts it.
    pub report: Report,
    /// Why it is not as the exchange wants it, if so.
    pub refused: Option<String>,
}

/// The copies of this host.
pub struct Hosted {
    here: Here,
    definitions: PathBuf,
    copies: Mutex<BTreeMap<InstanceId, Slot>>,
}

/// A copy that runs, is about to, or was refused.
#[derive(Default)]
struct Slot {
    running: Option<Arc<Running>>,
    epoch: u64,
    /// A thread starts or ends it.
    is_under_way: bool,
    refused: Option<String>,
}

impl Hosted {
    /// Reads the definitions of a folder, and keeps its own files in `state`; see [`super::Services::new`]. Copies listen at
    /// `address`.
    ///
    /// # Errors
    /// The folder `state` cannot be used.
    pub fn new(name: &str, definitions: &Path, state: &Path, address: Ipv4Addr) -> Result<Arc<Self>, DriverError> {
        let (here, definitions) = (Here::new(name, state, address)?, definitions.to_owned());
        let mut copies: BTreeMap<InstanceId, Slot> = BTreeMap::new();
        for (instance, copy) in here.find_earlier()? {
            let (epoch, copy) = (copy.epoch(), Arc::new(Running::new(copy)));
            match find_service(&definitions, copy.service()) {
                Ok(service) => ready::watch(&copy, &service.ready, |_| ()),
                // It was ready once, and the exchange looks at it, too.
                Err(_) => copy.note(Readiness::Passed),
            }
            copies.insert(instance, Slot { running: Some(copy), epoch, ..Slot::default() });
        }
        Ok(Arc::new(Self { here, definitions, copies: Mutex::new(copies) }))
    }

    /// Why no copies run on this host, if so.
    pub fn unavailable(&self) -> Option<String> {
        self.here.unavailable()
    }

    /// Where copies listen.
    pub fn address(&self) -> Ipv4Addr {
        self.here.address()
    }

    /// The services that this host has, each with the fingerprint of its definition.
    pub fn offers(&self) -> BTreeMap<String, String> {
        let good = list_services(&self.definitions).into_iter().flatten();
        good.map(|service| (service.name.clone(), service.fingerprint())).collect()
    }

    /// Brings what runs in line with a whole list; safe to repeat. Starts and ends go on beside it. `kept` are copies that
    /// are to stay as they are.
    pub fn carry_out(self: &Arc<Self>, node: &NodeId, assigned: &[Assigned], kept: &BTreeSet<InstanceId>) {
        let wanted: BTreeSet<&InstanceId> = assigned.iter().map(|assigned| &assigned.instance).collect();
        let known: Vec<InstanceId> = lock(&self.copies).keys().cloned().collect();
        for instance in known.iter().filter(|instance| !wanted.contains(instance) && !kept.contains(*instance)) {
            self.end(instance);
        }
        for assigned in assigned {
            self.bring_about(node, assigned);
        }
    }

    fn bring_about(self: &Arc<Self>, node: &NodeId, assigned: &Assigned) {
        let mut copies = lock(&self.copies);
        let slot = copies.entry(assigned.instance.clone()).or_default();
        if slot.is_under_way {
            return;
        }
        let Some(running) = slot.running.clone() else {
            slot.epoch = assigned.epoch;
            slot.is_under_way = true;
            let (hosted, node, assigned) = (Arc::clone(self), node.clone(), assigned.clone());
            std::thread::spawn(move || {
                let started = hosted.start(&node, &assigned);
                let mut copies = lock(&hosted.copies);
                let slot = copies.entry(assigned.instance).or_default();
                slot.is_under_way = false;
                match started {
                    Ok(copy) => (slot.running, slot.refused) = (Some(copy), None),
                    Err(error) => slot.refused = Some(error.to_string()),
                }
            });
            return;
        };
        if running.service() != assigned.service || running.node() != node {
            drop(copies);
            return self.end(&assigned.instance);
        }
        let announced = if slot.epoch < assigned.epoch { running.announce(assigned.epoch) } else { Ok(()) };
        let limits = Limits::new(assigned.limits.cpu_milli.max(LEAST_CPU_MILLI), 0);
        let set = announced.and_then(|()| {
            slot.epoch = slot.epoch.max(assigned.epoch);
            if running.limits()? == limits { Ok(()) } else { running.set_limits(&limits) }
        });
        slot.refused = set.err().map(|error| error.to_string());
    }

    fn start(&self, node: &NodeId, assigned: &Assigned) -> Result<Arc<Running>, DriverError> {
        let Assigned { instance, epoch, service: name, definition, limits } = assigned;
        let unavailable = |reason| DriverError::CommandUnavailable { name: name.clone(), reason };
        let service = find_service(&self.definitions, name).map_err(unavailable)?;
        if service.fingerprint() != *definition {
            let file = self.definitions.join(format!("{name}.toml"));
            let reason = format!("{} differs from the server's {name}.toml; make both equal", file.display());
            return Err(unavailable(reason));
        }
        let started = self.here.start(&CopyRequest { instance, node, epoch: *epoch, service: &service, limits })?;
        let copy = Arc::new(Running::new(started));
        ready::watch(&copy, &service.ready, |_| ());
        Ok(copy)
    }

    /// Ends a copy beside the caller; it is told until it has ended.
    fn end(self: &Arc<Self>, instance: &InstanceId) {
        let mut copies = lock(&self.copies);
        let Some(slot) = copies.get_mut(instance).filter(|slot| !slot.is_under_way) else { return };
        let Some(running) = slot.running.clone() else {
            copies.remove(instance);
            return;
        };
        slot.is_under_way = true;
        let (hosted, instance) = (Arc::clone(self), instance.clone());
        std::thread::spawn(move || {
            let service = find_service(&hosted.definitions, running.service());
            let patience = |service: Service| Duration::from_secs(service.stop_seconds);
            let ended = running.end(service.map_or(USUAL_PATIENCE, patience));
            let mut copies = lock(&hosted.copies);
            match ended {
                Ok(()) => drop(copies.remove(&instance)),
                Err(error) => {
                    if let Some(slot) = copies.get_mut(&instance) {
                        (slot.is_under_way, slot.refused) = (false, Some(error.to_string()));
                    }
                }
            }
        });
    }

    /// What is told of each copy; also of one that is about to start or end.
    pub fn reports(&self) -> Vec<HostedReport> {
        lock(&self.copies).iter().map(|(instance, slot)| self.told(instance, slot)).collect()
    }

    fn told(&self, instance: &InstanceId, slot: &Slot) -> HostedReport {
        let epoch = slot.epoch;
        let none = Report { epoch, cpu_milli: 0, cpu_micros: None, throttled_micros: 0, mem_kib: 0, ended: None };
        let (instance, refused) = (instance.clone(), slot.refused.clone());
        let Some(copy) = &slot.running else { return HostedReport { instance, port: None, report: none, refused } };
        let mut report = copy.report(epoch).map_or(none, |(report, _)| report);
        let at = copy.address();
        let is_elsewhere = |at: &SocketAddr| at.ip() != self.address();
        if let Some(at) = at.filter(|at| is_elsewhere(at) && report.ended.is_none()) {
            let own = self.address();
            report.ended = Some(format!("it listens at {at}, and its agent has --address {own} now: restart it"));
        }
        let port = at.filter(|_| copy.readiness() == Readiness::Passed).map(|at| at.port());
        HostedReport { instance, port, report, refused }
    }
}
