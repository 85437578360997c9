//! What is measured: a sample an instance and tick, and what was available for the meter.
use crate::workers::meter::Meter;
use crate::workers::nodes::Nodes;
use crate::workers::wanted::Wanted;
use headroom_market::ids::{InstanceId, NodeId};
use headroom_market::settlement::meter::{EXCHANGE, EXCHANGE_RESOURCE};
use headroom_market::time::{Slot, Timestamp};
use headroom_market::units::{Amounts, Resource, amount};
use headroom_market::workload::InstanceState;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// Time between two ticks.
pub const TICK_SECONDS: i64 = 5;

/// A shorter window says nothing about a rate.
const LEAST_WINDOW_MICROS: u64 = 2_000_000;

/// One measurement of a workload.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Sample {
    pub at: Timestamp,
    pub instance: InstanceId,
    pub node: NodeId,
    /// In force, as the driver says.
    pub limits: Amounts,
    /// Mean CPU and present memory since the last tick.
    pub usage: Amounts,
    /// What the work that arrived needs: CPU a step times inputs that came in, and the memory
    /// that was asked for. Throttling and catching up change the usage, not this.
    pub demand: Amounts,
    /// The demand was at least this high: it met its limit and nothing tells how much more.
    pub censored: Vec<Resource>,
    /// Share of the time with work waiting and no allowance left, in thousandths.
    pub throttled_millis: i64,
    /// Inputs that were due and not yet read.
    pub input_lag: i64,
    pub bytes_in: i64,
    pub bytes_out: i64,
    pub host_calls: i64,
    pub steps: i64,
}

impl Sample {
    /// What it needs so that what arrives is done, and in so many seconds what waits, where it waits for its allowance
    /// (`throttled`); and whether nothing tells how much that is.
    pub fn needed(&self, resource: Resource, demand: i64, throttled: bool, seconds: i64) -> (i64, bool) {
        let backlog = if throttled { self.backlog(resource, seconds) } else { 0 };
        (demand.saturating_add(backlog), throttled && self.steps == 0)
    }

    /// The CPU, in thousandths of a core, that works off the inputs that wait in so many seconds, by what its steps took; 0 of
    /// other resources, and where it did no step, so that nothing tells what one takes.
    fn backlog(&self, resource: Resource, seconds: i64) -> i64 {
        if resource != Resource::CpuMilli || self.steps <= 0 {
            return 0;
        }
        let waiting = i128::from(amount(&self.usage, resource)) * i128::from(self.input_lag) * i128::from(TICK_SECONDS);
        let within = i128::from(self.steps) * i128::from(seconds.max(TICK_SECONDS));
        i64::try_from(waiting / within).unwrap_or(i64::MAX)
    }
}

/// A window may hold one period of the limiter more than its length: up to this part of a node's capacity above it is the
/// meter's own error.
const METER_ERROR_PART: i64 = 10;

/// A measurement that can't be true: it is no sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    pub instance: InstanceId,
    pub resource: Resource,
    pub measured: i64,
    /// All that its node has.
    pub capacity: i64,
}

impl Sample {
    /// What is negative in it, or more than all that its node has. What arrives may be more than that, as it waits then.
    fn fault(&self, capacity: &Amounts) -> Option<Rejected> {
        let of = |resource: &Resource, measured: i64| {
            let (resource, capacity) = (*resource, amount(capacity, *resource));
            Rejected { instance: self.instance, resource, measured, capacity }
        };
        let negative = self.usage.iter().chain(&self.demand).find(|(_, value)| **value < 0);
        let beyond = self.usage.iter().find(|(resource, used)| {
            let has = amount(capacity, **resource);
            **used > has.saturating_add(has / METER_ERROR_PART)
        });
        negative.or(beyond).map(|(resource, measured)| of(resource, *measured))
    }
}

/// What one tick found.
#[derive(Default)]
pub struct Measured {
    pub samples: Vec<Sample>,
    pub rejected: Vec<Rejected>,
    /// Workloads whose program has faulted, and how.
    pub faults: Vec<(InstanceId, String)>,
    /// Workloads that stand still, for what, or run, where the market knows otherwise; with their epoch.
    pub suspensions: Vec<(InstanceId, u64, Option<Amounts>)>,
}

/// Notes the ticks between the last one and this one that were not taken because the exchange stood still, and says so
/// once for all of them.
pub fn miss_all(wanted: &Wanted, last: Timestamp, now: Timestamp, slot_seconds: i64, meter: &mut Meter) {
    let missed: Vec<Timestamp> = missed_ticks(last, now).collect();
    for at in &missed {
        miss(wanted, Slot::containing(*at, slot_seconds), meter);
    }
    if let [from, ..] = missed[..] {
        let ticks = missed.len();
        tracing::warn!(ticks, %from, until = %now, "ticks were not taken in time: the exchange's fault, not its members'");
    }
}

fn miss(wanted: &Wanted, slot: Slot, meter: &mut Meter) {
    if wanted.without_workload.contains(&slot) {
        meter.add_missed(slot, EXCHANGE, EXCHANGE_RESOURCE);
    }
    for instance in &wanted.instances {
        let runs = instance.state == InstanceState::Running;
        let resources = instance.baseline_in(slot).keys().chain(instance.in_force.keys()).copied();
        for resource in resources.collect::<BTreeSet<Resource>>() {
            match runs {
                true => meter.add_missed(slot, instance.id, resource),
                false => meter.add_absent(slot, instance.id, resource),
            }
        }
    }
}

/// Times of the ticks between the last one and this one that nobody took.
fn missed_ticks(last: Timestamp, now: Timestamp) -> impl Iterator<Item = Timestamp> {
    const MOST: i64 = 1_000;
    let tick = TICK_SECONDS * 1_000_000;
    let window = |t: Timestamp| t.micros().div_euclid(tick);
    let (from, to) = (window(last) + 1, window(now));
    (from.max(to - MOST)..to).map(move |w| Timestamp::from_micros(w * tick + tick / 2))
}

/// Measures every workload.
pub fn measure(nodes: &Nodes, wanted: &Wanted, now: Timestamp, slot: Slot, meter: &mut Meter) -> Measured {
    let mut measured = Measured::default();
    if wanted.without_workload.contains(&slot) {
        meter.add(slot, EXCHANGE, EXCHANGE_RESOURCE, 0);
    }
    let capacities: BTreeMap<NodeId, &Amounts> = wanted.nodes.iter().map(|node| (node.id, &node.capacity)).collect();
    for instance in wanted.instances.iter().filter(|i| i.state != InstanceState::Running) {
        for resource in Resource::ALL {
            meter.add_absent(slot, instance.id, resource);
        }
    }
    for instance in wanted.instances.iter().filter(|i| i.state == InstanceState::Running) {
        // A copy of before a restart is not what runs; who restarts is to blame for what it misses.
        let copy = nodes.observe(instance.id);
        let outdated = copy.as_ref().is_some_and(|copy| copy.epoch < instance.epoch);
        let observed = copy.filter(|_| !outdated);
        let restarts = observed.is_none() && (outdated || nodes.is_restarting(instance.id));
        if let Some(fault) = observed.as_ref().and_then(|o| o.fault.clone()) {
            measured.faults.push((instance.id, fault));
        } else if let Some(why) = nodes.unloadable(instance.module).filter(|_| observed.is_none()) {
            measured.faults.push((instance.id, format!("its module cannot be loaded: {why}")));
        }
        if let Some(o) = observed.as_ref().filter(|o| o.epoch == instance.epoch && instance.swap.is_none())
            && o.suspended_kib.is_some() != instance.suspended.is_some()
        {
            let needs = o.suspended_kib.map(|kib| [(Resource::MemMib, nodes.mem_mib_up(kib))].into());
            measured.suspensions.push((instance.id, instance.epoch, needs));
        }
        let baseline = instance.unbought_in(slot);
        let resources: BTreeSet<Resource> = baseline.keys().chain(instance.in_force.keys()).copied().collect();
        for resource in &resources {
            if restarts {
                meter.add_absent(slot, instance.id, *resource);
                continue;
            }
            // Only a limit that the driver reports counts as delivered.
            let limit = observed.as_ref().map_or(0, |o| amount(&nodes.amounts(&o.limits), *resource));
            meter.add(slot, instance.id, *resource, limit - amount(baseline, *resource));
        }
        // Right after a start the window holds one step or none: no rate can be read off it.
        let Some(o) = observed.filter(|o| o.window_micros >= LEAST_WINDOW_MICROS) else { continue };
        let whole = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let window = o.window_micros.max(1);
        let throttled_millis = whole(o.throttled_micros.saturating_mul(1000) / window);
        let cpu = whole(o.cpu_milli);
        let waiting = whole(o.input_lag);
        let waited = meter.waited(instance.id, waiting);
        let arrived = arrived_demand(cpu, whole(o.steps), waiting - waited);
        // An adopted process trades CPU alone: its memory is the host's, and nothing of its node.
        let traded = |amounts: [(Resource, i64); 2]| -> Amounts {
            let is_traded =
                |(resource, _): &(Resource, i64)| !instance.trades_cpu_only() || *resource == Resource::CpuMilli;
            amounts.into_iter().filter(is_traded).collect()
        };
        let mut censored = Vec::new();
        // What one that stands still would use nobody knows.
        if arrived.is_none() && (o.cpu_censored || o.suspended_kib.is_some()) {
            censored.push(Resource::CpuMilli);
        }
        let asked = nodes.mem_mib_up(o.mem_demand_kib.max(o.mem_peak_kib).max(o.suspended_kib.unwrap_or(0)));
        let most = instance.limit.get(&Resource::MemMib).copied().unwrap_or(i64::MAX);
        if o.mem_censored || asked > most {
            censored.push(Resource::MemMib);
        }
        let sample = Sample {
            at: now,
            instance: instance.id,
            node: instance.node,
            limits: nodes.amounts(&o.limits),
            usage: traded([(Resource::CpuMilli, cpu), (Resource::MemMib, nodes.mem_mib_up(o.mem_kib))]),
            demand: traded([
                (Resource::CpuMilli, arrived.unwrap_or(cpu)),
                // One that stands still needs what it held to go on.
                // What a program says that it wants is its own word: no more of it counts than it may ever have, or
                // one of them would spoil the forecast of its pool.
                (Resource::MemMib, asked.min(most)),
            ]),
            censored,
            throttled_millis,
            input_lag: waiting,
            bytes_in: whole(o.bytes_in),
            bytes_out: whole(o.bytes_out),
            host_calls: whole(o.host_calls),
            steps: whole(o.steps),
        };
        match capacities.get(&instance.node).and_then(|capacity| sample.fault(capacity)) {
            Some(rejected) => measured.rejected.push(rejected),
            None => measured.samples.push(sample),
        }
    }
    measured
}

/// CPU for the work that arrived: what a step took, times the inputs that came in. A throttled
/// workload has done less than that and its queue has grown, one that catches up has done more
/// and its queue has shrunk. `None` if it did no step, so that nothing tells what one takes.
fn arrived_demand(cpu_milli: i64, steps: i64, queue_growth: i64) -> Option<i64> {
    let arrived = (steps + queue_growth).max(0);
    (steps > 0).then(|| cpu_milli.saturating_mul(arrived) / steps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    fn sample(steps: i64, input_lag: i64) -> Sample {
        Sample {
            at: Timestamp::default(),
            instance: InstanceId::from_raw(1),
            node: NodeId::from_raw(1),
            limits: Amounts::new(),
            usage: [(Resource::CpuMilli, 1_000)].into(),
            demand: Amounts::new(),
            censored: Vec::new(),
            throttled_millis: 998,
            input_lag,
            bytes_in: 0,
            bytes_out: 0,
            host_calls: 0,
            steps,
        }
    }

    #[test]
    fn a_sample_that_no_node_can_give_is_rejected() {
        let capacity: Amounts = [(Resource::CpuMilli, 8_000), (Resource::MemMib, 4_096)].into();
        let fault = |cpu: i64, mem: i64, demand: i64| {
            let (usage, demand) =
                ([(Resource::CpuMilli, cpu), (Resource::MemMib, mem)].into(), [(Resource::CpuMilli, demand)].into());
            let fault = Sample { usage, demand, ..sample(10, 0) }.fault(&capacity);
            fault.map(|f| (f.resource, f.measured, f.capacity))
        };
        assert_eq!(fault(8_000, 4_096, 8_000), None);
        assert_eq!(fault(8_100, 4_096, 8_100), None, "the edge of a window");
        assert_eq!(fault(8_000, 4_096, 90_000), None, "what arrives may wait");
        assert_eq!(fault(8_801, 100, 100), Some((Resource::CpuMilli, 8_801, 8_000)));
        assert_eq!(fault(i64::MAX, 100, 100), Some((Resource::CpuMilli, i64::MAX, 8_000)));
        assert_eq!(fault(100, 1 << 40, 100), Some((Resource::MemMib, 1 << 40, 4_096)));
        assert_eq!(fault(100, 100, -1), Some((Resource::CpuMilli, -1, 8_000)));
    }

    #[test]
    fn what_waits_is_worked_off_in_the_time_that_is_left() {
        // 10 steps in 5 s took 5 core seconds: 120 more take 60
        assert_eq!(sample(10, 120).backlog(Resource::CpuMilli, 60), 1_000);
        assert_eq!(sample(10, 120).backlog(Resource::CpuMilli, 30), 2_000);
        assert_eq!(sample(10, 120).backlog(Resource::CpuMilli, 0), 12_000, "a tick is the least");
        assert_eq!(sample(10, 120).backlog(Resource::MemMib, 60), 0);
        // It is needed by who waits for its allowance; the others catch up with what they have.
        assert_eq!(sample(10, 120).needed(Resource::CpuMilli, 900, true, 60), (1_900, false));
        assert_eq!(sample(10, 120).needed(Resource::CpuMilli, 900, false, 60), (900, false));
        assert_eq!(sample(0, 120).needed(Resource::CpuMilli, 900, true, 60), (900, true));
        assert_eq!(
            (sample(0, 120).backlog(Resource::CpuMilli, 60), sample(10, 0).backlog(Resource::CpuMilli, 60)),
            (0, 0)
        );
    }

    /// What is logged, for a test to read.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("unpoisoned").write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn ticks_missed_in_a_row_are_one_line_of_the_log() {
        let wanted = Wanted {
            nodes: Vec::new(),
            pools: BTreeMap::new(),
            instances: Vec::new(),
            modules: BTreeMap::new(),
            under_way: BTreeSet::new(),
            without_workload: BTreeSet::new(),
        };
        let at = |seconds: i64| Timestamp::from_seconds(1_000).plus_seconds(seconds);
        let said = |now: Timestamp| {
            let log = Log::default();
            let kept = log.clone();
            let subscriber = tracing_subscriber::fmt().with_writer(move || kept.clone()).finish();
            tracing::subscriber::with_default(subscriber, || miss_all(&wanted, at(2), now, 60, &mut Meter::default()));
            let bytes = log.0.lock().expect("unpoisoned").clone();
            String::from_utf8(bytes).expect("text")
        };
        assert_eq!(said(at(7)), "", "in time");
        let late = said(at(122));
        assert_eq!(late.lines().count(), 1, "{late}");
        assert!(late.contains("23") && late.contains(&at(7).to_string()[..16]), "{late}");
    }

    #[test]
    fn demand_is_what_arrived_not_what_was_done() {
        assert_eq!(arrived_demand(1000, 10, 0), Some(1000), "in step");
        assert_eq!(arrived_demand(400, 4, 6), Some(1000), "throttled: six more wait");
        assert_eq!(arrived_demand(3000, 30, -20), Some(1000), "catching up");
        assert_eq!(arrived_demand(0, 0, 10), None);
    }
}
