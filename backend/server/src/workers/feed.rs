//! What the workloads are fed: inputs by position, a function of the instance and its source.
//!
//! The source is recorded with the instance, so an input needs no store of its own: after a
//! crash the same positions give the same bytes. Forecasters never see any of this; they are
//! fed by what the drivers measure.
use crate::demo::trace;
use headroom_execution::{DemandInput, Input, InputFeed, InstanceId};
use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

/// Time between two inputs.
pub const INTERVAL_MICROS: i64 = 500_000;

/// Where an instance's demand comes from.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    pub start_micros: i64,
    pub slot_micros: i64,
    pub demand: Demand,
}

#[derive(Clone, Copy, Debug)]
pub enum Demand {
    /// An entity of the demo trace, from a slot of it on: 100 % of it is this much.
    Trace { entity: usize, from: u64, cpu_milli: u64, mem_kib: u64 },
    /// A workload without a trace asks for the same at every step.
    Flat { cpu_milli: u64, mem_kib: u64 },
}

#[derive(Debug)]
pub struct WorkloadFeed {
    sources: RwLock<BTreeMap<InstanceId, Source>>,
    fuel_per_cpu_milli: u64,
}

impl WorkloadFeed {
    pub fn new(fuel_per_cpu_milli: u64) -> Self {
        Self { sources: RwLock::default(), fuel_per_cpu_milli }
    }
    /// Sets the source of an instance that has none yet: its positions keep their bytes.
    pub fn set_once(&self, instance: InstanceId, source: Source) {
        self.sources.write().unwrap_or_else(PoisonError::into_inner).entry(instance).or_insert(source);
    }
    /// The next input, `position`, is due now: what was due while nothing ran is not made up
    /// for. The bytes of a position do not depend on when it is due.
    pub fn resume(&self, instance: &InstanceId, position: u64, now_micros: i64) {
        if let Some(source) = self.sources.write().unwrap_or_else(PoisonError::into_inner).get_mut(instance) {
            source.start_micros = now_micros - i64::try_from(position).unwrap_or(0).saturating_mul(INTERVAL_MICROS);
        }
    }
    fn source(&self, instance: &InstanceId) -> Option<Source> {
        self.sources.read().unwrap_or_else(PoisonError::into_inner).get(instance).copied()
    }
}

impl Source {
    fn due(&self, position: u64) -> i64 {
        self.start_micros
            + i64::try_from(position).unwrap_or(i64::MAX / INTERVAL_MICROS).saturating_mul(INTERVAL_MICROS)
    }
    fn demand_at(&self, due: i64) -> (u64, u64) {
        match self.demand {
            Demand::Flat { cpu_milli, mem_kib } => (cpu_milli, mem_kib),
            Demand::Trace { entity, from, cpu_milli, mem_kib } => {
                let slot = (due - self.start_micros).max(0) / self.slot_micros.max(1);
                let step = trace::at(entity, from + slot as u64);
                (cpu_milli * step.cpu_tenths / 1000, mem_kib * step.mem_tenths / 1000)
            }
        }
    }
}

impl InputFeed for WorkloadFeed {
    fn input(&self, instance: &InstanceId, position: u64) -> Option<Input> {
        let source = self.source(instance)?;
        let due_at_micros = source.due(position);
        let (cpu_milli, mem_kib) = source.demand_at(due_at_micros);
        let interval = INTERVAL_MICROS as u64;
        let mem_kib = u32::try_from(mem_kib).unwrap_or(u32::MAX);
        let payload = position.to_le_bytes().to_vec();
        let demand = DemandInput::for_interval(cpu_milli, interval, self.fuel_per_cpu_milli, mem_kib, payload);
        Some(Input { due_at_micros, bytes: demand.encode() })
    }

    fn waiting(&self, instance: &InstanceId, from: u64, now_micros: i64) -> u64 {
        let Some(source) = self.source(instance) else { return 0 };
        let due = (now_micros - source.start_micros).div_euclid(INTERVAL_MICROS) + 1;
        u64::try_from(due).unwrap_or(0).saturating_sub(from)
    }
}
