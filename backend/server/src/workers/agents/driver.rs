//! Moves and resizes on hosts with agents: what is wanted goes into a host's list, and its agent tells what is in force.
use crate::workers::agents::{Agents, Wanted, WorkloadReport};
use headroom_execution::linux::LEAST_CPU_MILLI;
use headroom_execution::{
    AdoptRequest, Capabilities, Check, Detail, Driver, DriverError, InstanceId, Limits, NodeId, Observation, OpKey,
    Operation, Report, Resized, Started, Stopped, Support, Verification, VerifyRequest, steps_end_window,
};
use headroom_market::units::Resource;
use headroom_market::workload::Adopted;
use std::time::{Duration, Instant};

impl Agents {
    /// The nearest limit that can be in force.
    fn settable(&self, instance: &InstanceId, limits: &Limits) -> u64 {
        let hosts = self.hosts();
        let host = hosts.node_of.get(instance).and_then(|node| hosts.of.get(node));
        match host.and_then(|host| host.wanted.get(instance)).map(|wanted| &wanted.adopted) {
            Some(Adopted::SlurmJob(job)) => {
                let of_node = u64::try_from(job.node_cpu_milli).unwrap_or(0);
                limits.cpu_milli - limits.cpu_milli.checked_rem(of_node).unwrap_or(0)
            }
            _ => limits.cpu_milli.max(LEAST_CPU_MILLI),
        }
    }

    fn unanswered(&self, node: NodeId, instance: &InstanceId) -> DriverError {
        let hosts = self.hosts();
        let report = hosts.of.get(&node).and_then(|host| host.report(instance));
        let told = match report {
            None => "it tells nothing of it".to_owned(),
            Some(WorkloadReport { refused: Some(refused), .. }) => refused.clone(),
            Some(report) => format!("{} thousandths of a core are in force", report.cpu_milli),
        };
        DriverError::Unanswered { node, told }
    }
}

impl Driver for Agents {
    fn name(&self) -> &'static str {
        "linux"
    }

    fn capabilities(&self) -> Capabilities {
        let operations =
            [Operation::Observe, Operation::Adopt, Operation::ResizeCpu].map(|operation| (operation, Support::Native));
        Capabilities {
            driver: self.name().to_owned(),
            enforces: [Resource::CpuMilli].into(),
            operations: operations.into(),
        }
    }

    fn adopt(&self, _: &OpKey, request: &AdoptRequest) -> Result<Started, DriverError> {
        let AdoptRequest { instance, node, epoch, adopted, limits } = request;
        {
            let mut hosts = self.hosts();
            hosts.node_of.insert(instance.clone(), node.clone());
            hosts.of.entry(node.clone()).or_default();
        }
        self.change(instance, |host| {
            let wanted = Wanted {
                instance: instance.to_string(),
                epoch: *epoch,
                adopted: adopted.clone(),
                cpu_milli: limits.cpu_milli,
            };
            host.wanted.insert(instance.clone(), wanted);
        })?;
        Ok(Started { node: node.clone(), epoch: *epoch, position: 0, limits: limits.clone() })
    }

    fn stop(&self, _: &OpKey, instance: &InstanceId, epoch: u64) -> Result<Stopped, DriverError> {
        self.check_epoch(instance, epoch)?;
        self.change(instance, |host| {
            host.wanted.remove(instance);
            host.seen.remove(instance);
        })?;
        self.hosts().node_of.remove(instance);
        Ok(Stopped { position: 0, state_hash: String::new() })
    }

    fn observe(&self, instance: &InstanceId, _: Detail) -> Result<Vec<Observation>, DriverError> {
        let mut hosts = self.hosts();
        let unknown = || DriverError::UnknownInstance(instance.clone());
        let node = hosts.node_of.get(instance).cloned().ok_or_else(unknown)?;
        let host = hosts.of.get_mut(&node).ok_or_else(unknown)?;
        let Some(report) = host.report(instance).cloned() else { return Ok(Vec::new()) };
        // The counters are as old as the heartbeat that brought them.
        let at = host.heard.as_ref().map_or_else(Instant::now, |heard| heard.at);
        let (since, before) = host.seen.get(instance).cloned().unwrap_or_else(|| (at, report.clone()));
        let mut window = at.saturating_duration_since(since);
        let has_moved = report.cpu_micros != before.cpu_micros;
        let ends = match host.wanted.get(instance).map(|wanted| &wanted.adopted) {
            Some(Adopted::SlurmJob(_)) => steps_end_window(has_moved, window),
            // The count of a pod moves with each sample: one that stands still means that nobody looked.
            Some(Adopted::Pod(_)) => has_moved && steps_end_window(has_moved, window),
            _ => true,
        };
        // A count that began or went back, as an agent has started again, is no use of 0: it begins the next window.
        let begins = match (before.cpu_micros, report.cpu_micros) {
            (Some(before), Some(now)) => now < before,
            (None, Some(_)) => true,
            (_, None) => false,
        };
        if begins {
            window = Duration::ZERO;
            host.seen.insert(instance.clone(), (at, report.clone()));
        } else if !ends {
            window = Duration::ZERO;
            host.seen.entry(instance.clone()).or_insert_with(|| (at, report.clone()));
        } else {
            host.seen.insert(instance.clone(), (at, report.clone()));
        }
        let before = (before.cpu_micros.or(report.cpu_micros).unwrap_or(0), before.throttled_micros);
        let counted = Report {
            epoch: report.epoch,
            cpu_milli: report.cpu_milli,
            cpu_micros: report.cpu_micros,
            throttled_micros: report.throttled_micros,
            mem_kib: report.mem_kib,
            ended: report.ended,
        };
        Ok(vec![counted.observation(instance, &node, before, window)])
    }

    fn resize(&self, _: &OpKey, instance: &InstanceId, epoch: u64, limits: &Limits) -> Result<Resized, DriverError> {
        let started = Instant::now();
        let node = self.check_epoch(instance, epoch)?;
        let before = self.limits_in_force(instance).unwrap_or_default();
        self.change(instance, |host| {
            if let Some(wanted) = host.wanted.get_mut(instance) {
                wanted.cpu_milli = limits.cpu_milli;
            }
        })?;
        let asked = self.settable(instance, limits);
        let report = self.wait_for(instance, |report| report.cpu_milli == asked && report.ended.is_none());
        let report = report.ok_or_else(|| self.unanswered(node, instance))?;
        let work_micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        Ok(Resized { before, actual: Limits::new(report.cpu_milli, 0), suspended_kib: None, work_micros })
    }

    fn verify(&self, request: &VerifyRequest) -> Result<Verification, DriverError> {
        let node = self.check_epoch(&request.instance, request.epoch)?;
        let wanted = self.settable(&request.instance, &request.limits);
        let report = self.wait_for(&request.instance, |report| report.cpu_milli == wanted);
        let report = report.ok_or_else(|| self.unanswered(node.clone(), &request.instance))?;
        let check = |name: &str, passed: bool, seen: String| Check { name: name.to_owned(), passed, seen };
        let checks = vec![
            check("limits", true, format!("{} thousandths of a core in force", report.cpu_milli)),
            check("node", node == request.node, node.to_string()),
            check("runs", report.ended.is_none(), report.ended.unwrap_or_default()),
        ];
        Ok(Verification { passed: checks.iter().all(|check| check.passed), checks })
    }
}
