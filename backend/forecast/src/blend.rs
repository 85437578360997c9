//! From points to quantiles: what surrounds each expert's point, and whom to believe.
//!
//! Around each expert's point every level has an offset in units of the series' scale; it moves
//! up when the level was exceeded and down when not, so that in the long run it is exceeded as
//! often as its level says (online quantile tracking, the step of adaptive conformal
//! inference). The experts' quantiles are then weighted for each horizon and level by online
//! aggregation on the linearised pinball loss with second-order (BOA) weights whose past is
//! discounted, which lets the weights follow a change. A last offset does for the blend
//! what the first ones do for each expert.
//!
//! Invariants: weights are positive and sum to one; the blend rises with its level.

use serde::{Deserialize, Serialize};

use crate::LEVELS;
use crate::experts::EXPERTS;

const N: usize = LEVELS.len();
/// Regret counts for about 1,000 slots, three days and a half of five minutes.
const DISCOUNT: f32 = 0.999;
/// Offsets move by this many scales a slot in the long run, faster at first.
const OFFSET_RATE: f32 = 0.025;
const BLEND_RATE: f32 = 0.02;
/// The last expert says at every level that nothing changes. In a series that rests for long
/// most quantiles are exactly its last value, which offsets that move would always miss.
const STILL: usize = EXPERTS - 1;
/// Standard normal quantiles at the levels, the shape before anything is learned. The mean
/// absolute change of a random walk with unit steps is 0.8.
const PRIOR: [f32; N] = [-1.96, -1.64, -1.28, -0.67, 0.0, 0.67, 1.28, 1.64, 1.96];

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Voice {
    offset: [f32; N],
    regret: [f32; N],
    variance: [f32; N],
}

/// All that is learned for one horizon.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Blend {
    voices: Vec<Voice>,
    correction: [f32; N],
    learned: u64,
}

impl Blend {
    pub fn new(steps: usize) -> Self {
        let widen = (steps as f32).sqrt();
        let voice = Voice { offset: PRIOR.map(|q| q * widen), regret: [0.0; N], variance: [0.0; N] };
        let mut voices = vec![voice; EXPERTS];
        voices[STILL].offset = [0.0; N];
        Self { voices, correction: [0.0; N], learned: 0 }
    }

    fn weights(&self, level: usize) -> [f32; EXPERTS] {
        let mut weights = [0.0; EXPERTS];
        for (weight, voice) in weights.iter_mut().zip(&self.voices) {
            let (regret, variance) = (voice.regret[level], voice.variance[level]);
            // The rate that second-order bounds ask for; ln 13 experts = 2.6.
            let rate = (2.6 / (variance + 1e-3)).sqrt().min(4.0);
            *weight = rate * (rate * regret - rate * rate * variance).clamp(-30.0, 30.0).exp();
        }
        let sum: f32 = weights.iter().sum();
        weights.map(|weight| weight / sum)
    }

    fn raw(&self, level: usize, points: &[f64; EXPERTS], scale: f64) -> f64 {
        let weights = self.weights(level);
        let own = |voice: &Voice, point: f64| point + scale * f64::from(voice.offset[level]);
        let voices = self.voices.iter().zip(points).zip(weights);
        voices.map(|((voice, point), weight)| f64::from(weight) * own(voice, *point)).sum()
    }

    /// Quantiles at [`LEVELS`], in rising order.
    pub fn quantiles(&self, points: &[f64; EXPERTS], scale: f64) -> [f64; N] {
        let mut quantiles = [0.0; N];
        for (level, quantile) in quantiles.iter_mut().enumerate() {
            let correction = scale * f64::from(self.correction[level]);
            *quantile = self.raw(level, points, scale) + correction;
        }
        quantiles.sort_by(f64::total_cmp);
        quantiles
    }

    /// Learns from what came. Of a censored value only is known that it was at least this:
    /// levels below it were exceeded, of those above nothing is known.
    pub fn learn(&mut self, points: &[f64; EXPERTS], scale: f64, value: f64, censored: bool) {
        self.learned += 1;
        let early = 0.6 / (self.learned as f32).sqrt();
        let (offset_rate, blend_rate) = (early.max(OFFSET_RATE), (0.5 * early).max(BLEND_RATE));
        for (index, level) in LEVELS.iter().enumerate() {
            let alpha = *level as f32;
            let blended = self.raw(index, points, scale);
            let corrected = blended + scale * f64::from(self.correction[index]);
            if !(censored && corrected >= value) {
                let below = f32::from(u8::from(value <= corrected));
                self.correction[index] += blend_rate * spread(alpha) * (alpha - below);
            }
            if censored && blended >= value {
                continue;
            }
            // Slope of the pinball loss at the blend: what a higher forecast would have cost.
            let slope = f32::from(u8::from(value <= blended)) - alpha;
            for (number, (voice, point)) in self.voices.iter_mut().zip(points).enumerate() {
                let own = point + scale * f64::from(voice.offset[index]);
                let apart = (((blended - own) / scale) as f32).clamp(-8.0, 8.0);
                let saved = slope * apart;
                voice.regret[index] = DISCOUNT * voice.regret[index] + saved;
                voice.variance[index] = DISCOUNT * voice.variance[index] + saved * saved;
                if number != STILL && !(censored && own >= value) {
                    let below = f32::from(u8::from(value <= own));
                    let step = offset_rate * spread(alpha) * (alpha - below);
                    voice.offset[index] = (voice.offset[index] + step).clamp(-60.0, 60.0);
                }
            }
        }
    }
}

/// Outer quantiles lie further out and are seldom crossed, so their steps are larger.
fn spread(alpha: f32) -> f32 {
    1.0 / (4.0 * alpha * (1.0 - alpha)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_better_expert_gets_the_weight_and_the_levels_their_share() {
        let mut blend = Blend::new(1);
        let mut points = [10.0; EXPERTS];
        let mut below = [0_u32; N];
        for n in 0..4_000_u32 {
            // A uniform value in 0..4 around a level that only expert 3 knows.
            let level = f64::from(n % 17) * 3.0;
            points[3] = level;
            let value = level + f64::from(n.wrapping_mul(2_654_435_761) >> 20) / 1_024.0;
            if n >= 2_000 {
                for (count, quantile) in below.iter_mut().zip(blend.quantiles(&points, 2.0)) {
                    *count += u32::from(value <= quantile);
                }
            }
            blend.learn(&points, 2.0, value, false);
        }
        for level in 0..N {
            assert!(blend.weights(level)[3] > 0.8, "{:?}", blend.weights(level));
            let share = f64::from(below[level]) / 2_000.0;
            assert!((share - LEVELS[level]).abs() < 0.02, "{share} at {}", LEVELS[level]);
        }
    }
}
