//! CPU time from samples of use: each sample is a mean over a window, and windows may overlap or leave gaps.

use std::time::{Duration, Instant};

use k8s_openapi::jiff::Timestamp;

use crate::driver::LEAST_OF_STEPS;
use crate::kubernetes::ask::metrics::Sample;

/// Without a new sample for so long, use is unknown.
const UNKNOWN_AFTER: Duration = Duration::from_secs(120);

/// What was counted for one workload.
#[derive(Debug, Default)]
pub(in crate::kubernetes) struct Counted {
    /// End of the last window that was counted.
    until: Option<Timestamp>,
    /// Nothing before the second sample: nobody knows what part of the first window was counted by whom.
    cpu_micros: Option<u64>,
    mem_kib: u64,
    added: Option<Instant>,
    told: Option<(Instant, u64)>,
}

impl Counted {
    /// Takes in the newest sample, for the time that no sample before it has covered. The count grows with each sample, by a
    /// microsecond at least: a count that stands still means that nobody looked, not that nothing was used.
    pub fn add(&mut self, sample: &Sample, now: Instant) {
        let until = *self.until.get_or_insert(sample.at);
        if self.added.is_some() && sample.at <= until {
            return;
        }
        self.mem_kib = sample.mem_kib;
        if self.added.replace(now).is_none() {
            return;
        }
        let since_then = Duration::try_from(sample.at.duration_since(until)).unwrap_or_default();
        let covered = since_then.min(sample.window).as_micros();
        let micros = u64::try_from(sample.cpu_nanos.saturating_mul(covered) / 1_000_000_000).unwrap_or(u64::MAX);
        self.cpu_micros = Some(self.cpu_micros.unwrap_or(0).saturating_add(micros.max(1)));
        self.until = Some(sample.at);
    }

    /// CPU time so far; nothing while use is unknown.
    pub fn cpu_micros(&self, now: Instant) -> Option<u64> {
        let is_known = self.added.is_some_and(|added| now.saturating_duration_since(added) < UNKNOWN_AFTER);
        self.cpu_micros.filter(|_| is_known)
    }

    pub const fn mem_kib(&self) -> u64 {
        self.mem_kib
    }

    /// The count at the beginning of the window that ends now, and its length: no length where nothing can be told yet.
    pub fn window(&mut self, now: Instant) -> (u64, Duration) {
        let Some(cpu_micros) = self.cpu_micros(now) else {
            self.told = None;
            return (0, Duration::ZERO);
        };
        let (since, before) = *self.told.get_or_insert((now, cpu_micros));
        let length = now.saturating_duration_since(since);
        if cpu_micros == before || length < LEAST_OF_STEPS {
            return (cpu_micros, Duration::ZERO);
        }
        self.told = Some((now, cpu_micros));
        (before, length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at_seconds: i64, window_seconds: u64, cpu_milli: u64) -> Sample {
        let at = Timestamp::from_second(at_seconds).expect("a time");
        let cpu_nanos = u128::from(cpu_milli) * 1_000_000;
        Sample { at, window: Duration::from_secs(window_seconds), cpu_nanos, mem_kib: 8 }
    }

    #[test]
    fn a_window_is_counted_once() {
        let (mut counted, now) = (Counted::default(), Instant::now());
        counted.add(&sample(100, 15, 1_000), now);
        assert_eq!(counted.cpu_micros(now), None, "the first sample begins the count");
        counted.add(&sample(115, 15, 500), now);
        assert_eq!(counted.cpu_micros(now), Some(7_500_000));
        counted.add(&sample(115, 15, 500), now);
        counted.add(&sample(100, 15, 500), now);
        assert_eq!(counted.cpu_micros(now), Some(7_500_000), "told again, or late");
        counted.add(&sample(120, 15, 2_000), now);
        assert_eq!(counted.cpu_micros(now), Some(17_500_000), "5 of its 15 seconds are new");
        counted.add(&sample(600, 15, 1_000), now);
        assert_eq!(counted.cpu_micros(now), Some(32_500_000), "of a gap only what was measured counts");
    }

    #[test]
    fn an_idle_pod_is_not_an_unwatched_one() {
        let (mut counted, now) = (Counted::default(), Instant::now());
        counted.add(&sample(100, 15, 0), now);
        counted.add(&sample(115, 15, 0), now);
        assert_eq!(counted.window(now).1, Duration::ZERO, "the first count begins the window");
        let later = now + Duration::from_secs(15);
        assert_eq!(counted.window(later).1, Duration::ZERO, "no sample came since");
        counted.add(&sample(130, 15, 0), later);
        assert_eq!(counted.window(later), (1, Duration::from_secs(15)), "it was idle");
        assert_eq!(counted.cpu_micros(later + UNKNOWN_AFTER), None, "samples have stopped");
        assert_eq!(counted.window(later + UNKNOWN_AFTER).1, Duration::ZERO);
    }
}
