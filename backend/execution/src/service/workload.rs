//! One workload that is a service: its front and its copies.
//!
//! Steps of a move wait for each other (`steering`); readers wait for none of them (`state`).

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use headroom_front::Front;

use super::definition::Service;
use super::place::{Readiness, Running, Usage};
use super::{lock, ready};
use crate::driver::{DriverError, InstanceId, NodeId, Observation, Role};

/// A workload that was started or taken on in this life of the exchange.
pub(super) struct Workload {
    pub instance: InstanceId,
    pub service: Service,
    pub steering: Mutex<()>,
    state: Mutex<State>,
}

pub(super) struct State {
    pub epoch: u64,
    /// Nothing once the workload is stopped.
    pub front: Option<Arc<Front>>,
    /// Requests go to it.
    pub active: Arc<Running>,
    /// Before the activation: the copy on the target.
    pub shadow: Option<Arc<Running>>,
    /// After the activation: the copy that was fenced.
    pub source: Option<Arc<Running>>,
    /// From the fence to the release or the way back: when it began.
    pub fenced: Option<Instant>,
    seen: BTreeMap<NodeId, Seen>,
}

/// Time and counts of a copy's last observation.
#[derive(Clone, Copy)]
struct Seen {
    at: Instant,
    cpu_micros: u64,
    throttled_micros: u64,
    requests: u64,
}

impl Workload {
    pub fn new(instance: InstanceId, service: Service, epoch: u64, front: Front, active: Arc<Running>) -> Arc<Self> {
        let mut state = State {
            epoch,
            front: Some(Arc::new(front)),
            active,
            shadow: None,
            source: None,
            fenced: None,
            seen: BTreeMap::new(),
        };
        state.see(&state.active.clone(), 0);
        let workload = Self { instance, service, steering: Mutex::default(), state: Mutex::new(state) };
        let workload = Arc::new(workload);
        workload.open_when_ready();
        workload
    }

    /// Requests wait in the front until the copy answers.
    fn open_when_ready(self: &Arc<Self>) {
        let (workload, active) = (Arc::downgrade(self), self.state().active.clone());
        ready::watch(&active, &self.service.ready, move |address| {
            if let Some(front) = workload.upgrade().and_then(|workload| workload.state().front.clone()) {
                front.switch(address);
            }
        });
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// The state, if `epoch` is the one in force.
    pub fn at_epoch(&self, epoch: u64) -> Result<MutexGuard<'_, State>, DriverError> {
        let state = self.state();
        if state.front.is_none() {
            return Err(DriverError::UnknownInstance(self.instance.clone()));
        }
        let (instance, node, seen) = (self.instance.clone(), state.active.node().clone(), state.epoch);
        match epoch.cmp(&seen) {
            Ordering::Equal => Ok(state),
            Ordering::Less => Err(DriverError::StaleEpoch { instance, node, given: epoch, seen }),
            Ordering::Greater => Err(DriverError::EpochAhead { instance, node, given: epoch, seen }),
        }
    }

    pub fn front(&self) -> Result<Arc<Front>, DriverError> {
        self.state().front.clone().ok_or_else(|| DriverError::UnknownInstance(self.instance.clone()))
    }

    /// How long a copy may take to end by itself.
    pub fn patience(&self) -> Duration {
        Duration::from_secs(self.service.stop_seconds)
    }

    pub fn wrong(&self, operation: &'static str, needed: &'static str, state: &'static str) -> DriverError {
        DriverError::WrongState { instance: self.instance.clone(), operation, needed, state }
    }

    pub fn guest_failed(&self, reason: impl Into<String>) -> DriverError {
        DriverError::Guest { instance: self.instance.clone(), reason: reason.into() }
    }

    /// All copies, as measured since the last time.
    pub fn observe(&self) -> Result<Vec<Observation>, DriverError> {
        let mut state = self.state();
        let front = state.front.clone().ok_or_else(|| DriverError::UnknownInstance(self.instance.clone()))?;
        let requests = front.counts().requests;
        let compared = front.report().map_or(0, |report| report.compared);
        let active_role = if state.is_held() { Role::Fenced } else { Role::Active };
        let mut copies = vec![(state.active.clone(), active_role, requests)];
        copies.extend(state.source.clone().map(|copy| (copy, Role::Fenced, requests)));
        copies.extend(state.shadow.clone().map(|copy| (copy, Role::Shadow, compared)));
        let mut observed = Vec::new();
        for (copy, role, position) in copies {
            let (report, at) = match copy.report(state.epoch) {
                Ok(reported) => reported,
                // What its host tells of another copy says enough of that one.
                Err(_) if role != active_role => continue,
                Err(error) => return Err(error),
            };
            let cpu_micros = report.cpu_micros.unwrap_or(0);
            let seen = Seen { at, cpu_micros, throttled_micros: report.throttled_micros, requests: position };
            // What was counted before this life of the exchange is no use of its own time.
            let before = state.seen.insert(copy.node().clone(), seen).unwrap_or(seen);
            let window = at.saturating_duration_since(before.at);
            let counts = (before.cpu_micros, before.throttled_micros);
            let observation = report.observation(&self.instance, copy.node(), counts, window);
            let outputs = position.saturating_sub(before.requests);
            observed.push(Observation { role, position, outputs, ..observation });
        }
        Ok(observed)
    }
}

impl Drop for Workload {
    fn drop(&mut self) {
        self.state().copies().iter().for_each(|copy| copy.give_up());
    }
}

impl State {
    /// Whether requests wait behind the fence of a move.
    pub fn is_held(&self) -> bool {
        self.fenced.is_some() && self.source.is_none()
    }

    pub fn is_ready(&self) -> bool {
        self.active.readiness() == Readiness::Passed
    }

    /// The active one first.
    pub fn copies(&self) -> Vec<Arc<Running>> {
        [Some(&self.active), self.shadow.as_ref(), self.source.as_ref()].into_iter().flatten().cloned().collect()
    }

    /// Its next observation covers the time from now on, or from the first count of it.
    pub fn see(&mut self, copy: &Running, requests: u64) {
        match copy.usage() {
            Ok(Usage { at, cpu_micros, throttled_micros, .. }) => {
                let seen = Seen { at, cpu_micros, throttled_micros, requests };
                self.seen.insert(copy.node().clone(), seen);
            }
            Err(_) => {
                self.seen.remove(copy.node());
            }
        }
    }
}
