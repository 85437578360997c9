//! The meter of what was available in each slot, from its ticks until the slot is settled.
//!
//! What it has read is stored with every tick, and read again at a start: a slot in which the
//! process ended is settled by what was delivered before and after. The ticks in between count as
//! missed, which is the exchange's fault and not its members'.
use crate::workers::telemetry::TICK_SECONDS;
use headroom_market::ids::InstanceId;
use headroom_market::settlement::meter::{EXCHANGE, EXCHANGE_RESOURCE, Reading, Run};
use headroom_market::state::State;
use headroom_market::time::{Slot, Timestamp};
use headroom_market::units::Resource;
use std::collections::{BTreeMap, BTreeSet};

/// Limits seen in each slot, until it is settled.
#[derive(Default)]
pub struct Meter {
    readings: BTreeMap<(Slot, InstanceId, Resource), Reading>,
    /// Inputs that waited at the last tick.
    waiting: BTreeMap<InstanceId, i64>,
}

/// An instance's resource in a slot whose awards are not settled.
pub type Due = BTreeSet<(Slot, InstanceId, Resource)>;

/// What has been awarded in slots that have begun and are not settled.
pub fn due(state: &State, now: Timestamp) -> Due {
    let lines = state.awards.values().flat_map(|a| a.lines.iter().map(|l| (a.instance, l)));
    lines
        .filter(|(_, l)| !l.settled && l.slot.seconds().saturating_mul(1_000_000) <= now.micros())
        .map(|(instance, l)| match instance {
            Some(instance) => (l.slot, instance, l.resource),
            None => (l.slot, EXCHANGE, EXCHANGE_RESOURCE),
        })
        .collect()
}

impl Meter {
    fn of(&mut self, slot: Slot, instance: InstanceId, resource: Resource) -> &mut Reading {
        self.readings.entry((slot, instance, resource)).or_insert_with(|| Reading::new(instance, resource))
    }
    /// `beyond` the baseline, below 0 while it lends.
    pub fn add(&mut self, slot: Slot, instance: InstanceId, resource: Resource, beyond: i64) {
        self.of(slot, instance, resource).add_tick(beyond);
    }
    pub fn add_absent(&mut self, slot: Slot, instance: InstanceId, resource: Resource) {
        self.of(slot, instance, resource).add(Run::Absent { absent: 1 });
    }
    /// A tick that nobody took.
    pub fn add_missed(&mut self, slot: Slot, instance: InstanceId, resource: Resource) {
        self.of(slot, instance, resource).add(Run::Missed { missed: 1 });
    }
    /// Inputs that waited at the tick before, and how many do now.
    pub fn waited(&mut self, instance: InstanceId, waiting: i64) -> i64 {
        self.waiting.insert(instance, waiting).unwrap_or(0)
    }

    /// The meter of the process before, with the ticks between them as missed.
    pub fn recall(
        stored: impl IntoIterator<Item = (Slot, Reading)>,
        due: &Due,
        slot_seconds: i64,
        now: Timestamp,
    ) -> Self {
        let mut meter = Self::default();
        for (slot, reading) in stored {
            meter.readings.insert((slot, reading.instance, reading.resource), reading);
        }
        for (slot, instance, resource) in due {
            let expected = whole_ticks(*slot, slot_seconds, now);
            let reading = meter.of(*slot, *instance, *resource);
            let missed = u32::try_from((expected - reading.ticks()).max(0)).unwrap_or(u32::MAX);
            reading.add(Run::Missed { missed });
        }
        meter
    }

    /// What has been read of a slot so far.
    pub fn of_slot(&self, slot: Slot) -> impl Iterator<Item = &Reading> {
        self.readings.range(first(slot)..first(Slot::starting_at(slot.seconds() + 1))).map(|(_, reading)| reading)
    }

    /// The readings of a slot; older ones are forgotten.
    pub fn take(&mut self, slot: Slot) -> Vec<Reading> {
        self.readings.retain(|(s, _, _), _| *s >= slot);
        let later = self.readings.split_off(&first(Slot::starting_at(slot.seconds() + 1)));
        std::mem::replace(&mut self.readings, later).into_values().collect()
    }
}

fn first(slot: Slot) -> (Slot, InstanceId, Resource) {
    (slot, InstanceId::from_raw(0), Resource::CpuMilli)
}

/// Ticks of a slot whose time had passed in full.
fn whole_ticks(slot: Slot, slot_seconds: i64, now: Timestamp) -> i64 {
    let passed = now.micros().div_euclid(1_000_000) - slot.seconds();
    passed.clamp(0, slot_seconds) / TICK_SECONDS
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: InstanceId = InstanceId::from_raw(9);

    #[test]
    fn a_slot_is_taken_once_and_older_ones_are_forgotten() {
        let mut meter = Meter::default();
        for slot in [60, 120, 180] {
            meter.add(Slot::starting_at(slot), ID, Resource::CpuMilli, 1000);
            meter.add(Slot::starting_at(slot), ID, Resource::NetMbps, 5);
        }
        assert_eq!(meter.of_slot(Slot::starting_at(60)).count(), 2);
        assert_eq!(meter.take(Slot::starting_at(120)).len(), 2);
        assert!(meter.take(Slot::starting_at(60)).is_empty());
        assert_eq!(meter.take(Slot::starting_at(180)).len(), 2);
    }

    #[test]
    fn what_was_read_before_a_restart_counts_and_the_time_between_is_missed() {
        let mut before = Meter::default();
        let (slot, next, last) = (Slot::starting_at(60), Slot::starting_at(120), Slot::starting_at(180));
        for _ in 0..4 {
            before.add(slot, ID, Resource::CpuMilli, 100);
        }
        let stored: Vec<_> = before.of_slot(slot).map(|r| (slot, r.clone())).collect();
        let due: Due = [slot, next, last].map(|s| (s, ID, Resource::CpuMilli)).into();
        let mut after = Meter::recall(stored, &due, 60, Timestamp::from_micros(188_000_000));
        let first = after.take(slot);
        assert_eq!(first[0].runs, [Run::Had(100, 4), Run::Missed { missed: 8 }]);
        assert_eq!(after.take(next)[0].runs, [Run::Missed { missed: 12 }], "a slot that nobody saw at all");
        assert_eq!(after.take(last)[0].runs, [Run::Missed { missed: 1 }], "a window that is under way is measured yet");
    }
}
