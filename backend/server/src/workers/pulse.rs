//! Whether the market moves: when the conductor last ended a tick.
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Longer than any tick takes; a market that stands still for this long is not ready.
const STANDS_STILL: Duration = Duration::from_secs(30);

/// The conductor's heartbeat. In a simulation time stands still between two advances, so
/// nothing follows from silence there.
pub struct Pulse {
    begun: Instant,
    last_millis: AtomicU64,
    simulated: bool,
}

impl Pulse {
    pub fn new(simulated: bool) -> Self {
        Self { begun: Instant::now(), last_millis: AtomicU64::new(0), simulated }
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub fn beat(&self) {
        self.last_millis.store(self.millis(), Ordering::Relaxed);
    }

    /// For how long the market has not moved, if that is too long.
    pub fn stands_still_for(&self) -> Option<Duration> {
        if self.simulated {
            return None;
        }
        let silent = Duration::from_millis(self.millis().saturating_sub(self.last_millis.load(Ordering::Relaxed)));
        (silent > STANDS_STILL).then_some(silent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_counts_only_in_real_time_and_a_beat_ends_it() {
        let earlier = |simulated| {
            let begun = Instant::now().checked_sub(Duration::from_secs(60)).expect("the machine runs for a minute");
            Pulse { begun, last_millis: AtomicU64::new(0), simulated }
        };
        let pulse = earlier(false);
        assert!(pulse.stands_still_for().is_some_and(|silent| silent >= Duration::from_secs(60)));
        pulse.beat();
        assert_eq!(pulse.stands_still_for(), None);
        assert_eq!(earlier(true).stands_still_for(), None);
    }
}
