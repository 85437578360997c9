//! What must not be passed in a whole window, and how that has gone so far.
//!
//! A forecast of a window's maximum is a middle and a reach: the median of the maximum, and how far
//! its quantile at the wanted level lies above. When the window has passed, its score is how many
//! reaches the highest value lay above the middle. [`stretch`] says by how much reaches have to be
//! stretched so that a further window exceeds its bound with a chance of at most epsilon: the score
//! of rank ⌈(n + 1)(1 − ε)⌉ among the last n, which is split conformal prediction with a locally
//! weighted score (Vovk, Gammerman and Shafer, *Algorithmic Learning in a Random World*, 2005; Lei,
//! G'Sell, Rinaldo, Tibshirani and Wasserman, *Distribution-free predictive inference for
//! regression*, 2018, section 5.2). With too few scores that rank does not exist, and there is no
//! bound: 49 at 2 %. Scores have no unit, so those of several series may be taken together.
//!
//! What is exceeded is the highest value inside slots, also where the series itself is of means.
//!
//! Invariants: a window with a missing slot is not scored; at most [`KEPT`] scores are kept.
//! Absent: the bound of a series itself (it takes the others' scores too, which it can't see).

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::{Forecaster, HORIZONS};

/// Scores kept, as many as there are paths: eight hours of five-minute slots.
const KEPT: usize = 96;
/// A reach is at least this part of the middle: a series that has never moved has none.
const LEAST_REACH: f64 = 1e-3;

/// The window's forecast at one slot.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// Median of the largest value in it.
    pub middle: f64,
    /// Of the quantile above the median; more than nothing.
    pub reach: f64,
}

impl Window {
    /// The window of slots `from..=to` ahead; `None` before the first sample.
    pub fn of(forecaster: &Forecaster, level: f64, from: usize, to: usize) -> Option<Self> {
        let quantiles = forecaster.window_max_quantile(&[0.5, level], from, to)?;
        let (middle, high) = (quantiles[0], quantiles[1]);
        Some(Self { middle, reach: (high - middle).max(LEAST_REACH * middle).max(LEAST_REACH) })
    }

    /// What the window's maximum passes with the chance that `stretch` stands for.
    pub fn bound(&self, stretch: f64) -> f64 {
        self.middle + stretch * self.reach
    }
}

/// Windows of one series, first open, then scored.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Windows {
    /// Slot of the issue and its window.
    open: VecDeque<(i64, Window)>,
    /// Highest value by slot, the newest last.
    highest: VecDeque<(i64, f64)>,
    scores: VecDeque<f32>,
}

impl Windows {
    /// The highest value of a slot. Windows of slots `from..=to` after their issue that end with it
    /// are scored.
    pub fn observe(&mut self, slot: i64, highest: f64, from: usize, to: usize) {
        self.highest.push_back((slot, highest));
        while self.highest.len() > HORIZONS {
            self.highest.pop_front();
        }
        while let Some((issued, window)) = self.open.front().copied().filter(|(at, _)| at + to as i64 <= slot) {
            self.open.pop_front();
            let inside = |at: i64| (issued + from as i64..=issued + to as i64).contains(&at);
            let within = || self.highest.iter().filter(|(at, _)| inside(*at)).map(|(_, value)| *value);
            if within().count() != to + 1 - from {
                continue;
            }
            let score = (within().fold(f64::NEG_INFINITY, f64::max) - window.middle) / window.reach;
            self.scores.push_back(score.clamp(-1e6, 1e6) as f32);
            if self.scores.len() > KEPT {
                self.scores.pop_front();
            }
        }
    }

    /// What was forecast at a slot.
    pub fn issue(&mut self, slot: i64, window: Window) {
        self.open.push_back((slot, window));
        while self.open.len() > HORIZONS {
            self.open.pop_front();
        }
    }

    pub fn scores(&self) -> impl Iterator<Item = f32> {
        self.scores.iter().copied()
    }
}

/// By how much reaches are stretched so that the next window passes its bound with a chance of at most
/// `epsilon`; `None` where there are too few scores to say so.
pub fn stretch(mut scores: Vec<f32>, epsilon: f64) -> Option<f64> {
    let rank = ((scores.len() + 1) as f64 * (1.0 - epsilon)).ceil() as usize;
    scores.sort_by(f32::total_cmp);
    scores.get(rank.checked_sub(1)?).map(|score| f64::from(*score))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_percent_need_forty_nine_scores_and_then_the_highest_of_them() {
        let scores = |count: u16| (0..count).map(f32::from).collect::<Vec<f32>>();
        assert_eq!(stretch(scores(48), 0.02), None);
        assert_eq!(stretch(scores(49), 0.02), Some(48.0));
        assert_eq!(stretch(scores(99), 0.02), Some(97.0), "the second highest of 99");
        assert_eq!(stretch(Vec::new(), 0.02), None);
    }

    #[test]
    fn a_window_is_scored_by_its_highest_slot_once_all_of_them_have_come() {
        let mut windows = Windows::default();
        windows.issue(10, Window { middle: 100.0, reach: 20.0 });
        for (slot, highest) in [(11, 500.0), (12, 90.0), (13, 130.0), (14, 110.0)] {
            windows.observe(slot, highest, 2, 4);
            assert_eq!(windows.scores().count(), usize::from(slot == 14));
        }
        assert_eq!(windows.scores().next(), Some(1.5), "130; what came in slot 11 is not of the window");
        windows.issue(14, Window { middle: 100.0, reach: 20.0 });
        for slot in [16, 18, 19] {
            windows.observe(slot, 100.0, 2, 4);
        }
        assert_eq!(windows.scores().count(), 1, "slot 17 is missing");
    }

    #[test]
    fn stretched_bounds_are_passed_as_seldom_as_was_asked() {
        // Values whose tail is far longer than the reach says; SplitMix64 for their chance.
        let draw = |n: u64| {
            let mut x = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            let uniform = (((x ^ (x >> 31)) >> 11) as f64 + 1.0) / (1_u64 << 53) as f64;
            100.0 + 10.0 * uniform.powf(-0.5)
        };
        let window = Window { middle: 114.0, reach: 6.0 };
        let (mut windows, mut passed, mut bounded) = (Windows::default(), 0, 0);
        for slot in 0..6_000_i64 {
            let value = draw(slot as u64);
            if let Some(stretch) = stretch(windows.scores().collect(), 0.02) {
                bounded += 1;
                passed += i32::from(value > window.bound(stretch));
            }
            windows.issue(slot - 1, window);
            windows.observe(slot, value, 1, 1);
        }
        assert_eq!(bounded, 6_000 - 49);
        let share = f64::from(passed) / f64::from(bounded);
        assert!((0.005..=0.022).contains(&share), "{share}");
    }
}
