//! Runs: what a bid takes that is content with a part of its window.
//!
//! With `min_run_slots` = m a bid takes any run of at least m slots in a row inside its window of N. Each pool
//! × run is one alternative, so at most one wins. What a run is worth falls with its length: of n slots it is
//! the limit × n / N, rounded down to a micro-credit, less the pool's adder. In a book that is said by the
//! alternative's adder, which takes from the limit what the run has no part in.
//!
//! Invariant: nothing is charged for a run beyond its part of the limit.
//! Absent on purpose: runs of offers, and runs of a window that can begin later: that moves the window
//! already.
use crate::units::Credits;

/// The part of a limit that a run of so many of the window's slots is worth.
pub fn part(limit: Credits, slots: i64, window: i64) -> Credits {
    limit.share_floor(slots, window)
}

/// What a run has no part in: an adder beside the pool's.
pub fn beyond(limit: Credits, slots: i64, window: i64) -> Credits {
    limit - part(limit, slots, window)
}

/// The least limit for a whole window of which a run's part is at least this, both in micro-credits.
pub fn limit_for(worth: i128, slots: i64, window: i64) -> i128 {
    -(-worth * i128::from(window)).div_euclid(i128::from(slots.max(1)))
}

/// How many runs of at least `shortest` slots a window has, and how many slots they have together.
pub fn count(shortest: i64, window: i64) -> (usize, usize) {
    let of_length = |n: i64| ((window - n + 1) as usize, n as usize);
    let lengths = (shortest.max(1)..=window).map(of_length);
    lengths.fold((0, 0), |(runs, slots), (many, each)| (runs + many, slots + many * each))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::order::OrderRequest;
    use crate::time::Timestamp;

    const SLOT: i64 = 60;

    fn request(slots: i64, min_run_slots: u32, limit: &str, pools: &[(&str, &str)]) -> OrderRequest {
        let at = |n: i64| Timestamp::from_seconds(n * SLOT).to_string();
        let pools: Vec<_> = pools.iter().map(|(p, a)| serde_json::json!({ "pool": p, "adder": a })).collect();
        serde_json::from_value(serde_json::json!({
            "window": { "start_at": at(10), "end_at": at(10 + slots) }, "resources": { "cpu_milli": 1 },
            "pools": pools, "limit": limit, "min_run_slots": min_run_slots,
        }))
        .unwrap()
    }

    #[test]
    fn every_run_that_is_long_enough_is_one_alternative_of_each_pool() {
        let all = request(4, 2, "1", &[("a", "0"), ("b", "0.1")]).alternatives(SLOT);
        let of = |pool: &str| -> Vec<(i64, usize)> {
            let mine = all.iter().filter(|a| a.pool == pool);
            mine.map(|a| (a.slots[0].seconds() / SLOT - 10, a.slots.len())).collect()
        };
        // The longest first: what stands for the whole order is its whole window.
        assert_eq!(of("a"), [(0, 4), (0, 3), (1, 3), (0, 2), (1, 2), (2, 2)]);
        assert_eq!(of("a"), of("b"));
        assert_eq!(count(2, 4), (6, 4 + 2 * 3 + 3 * 2));
        for slots in all.iter().map(|a| &a.slots) {
            assert!(slots.windows(2).all(|w| w[1] == w[0].plus(1, SLOT)), "in a row: {slots:?}");
        }
    }

    #[test]
    fn a_run_is_worth_its_part_of_the_limit_rounded_down() {
        let request = request(3, 1, "0.000010", &[("a", "0"), ("b", "0.000002")]);
        let worth = |pool: &str| -> Vec<i64> {
            let all = request.alternatives(SLOT);
            all.iter().filter(|a| a.pool == pool).map(|a| (request.limit - a.adder).units()).collect()
        };
        assert_eq!(worth("a"), [10, 6, 6, 3, 3, 3]);
        assert_eq!(worth("b"), [8, 4, 4, 1, 1, 1]);
    }

    #[test]
    fn the_whole_window_is_one_alternative_with_the_pools_adder() {
        for min_run_slots in [0, 3] {
            let request = request(3, min_run_slots, "0.000010", &[("a", "0.000002")]);
            let all = request.alternatives(SLOT);
            assert_eq!((all.len(), all[0].slots.len(), all[0].adder.units()), (1, 3, 2));
            assert_eq!(request.runs_of(SLOT), None);
            assert!(request.stays_open_after_award(SLOT));
        }
        assert!(!request(3, 2, "1", &[("a", "0")]).stays_open_after_award(SLOT), "it has alternatives");
    }

    #[test]
    fn the_limit_for_a_run_is_the_least_whose_part_is_enough() {
        for (worth, slots, window) in [(1, 1, 6), (7, 2, 3), (1_000_001, 5, 7), (12, 3, 6), (0, 1, 2)] {
            let limit = limit_for(worth, slots, window);
            let part = |limit: i128| i128::from(part(Credits::from_units(limit as i64), slots, window).units());
            assert!(part(limit) >= worth && (limit == 0 || part(limit - 1) < worth), "{worth} {slots} {window}");
        }
    }
}
