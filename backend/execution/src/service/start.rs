//! Starting a workload, taking on its copy of an earlier life, and stopping it.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use headroom_front::Front;

use super::definition::{Service, find_service};
use super::place::{CopyRequest, Running};
use super::workload::Workload;
use super::{Services, lock};
use crate::driver::*;

/// How long an address may still be held by a front that has just closed.
const ADDRESS_TIME: Duration = Duration::from_secs(2);
const TRY_AGAIN: Duration = Duration::from_millis(20);
/// How long a copy of an earlier life may take to end whose definition is gone.
const USUAL_PATIENCE: Duration = Duration::from_secs(10);
/// Where no copy is: nothing is sent there, as the fence opens with the first address.
const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

impl Services {
    /// Starts a workload, or takes on the copy that runs on that node already; its other copies end.
    pub(super) fn do_start(&self, request: &StartRequest) -> Result<Started, DriverError> {
        let StartRequest { instance, node, epoch, program: Program(name), limits, .. } = request;
        let unavailable = |reason: String| DriverError::CommandUnavailable { name: name.clone(), reason };
        let service = find_service(&self.definitions, name).map_err(unavailable)?;
        if let Ok(known) = self.workload(instance) {
            let (seen, active) = {
                let state = known.state();
                (state.epoch, state.active.clone())
            };
            if seen == *epoch && active.node() == node && known.service.name == *name {
                return Ok(Started { node: node.clone(), epoch: seen, position: 0, limits: active.limits()? });
            }
            if *epoch <= seen {
                let (instance, node) = (instance.clone(), active.node().clone());
                return Err(DriverError::StaleEpoch { instance, node, given: *epoch, seen });
            }
            self.let_go(&known);
        }
        for (node, seen) in self.found_epochs(instance) {
            stale(instance, &node, *epoch, seen)?;
        }
        let front = open(&service).map_err(unavailable)?;
        let taken = self.take_found(instance, node, name)?;
        let copy = match taken {
            None => {
                let wanted = CopyRequest { instance, node, epoch: *epoch, service: &service, limits };
                Running::new(self.place(node).resume(&wanted)?)
            }
            Some(copy) => match copy.set_limits(limits).and_then(|()| copy.announce(*epoch)) {
                Ok(()) => copy,
                Err(error) => {
                    lock(&self.found).entry(instance.clone()).or_default().push(copy);
                    return Err(error);
                }
            },
        };
        // One of another host has its limit from its start on; its agent tells it later.
        let limits = copy.limits().unwrap_or_else(|_| limits.clone());
        let workload = Workload::new(instance.clone(), service, *epoch, front, Arc::new(copy));
        lock(&self.workloads).insert(instance.clone(), workload);
        Ok(Started { node: node.clone(), epoch: *epoch, position: 0, limits })
    }

    /// The copy of an earlier life on a node, if it runs; all others of the workload end.
    fn take_found(&self, instance: &InstanceId, node: &NodeId, service: &str) -> Result<Option<Running>, DriverError> {
        let fits = |copy: &Running| copy.node() == node && copy.service() == service && copy.ended().is_none();
        let taken = {
            let mut found = lock(&self.found);
            let copies = found.entry(instance.clone()).or_default();
            copies.iter().position(fits).map(|at| copies.swap_remove(at))
        };
        match (self.end_found(instance), taken) {
            (Ok(()), taken) => Ok(taken),
            (Err(error), taken) => {
                lock(&self.found).entry(instance.clone()).or_default().extend(taken);
                Err(error)
            }
        }
    }

    /// Ends the copies of an earlier life; one that does not end is kept.
    pub(super) fn end_found(&self, instance: &InstanceId) -> Result<(), DriverError> {
        loop {
            let last = lock(&self.found).get_mut(instance).and_then(Vec::pop);
            let Some(copy) = last else { break };
            let service = find_service(&self.definitions, copy.service());
            let patience = service.map_or(USUAL_PATIENCE, |service| Duration::from_secs(service.stop_seconds));
            if let Err(error) = copy.end(patience) {
                lock(&self.found).entry(instance.clone()).or_default().push(copy);
                return Err(error);
            }
        }
        lock(&self.found).remove(instance);
        Ok(())
    }

    /// Closes the front of a workload; its copies are as those of an earlier life from here on.
    fn let_go(&self, workload: &Workload) -> u64 {
        let _steering = lock(&workload.steering);
        let (front, copies) = {
            let mut state = workload.state();
            (state.front.take(), state.copies())
        };
        let position = front.as_ref().map_or(0, |front| front.counts().requests);
        match front.map(Arc::try_unwrap) {
            Some(Ok(front)) => drop(front.stop(workload.patience())),
            // Somebody reads its counts: it stops when they have.
            Some(Err(front)) => drop(front),
            None => {}
        }
        let mut found = lock(&self.found);
        let kept = found.entry(workload.instance.clone()).or_default();
        kept.extend(copies.iter().map(|copy| copy.handed_on()));
        drop(found);
        lock(&self.workloads).remove(&workload.instance);
        position
    }

    /// Closes the front, and ends all copies.
    pub(super) fn do_stop(&self, instance: &InstanceId, epoch: u64) -> Result<Stopped, DriverError> {
        let position = match self.workload(instance) {
            Ok(workload) => {
                drop(workload.at_epoch(epoch)?);
                self.let_go(&workload)
            }
            Err(unknown) => {
                let found = self.found_epochs(instance);
                if found.is_empty() {
                    return Err(unknown);
                }
                found.iter().try_for_each(|(node, seen)| stale(instance, node, epoch, *seen))?;
                0
            }
        };
        self.end_found(instance)?;
        Ok(Stopped { position, state_hash: String::new() })
    }
}

fn stale(instance: &InstanceId, node: &NodeId, given: u64, seen: u64) -> Result<(), DriverError> {
    if given >= seen {
        return Ok(());
    }
    Err(DriverError::StaleEpoch { instance: instance.clone(), node: node.clone(), given, seen })
}

/// Opens the front of a service. Requests wait in it until the copy is ready; before that its address may not be known.
fn open(service: &Service) -> Result<Front, String> {
    let listen: SocketAddr = service.listen;
    let until = Instant::now() + ADDRESS_TIME;
    loop {
        match Front::start(listen, NOWHERE) {
            Ok(front) => {
                front.fence(Duration::ZERO);
                return Ok(front);
            }
            Err(error) if error.kind() == ErrorKind::AddrInUse && Instant::now() < until => {
                std::thread::sleep(TRY_AGAIN);
            }
            Err(error) => return Err(format!("its front cannot listen at {listen}: {error}")),
        }
    }
}
