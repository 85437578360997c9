//! How soon and how often rounds may have a workload moved again. A move costs everybody work that no bid
//! pays for, so a workload rests after one.
use crate::records::workload::Instance;
use crate::time::Timestamp;

/// A workload that was moved stays where it is for so many slots.
pub const HOLD_SLOTS: i64 = 3;
/// One whose move failed is not tried again for so many slots.
pub const SLOTS_AFTER_FAILURE: i64 = 10;
/// It is moved so often at most ...
pub const MOST_MOVES: usize = 4;
/// ... in so many slots.
pub const WINDOW_SLOTS: i64 = 36;

/// Whether no new bid of the workload may take it to another node for now. What it has won there stands.
pub fn rests(instance: &Instance, now: Timestamp, slot_seconds: i64) -> bool {
    let within = |slots: i64| {
        let counts = |at: &&Timestamp| now < at.plus_seconds(slots * slot_seconds);
        instance.recent_moves.iter().filter(counts).count()
    };
    within(HOLD_SLOTS) > 0 || within(WINDOW_SLOTS) >= MOST_MOVES
}

/// Remembers a move that took effect.
pub fn record(instance: &mut Instance, now: Timestamp, slot_seconds: i64) {
    instance.recent_moves.push(now);
    instance.recent_moves.retain(|at| now < at.plus_seconds(WINDOW_SLOTS * slot_seconds));
}
