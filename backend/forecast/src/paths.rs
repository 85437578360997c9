//! How errors go together along a path: needed for the maximum over several slots.
//!
//! The quantile of a maximum is not the maximum of quantiles. The last paths of scaled errors
//! (what came minus the median, at horizons 1 to 6 of the same origin) are laid on today's
//! medians; the maxima of these are a sample of what the window's maximum may be. With fewer
//! than [`ENOUGH`] paths the marginal quantiles are combined as if errors never coincided
//! (Bonferroni), which is never too low.
//!
//! Absent: learning from other series' paths.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::HORIZONS;

/// Paths kept: eight hours of five-minute slots.
const KEPT: usize = 96;
/// From here on the paths speak for themselves.
pub(crate) const ENOUGH: usize = 24;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Paths(VecDeque<[f32; HORIZONS]>);

impl Paths {
    pub fn push(&mut self, errors: [f32; HORIZONS]) {
        self.0.push_back(errors);
        if self.0.len() > KEPT {
            self.0.pop_front();
        }
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// By horizon, how many paths up to it pass a limit around these medians.
    pub fn passing(&self, medians: &[f64; HORIZONS], scale: f64, limit: f64) -> [usize; HORIZONS] {
        let mut passing = [0; HORIZONS];
        for errors in &self.0 {
            let at = medians.iter().zip(errors).position(|(median, error)| median + scale * f64::from(*error) > limit);
            for count in at.map_or(&mut [][..], |at| &mut passing[at..]) {
                *count += 1;
            }
        }
        passing
    }

    /// Maxima over horizons `from..=to` (from 0) around these medians, in rising order.
    pub fn maxima(&self, medians: &[f64; HORIZONS], scale: f64, from: usize, to: usize) -> Vec<f64> {
        let maximum = |errors: &[f32; HORIZONS]| {
            (from..=to).map(|h| medians[h] + scale * f64::from(errors[h])).fold(f64::NEG_INFINITY, f64::max)
        };
        let mut maxima: Vec<f64> = self.0.iter().map(maximum).collect();
        maxima.sort_by(f64::total_cmp);
        maxima
    }
}
