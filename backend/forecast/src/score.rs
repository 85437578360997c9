//! Bookkeeping: every forecast is scored when its slot arrives.
//!
//! Absent: comparing with other models; a censored value is not scored, its truth is unknown.

use serde::{Deserialize, Serialize};

use crate::{HORIZONS, LEVELS};

/// Sums of one horizon since the start.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct HorizonScore {
    pub scored: u64,
    /// Pinball loss at each of [`LEVELS`], in units of the series.
    pub pinball: [f64; LEVELS.len()],
    pub inside_80: u64,
    pub inside_95: u64,
    pub absolute_error: f64,
}

impl HorizonScore {
    /// Share of values within the 80 % interval.
    pub fn coverage_80(&self) -> Option<f64> {
        (self.scored > 0).then(|| self.inside_80 as f64 / self.scored as f64)
    }

    pub fn coverage_95(&self) -> Option<f64> {
        (self.scored > 0).then(|| self.inside_95 as f64 / self.scored as f64)
    }

    pub fn mean_pinball(&self) -> Option<f64> {
        let levels = LEVELS.len() as f64;
        (self.scored > 0).then(|| self.pinball.iter().sum::<f64>() / levels / self.scored as f64)
    }
}

/// All horizons; index 0 is one slot ahead.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Score {
    pub horizons: [HorizonScore; HORIZONS],
}

impl Score {
    pub(crate) fn add(&mut self, horizon: usize, quantiles: &[f64; LEVELS.len()], value: f64) {
        let score = &mut self.horizons[horizon];
        score.scored += 1;
        for ((sum, level), quantile) in score.pinball.iter_mut().zip(LEVELS).zip(quantiles) {
            let over = value - quantile;
            *sum += if over >= 0.0 { level * over } else { (level - 1.0) * over };
        }
        let inside = |low: usize, high: usize| (quantiles[low]..=quantiles[high]).contains(&value);
        score.inside_80 += u64::from(inside(2, 6));
        score.inside_95 += u64::from(inside(0, 8));
        score.absolute_error += (value - quantiles[4]).abs();
    }
}
