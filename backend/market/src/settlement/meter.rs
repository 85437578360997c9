//! What was made available, from the telemetry ticks of a slot.
use crate::ids::InstanceId;
use crate::units::Resource;
use serde::{Deserialize, Serialize};

/// The limits that an instance really had during a slot: (limit in base units, ticks), in
/// the order of time, equal neighbours joined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    pub instance: InstanceId,
    pub resource: Resource,
    pub runs: Vec<(i64, u32)>,
}

impl Reading {
    pub fn ticks(&self) -> i64 {
        self.runs.iter().map(|(_, ticks)| i64::from(*ticks)).sum()
    }
    /// Mean of what was available above `base`, at most `awarded`, rounded down.
    pub fn delivered_above(&self, base: i64, awarded: i64) -> i64 {
        self.mean(|limit| (limit - base).clamp(0, awarded))
    }
    /// Mean of what was given up below `base`, at most `lent`, rounded down.
    pub fn given_below(&self, base: i64, lent: i64) -> i64 {
        self.mean(|limit| (base - limit).clamp(0, lent))
    }
    fn mean(&self, value: impl Fn(i64) -> i64) -> i64 {
        let total: i128 = self.runs.iter().map(|(limit, ticks)| i128::from(value(*limit)) * i128::from(*ticks)).sum();
        let ticks = self.ticks();
        if ticks == 0 { 0 } else { (total / i128::from(ticks)) as i64 }
    }
    pub fn add_tick(&mut self, limit: i64) {
        match self.runs.last_mut() {
            Some((last, ticks)) if *last == limit => *ticks += 1,
            _ => self.runs.push((limit, 1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delivery_is_the_mean_of_what_was_there_never_more_than_awarded() {
        let mut reading = Reading { instance: InstanceId::from_raw(1), resource: Resource::CpuMilli, runs: Vec::new() };
        for limit in [1000, 1000, 1500, 3000] {
            reading.add_tick(limit);
        }
        assert_eq!(reading.runs, vec![(1000, 2), (1500, 1), (3000, 1)]);
        assert_eq!(reading.delivered_above(1000, 500), 250);
        assert_eq!(reading.given_below(1500, 600), 250);
        assert_eq!(Reading { runs: Vec::new(), ..reading }.delivered_above(0, 5), 0);
    }
}
