//! What was made available, from the telemetry ticks of a slot.
use crate::ids::InstanceId;
use crate::time::{Slot, Timestamp};
use crate::units::Resource;
use serde::{Deserialize, Serialize};

/// Whose readings those are that belong to no workload: what is bought without one is there while the exchange is.
/// Its resource stands for all.
pub const EXCHANGE: InstanceId = InstanceId::from_raw(0);
pub const EXCHANGE_RESOURCE: Resource = Resource::CpuMilli;

/// Ticks of one kind, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Run {
    /// What the instance had beyond the baseline that was in force at the time, in base units and so below 0
    /// while it lends; and for how many ticks.
    Had(i64, u32),
    /// Its program did not run, stopped by its owner or by its own fault: what it had won was there to be used,
    /// and what it had lent it did not use.
    Absent { absent: u32 },
    /// Nobody took them because the exchange itself stood still: its fault, so buyers had nothing then and
    /// lenders gave everything.
    Missed { missed: u32 },
}

impl Run {
    pub fn ticks(&self) -> u32 {
        let (Self::Had(_, ticks) | Self::Absent { absent: ticks } | Self::Missed { missed: ticks }) = *self;
        ticks
    }
    /// Both as one, if they are of one kind.
    fn joined(self, next: Self) -> Option<Self> {
        match (self, next) {
            (Self::Had(one, ticks), Self::Had(other, more)) if one == other => Some(Self::Had(one, ticks + more)),
            (Self::Absent { absent }, Self::Absent { absent: more }) => Some(Self::Absent { absent: absent + more }),
            (Self::Missed { missed }, Self::Missed { missed: more }) => Some(Self::Missed { missed: missed + more }),
            _ => None,
        }
    }
}

/// What an instance really had during a slot, in the order of time: what it was entitled to changes with a recall.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    pub instance: InstanceId,
    pub resource: Resource,
    pub runs: Vec<Run>,
}

impl Reading {
    pub fn new(instance: InstanceId, resource: Resource) -> Self {
        Self { instance, resource, runs: Vec::new() }
    }
    /// Ticks that nobody took, as the exchange stood still.
    pub fn missed(&self) -> i64 {
        let missed = |run: &Run| if let Run::Missed { missed } = run { i64::from(*missed) } else { 0 };
        self.runs.iter().map(missed).sum()
    }
    pub fn ticks(&self) -> i64 {
        self.runs.iter().map(|run| i64::from(run.ticks())).sum()
    }
    /// Goes on with so many ticks.
    pub fn add(&mut self, run: Run) {
        if run.ticks() == 0 {
            return;
        }
        match self.runs.last().and_then(|last| last.joined(run)) {
            Some(joined) => *self.runs.last_mut().expect("it was joined") = joined,
            None => self.runs.push(run),
        }
    }
    pub fn add_tick(&mut self, beyond_baseline: i64) {
        self.add(Run::Had(beyond_baseline, 1));
    }
    /// When each tick was taken: they are the same time apart, each in the middle of its part of the slot.
    pub fn time_of(&self, tick: i64, slot: Slot, slot_end: Timestamp) -> Timestamp {
        let length = i128::from(slot_end.micros() - slot.start().micros());
        let halves = 2 * i128::from(self.ticks()).max(1);
        slot.start().plus_micros(((2 * i128::from(tick) + 1) * length / halves) as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty() -> Reading {
        Reading::new(InstanceId::from_raw(1), Resource::CpuMilli)
    }

    #[test]
    fn equal_neighbours_are_joined_and_no_others() {
        let mut reading = empty();
        [0, 0, 500].into_iter().for_each(|beyond| reading.add_tick(beyond));
        for run in [Run::Missed { missed: 0 }, Run::Absent { absent: 2 }, Run::Absent { absent: 1 }, Run::Had(500, 1)] {
            reading.add(run);
        }
        assert_eq!(reading.runs, [Run::Had(0, 2), Run::Had(500, 1), Run::Absent { absent: 3 }, Run::Had(500, 1)]);
        assert_eq!(reading.ticks(), 7);
    }

    #[test]
    fn ticks_stand_in_the_middle_of_their_parts_of_the_slot() {
        let mut reading = empty();
        reading.add(Run::Missed { missed: 4 });
        let (slot, end) = (Slot::starting_at(60), Timestamp::from_seconds(120));
        let times = [0, 3].map(|tick| reading.time_of(tick, slot, end).micros());
        assert_eq!(times, [67_500_000, 112_500_000]);
    }

    #[test]
    fn a_reading_is_read_from_the_journal_as_it_was() {
        let mut reading = empty();
        [Run::Missed { missed: 4 }, Run::Had(-5, 2), Run::Absent { absent: 3 }]
            .into_iter()
            .for_each(|run| reading.add(run));
        let again: Reading = serde_json::from_str(&serde_json::to_string(&reading).unwrap()).unwrap();
        assert_eq!(again, reading);
    }
}
