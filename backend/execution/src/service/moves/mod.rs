//! The steps of a move: a copy on the target, the shadow run, the fence, the switch, and both ends.
//!
//! The source runs on until `release`, so that the way back is a switch of the front. Each step is called with the
//! workload's steering lock held, and leaves all as it was if it fails.

mod compared;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::place::{CopyRequest, Readiness, Running};
use super::workload::Workload;
use super::{Services, ready};
use crate::driver::*;
use compared::comparison;

/// How long requests in flight may take to end behind the fence. Those that wait are answered 503 after ten seconds.
const QUIET_WITHIN: Duration = Duration::from_secs(5);

pub(super) fn micros_since(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX)
}

impl Services {
    pub(super) fn do_start_shadow(
        &self,
        workload: &Workload,
        request: &ShadowRequest,
    ) -> Result<ShadowStarted, DriverError> {
        let front = {
            let state = workload.at_epoch(request.epoch)?;
            let runs = state.shadow.as_ref().is_some_and(|copy| !copy.is_given_up() && copy.fault().is_none());
            if runs || state.fenced.is_some() {
                return Err(workload.wrong("start_shadow", "an active copy without a move", "being moved"));
            }
            if *state.active.node() == request.node {
                return Err(workload.wrong("start_shadow", "a target other than its own node", "on that node"));
            }
            workload_front(workload, state.front.clone())?
        };
        self.do_drop_shadow(workload)?;
        let copy = self.place(&request.node).start(&CopyRequest {
            instance: &workload.instance,
            node: &request.node,
            epoch: request.epoch,
            service: &workload.service,
            limits: &request.limits,
        })?;
        let copy = Arc::new(Running::new(copy));
        ready::watch(&copy, &workload.service.ready, |_| ());
        let position = front.counts().requests;
        let mut state = workload.state();
        state.see(&copy, 0);
        state.shadow = Some(copy);
        Ok(ShadowStarted { node: request.node.clone(), from_position: position, compared_from: position })
    }

    /// Once the copy is ready the front sends requests to it; until then nothing is compared.
    pub(super) fn do_shadow_report(&self, workload: &Workload) -> Result<ShadowReport, DriverError> {
        let (front, shadow) = (workload.front()?, workload.state().shadow.clone());
        let Some(copy) = shadow else {
            return Err(workload.wrong("shadow_report", "a shadow run", "without one"));
        };
        let rules = &workload.service.shadow;
        let aborted = copy.fault();
        let unreachable = match copy.readiness() {
            Readiness::Unreachable(why) => Some(why),
            _ => copy.hindrance(),
        };
        if let (None, Some(told)) = (&aborted, unreachable) {
            return Err(DriverError::HostUnreachable { node: copy.node().clone(), told });
        }
        let ready_at = copy.address().filter(|_| copy.readiness() == Readiness::Passed);
        if let Some(address) = ready_at.filter(|address| aborted.is_none() && front.active() != *address) {
            let begun = front.start_shadow(address, rules.clone());
            begun.map_err(|error| workload.guest_failed(error.to_string()))?;
        }
        let report = front.report().filter(|report| Some(report.copy) == ready_at);
        Ok(ShadowReport {
            instance: workload.instance.clone(),
            node: copy.node().clone(),
            live_position: report.as_ref().map_or(0, |report| report.requests),
            shadow_position: report.as_ref().map_or(0, |report| report.compared),
            comparison: report.map(|report| comparison(&report, rules)).unwrap_or_default(),
            aborted,
        })
    }

    pub(super) fn do_drop_shadow(&self, workload: &Workload) -> Result<(), DriverError> {
        let (front, shadow) = {
            let state = workload.state();
            (state.front.clone(), state.shadow.clone())
        };
        if let Some(front) = front {
            front.drop_shadow();
        }
        let Some(copy) = shadow else { return Ok(()) };
        // It is forgotten once it has ended, and not before.
        copy.end(workload.patience())?;
        workload.state().shadow = None;
        Ok(())
    }

    /// New requests wait in the front; those in flight end at the source. From here on `new_epoch` alone may act.
    pub(super) fn do_fence(&self, workload: &Workload, epoch: u64, new_epoch: u64) -> Result<Fenced, DriverError> {
        let (front, copies) = {
            let state = workload.at_epoch(epoch)?;
            if state.fenced.is_some() {
                return Err(workload.wrong("fence", "an active copy whose last move was released", "being moved"));
            }
            if !state.is_ready() {
                return Err(workload.wrong("fence", "an active copy that answers", "not ready yet"));
            }
            (state.front.clone(), state.copies())
        };
        let front = workload_front(workload, front)?;
        newer(workload, epoch, new_epoch)?;
        // On disk first, while nobody waits for it.
        copies.iter().try_for_each(|copy| copy.announce(new_epoch))?;
        let since = Instant::now();
        let reached = front.fence(QUIET_WITHIN);
        let mut state = workload.state();
        let node = state.active.node().clone();
        if reached.in_flight > 0 {
            front.resume();
            let told = format!("{} requests in flight have not ended", reached.in_flight);
            return Err(DriverError::Unanswered { node, told });
        }
        state.epoch = new_epoch;
        state.fenced = Some(since);
        Ok(Fenced { node, epoch: new_epoch, position: front.counts().requests, state_hash: String::new() })
    }

    /// Requests go to the copy on the target from now on.
    pub(super) fn do_activate(&self, workload: &Workload, request: &ActivateRequest) -> Result<Activated, DriverError> {
        let started = Instant::now();
        let mut state = workload.at_epoch(request.epoch)?;
        let front = workload_front(workload, state.front.clone())?;
        let Some(since) = state.fenced.filter(|_| state.source.is_none()) else {
            return Err(workload.wrong("activate", "a fenced source", "not fenced"));
        };
        let Some(copy) = state.shadow.clone().filter(|copy| *copy.node() == request.node) else {
            return Err(workload.wrong("activate", "a copy on the target", "without one"));
        };
        // A cold copy would let clients wait for its start: the source goes on instead.
        if let Some(fault) = copy.fault() {
            return Err(workload.guest_failed(fault));
        }
        if copy.readiness() != Readiness::Passed {
            return Err(workload.guest_failed("the copy on the target is not ready"));
        }
        let address = reached(workload, &copy)?;
        copy.set_limits(&request.limits)?;
        let limits = copy.limits()?;
        front.switch(address);
        let counts = front.counts();
        state.shadow = None;
        state.source = Some(std::mem::replace(&mut state.active, copy));
        Ok(Activated {
            node: request.node.clone(),
            epoch: request.epoch,
            position: counts.requests,
            state_hash: String::new(),
            limits,
            warm: true,
            pause_micros: micros_since(since),
            work_micros: micros_since(started),
        })
    }

    /// Ends the source. No way back after this.
    pub(super) fn do_release(&self, workload: &Workload, epoch: u64) -> Result<Released, DriverError> {
        let (front, source) = {
            let state = workload.at_epoch(epoch)?;
            if state.is_held() {
                return Err(workload.wrong("release", "an activated target", "fenced"));
            }
            (workload_front(workload, state.front.clone())?, state.source.clone())
        };
        front.drop_shadow();
        let Some(source) = source else {
            return Ok(Released { node: None, freed: Limits::default() });
        };
        let freed = source.limits().unwrap_or_default();
        source.end(workload.patience())?;
        let mut state = workload.state();
        state.source = None;
        state.fenced = None;
        Ok(Released { node: Some(source.node().clone()), freed })
    }

    /// Requests go to the source again, under a newer epoch; the copy on the target ends. A move that has not come to its
    /// fence ends in the same way.
    pub(super) fn do_rollback(&self, workload: &Workload, new_epoch: u64) -> Result<RolledBack, DriverError> {
        let (front, target, source, since) = {
            let state = workload.state();
            let front = workload_front(workload, state.front.clone())?;
            newer(workload, state.epoch, new_epoch)?;
            let (target, source) = match &state.source {
                Some(source) => (Some(state.active.clone()), source.clone()),
                None => (state.shadow.clone(), state.active.clone()),
            };
            if target.is_none() && state.fenced.is_none() {
                return Err(workload.wrong("rollback", "a move under way", "not being moved"));
            }
            (front, target, source, state.fenced)
        };
        source.announce(new_epoch)?;
        let pause = since.unwrap_or_else(Instant::now);
        let to = reached(workload, &source)?;
        if front.active() != to {
            // The target answers its requests in flight before it ends.
            front.fence(QUIET_WITHIN);
        }
        if since.is_some() {
            front.switch(to);
        }
        front.drop_shadow();
        {
            let mut state = workload.state();
            state.active = source.clone();
            (state.shadow, state.source, state.fenced) = (target, None, None);
            state.epoch = new_epoch;
        }
        // The source goes on in any case: a target that does not end yet is ended with the next move, or the stop.
        let _ = self.do_drop_shadow(workload);
        Ok(RolledBack {
            node: source.node().clone(),
            epoch: new_epoch,
            position: front.counts().requests,
            state_hash: String::new(),
            pause_micros: since.map_or(0, |_| micros_since(pause)),
        })
    }
}

fn workload_front<T>(workload: &Workload, front: Option<T>) -> Result<T, DriverError> {
    front.ok_or_else(|| DriverError::UnknownInstance(workload.instance.clone()))
}

/// Where the front reaches a copy.
fn reached(workload: &Workload, copy: &Running) -> Result<SocketAddr, DriverError> {
    copy.address().ok_or_else(|| workload.guest_failed("its address is not known"))
}

fn newer(workload: &Workload, seen: u64, given: u64) -> Result<(), DriverError> {
    if given > seen {
        return Ok(());
    }
    Err(DriverError::EpochNotNewer { instance: workload.instance.clone(), given, seen })
}
