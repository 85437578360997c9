//! The release curve: how much of the operator's supply of a slot rounds may have sold by now, so that those who come
//! first don't take the peak (rule book §1).
use crate::records::market::Rhythm;
use crate::time::{Slot, Timestamp};

/// The released share in thousandths at `now`: linear from `start_millis` when the slot opens to 1000 in its last round.
pub fn released_millis(rhythm: &Rhythm, slot: Slot, now: Timestamp, start_millis: i64) -> i64 {
    let opened = rhythm.opened(slot).micros();
    let last_round = rhythm.gate_closes(slot).plus_seconds(-rhythm.round_seconds).micros();
    let span = (last_round - opened).max(1);
    let passed = (now.micros() - opened).clamp(0, span);
    let share = i128::from(1000 - start_millis) * i128::from(passed) / i128::from(span);
    start_millis + share as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn supply_is_released_from_the_first_round_to_the_last() {
        let rhythm = Rhythm { slot_seconds: 60, horizon_slots: 6, lead_seconds: 10, round_seconds: 5 };
        let at = |second| released_millis(&rhythm, Slot::starting_at(600), Timestamp::from_seconds(second), 400);
        // opened at 230, the gate closes at 590, the last round is at 585
        assert_eq!((at(0), at(230), at(585), at(700)), (400, 400, 1000, 1000));
        assert!(at(400) > 600 && at(400) < 700);
    }
}
