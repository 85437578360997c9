//! The bound on a step besides its fuel: processor time, watched by epochs.
//!
//! Fuel is what a step is charged and normally ends it; it does not know how slow an access to
//! memory is. While guests run in real time a ticker raises the engine's epoch, and a step that
//! is met by a tick looks at the clock of its own thread. Processor time, not wall time: a busy
//! or suspended machine is not the guest's fault.
//! Absent: a ticker under a simulated clock, where only fuel may end a step, so that a run can
//! be repeated exactly.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Processor time that the calling thread has used.
pub(crate) fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Why a step was ended from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overrun {
    Time,
    /// The process ends and cannot wait for it.
    Ending,
}

/// Watches one guest's steps.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    pub limit: Duration,
    /// Raised when the process ends and steps under way have to, too.
    pub ending: Arc<AtomicBool>,
    /// The thread's time at the first tick of this step: most steps see none and read no clock.
    from: Option<Duration>,
    overrun: Option<Overrun>,
}

impl Watch {
    pub fn new(limit: Duration, ending: Arc<AtomicBool>) -> Self {
        Self { limit, ending, ..Self::default() }
    }

    pub fn step_begins(&mut self) {
        self.from = None;
        self.overrun = None;
    }

    /// At a tick: whether the step may go on.
    pub fn may_go_on(&mut self, now: Duration) -> bool {
        let from = *self.from.get_or_insert(now);
        if self.ending.load(Ordering::Relaxed) {
            self.overrun = Some(Overrun::Ending);
        } else if now.saturating_sub(from) >= self.limit {
            self.overrun = Some(Overrun::Time);
        }
        self.overrun.is_none()
    }

    pub fn overrun(&self) -> Option<Overrun> {
        self.overrun
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_measured_from_its_first_tick_and_each_step_anew() {
        let ms = Duration::from_millis;
        let mut watch = Watch::new(ms(100), Arc::default());
        watch.step_begins();
        assert!(watch.may_go_on(ms(5_000)) && watch.may_go_on(ms(5_099)));
        assert!(!watch.may_go_on(ms(5_100)));
        assert_eq!(watch.overrun(), Some(Overrun::Time));
        watch.step_begins();
        assert!(watch.may_go_on(ms(5_200)) && watch.overrun().is_none());
        watch.ending.store(true, Ordering::Relaxed);
        assert!(!watch.may_go_on(ms(5_201)));
        assert_eq!(watch.overrun(), Some(Overrun::Ending));
    }
}
