//! The driver's operations. Each step is answered once: a repeated one gets the first answer.

use std::fmt::Debug;

use headroom_front::{Front, Level, Outcome, Watched};
use headroom_market::units::Resource;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::moves::micros_since;
use super::place::{Readiness, Running};
use super::workload::Workload;
use super::{NAME, Services, lock, ready};
use crate::driver::*;
use crate::linux::LEAST_CPU_MILLI;

impl Services {
    /// Answers a step with its first answer, or takes it. The steps of a workload wait for each other.
    fn step<A: Serialize + DeserializeOwned>(
        &self,
        key: &OpKey,
        operation: &'static str,
        (instance, request): (&InstanceId, &impl Debug),
        call: impl FnOnce(&Workload) -> Result<A, DriverError>,
    ) -> Result<A, DriverError> {
        let request = format!("{:?}", (instance, request));
        if let Some(answer) = self.answers.find(key, operation, &request)? {
            return Ok(answer);
        }
        let workload = self.workload(instance)?;
        let _steering = lock(&workload.steering);
        // Another caller may have taken it meanwhile.
        if let Some(answer) = self.answers.find(key, operation, &request)? {
            return Ok(answer);
        }
        let answer = call(&workload)?;
        self.answers.keep(key, operation, request, &answer);
        Ok(answer)
    }
}

impl Driver for Services {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        let unavailable = self.here.unavailable().filter(|_| self.others.is_none());
        let or_unavailable = |support: Support| match &unavailable {
            None => support,
            Some(reason) => Support::Unsupported(reason.clone()),
        };
        let can = or_unavailable(Support::Native);
        let emulated = or_unavailable(Support::Emulated("a service keeps its state elsewhere".to_owned()));
        let lacks = |reason: &str| Support::Unsupported(reason.to_owned());
        let no_state = "a service shows nobody its state";
        let no_memory = "memory of services is measured, not limited";
        Capabilities {
            driver: NAME.to_owned(),
            enforces: [Resource::CpuMilli].into(),
            operations: [
                (Operation::Start, can.clone()),
                (Operation::Observe, can.clone()),
                (Operation::ResizeCpu, can.clone()),
                (Operation::Shadow, can.clone()),
                (Operation::Fence, can),
                (Operation::SnapshotFull, emulated.clone()),
                (Operation::SnapshotDifferential, emulated.clone()),
                (Operation::Transfer, emulated),
                (Operation::Adopt, lacks("a service that runs already is adopted as a process")),
                (Operation::ResizeMemoryUp, lacks(no_memory)),
                (Operation::ResizeMemoryDown, lacks(no_memory)),
                (Operation::Checkpoint, lacks(no_state)),
                (Operation::Drill, lacks(no_state)),
                (Operation::Suspend, lacks(no_state)),
            ]
            .into(),
        }
    }

    /// No answer is kept: a copy under this epoch is the answer, and a workload that has stopped since starts anew.
    fn start(&self, _: &OpKey, request: &StartRequest) -> Result<Started, DriverError> {
        let _changing = lock(&self.changing);
        self.do_start(request)
    }

    fn stop(&self, key: &OpKey, instance: &InstanceId, epoch: u64) -> Result<Stopped, DriverError> {
        let _changing = lock(&self.changing);
        let request = format!("{:?}", (instance, epoch));
        // A workload that has started again is not stopped by an earlier answer.
        if !self.has(instance)
            && let Some(answer) = self.answers.find(key, "stop", &request)?
        {
            return Ok(answer);
        }
        let answer = self.do_stop(instance, epoch)?;
        self.answers.keep(key, "stop", request, &answer);
        Ok(answer)
    }

    fn observe(&self, instance: &InstanceId, _: Detail) -> Result<Vec<Observation>, DriverError> {
        self.workload(instance)?.observe()
    }

    fn resize(&self, key: &OpKey, instance: &InstanceId, epoch: u64, limits: &Limits) -> Result<Resized, DriverError> {
        self.step(key, "resize", (instance, &(epoch, limits)), |workload| {
            let started = std::time::Instant::now();
            let active = workload.at_epoch(epoch)?.active.clone();
            let before = active.limits()?;
            active.set_limits(limits)?;
            let actual = active.limits()?;
            Ok(Resized { before, actual, suspended_kib: None, work_micros: micros_since(started) })
        })
    }

    fn snapshot(
        &self,
        key: &OpKey,
        instance: &InstanceId,
        epoch: u64,
        base: Option<&SnapshotId>,
    ) -> Result<SnapshotInfo, DriverError> {
        self.step(key, "snapshot", (instance, &(epoch, base)), |workload| {
            let state = workload.at_epoch(epoch)?;
            Ok(SnapshotInfo {
                id: SnapshotId(format!("{}/{}", key.swap, key.step)),
                base: base.cloned(),
                node: state.active.node().clone(),
                position: state.front.as_ref().map_or(0, |front| front.counts().requests),
                state_hash: String::new(),
                memory_bytes: 0,
                payload_bytes: 0,
                work_micros: 0,
            })
        })
    }

    fn transfer(
        &self,
        key: &OpKey,
        instance: &InstanceId,
        epoch: u64,
        snapshot: &SnapshotId,
        to: &NodeId,
    ) -> Result<Transferred, DriverError> {
        self.step(key, "transfer", (instance, &(epoch, snapshot, to)), |workload| {
            drop(workload.at_epoch(epoch)?);
            let (snapshot, to) = (snapshot.clone(), to.clone());
            Ok(Transferred { snapshot, to, chunks: 0, raw_bytes: 0, sent_bytes: 0, work_micros: 0 })
        })
    }

    fn start_shadow(&self, key: &OpKey, request: &ShadowRequest) -> Result<ShadowStarted, DriverError> {
        self.step(key, "start_shadow", (&request.instance, request), |workload| self.do_start_shadow(workload, request))
    }

    fn shadow_report(&self, instance: &InstanceId) -> Result<ShadowReport, DriverError> {
        let workload = self.workload(instance)?;
        let _steering = lock(&workload.steering);
        self.do_shadow_report(&workload)
    }

    fn drop_shadow(&self, key: &OpKey, instance: &InstanceId) -> Result<(), DriverError> {
        self.step(key, "drop_shadow", (instance, &()), |workload| {
            if workload.state().fenced.is_some() {
                return Err(workload.wrong("drop_shadow", "a move before its fence", "fenced"));
            }
            self.do_drop_shadow(workload)
        })
    }

    fn fence(&self, key: &OpKey, instance: &InstanceId, epoch: u64, new_epoch: u64) -> Result<Fenced, DriverError> {
        self.step(key, "fence", (instance, &(epoch, new_epoch)), |workload| self.do_fence(workload, epoch, new_epoch))
    }

    fn activate(&self, key: &OpKey, request: &ActivateRequest) -> Result<Activated, DriverError> {
        self.step(key, "activate", (&request.instance, request), |workload| self.do_activate(workload, request))
    }

    fn verify(&self, request: &VerifyRequest) -> Result<Verification, DriverError> {
        let workload = self.workload(&request.instance)?;
        let (active, moved) = {
            let state = workload.at_epoch(request.epoch)?;
            (state.active.clone(), state.source.as_ref().and(state.front.clone()))
        };
        let check = |name: &str, passed: bool, seen: String| Check { name: name.to_owned(), passed, seen };
        let fault = active.fault();
        let level = match moved {
            Some(front) => {
                let (instance, node) = (workload.instance.clone(), active.node().clone());
                let worse = |told| DriverError::ServiceLevelWorse { instance, node, told };
                if let Some(fault) = fault {
                    return Err(worse(fault));
                }
                let (passed, seen) = watched(&front, &workload, &active, request.watched_micros).map_err(worse)?;
                check(Check::SERVICE_LEVEL, passed, seen)
            }
            // How it answers under other limits is its owner's business.
            None => check("runs", fault.is_none(), fault.unwrap_or_else(|| active.identity())),
        };
        let in_force = active.limits()?.cpu_milli;
        let wanted = request.limits.cpu_milli.max(LEAST_CPU_MILLI);
        let checks = vec![
            check("limits", in_force == wanted, format!("{in_force} thousandths of a core in the kernel")),
            check("node", *active.node() == request.node, active.node().to_string()),
            level,
        ];
        Ok(Verification { passed: checks.iter().all(|check| check.passed), checks })
    }

    fn release(&self, key: &OpKey, instance: &InstanceId, epoch: u64) -> Result<Released, DriverError> {
        self.step(key, "release", (instance, &epoch), |workload| self.do_release(workload, epoch))
    }

    fn rollback(&self, key: &OpKey, instance: &InstanceId, new_epoch: u64) -> Result<RolledBack, DriverError> {
        self.step(key, "rollback", (instance, &new_epoch), |workload| self.do_rollback(workload, new_epoch))
    }
}

/// Whether it answers as before, with the counts of both; an error says what is worse.
fn watched(front: &Front, workload: &Workload, active: &Running, micros: u64) -> Result<(bool, String), String> {
    let rules = &workload.service.watch;
    let watched = front.watched(rules, micros >= rules.seconds.saturating_mul(1_000_000));
    let seen = told(&watched);
    match watched.outcome {
        Outcome::Worse(reasons) => Err(format!("{}; {seen}", reasons.join("; "))),
        Outcome::Undecided => Ok((false, seen)),
        Outcome::Passed if watched.after.requests > 0 => Ok((true, seen)),
        // Nobody calls it: the driver asks for the path of its definition.
        Outcome::Passed => {
            let (passed, answer) = asked(workload, active);
            Ok((passed, format!("{seen}; {answer}")))
        }
    }
}

/// Numbers for people.
fn told(Watched { before, after, .. }: &Watched) -> String {
    let level = |Level { requests, errors, p95_micros }: &Level| {
        format!("{requests} requests, {errors} failed, 95th percentile {p95_micros} µs")
    };
    format!("since the switch {}; before {}", level(after), level(before))
}

fn asked(workload: &Workload, active: &Running) -> (bool, String) {
    if active.readiness() != Readiness::Passed {
        return (false, "not ready yet".to_owned());
    }
    let Some(address) = active.address() else { return (false, "its address is not known".to_owned()) };
    match ready::ask(address, &workload.service.ready.path) {
        Ok(()) => (true, format!("{} is answered", workload.service.ready.path)),
        Err(why) => (false, why),
    }
}
