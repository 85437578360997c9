//! Real time: the cluster's work on its own OS threads, behind everything else.
//!
//! Each thread takes every n-th instance, gives it at most a slice, and sleeps until the next
//! input is due. Threads run at nice 10 so that the exchange and the solver come first.
//! Absent: an async runtime; guests never run on one.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::cluster::{Clock, Cluster, lock};
use super::recovery::CheckpointSummary;
use super::replica::Progress;
use crate::driver::DriverError;

/// Longest sleep: how late a new instance or a changed limit may be noticed.
const MAX_SLEEP: Duration = Duration::from_millis(20);
/// Lowest priority that still gets its share on an idle machine.
const NICE: i32 = 10;

struct Stop {
    asked: Mutex<bool>,
    changed: Condvar,
}

/// Worker threads; dropping it stops them without a checkpoint.
pub struct RunningThreads {
    cluster: Cluster,
    stop: Arc<Stop>,
    threads: Vec<JoinHandle<()>>,
}

impl Cluster {
    /// Runs all guests on `threads` OS threads by `clock` (Unix microseconds). More than one
    /// plus half the cores is not useful: the rest of the product needs them.
    pub fn spawn_threads(
        &self,
        clock: impl Fn() -> i64 + Send + Sync + 'static,
        threads: usize,
    ) -> Result<RunningThreads, DriverError> {
        let clock: Clock = Arc::new(clock);
        *self.shared.clock.write().unwrap_or_else(PoisonError::into_inner) = Some(clock);
        let stop = Arc::new(Stop { asked: Mutex::new(false), changed: Condvar::new() });
        let count = threads.max(1);
        let mut running = RunningThreads { cluster: self.clone(), stop, threads: Vec::with_capacity(count) };
        for index in 0..count {
            let (cluster, stop) = (self.clone(), Arc::clone(&running.stop));
            let thread = std::thread::Builder::new()
                .name(format!("guests-{index}"))
                .spawn(move || work(&cluster, &stop, index, count))
                .map_err(|source| DriverError::Io { path: "guest thread".into(), source })?;
            running.threads.push(thread);
        }
        Ok(running)
    }
}

fn work(cluster: &Cluster, stop: &Stop, index: usize, count: usize) {
    // On Linux this is the priority of the calling thread. Not allowed to lower it further is
    // no reason not to run.
    let _ = rustix::process::nice(NICE);
    let slice = Duration::from_micros(cluster.shared.config.slice_micros);
    loop {
        let mut next: Option<i64> = None;
        let mut more = false;
        for cell in cluster.cells().iter().skip(index).step_by(count) {
            let now = cluster.now_micros();
            let started = Instant::now();
            let mut first = true;
            let mut keep_going = || std::mem::take(&mut first) || started.elapsed() < slice;
            match cluster.work(&mut lock(cell), now, &mut keep_going) {
                Progress::More => more = true,
                Progress::Until(at) => next = next.into_iter().chain(at).min(),
            }
        }
        let until_next =
            next.map_or(MAX_SLEEP, |at| Duration::from_micros(u64::try_from(at - cluster.now_micros()).unwrap_or(0)));
        let sleep = if more { Duration::ZERO } else { until_next.min(MAX_SLEEP) };
        let asked = lock(&stop.asked);
        let (asked, _) =
            stop.changed.wait_timeout_while(asked, sleep, |asked| !*asked).unwrap_or_else(PoisonError::into_inner);
        if *asked {
            return;
        }
    }
}

impl RunningThreads {
    fn join(&mut self) {
        *lock(&self.stop.asked) = true;
        self.stop.changed.notify_all();
        for thread in self.threads.drain(..) {
            // A thread that panicked has already said so; the others still have to end.
            let _ = thread.join();
        }
        // From here on time is told again, and never goes back behind this.
        self.cluster.now_micros();
        *self.cluster.shared.clock.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Stops at step boundaries, joins all threads and checkpoints every instance.
    pub fn stop(mut self, checkpoint_dir: Option<&Path>) -> Result<CheckpointSummary, DriverError> {
        self.join();
        match checkpoint_dir {
            Some(dir) => self.cluster.checkpoint_all(dir),
            None => Ok(CheckpointSummary { instances: 0, stored_bytes: 0, skipped: Vec::new() }),
        }
    }
}

impl Drop for RunningThreads {
    fn drop(&mut self) {
        self.join();
    }
}
