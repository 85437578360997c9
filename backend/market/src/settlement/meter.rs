//! What was made available, from the telemetry ticks of a slot.
use crate::ids::InstanceId;
use crate::units::Resource;
use serde::{Deserialize, Serialize};

/// What an instance really had during a slot, beyond the baseline that was in force at the time
/// and so below 0 while it lends: (base units, ticks), in the order of time, equal neighbours
/// joined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    pub instance: InstanceId,
    pub resource: Resource,
    pub runs: Vec<(i64, u32)>,
    /// Ticks at which its program did not run, stopped by its owner or by its own fault: what it
    /// had won was there to be used, and what it had lent it did not use.
    #[serde(default)]
    pub absent: u32,
    /// Ticks that nobody took because the exchange itself stood still: its fault, so buyers had
    /// nothing then and lenders gave everything.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub missed: u32,
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

impl Reading {
    pub fn ticks(&self) -> i64 {
        self.runs.iter().map(|(_, ticks)| i64::from(*ticks)).sum::<i64>()
            + i64::from(self.absent)
            + i64::from(self.missed)
    }
    /// Mean of what was available of `won`, beyond the baseline less what is `lent`, rounded down. `kept` of it was
    /// there while its program did not run: less than all where lenders took some back.
    pub fn delivered(&self, won: i64, lent: i64, kept: i64) -> i64 {
        self.mean(kept, self.absent, |beyond| (beyond + lent).clamp(0, won))
    }
    /// Mean of what was given up of `lent`, below the baseline and what was `won`, rounded down. `kept`: the same, of
    /// ticks that nobody took, too.
    pub fn given(&self, won: i64, lent: i64, kept: i64) -> i64 {
        self.mean(kept, self.absent + self.missed, |beyond| (won - beyond).clamp(0, lent))
    }
    /// Mean of what it had beyond its baseline and all that it `won`, rounded down: what it kept of something
    /// that was no longer its own.
    pub fn beyond(&self, won: i64) -> i64 {
        self.mean(0, 0, |beyond| (beyond - won).max(0))
    }
    /// `value` at each tick that was taken, the `whole` at `granted` others, nothing at the rest.
    fn mean(&self, whole: i64, granted: u32, value: impl Fn(i64) -> i64) -> i64 {
        let total: i128 = self.runs.iter().map(|(beyond, ticks)| i128::from(value(*beyond)) * i128::from(*ticks)).sum();
        let total = total + i128::from(whole) * i128::from(granted);
        let ticks = self.ticks();
        if ticks == 0 { 0 } else { (total / i128::from(ticks)) as i64 }
    }
    pub fn add_tick(&mut self, beyond_baseline: i64) {
        match self.runs.last_mut() {
            Some((last, ticks)) if *last == beyond_baseline => *ticks += 1,
            _ => self.runs.push((beyond_baseline, 1)),
        }
    }
    pub fn add_absent_tick(&mut self) {
        self.absent += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty() -> Reading {
        Reading {
            instance: InstanceId::from_raw(1),
            resource: Resource::CpuMilli,
            runs: Vec::new(),
            absent: 0,
            missed: 0,
        }
    }

    #[test]
    fn delivery_is_the_mean_of_what_was_there_never_more_than_awarded() {
        let mut reading = empty();
        for limit in [1000, 1000, 1500, 3000] {
            reading.add_tick(limit - 1000);
        }
        assert_eq!(reading.runs, vec![(0, 2), (500, 1), (2000, 1)]);
        assert_eq!(reading.delivered(500, 0, 500), 250);
        assert_eq!(reading.given(500, 600, 600), 250);
        assert_eq!(empty().delivered(5, 0, 5), 0, "what nobody saw was not delivered");
    }

    #[test]
    fn whoever_is_absent_has_had_and_given_everything() {
        let mut reading = empty();
        reading.add_tick(0);
        reading.add_absent_tick();
        assert_eq!((reading.delivered(100, 0, 100), reading.given(0, 100, 100)), (50, 50));
        reading.add_absent_tick();
        reading.add_absent_tick();
        assert_eq!((reading.delivered(100, 0, 100), reading.given(0, 100, 100)), (75, 75));
    }

    #[test]
    fn what_the_exchange_missed_is_not_charged_and_still_paid_to_lenders() {
        let mut reading = empty();
        reading.add_tick(100);
        reading.missed = 3;
        assert_eq!((reading.ticks(), reading.delivered(100, 0, 100)), (4, 25));
        let mut lender = empty();
        lender.add_tick(0);
        lender.missed = 3;
        assert_eq!(lender.given(0, 100, 100), 75, "it gave nothing at the one tick that was taken");
    }
}
