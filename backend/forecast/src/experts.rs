//! The experts: simple rules that each give one point for each horizon.
//!
//! Invariants: every point is finite once a sample was seen; the state of each expert changes
//! only with an observed (or imputed) value; scales never fall to zero.
//! Absent: quantiles and weights (`blend`).

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::HORIZONS;

/// Last value, running median, three rates of exponential smoothing, damped Holt, two
/// regressions (one forgets sooner, one is closer to a median), daily profile, same slot
/// yesterday, same slot an hour ago, longer mean, and the last value with no spread at all.
pub(crate) const EXPERTS: usize = 13;

/// Rates of exponential smoothing: a memory of about 2, 5 and 20 slots.
const SES_RATES: [f64; 3] = [0.6, 0.3, 0.08];
const HOLT_LEVEL: f64 = 0.5;
const HOLT_TREND: f64 = 0.1;
/// A trend of a metric rarely lasts: after six slots a third of it is left.
const HOLT_DAMPING: f64 = 0.85;
const FEATURES: usize = 16;
/// Samples count for about 500 slots in one regression and 3,000 in the other: two days and
/// ten of five-minute slots.
const FORGETTING: [f64; 2] = [0.998, 0.9997];
/// Residuals beyond this many scales pull as if they were there: the median is wanted, and
/// I/O series are full of spikes.
const HUBER: [f64; 2] = [3.0, 1.0];
const PROFILE_RATE: f64 = 0.25;
/// Hours that are looked back on: what comes by the clock mostly comes hourly.
const HOURS: usize = 24;

/// What was known when a forecast was issued, to learn from when its target arrives.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Basis {
    features: [[f32; FEATURES]; HORIZONS],
    centre: f64,
    spread: f64,
}

/// A regression by recursive least squares, one for each horizon.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Regression {
    weights: [f64; FEATURES],
    /// Inverse covariance, row by row.
    inverse: Vec<f64>,
}

impl Regression {
    fn new() -> Self {
        let mut inverse = vec![0.0; FEATURES * FEATURES];
        for index in 0..FEATURES {
            inverse[index * FEATURES + index] = 0.5;
        }
        let mut weights = [0.0; FEATURES];
        // Before it has learned: mostly the last value, some of the mean of six.
        weights[1] = 0.6;
        weights[7] = 0.3;
        Self { weights, inverse }
    }

    fn predict(&self, x: &[f32; FEATURES]) -> f64 {
        self.weights.iter().zip(x).map(|(w, x)| w * f64::from(*x)).sum()
    }

    fn learn(&mut self, x: &[f32; FEATURES], target: f64, kind: usize) {
        let error = (target - self.predict(x)).clamp(-HUBER[kind], HUBER[kind]);
        let mut gain = [0.0; FEATURES];
        for (g, row) in gain.iter_mut().zip(self.inverse.chunks_exact(FEATURES)) {
            *g = row.iter().zip(x).map(|(p, x)| p * f64::from(*x)).sum();
        }
        let surprise: f64 = gain.iter().zip(x).map(|(g, x)| g * f64::from(*x)).sum();
        let divisor = FORGETTING[kind] + surprise;
        for (w, g) in self.weights.iter_mut().zip(&gain) {
            *w += g / divisor * error;
        }
        // A regressor that stays at zero would let its variance grow without end.
        let grow = if surprise > 1e-3 { 1.0 / FORGETTING[kind] } else { 1.0 };
        for row in 0..FEATURES {
            for column in 0..FEATURES {
                let at = row * FEATURES + column;
                let next = (self.inverse[at] - gain[row] * gain[column] / divisor) * grow;
                self.inverse[at] = next.clamp(-1e4, 1e4);
            }
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Experts {
    day_slots: usize,
    hour_slots: usize,
    /// Newest last; a gap is carried forward. A day and a bit.
    history: VecDeque<f32>,
    profile: Vec<f32>,
    smoothed: [f64; 3],
    holt: (f64, f64),
    long_mean: f64,
    regressions: [Vec<Regression>; 2],
    /// Mean absolute change from slot to slot, quick and slow.
    quick_change: f64,
    slow_change: f64,
    seen: u64,
}

impl Experts {
    pub fn new(slot_seconds: u32) -> Self {
        let per = |seconds: u32| (seconds / slot_seconds.max(1)) as usize;
        Self {
            // A day of one-minute slots is the most that is kept.
            day_slots: per(86_400).clamp(HORIZONS + 1, 1_440),
            hour_slots: per(3_600).clamp(HORIZONS + 1, 120),
            history: VecDeque::new(),
            profile: Vec::new(),
            smoothed: [0.0; 3],
            holt: (0.0, 0.0),
            long_mean: 0.0,
            regressions: [(); 2].map(|()| vec![Regression::new(); HORIZONS]),
            quick_change: 0.0,
            slow_change: 0.0,
            seen: 0,
        }
    }

    /// Share of the hours before, at most a day of them, in which a window that began as many minutes past the hour passed a
    /// limit, by its length; never none and never all.
    pub fn share_of_hours(&self, limit: f64) -> [f64; HORIZONS] {
        let mut passing = [0.5; HORIZONS];
        let mut hours = 1.0;
        let starts = (1..=HOURS).map_while(|hour| self.history.len().checked_sub(hour * self.hour_slots));
        for start in starts {
            hours += 1.0;
            let window = self.history.range(start..).take(HORIZONS);
            let at = window.into_iter().position(|value| f64::from(*value) > limit);
            for count in at.map_or(&mut [][..], |at| &mut passing[at..]) {
                *count += 1.0;
            }
        }
        passing.map(|count| count / hours)
    }

    /// What a change of this series usually is; never zero.
    pub fn scale(&self) -> f64 {
        let last = f64::from(self.history.back().copied().unwrap_or(0.0)).abs();
        let learned = 0.5 * (self.quick_change + self.slow_change);
        // Before changes were seen, a tenth of the value is a guess that is soon corrected.
        let trust = (self.seen as f64 / 8.0).min(1.0);
        let prior = 0.1 * last.max(self.long_mean.abs());
        (trust * learned + (1.0 - trust) * prior).max(1e-3 * self.long_mean.abs()).max(1e-9)
    }

    /// Learns from a slot that was forecast `horizon` (from 0) slots before.
    pub fn learn(&mut self, basis: &Basis, horizon: usize, value: f64) {
        let target = (value - basis.centre) / basis.spread;
        for (kind, regressions) in self.regressions.iter_mut().enumerate() {
            regressions[horizon].learn(&basis.features[horizon], target.clamp(-50.0, 50.0), kind);
        }
    }

    pub fn observe(&mut self, slot: i64, value: f64) {
        let first = self.seen == 0;
        self.seen += 1;
        if first {
            self.smoothed = [value; 3];
            self.holt = (value, 0.0);
            self.long_mean = value;
            self.profile = vec![value as f32; self.day_slots];
        } else {
            let change = (value - self.last()).abs();
            // The first changes count in full, so that the scale is right soon.
            let rate = |rate: f64| rate.max(1.0 / self.seen as f64);
            self.quick_change += rate(0.08) * (change - self.quick_change);
            self.slow_change += rate(0.005) * (change - self.slow_change);
            for (level, rate) in self.smoothed.iter_mut().zip(SES_RATES) {
                *level += rate * (value - *level);
            }
            let (level, trend) = self.holt;
            let expected = level + HOLT_DAMPING * trend;
            let next = expected + HOLT_LEVEL * (value - expected);
            self.holt = (next, HOLT_DAMPING * trend * (1.0 - HOLT_TREND) + HOLT_TREND * (next - level));
            self.long_mean += 0.01_f64.max(1.0 / self.seen as f64) * (value - self.long_mean);
        }
        let at = self.slot_of_day(slot);
        if let Some(usual) = self.profile.get_mut(at) {
            *usual += PROFILE_RATE as f32 * (value as f32 - *usual);
        }
        self.push(value);
    }

    /// A slot without a sample: time passes, the last value stands.
    pub fn skip(&mut self) {
        if self.seen > 0 {
            self.push(self.last());
        }
    }

    fn push(&mut self, value: f64) {
        self.history.push_back(value as f32);
        while self.history.len() > self.day_slots + HORIZONS {
            self.history.pop_front();
        }
    }

    fn last(&self) -> f64 {
        f64::from(self.history.back().copied().unwrap_or(0.0))
    }

    fn slot_of_day(&self, slot: i64) -> usize {
        usize::try_from(slot.rem_euclid(self.day_slots as i64)).unwrap_or(0)
    }

    /// Whether one of the last nine values is exactly this one.
    pub fn rests_at(&self, value: f64) -> bool {
        self.history.iter().rev().take(9).any(|seen| *seen == value as f32)
    }

    /// The value `back` slots before the newest (0 = newest), if it is still kept.
    fn ago(&self, back: usize) -> Option<f64> {
        let index = self.history.len().checked_sub(back + 1)?;
        Some(f64::from(self.history[index]))
    }

    fn mean_of(&self, count: usize) -> f64 {
        let n = count.min(self.history.len()).max(1);
        self.history.iter().rev().take(n).map(|v| f64::from(*v)).sum::<f64>() / n as f64
    }

    fn median_of(&self, count: usize) -> f64 {
        let mut recent: Vec<f32> = self.history.iter().rev().take(count).copied().collect();
        recent.sort_by(f32::total_cmp);
        f64::from(recent.get(recent.len() / 2).copied().unwrap_or(0.0))
    }

    /// All points for the slots after `slot`, and the basis to learn from later.
    pub fn points(&self, slot: i64) -> ([[f64; EXPERTS]; HORIZONS], Basis) {
        let centre = self.smoothed[2];
        let spread = self.scale();
        let (last, median, long) = (self.last(), self.median_of(9), self.long_mean);
        let (six, day_mean) = (self.mean_of(6), self.mean_of(24));
        let usual = |slot: i64| {
            let at = self.slot_of_day(slot);
            self.profile.get(at).map_or(centre, |usual| f64::from(*usual))
        };
        let scaled = |value: f64| ((value - centre) / spread).clamp(-50.0, 50.0) as f32;
        let lag = |back: usize| self.ago(back).map_or(0.0, scaled);
        let mut points = [[0.0; EXPERTS]; HORIZONS];
        let mut features = [[0.0; FEATURES]; HORIZONS];
        for horizon in 0..HORIZONS {
            let steps = horizon + 1;
            let target = slot + steps as i64;
            let yesterday = self.ago(self.day_slots - steps);
            let hour_ago = self.ago(self.hour_slots - steps);
            let x = [
                1.0,
                lag(0),
                lag(1),
                lag(2),
                lag(3),
                lag(4),
                lag(5),
                scaled(six),
                scaled(day_mean),
                hour_ago.map_or(0.0, scaled),
                lag(self.hour_slots - steps - 1),
                lag(self.hour_slots - steps + 1),
                yesterday.map_or(0.0, scaled),
                lag(self.day_slots - steps - 1),
                lag(self.day_slots - steps + 1),
                scaled(usual(target)),
            ];
            let damped: f64 = (1..=steps).map(|n| HOLT_DAMPING.powi(n as i32)).sum();
            points[horizon] = [
                last,
                median,
                self.smoothed[0],
                self.smoothed[1],
                self.smoothed[2],
                self.holt.0 + self.holt.1 * damped,
                centre + spread * self.regressions[0][horizon].predict(&x),
                centre + spread * self.regressions[1][horizon].predict(&x),
                usual(target) + 0.5 * (six - usual(slot)),
                yesterday.unwrap_or(last),
                hour_ago.unwrap_or(last),
                long,
                last,
            ];
            features[horizon] = x;
        }
        (points, Basis { features, centre, spread })
    }
}
