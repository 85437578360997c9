//! Recorded inputs: what a job reads, by position.
//!
//! Invariants: a feed is a function of (instance, position), so a replay sees the same bytes;
//! due times do not fall as positions rise; a position once given stays as it was.
//! Absent: where the recording comes from (the server keeps inputs durable before it feeds
//! them) and what they mean to the guest.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use crate::driver::InstanceId;

/// One input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    pub due_at_micros: i64,
    pub bytes: Vec<u8>,
}

/// The inputs of all instances.
pub trait InputFeed: Send + Sync {
    /// The input at `position`, or nothing if it is not recorded (yet).
    fn input(&self, instance: &InstanceId, position: u64) -> Option<Input>;

    /// How many inputs from `from` on are due at `now`, counted up to a bound. A feed with
    /// fixed intervals can answer this without looking at each.
    fn waiting(&self, instance: &InstanceId, from: u64, now_micros: i64) -> u64 {
        const BOUND: u64 = 4_096;
        (0..BOUND)
            .take_while(|offset| {
                self.input(instance, from + offset).is_some_and(|input| input.due_at_micros <= now_micros)
            })
            .count() as u64
    }
}

/// The input format of the guests that come with the wasm driver: the demand that the step
/// is to cause, then free payload. All little endian: `u64` fuel, `u32` KiB, payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemandInput {
    pub fuel: u64,
    pub mem_kib: u32,
    pub payload: Vec<u8>,
}

impl DemandInput {
    /// A step that uses `cpu_milli` on average over `interval_micros`.
    pub fn for_interval(
        cpu_milli: u64,
        interval_micros: u64,
        fuel_per_cpu_milli: u64,
        mem_kib: u32,
        payload: Vec<u8>,
    ) -> Self {
        let fuel = u128::from(cpu_milli) * u128::from(fuel_per_cpu_milli) * u128::from(interval_micros) / 1_000_000;
        Self { fuel: u64::try_from(fuel).unwrap_or(u64::MAX), mem_kib, payload }
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(12 + self.payload.len());
        bytes.extend_from_slice(&self.fuel.to_le_bytes());
        bytes.extend_from_slice(&self.mem_kib.to_le_bytes());
        bytes.extend_from_slice(&self.payload);
        bytes
    }
}

/// A feed that is filled by hand, in tests and by tools.
#[derive(Debug, Default)]
pub struct ScriptedFeed {
    inputs: RwLock<BTreeMap<InstanceId, Vec<Input>>>,
}

impl ScriptedFeed {
    /// Appends an input; an earlier due time than the last one's is raised to it.
    pub fn push(&self, instance: &InstanceId, mut input: Input) {
        let mut inputs = self.inputs.write().unwrap_or_else(PoisonError::into_inner);
        let list = inputs.entry(instance.clone()).or_default();
        if let Some(last) = list.last() {
            input.due_at_micros = input.due_at_micros.max(last.due_at_micros);
        }
        list.push(input);
    }
}

impl InputFeed for ScriptedFeed {
    fn input(&self, instance: &InstanceId, position: u64) -> Option<Input> {
        let inputs = self.inputs.read().unwrap_or_else(PoisonError::into_inner);
        inputs.get(instance)?.get(usize::try_from(position).ok()?).cloned()
    }
}
