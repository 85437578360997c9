//! The one place that reads the wall clock, and the clock of simulations.
use headroom_market::time::Timestamp;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;
    /// Whether time only moves when it is told to.
    fn is_simulated(&self) -> bool {
        false
    }
    /// Moves a simulated clock; the wall clock can't be moved.
    fn set(&self, _to: Timestamp) {}
}

/// The wall clock, never going backwards.
#[derive(Default)]
pub struct SystemClock {
    latest: AtomicI64,
}

impl SystemClock {
    /// One that stands still at `least` until that time has come: what the market has recorded is over for it,
    /// whatever the machine says.
    pub fn not_before(least: Timestamp) -> SystemClock {
        SystemClock { latest: AtomicI64::new(least.micros()) }
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let micros = i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
        let latest = self.latest.fetch_max(micros, Ordering::AcqRel).max(micros);
        Timestamp::from_micros(latest)
    }
}

/// A clock that stands still until it is moved.
pub struct SimulatedClock {
    micros: AtomicI64,
}

impl SimulatedClock {
    pub fn starting_at(start: Timestamp) -> Self {
        Self { micros: AtomicI64::new(start.micros()) }
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.micros.load(Ordering::Acquire))
    }
    fn is_simulated(&self) -> bool {
        true
    }
    fn set(&self, to: Timestamp) {
        self.micros.fetch_max(to.micros(), Ordering::AcqRel);
    }
}
