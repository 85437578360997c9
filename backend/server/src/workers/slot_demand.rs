//! What workloads have asked for in the slot that is running.
use crate::workers::telemetry::{Sample, TICK_SECONDS};
use crate::workers::wanted::Wanted;
use headroom_market::ids::InstanceId;
use headroom_market::time::Slot;
use headroom_market::units::{Resource, amount};
use std::collections::{BTreeMap, BTreeSet};

/// A slot's demand so far is that of so many ticks, and of such a part of all of them, at least.
const LEAST_TICKS: i64 = 2;
const LEAST_PART: i64 = 6;

/// Samples of the slot that is running.
#[derive(Default)]
pub struct SlotSums {
    cpu: BTreeMap<InstanceId, Sum>,
    memory: BTreeMap<InstanceId, Sum>,
    /// Lenders that have been found short in it.
    short: BTreeSet<InstanceId>,
}

#[derive(Default)]
struct Sum {
    total: i64,
    ticks: i64,
    highest: i64,
    censored: bool,
}

impl Sum {
    fn add(&mut self, demand: i64, censored: bool) {
        self.total += demand;
        self.ticks += 1;
        self.highest = self.highest.max(demand);
        self.censored |= censored;
    }
}

/// What a workload asked for in a slot.
pub struct SlotDemand {
    pub resource: Resource,
    /// What is forecast: the mean of a rate, the most of what is held.
    pub value: f64,
    /// What had to be there for it to lack nothing.
    pub highest: i64,
    pub censored: bool,
}

impl SlotSums {
    pub fn add(&mut self, sample: &Sample) {
        for (sums, resource) in [(&mut self.cpu, Resource::CpuMilli), (&mut self.memory, Resource::MemMib)] {
            let demand = amount(&sample.demand, resource);
            sums.entry(sample.instance).or_default().add(demand, sample.censored.contains(&resource));
        }
    }
    pub fn demand(&self, instance: InstanceId) -> Vec<SlotDemand> {
        let of =
            |resource, sum: &Sum, value| SlotDemand { resource, value, highest: sum.highest, censored: sum.censored };
        let mean = |sum: &Sum| of(Resource::CpuMilli, sum, sum.total as f64 / sum.ticks.max(1) as f64);
        let most = |sum: &Sum| of(Resource::MemMib, sum, sum.highest as f64);
        self.cpu.get(&instance).map(mean).into_iter().chain(self.memory.get(&instance).map(most)).collect()
    }
    pub fn is_empty(&self) -> bool {
        self.cpu.is_empty()
    }

    /// Workloads that have needed more in the slot so far than lending has left them, each once in a slot. `samples` are
    /// those of the newest tick.
    pub fn short_lenders(
        &mut self,
        wanted: &Wanted,
        samples: &[Sample],
        slot: Slot,
        slot_seconds: i64,
    ) -> Vec<InstanceId> {
        let least = LEAST_TICKS.max(slot_seconds / TICK_SECONDS / LEAST_PART);
        let mut found = Vec::new();
        for instance in wanted.instances.iter().filter(|i| !i.is_away() && !self.short.contains(&i.id)) {
            let Some(sample) = samples.iter().find(|s| s.instance == instance.id) else { continue };
            let is_short = |demand: &SlotDemand| {
                let (has, baseline) =
                    (amount(&sample.limits, demand.resource), amount(instance.baseline_in(slot), demand.resource));
                has < baseline && demand.value > has as f64
            };
            let ticks = self.cpu.get(&instance.id).map_or(0, |sum| sum.ticks);
            if ticks >= least && self.demand(instance.id).iter().any(is_short) {
                found.push(instance.id);
            }
        }
        self.short.extend(found.iter().copied());
        found
    }
}
