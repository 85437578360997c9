//! The chance that a limit is passed, corrected by how such chances have turned out.
//!
//! For each slot the chance is asked for three limits that the series passes now and then. When their windows have come, a
//! logistic regression for each horizon learns what a chance was worth: it is updated by an extended Kalman filter, so that
//! it begins with the chance itself and moves as far as the evidence goes. Beside the chance it knows how often the limit is
//! passed at all, how often at these minutes of the hour, and whether it is passed now.
//!
//! Invariants: as long as nothing is learned the chance stays as it was; chances are within (0, 1). Absent: learning from
//! other series.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::HORIZONS;

/// The limits that are tried: these quantiles of the samples so far.
const TRIED: [f64; 3] = [0.7, 0.9, 0.97];
const FEATURES: usize = 5;
/// Samples of the past that are kept, evenly spread over it.
const KEPT: usize = 128;
/// Log odds beyond this are certainty.
const MOST_ODDS: f64 = 8.0;
/// Before anything is learned the chance is taken as it is.
const PRIOR: [f64; FEATURES] = [0.0, 1.0, 0.0, 0.0, 0.0];
/// How far from that it may be.
const PRIOR_VARIANCE: [f64; FEATURES] = [0.3, 0.1, 0.1, 0.3, 0.3];
/// Variance that each lesson adds: what a chance is worth changes with the series.
const DRIFT: f64 = 1e-5;
/// How much of a lesson one window is: the next one holds most of the same slots.
const LESSON: f64 = 0.3;

/// One, log odds of the chance, log odds of passing at all, whether it is passed now, log odds at these minutes of the hour.
type Features = [f64; FEATURES];

/// Samples of the past: when there are too many, every second one goes, and every second one is taken from then on.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Past {
    kept: VecDeque<f32>,
    stride: u64,
    samples: u64,
}

impl Past {
    fn observe(&mut self, value: f64) {
        if self.samples.is_multiple_of(self.stride) {
            self.kept.push_back(value as f32);
        }
        self.samples += 1;
        if self.kept.len() > KEPT {
            let halved = self.kept.iter().copied().step_by(2).collect();
            (self.kept, self.stride) = (halved, 2 * self.stride);
        }
    }

    fn limits(&self) -> Option<[f64; TRIED.len()]> {
        let mut sorted: Vec<f32> = self.kept.iter().copied().collect();
        sorted.sort_by(f32::total_cmp);
        let last = sorted.len().checked_sub(1)?;
        Some(TRIED.map(|level| f64::from(sorted[(level * last as f64).round() as usize])))
    }

    /// Share of samples above a limit, never none and never all.
    fn share_above(&self, limit: f64) -> f64 {
        let above = self.kept.iter().filter(|value| f64::from(**value) > limit).count();
        (above as f64 + 0.5) / (self.kept.len() as f64 + 1.0)
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Regression {
    weights: Features,
    covariance: [Features; FEATURES],
}

impl Regression {
    fn new() -> Self {
        let mut covariance = [[0.0; FEATURES]; FEATURES];
        for (at, variance) in PRIOR_VARIANCE.into_iter().enumerate() {
            covariance[at][at] = variance;
        }
        Self { weights: PRIOR, covariance }
    }

    fn chance(&self, features: &Features) -> f64 {
        let odds: f64 = self.weights.iter().zip(features).map(|(w, x)| w * x).sum();
        1.0 / (1.0 + (-odds.clamp(-MOST_ODDS, MOST_ODDS)).exp())
    }

    /// `worth`: how much of a lesson this is, from 0 to 1.
    fn learn(&mut self, features: &Features, has_passed: bool, worth: f64) {
        let chance = self.chance(features);
        let curvature = worth * (chance * (1.0 - chance)).max(1e-3);
        let gain = self.covariance.map(|row| row.iter().zip(features).map(|(p, x)| p * x).sum::<f64>());
        let spread: f64 = gain.iter().zip(features).map(|(g, x)| g * x).sum();
        let divisor = 1.0 + curvature * spread;
        let error = worth * (f64::from(u8::from(has_passed)) - chance);
        for (weight, g) in self.weights.iter_mut().zip(gain) {
            *weight += g * error / divisor;
        }
        for (row, own) in self.covariance.iter_mut().zip(gain) {
            for (p, other) in row.iter_mut().zip(gain) {
                *p -= own * other * curvature / divisor;
            }
        }
        for (at, prior) in PRIOR_VARIANCE.into_iter().enumerate() {
            self.covariance[at][at] = (self.covariance[at][at] + DRIFT).clamp(1e-9, prior);
        }
    }
}

/// Chances that were given for the limits that are tried, until their windows have come.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Tried(Vec<OneLimit>);

#[derive(Debug, Clone, Serialize, Deserialize)]
struct OneLimit {
    limit: f64,
    features: [Features; HORIZONS],
    has_passed: bool,
    /// A sample is missing, or says only that it was at least so much.
    is_unknown: bool,
}

/// What was learned of one series.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Risk {
    past: Past,
    last: f64,
    regressions: Vec<Regression>,
}

impl Default for Risk {
    fn default() -> Self {
        let past = Past { kept: VecDeque::new(), stride: 1, samples: 0 };
        Self { past, last: 0.0, regressions: vec![Regression::new(); HORIZONS] }
    }
}

impl Risk {
    pub fn observe(&mut self, value: f64) {
        self.past.observe(value);
        self.last = value;
    }

    fn features(&self, limit: f64, [chance, of_hours]: [f64; 2]) -> Features {
        let odds = |chance: f64| (chance / (1.0 - chance)).ln().clamp(-MOST_ODDS, MOST_ODDS);
        [1.0, odds(chance), odds(self.past.share_above(limit)), f64::from(u8::from(self.last > limit)), odds(of_hours)]
    }

    /// What a chance for the window up to `horizon`, counted from 0, has turned out to be worth. With it comes the share of
    /// hours that passed the limit.
    pub fn corrected(&self, limit: f64, horizon: usize, chance: [f64; 2]) -> f64 {
        self.regressions[horizon].chance(&self.features(limit, chance))
    }

    /// Notes what is said of the limits that are tried. `chances`: of a limit, by horizon, with the share of hours.
    pub fn try_out(&self, chances: impl Fn(f64) -> [[f64; 2]; HORIZONS]) -> Tried {
        let one = |limit: f64| {
            let features = chances(limit).map(|chance| self.features(limit, chance));
            OneLimit { limit, features, has_passed: false, is_unknown: false }
        };
        Tried(self.past.limits().into_iter().flatten().map(one).collect())
    }

    /// A slot of the windows has come, `horizon` slots after they began, counted from 0.
    pub fn learn(&mut self, tried: &mut Tried, horizon: usize, value: f64, censored: bool, is_next: bool) {
        for one in &mut tried.0 {
            one.has_passed |= value > one.limit;
            one.is_unknown |= !is_next || censored && !one.has_passed;
            if one.has_passed || !one.is_unknown {
                let worth = LESSON / (horizon + 1) as f64;
                self.regressions[horizon].learn(&one.features[horizon], one.has_passed, worth);
            }
        }
    }
}
