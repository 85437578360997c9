//! One series: samples in, quantiles of the next six slots out.
//!
//! Invariants: see the crate. A forecast is issued for every slot, also where its sample is
//! missing, and kept until its targets have come. Absent: wall-clock time; a slot is a number.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::blend::Blend;
use crate::experts::{Basis, EXPERTS, Experts};
use crate::levels::{at_level, level_of};
use crate::paths::{ENOUGH, Paths};
use crate::risk::{Risk, Tried};
use crate::score::Score;
use crate::{HORIZONS, LEVELS};

/// After a gap longer than this the state is aged no further.
const LONGEST_GAP: i64 = 2_000;

/// A value that rests exactly on a limit (zero, for many) is not above it, but quantiles that
/// are learned in small steps hover around it: within this many scales they count as equal.
const RESTS_WITHIN: f64 = 0.1;

/// A meter reads up to a tenth too much of what is used in full: that counts as the capacity, more is no demand.
const METER_ERROR: f64 = 1.1;
/// No resource has a measurement beyond this; squares of it are still finite.
pub const LARGEST: f64 = 1e30;

/// What is known of a series beforehand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    pub slot_seconds: u32,
    /// Neither samples nor forecasts exceed this; nothing where it is unknown.
    pub capacity: Option<f64>,
}

/// What became of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observed {
    Taken,
    /// Not a number; the slot counts as missing.
    Missing,
    /// Negative or more than there is: nobody can have used it, so the slot counts as missing.
    NoDemand,
    /// Not after the newest slot; nothing was changed.
    Late,
}

/// Quantiles of one slot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    /// Slots ahead, from 1.
    pub horizon: usize,
    /// One value a requested level, in the order of the request.
    pub values: Vec<f64>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Issue {
    slot: i64,
    points: [[f64; EXPERTS]; HORIZONS],
    quantiles: [[f64; LEVELS.len()]; HORIZONS],
    scale: f64,
    basis: Basis,
    /// Scaled errors of the targets that have come.
    errors: [f32; HORIZONS],
    came: usize,
    #[serde(default)]
    tried: Tried,
}

/// The online state of one (instance, resource).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Forecaster {
    settings: Settings,
    experts: Experts,
    blends: Vec<Blend>,
    /// Newest last; at most as many as there are horizons.
    issues: VecDeque<Issue>,
    paths: Paths,
    #[serde(default)]
    risk: Risk,
    score: Score,
    slot: Option<i64>,
    samples: u64,
}

impl Forecaster {
    pub fn new(settings: Settings) -> Self {
        Self {
            experts: Experts::new(settings.slot_seconds),
            settings,
            blends: (1..=HORIZONS).map(Blend::new).collect(),
            issues: VecDeque::new(),
            paths: Paths::default(),
            risk: Risk::default(),
            score: Score::default(),
            slot: None,
            samples: 0,
        }
    }

    /// The value of a slot. `censored`: the demand was at least this (throttled, stalled or
    /// near its limit). Slots that were left out count as missing.
    pub fn observe(&mut self, slot: i64, value: f64, censored: bool) -> Observed {
        if self.slot.is_some_and(|newest| slot <= newest) {
            return Observed::Late;
        }
        if !value.is_finite() {
            self.skip(slot);
            return Observed::Missing;
        }
        let most = self.settings.capacity.unwrap_or(LARGEST).min(LARGEST);
        if value < 0.0 || value > METER_ERROR * most {
            self.skip(slot);
            return Observed::NoDemand;
        }
        let value = value.min(most);
        self.pass_until(slot - 1);
        // A censored value is at least what was expected, if that was more.
        let expected = self.issues.back().map(|issue| issue.quantiles[0][LEVELS.len() / 2]);
        let taken = match expected {
            Some(expected) if censored => value.max(expected),
            _ => value,
        };
        for issue in &mut self.issues {
            let Ok(horizon) = usize::try_from(slot - issue.slot - 1) else {
                continue;
            };
            if horizon >= HORIZONS {
                continue;
            }
            let blend = &mut self.blends[horizon];
            blend.learn(&issue.points[horizon], issue.scale, value, censored);
            let median = issue.quantiles[horizon][LEVELS.len() / 2];
            issue.errors[horizon] = ((taken - median) / issue.scale).clamp(-1e3, 1e3) as f32;
            issue.came += 1;
            self.risk.learn(&mut issue.tried, horizon, value, censored, issue.came == horizon + 1);
            if !censored {
                self.score.add(horizon, &issue.quantiles[horizon], value);
                self.experts.learn(&issue.basis, horizon, value);
            }
        }
        self.samples += 1;
        self.risk.observe(taken);
        self.experts.observe(slot, taken);
        self.issue(slot);
        Observed::Taken
    }

    /// At which level of each earlier forecast of a slot its value lies, by horizon: its probability
    /// integral transform. To be asked before the value is observed; `None` where there is no forecast.
    /// A censored value is taken to be no lower than was expected.
    pub fn levels_of(&self, slot: i64, value: f64, censored: bool) -> [Option<f64>; HORIZONS] {
        let mut levels = [None; HORIZONS];
        for issue in self.issues.iter().filter(|_| value.is_finite()) {
            let horizon = usize::try_from(slot - issue.slot - 1).ok().filter(|horizon| *horizon < HORIZONS);
            if let Some(horizon) = horizon {
                let level = level_of(&issue.quantiles[horizon], value);
                levels[horizon] = Some(if censored { level.max(0.5) } else { level });
            }
        }
        levels
    }

    /// A slot without a sample: the origin moves on, nothing is learned.
    pub fn skip(&mut self, slot: i64) {
        if self.slot.is_none_or(|newest| slot > newest) {
            self.pass_until(slot);
        }
    }

    fn pass_until(&mut self, slot: i64) {
        let Some(newest) = self.slot else { return };
        for missing in (newest + 1).max(slot - LONGEST_GAP)..=slot {
            self.experts.skip();
            self.issue(missing);
        }
    }

    fn issue(&mut self, slot: i64) {
        self.slot = Some(slot);
        let (points, basis) = self.experts.points(slot);
        let scale = self.experts.scale();
        let mut quantiles = [[0.0; LEVELS.len()]; HORIZONS];
        for ((blend, points), quantiles) in self.blends.iter().zip(&points).zip(&mut quantiles) {
            *quantiles = blend.quantiles(points, scale).map(|q| self.clip(q));
        }
        self.issues.push_back(Issue {
            slot,
            points,
            quantiles,
            scale,
            basis,
            errors: [0.0; HORIZONS],
            came: 0,
            tried: Tried::default(),
        });
        self.try_limits();
        if self.issues.len() > HORIZONS
            && let Some(done) = self.issues.pop_front()
            && done.came == HORIZONS
        {
            self.paths.push(done.errors);
        }
    }

    fn try_limits(&mut self) {
        let tried = self.issues.back().map(|issue| self.risk.try_out(|limit| self.chances(issue, limit)));
        if let (Some(tried), Some(issue)) = (tried, self.issues.back_mut()) {
            issue.tried = tried;
        }
    }

    fn clip(&self, value: f64) -> f64 {
        value.clamp(0.0, self.settings.capacity.unwrap_or(f64::MAX).max(0.0))
    }

    /// The newest slot, from which horizons count.
    pub fn origin(&self) -> Option<i64> {
        self.slot
    }

    pub fn samples(&self) -> u64 {
        self.samples
    }

    pub fn score(&self) -> &Score {
        &self.score
    }

    /// Capacity in force from the next slot on.
    pub fn set_capacity(&mut self, capacity: Option<f64>) {
        self.settings.capacity = capacity;
    }

    /// Quantiles for horizons 1 to `up_to` (at most six) at any levels in (0, 1). Empty before
    /// the first sample.
    pub fn forecast(&self, levels: &[f64], up_to: usize) -> Vec<Quantiles> {
        let Some(issue) = self.issues.back() else {
            return Vec::new();
        };
        (1..=up_to.min(HORIZONS))
            .map(|horizon| Quantiles {
                horizon,
                values: levels.iter().map(|level| self.clip(at_level(&issue.quantiles[horizon - 1], *level))).collect(),
            })
            .collect()
    }

    /// Quantiles of the largest value in slots `from..=to` ahead (1 to 6), never below those
    /// of any single slot in it. See `paths` for how.
    pub fn window_max_quantile(&self, levels: &[f64], from: usize, to: usize) -> Option<Vec<f64>> {
        let (from, to) = window(from, to)?;
        let issue = self.issues.back()?;
        let maxima = self.paths.maxima(&medians(issue), issue.scale, from, to);
        let slots = (to - from + 1) as f64;
        let quantile = |level: &f64| {
            let single = |level: f64| {
                (from..=to).map(|h| at_level(&issue.quantiles[h], level)).fold(f64::NEG_INFINITY, f64::max)
            };
            let joint = if self.paths.len() < ENOUGH {
                single(1.0 - (1.0 - level) / slots)
            } else {
                let rank = (level * (maxima.len() + 1) as f64).ceil() as usize;
                maxima[rank.clamp(1, maxima.len()) - 1]
            };
            self.clip(joint.max(single(*level)))
        };
        Some(levels.iter().map(quantile).collect())
    }

    /// Chance that any of the next `horizon` (1 to 6) slots is above `limit`; does not fall as
    /// the horizon grows. Corrected by how such chances have turned out (`risk`).
    pub fn probability_above(&self, limit: f64, horizon: usize) -> Option<f64> {
        let (from, to) = window(1, horizon)?;
        let issue = self.issues.back()?;
        if self.settings.capacity.is_some_and(|capacity| limit >= capacity) {
            return Some(0.0);
        }
        let chances = self.chances(issue, limit);
        let corrected = |h: usize| self.risk.corrected(limit, h, chances[h]);
        Some((from..=to).map(corrected).fold(0.0, f64::max))
    }

    /// The same as the quantiles have it, by horizon, and the share of hours that passed the limit.
    fn chances(&self, issue: &Issue, limit: f64) -> [[f64; 2]; HORIZONS] {
        let of_hours = self.experts.share_of_hours(limit);
        let limit = if self.experts.rests_at(limit) { limit + RESTS_WITHIN * issue.scale } else { limit };
        let passing = self.paths.passing(&medians(issue), issue.scale, limit);
        // The marginal chance stands in for as many paths as are needed to speak alone.
        let (paths, prior) = (self.paths.len() as f64, ENOUGH as f64);
        let mut single = 0.0_f64;
        std::array::from_fn(|h| {
            single = single.max(1.0 - level_of(&issue.quantiles[h], limit));
            [((passing[h] as f64 + prior * single) / (paths + prior)).clamp(0.0, 1.0), of_hours[h]]
        })
    }
}

fn window(from: usize, to: usize) -> Option<(usize, usize)> {
    (1 <= from && from <= to && to <= HORIZONS).then(|| (from - 1, to - 1))
}

fn medians(issue: &Issue) -> [f64; HORIZONS] {
    issue.quantiles.map(|quantiles| quantiles[LEVELS.len() / 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings { slot_seconds: 300, capacity: Some(1_000.0) }
    }

    /// Uniform in 0..1; SplitMix64, because a plain multiple of n would be predictable.
    fn noise(n: i64) -> f64 {
        let mut x = (n as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn run(values: impl Iterator<Item = f64>) -> Forecaster {
        let mut forecaster = Forecaster::new(settings());
        for (slot, value) in values.enumerate() {
            forecaster.observe(slot as i64, value, false);
        }
        forecaster
    }

    #[test]
    fn there_is_an_interval_from_the_first_sample_on() {
        let forecaster = run([100.0].into_iter());
        for quantiles in forecaster.forecast(&[0.1, 0.5, 0.9], 6) {
            let [low, median, high] = quantiles.values[..] else { panic!("three levels") };
            assert!(low < median && median < high && (80.0..120.0).contains(&median));
        }
        assert!(Forecaster::new(settings()).forecast(&[0.5], 6).is_empty());
    }

    #[test]
    fn coverage_is_what_the_levels_say() {
        let forecaster = run((0..4_000).map(|n| 200.0 + 80.0 * noise(n) + 30.0 * noise(n / 12 + 7)));
        for score in &forecaster.score().horizons {
            let (c80, c95) = (score.coverage_80().expect("scored"), score.coverage_95().expect("scored"));
            assert!((0.78..0.82).contains(&c80) && (0.93..0.965).contains(&c95), "{c80} {c95}");
        }
    }

    #[test]
    fn quantiles_rise_and_stay_within_capacity_whatever_comes() {
        let mut forecaster = Forecaster::new(settings());
        let levels: Vec<f64> = (1..1_000).map(|n| f64::from(n) / 1_000.0).collect();
        for slot in 0..600_i64 {
            let value = match slot % 50 {
                0 if slot > 0 => 5_000.0,
                n if n < 20 => 0.0,
                n if n < 25 => f64::NAN,
                _ => 900.0 + 200.0 * noise(slot),
            };
            forecaster.observe(slot, value, slot % 7 == 0);
            for q in forecaster.forecast(&levels, 6) {
                assert!(q.values.is_sorted() && q.values.iter().all(|v| (0.0..=1_000.0).contains(v)));
            }
            let limit = 1_000.0 * noise(slot + 9);
            let risk: Vec<f64> = (1..=6).map(|h| forecaster.probability_above(limit, h).expect("samples")).collect();
            assert!(risk.iter().all(|p| (0.0..=1.0).contains(p)), "{risk:?}");
        }
    }

    #[test]
    fn what_comes_by_the_clock_is_a_chance_by_the_clock() {
        // A minute's work at a quarter past each hour, now and then one beside it.
        let value = |n: i64| if n % 12 == 3 || noise(n) > 0.98 { 500.0 + noise(n) } else { 100.0 + noise(n) };
        let mut forecaster = run((0..600).map(value));
        let (mut said, mut came) = ([0.0; 2], [0.0; 2]);
        for slot in 600..3_000_i64 {
            let is_next = usize::from(slot % 12 == 3);
            said[is_next] += forecaster.probability_above(300.0, 1).expect("samples");
            came[is_next] += f64::from(u8::from(value(slot) > 300.0));
            forecaster.observe(slot, value(slot), false);
        }
        assert!(came[1] == 200.0 && said[1] > 160.0, "it comes: {said:?} of {came:?}");
        assert!((said[0] - came[0]).abs() < 0.5 * came[0], "seldom else: {said:?} of {came:?}");
        assert_eq!(forecaster.probability_above(1_000.0, 6), Some(0.0), "nothing passes the capacity");
    }

    #[test]
    fn a_window_is_at_least_each_of_its_slots() {
        let forecaster = run((0..500).map(|n| 100.0 + 50.0 * noise(n)));
        let single = forecaster.forecast(&[0.5, 0.9], 6);
        let window = forecaster.window_max_quantile(&[0.5, 0.9], 1, 6).expect("samples");
        for q in &single {
            assert!(window[0] >= q.values[0] && window[1] >= q.values[1]);
        }
        // Six independent draws: the median of the maximum is far above that of one.
        assert!(window[0] > single[0].values[0] + 10.0, "{window:?}");
        assert!(forecaster.window_max_quantile(&[0.5], 0, 3).is_none());
        assert!(forecaster.window_max_quantile(&[0.5], 2, 7).is_none());
    }

    #[test]
    fn a_level_shift_is_followed_within_two_dozen_samples() {
        let mut forecaster = run((0..500).map(|n| 100.0 + 5.0 * noise(n)));
        for slot in 500..524 {
            forecaster.observe(slot, 300.0 + 15.0 * noise(slot), false);
        }
        let median = forecaster.forecast(&[0.5], 1)[0].values[0];
        assert!((295.0..320.0).contains(&median), "{median}");
    }

    #[test]
    fn censored_values_do_not_pull_the_forecast_down_to_the_limit() {
        let feed = |censored: bool| {
            let mut forecaster = run((0..300).map(|n| 100.0 + 20.0 * noise(n)));
            for slot in 300..330 {
                forecaster.observe(slot, 80.0, censored);
            }
            forecaster.forecast(&[0.9], 1)[0].values[0]
        };
        assert!(feed(true) > 100.0 && feed(false) < 90.0, "{} {}", feed(true), feed(false));
    }

    #[test]
    fn the_levels_of_what_came_are_spread_evenly_and_are_those_of_the_forecasts() {
        let mut forecaster = run((0..600).map(|n| 100.0 + 50.0 * noise(n)));
        let mut below = [[0.0; 3]; HORIZONS];
        for slot in 600..1_600 {
            let value = 100.0 + 50.0 * noise(slot);
            for (below, level) in below.iter_mut().zip(forecaster.levels_of(slot, value, false)) {
                let level = level.expect("every horizon has a forecast");
                for (count, limit) in below.iter_mut().zip([0.1, 0.5, 0.9]) {
                    *count += f64::from(u8::from(level <= limit));
                }
            }
            forecaster.observe(slot, value, false);
        }
        for [low, middle, high] in below {
            assert!((60.0..140.0).contains(&low) && (450.0..550.0).contains(&middle) && (860.0..940.0).contains(&high));
        }
        let median = forecaster.forecast(&[0.5], 1)[0].values[0];
        let [next, ..] = forecaster.levels_of(1_600, median, false);
        assert!((next.expect("forecast") - 0.5).abs() < 1e-9);
        let censored = forecaster.levels_of(1_600, 100.0, true)[0].expect("forecast");
        assert!(censored >= 0.5, "at least this high");
        assert_eq!(forecaster.levels_of(1_600, f64::NAN, false), [None; HORIZONS]);
        let ahead = forecaster.levels_of(1_602, median, false);
        assert!(ahead[..2] == [None, None] && ahead[2].is_some(), "two slots are missing: {ahead:?}");
    }

    #[test]
    fn state_survives_being_written_down_and_late_samples_change_nothing() {
        let mut a = run((0..400).map(|n| 100.0 + 50.0 * noise(n)));
        let text = serde_json::to_string(&a).expect("writes");
        let mut b: Forecaster = serde_json::from_str(&text).expect("reads");
        assert_eq!(b.observe(17, 9_999.0, false), Observed::Late);
        for slot in 400..420 {
            a.observe(slot, 100.0 + 50.0 * noise(slot), false);
            b.observe(slot, 100.0 + 50.0 * noise(slot), false);
        }
        // JSON may round the last bit of a number.
        for (a, b) in a.forecast(&LEVELS, 6).iter().zip(b.forecast(&LEVELS, 6)) {
            assert!(a.values.iter().zip(&b.values).all(|(a, b)| (a - b).abs() < 1e-3));
        }
    }
}
