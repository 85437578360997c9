//! What an instance has put out: one record a position, whoever produced it.
//!
//! Invariants: a position is recorded once, so a job that repeats work after a crash or a
//! rollback changes nothing outside; a writer with an older epoch than the newest is refused.
//! Absent: delivery further on; the server reads from here and deduplicates by position too.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// An output that left the job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputRecord {
    pub position: u64,
    pub epoch: u64,
    pub bytes: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Appended {
    New,
    /// Repeated work that gave the same.
    Duplicate,
    /// Repeated work that gave something else: the first stays.
    Conflict,
    Stale,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OutputLog {
    next: u64,
    epoch: u64,
    ring: VecDeque<OutputRecord>,
    pub duplicates: u64,
    pub conflicts: u64,
    pub refused: u64,
}

impl OutputLog {
    pub fn append(&mut self, position: u64, epoch: u64, bytes: &[u8], keep: usize) -> Appended {
        if epoch < self.epoch {
            self.refused += 1;
            return Appended::Stale;
        }
        self.epoch = epoch;
        if position < self.next {
            let same =
                self.ring.iter().find(|record| record.position == position).is_none_or(|record| record.bytes == bytes);
            if same {
                self.duplicates += 1;
                return Appended::Duplicate;
            }
            self.conflicts += 1;
            return Appended::Conflict;
        }
        self.next = position + 1;
        self.ring.push_back(OutputRecord { position, epoch, bytes: bytes.to_vec() });
        while self.ring.len() > keep {
            self.ring.pop_front();
        }
        Appended::New
    }

    /// From now on writers need this epoch.
    pub fn raise_epoch(&mut self, epoch: u64) {
        self.epoch = self.epoch.max(epoch);
    }

    pub fn since(&self, position: u64) -> Vec<OutputRecord> {
        self.ring.iter().filter(|record| record.position >= position).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_recorded_once_and_a_zombie_never() {
        let mut log = OutputLog::default();
        assert_eq!(log.append(0, 1, b"a", 8), Appended::New);
        assert_eq!(log.append(1, 1, b"b", 8), Appended::New);
        log.raise_epoch(2);
        assert_eq!(log.append(2, 1, b"zombie", 8), Appended::Stale);
        assert_eq!(log.append(1, 2, b"b", 8), Appended::Duplicate);
        assert_eq!(log.append(1, 2, b"x", 8), Appended::Conflict);
        assert_eq!(log.append(2, 2, b"c", 8), Appended::New);
        let seen: Vec<_> = log.since(1).into_iter().map(|r| (r.position, r.epoch)).collect();
        assert_eq!(seen, [(1, 1), (2, 2)]);
    }
}
