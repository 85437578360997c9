//! Real time: the cluster's work on its own OS threads, behind everything else.
//!
//! Each thread takes every n-th instance, gives it at most a slice, and sleeps until the next
//! input is due. Threads run at nice 10 so that the exchange and the solver come first. One
//! more thread ticks, so that a step that does not end is ended (`watch`), and one writes
//! checkpoints, so that nobody but the copied guest waits for a copy.
//! Invariants: a guest that took more than its slice waits until the others had as much, if
//! they have work; ending the threads takes no longer than `GRACE` and a tick.
//! Absent: an async runtime; guests never run on one.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::cluster::{Clock, Cluster, lock};
use super::low_priority;
use super::recovery::CheckpointSummary;
use super::replica::Progress;
use super::slot::Slot;
use super::watch::cpu_time;
use crate::driver::{Detail, DriverError, InstanceId};

/// Longest sleep: how late a new instance or a changed limit may be noticed.
const MAX_SLEEP: Duration = Duration::from_millis(20);
/// Sleep when the only work is in cells that an operation has or waits for.
const LET_PASS: Duration = Duration::from_micros(200);
/// Time between two ticks: how much later than its limit a step may be ended.
const TICK: Duration = Duration::from_millis(20);
/// Time between two looks for checkpoints that are due.
const CHECKPOINT_LOOK: Duration = Duration::from_secs(1);
/// The writer of checkpoints rests this many times as long as it worked.
const REST: u32 = 3;
/// How long a stop waits for steps under way. A guest whose step was ended goes on from its
/// last checkpoint at the next start.
const GRACE: Duration = Duration::from_secs(2);

/// A flag that threads sleep on.
#[derive(Default)]
struct Stop {
    asked: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    fn ask(&self) {
        *lock(&self.asked) = true;
        self.changed.notify_all();
    }

    /// Sleeps for `time` or until it is asked; answers whether it is.
    fn sleep(&self, time: Duration) -> bool {
        let asked = lock(&self.asked);
        let (asked, _) =
            self.changed.wait_timeout_while(asked, time, |asked| !*asked).unwrap_or_else(PoisonError::into_inner);
        *asked
    }
}

/// Worker threads; dropping it stops them without a checkpoint.
pub struct RunningThreads {
    cluster: Cluster,
    stop: Arc<Stop>,
    threads: Vec<JoinHandle<()>>,
    stop_ticks: Arc<Stop>,
    ticker: Option<JoinHandle<()>>,
}

fn spawn(name: String, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, DriverError> {
    let spawned = std::thread::Builder::new().name(name).spawn(work);
    spawned.map_err(|source| DriverError::Io { path: "guest thread".into(), source })
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
        let count = threads.max(1);
        let mut running = RunningThreads {
            cluster: self.clone(),
            stop: Arc::default(),
            threads: Vec::with_capacity(count),
            stop_ticks: Arc::default(),
            ticker: None,
        };
        let (cluster, done) = (self.clone(), Arc::clone(&running.stop_ticks));
        // Not at a low priority: it does next to nothing and must not wait for those it watches.
        let ticks = move || {
            while !done.sleep(TICK) {
                cluster.shared.runtime.tick();
            }
        };
        running.ticker = Some(spawn("guest-ticks".to_owned(), ticks)?);
        let (cluster, stop) = (self.clone(), Arc::clone(&running.stop));
        let checkpoints = move || {
            low_priority();
            while !stop.sleep(CHECKPOINT_LOOK) {
                let mut since = Instant::now();
                cluster.write_due_checkpoints(&mut || {
                    let go_on = !stop.sleep(since.elapsed() * REST);
                    since = Instant::now();
                    go_on
                });
            }
        };
        running.threads.push(spawn("guest-checkpoints".to_owned(), checkpoints)?);
        let (cluster, stop) = (self.clone(), Arc::clone(&running.stop));
        running.threads.push(spawn("commands".to_owned(), move || commands(&cluster, &stop))?);
        for index in 0..count {
            let (cluster, stop) = (self.clone(), Arc::clone(&running.stop));
            running.threads.push(spawn(format!("guests-{index}"), move || work(&cluster, &stop, index, count))?);
        }
        Ok(running)
    }
}

/// Who took longer than a slice, and how much of that the others have not had yet.
struct Turns {
    slice: Duration,
    debts: BTreeMap<InstanceId, Duration>,
}

impl Turns {
    fn new(slice: Duration) -> Self {
        Self { slice: slice.max(Duration::from_micros(1)), debts: BTreeMap::new() }
    }

    /// Whether it has its turn in this pass; if not, it has paid a slice.
    fn may_run(&mut self, instance: &InstanceId) -> bool {
        let Some(debt) = self.debts.get_mut(instance) else { return true };
        *debt = debt.saturating_sub(self.slice);
        if debt.is_zero() {
            self.debts.remove(instance);
        }
        false
    }

    fn used(&mut self, instance: &InstanceId, time: Duration) {
        if time > self.slice {
            self.debts.insert(instance.clone(), time - self.slice);
        }
    }

    /// Nobody else has work: the one that owes least goes next. Answers whether anybody owes.
    fn forgive(&mut self) -> bool {
        let Some(least) = self.debts.values().min().copied() else { return false };
        self.debts.retain(|_, debt| {
            *debt -= least;
            !debt.is_zero()
        });
        true
    }
}

/// Gives every command a thread of its own: its steps may wait for whatever it waits for.
fn commands(cluster: &Cluster, stop: &Arc<Stop>) {
    let mut threads: BTreeMap<InstanceId, JoinHandle<()>> = BTreeMap::new();
    while !stop.sleep(MAX_SLEEP) {
        threads.retain(|_, thread| !thread.is_finished());
        for slot in cluster.slots() {
            if !slot.runs() || !slot.is_command() || threads.contains_key(&slot.instance) {
                continue;
            }
            let (of, stop, slot) = (cluster.clone(), Arc::clone(stop), Arc::clone(&slot));
            let instance = slot.instance.clone();
            // Without a thread it is tried again at the next look.
            if let Ok(thread) = spawn(format!("command-{instance}"), move || run_command(&of, &stop, &slot)) {
                threads.insert(instance, thread);
            }
        }
    }
    for thread in threads.into_values() {
        // One that panicked has already said so.
        let _ = thread.join();
    }
}

/// Works for one command until it has none or is one no more.
fn run_command(cluster: &Cluster, stop: &Stop, slot: &Slot) {
    low_priority();
    let slice = Duration::from_micros(cluster.shared.config.slice_micros);
    while slot.runs() && slot.is_command() {
        let sleep = match slot.turn() {
            None => LET_PASS,
            Some(mut cell) => {
                let (now, started) = (cluster.now_micros(), Instant::now());
                let mut first = true;
                let mut keep_going = || std::mem::take(&mut first) || started.elapsed() < slice;
                let progress = cluster.work(&mut cell, now, &mut keep_going);
                if slot.is_to_be_seen() {
                    slot.put_seen(cluster.observe_cell(&mut cell, Detail::Counters));
                }
                cluster.checkpoint_of_command(slot, cell);
                match progress {
                    Progress::More => Duration::ZERO,
                    Progress::Until(None) => MAX_SLEEP,
                    Progress::Until(Some(at)) => {
                        Duration::from_micros(u64::try_from(at - cluster.now_micros()).unwrap_or(0)).min(MAX_SLEEP)
                    }
                }
            }
        };
        if stop.sleep(sleep) {
            return;
        }
    }
}

fn work(cluster: &Cluster, stop: &Stop, index: usize, count: usize) {
    low_priority();
    let slice = Duration::from_micros(cluster.shared.config.slice_micros);
    let mut turns = Turns::new(slice);
    loop {
        let mut next: Option<i64> = None;
        let (mut more, mut passed) = (false, false);
        for slot in cluster.slots().iter().filter(|slot| !slot.is_command()).skip(index).step_by(count) {
            if !turns.may_run(&slot.instance) {
                continue;
            }
            let Some(mut cell) = slot.turn() else {
                passed = true;
                continue;
            };
            let now = cluster.now_micros();
            let (started, cpu) = (Instant::now(), cpu_time());
            let mut first = true;
            let mut keep_going = || std::mem::take(&mut first) || started.elapsed() < slice;
            match cluster.work(&mut cell, now, &mut keep_going) {
                Progress::More => more = true,
                Progress::Until(at) => next = next.into_iter().chain(at).min(),
            }
            turns.used(&slot.instance, cpu_time().saturating_sub(cpu));
        }
        let until_next =
            next.map_or(MAX_SLEEP, |at| Duration::from_micros(u64::try_from(at - cluster.now_micros()).unwrap_or(0)));
        let sleep = match () {
            () if more => Duration::ZERO,
            () if turns.forgive() => Duration::ZERO,
            () if passed => LET_PASS,
            () => until_next.min(MAX_SLEEP),
        };
        if stop.sleep(sleep) {
            return;
        }
    }
}

impl RunningThreads {
    fn join(&mut self) {
        self.stop.ask();
        let asked = Instant::now();
        while asked.elapsed() < GRACE && !self.threads.iter().all(JoinHandle::is_finished) {
            std::thread::sleep(Duration::from_millis(1));
        }
        let ending = &self.cluster.shared.runtime.ending;
        ending.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A thread that panicked has already said so; the others still have to end.
            let _ = thread.join();
        }
        self.stop_ticks.ask();
        if let Some(ticker) = self.ticker.take() {
            let _ = ticker.join();
        }
        ending.store(false, Ordering::Relaxed);
        // From here on time is told again, and never goes back behind this.
        self.cluster.now_micros();
        *self.cluster.shared.clock.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Stops at step boundaries, joins all threads and checkpoints every instance. A step that
    /// does not end in time is ended, and its guest left to its last checkpoint.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_took_many_slices_waits_as_many_turns_while_others_have_work() {
        let ms = Duration::from_millis;
        let mut turns = Turns::new(ms(2));
        let (hog, good) = (InstanceId::from("hog"), InstanceId::from("good"));
        turns.used(&hog, ms(200));
        turns.used(&good, ms(2));
        let mut waited = 0;
        while !turns.may_run(&hog) {
            assert!(turns.may_run(&good));
            waited += 1;
        }
        assert_eq!(waited, 99);
        turns.used(&hog, ms(200));
        assert!(turns.forgive() && turns.may_run(&hog), "nobody else had work");
        assert!(!turns.forgive());
    }
}
