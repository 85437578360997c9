//! A cell with its lock, and what can be said of it without the lock.
//!
//! A worker holds the lock for as long as a step takes. So whoever only wants to know reads
//! what was published last, and whoever wants to change something goes before the next step.
//! Invariant: what is published is written with the lock held, on its release.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use super::cell::Cell;
use super::cluster::lock;
use crate::driver::{InstanceId, Observation};

/// One instance's place in the cluster.
pub(crate) struct Slot {
    pub instance: InstanceId,
    cell: Mutex<Cell>,
    /// Operations that wait for the lock; the worker lets them pass.
    waiting: AtomicUsize,
    runs: AtomicBool,
    /// Its steps may wait.
    command: AtomicBool,
    /// The active copy without a window.
    standing: Mutex<Option<Observation>>,
    /// Somebody wanted to observe it and could not; what its own thread has seen for them since.
    to_be_seen: AtomicBool,
    seen: Mutex<Option<Vec<Observation>>>,
}

/// The lock of a slot's cell.
pub(crate) struct Held<'a> {
    slot: &'a Slot,
    cell: MutexGuard<'a, Cell>,
}

impl Slot {
    pub fn new(instance: InstanceId) -> Self {
        Self {
            cell: Mutex::new(Cell::new(instance.clone())),
            instance,
            waiting: AtomicUsize::new(0),
            runs: AtomicBool::new(false),
            command: AtomicBool::new(false),
            standing: Mutex::default(),
            to_be_seen: AtomicBool::new(false),
            seen: Mutex::default(),
        }
    }

    /// Waits for a step that is under way, and no longer.
    pub fn lock(&self) -> Held<'_> {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        let cell = lock(&self.cell);
        self.waiting.fetch_sub(1, Ordering::AcqRel);
        Held { slot: self, cell }
    }

    /// The cell, unless somebody has it now.
    pub fn try_lock(&self) -> Option<Held<'_>> {
        let cell = match self.cell.try_lock() {
            Ok(cell) => cell,
            // As with `lock`: a panic in one guest's work must not take the others with it.
            Err(TryLockError::Poisoned(poisoned)) => PoisonError::into_inner(poisoned),
            Err(TryLockError::WouldBlock) => return None,
        };
        Some(Held { slot: self, cell })
    }

    /// The cell for a worker's turn, unless somebody has it or waits for it.
    pub fn turn(&self) -> Option<Held<'_>> {
        if self.waiting.load(Ordering::Acquire) > 0 {
            return None;
        }
        self.try_lock()
    }

    /// Whether it had a copy that runs or is fenced, when it was last changed.
    pub fn runs(&self) -> bool {
        self.runs.load(Ordering::Acquire)
    }

    /// Whether it was a command, when it was last changed: those have threads of their own.
    pub fn is_command(&self) -> bool {
        self.command.load(Ordering::Acquire)
    }

    /// What its own thread has seen since somebody last asked in vain, who asks again for the next time.
    pub fn seen_or_wanted(&self) -> Option<Vec<Observation>> {
        self.to_be_seen.store(true, Ordering::Release);
        let seen = lock(&self.seen).take()?;
        // What was seen of a copy that is another one now says nothing.
        let epoch = lock(&self.standing).as_ref().map(|copy| copy.epoch);
        seen.iter().all(|copy| Some(copy.epoch) == epoch).then_some(seen)
    }

    /// Whether somebody asked in vain; `put_seen` answers.
    pub fn is_to_be_seen(&self) -> bool {
        self.to_be_seen.swap(false, Ordering::AcqRel)
    }

    pub fn put_seen(&self, seen: Vec<Observation>) {
        *lock(&self.seen) = Some(seen);
    }

    /// The active copy with what was in force when it was last changed; nothing is counted.
    pub fn standing(&self) -> Option<Observation> {
        lock(&self.standing).clone()
    }
}

impl Deref for Held<'_> {
    type Target = Cell;
    fn deref(&self) -> &Cell {
        &self.cell
    }
}

impl DerefMut for Held<'_> {
    fn deref_mut(&mut self) -> &mut Cell {
        &mut self.cell
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let runs = self.cell.active.is_some() || self.cell.fenced.is_some();
        self.slot.runs.store(runs, Ordering::Release);
        let command = self.cell.module.as_ref().is_some_and(|code| code.is_command());
        self.slot.command.store(command, Ordering::Release);
        let mut standing = lock(&self.slot.standing);
        // Seldom anything has changed: most turns are steps.
        let same = match (&*standing, &self.cell.active) {
            (None, None) => true,
            (Some(seen), Some(copy)) => {
                seen.epoch == copy.epoch
                    && seen.node == copy.node
                    && seen.limits == copy.limits
                    && seen.fault == copy.fault
                    && seen.suspended_kib == copy.suspended_kib()
            }
            _ => false,
        };
        if !same {
            *standing = self.cell.active.as_ref().map(|copy| copy.standing(&self.slot.instance));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_under_way_keeps_nobody_from_reading_and_the_worker_lets_operations_pass() {
        let slot = Slot::new("ins_a".into());
        let held = slot.lock();
        assert!(slot.try_lock().is_none() && slot.turn().is_none());
        assert!(!slot.runs() && slot.standing().is_none());
        std::thread::scope(|scope| {
            let operation = scope.spawn(|| drop(slot.lock()));
            while slot.waiting.load(Ordering::Acquire) == 0 {
                std::thread::yield_now();
            }
            drop(held);
            operation.join().expect("gets its turn");
        });
        assert!(slot.turn().is_some());
    }
}
