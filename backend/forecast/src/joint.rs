//! Whether the series of one workload are high together: the empirical copula of what came.
//!
//! When a slot has come, the level of its value in each earlier forecast of it is kept, for all series
//! of the workload at once: its probability integral transform. Ranks of these levels among the last
//! [`KEPT`] are a sample of the copula (Deheuvels, 1979), which is what a joint forecast has beyond the
//! forecasts of its series (Sklar, 1959). From it follow the chance that all series stay within
//! quantiles of given levels, and its inverse: the level that each has to have for a joint one.
//!
//! Invariants: chances keep the bounds of Fréchet and Hoeffding, max(0, Σ levels − (n − 1)) and the
//! lowest level, whatever the record says; [`Copula::within`] does not fall as a level rises;
//! `within` of what [`Copula::each`] gives is at least the level it was asked for; one series needs no
//! record. With fewer than [`ENOUGH`] outcomes of a horizon there is no copula, and only the bounds hold.
//! Absent: the quantiles themselves, and a model that smooths the sample.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::HORIZONS;

/// Outcomes kept of each horizon: a day of five-minute slots.
const KEPT: usize = 288;
/// From here on the record speaks for itself.
pub const ENOUGH: usize = 24;
/// Levels are kept as whole ten-thousandths: a record of 288 outcomes has no finer ranks.
const FINEST: f64 = 10_000.0;
/// Levels as near as this are the same: far less than two ranks of a record are apart.
const SAME: f64 = 1e-9;
/// A series is high in this highest part of its own record.
const HIGH: f64 = 0.75;

/// Levels of one workload's series in the slots that have come.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct JointRecord {
    /// By horizon, the newest last; one level a series, in the caller's order.
    outcomes: [VecDeque<Vec<u16>>; HORIZONS],
}

impl JointRecord {
    /// A slot has come: what [`crate::Forecaster::levels_of`] says of its value, one entry a series,
    /// always in the same order. A horizon that one of them has no forecast of is left out; outcomes
    /// of another number of series are forgotten.
    pub fn observe(&mut self, levels: &[[Option<f64>; HORIZONS]]) {
        for (horizon, past) in self.outcomes.iter_mut().enumerate() {
            past.retain(|outcome| outcome.len() == levels.len());
            let known: Option<Vec<u16>> = levels.iter().map(|series| series[horizon].map(whole)).collect();
            if let Some(outcome) = known.filter(|outcome| !outcome.is_empty()) {
                past.push_back(outcome);
            }
            if past.len() > KEPT {
                past.pop_front();
            }
        }
    }

    /// Outcomes known of a horizon, from 1.
    pub fn known(&self, horizon: usize) -> usize {
        self.outcomes.get(horizon.wrapping_sub(1)).map_or(0, VecDeque::len)
    }

    /// The copula of these series (their places in the order of the record) at a horizon from 1;
    /// `None` while too little is known.
    pub fn copula(&self, horizon: usize, series: &[usize]) -> Option<Copula> {
        let past = self.outcomes.get(horizon.checked_sub(1)?)?;
        if past.len() < ENOUGH || series.is_empty() {
            return None;
        }
        let column = |place: &usize| past.iter().map(|o| o.get(*place).copied()).collect::<Option<Vec<u16>>>();
        Some(Copula { ranks: series.iter().map(|place| Some(ranks(&column(place)?))).collect::<Option<_>>()? })
    }
}

fn whole(level: f64) -> u16 {
    (level.clamp(0.0, 1.0) * FINEST).round() as u16
}

/// Ranks over n + 1; equal levels share the middle of their ranks, so a series that never moved is high
/// in none of its slots.
fn ranks(levels: &[u16]) -> Vec<f64> {
    let mut sorted = levels.to_vec();
    sorted.sort_unstable();
    let rank = |level: &u16| {
        let below = sorted.partition_point(|other| other < level);
        let upto = sorted.partition_point(|other| other <= level);
        (below + upto + 1) as f64 / 2.0 / (levels.len() + 1) as f64
    };
    levels.iter().map(rank).collect()
}

/// How the series of a workload hang together at one horizon.
#[derive(Debug, Clone, PartialEq)]
pub struct Copula {
    /// By series, then by outcome.
    ranks: Vec<Vec<f64>>,
}

impl Copula {
    fn outcomes(&self) -> usize {
        self.ranks[0].len()
    }

    fn highest_ranks(&self) -> Vec<f64> {
        let highest = |outcome: usize| self.ranks.iter().map(|series| series[outcome]).fold(0.0, f64::max);
        (0..self.outcomes()).map(highest).collect()
    }

    /// Chance that every series stays within its quantile of the given level.
    pub fn within(&self, levels: &[f64]) -> f64 {
        let inside =
            |outcome: &usize| self.ranks.iter().zip(levels).all(|(series, level)| series[*outcome] <= *level + SAME);
        let share = (0..self.outcomes()).filter(inside).count() as f64 / self.outcomes() as f64;
        share.clamp(at_least(levels), at_most(levels))
    }

    /// The lowest level that, taken for each series, holds all of them with the chance `level`.
    pub fn each(&self, level: f64) -> f64 {
        let most = each_at_most(level, self.ranks.len());
        let mut highest = self.highest_ranks();
        highest.sort_by(f64::total_cmp);
        let rank = (level * (highest.len() + 1) as f64).ceil() as usize;
        // Beyond the record only the bound is known.
        let found = rank.checked_sub(1).and_then(|place| highest.get(place)).copied().unwrap_or(most);
        found.clamp(level.min(most), most)
    }

    /// Of the slots in which any series was in its highest quarter, the share in which all were: 1 where
    /// they always peak together, a seventh for two that know nothing of each other, 0 where never.
    pub fn together(&self) -> f64 {
        let high = |outcome: usize| self.ranks.iter().filter(|series| series[outcome] > HIGH).count();
        let counts: Vec<usize> = (0..self.outcomes()).map(high).collect();
        let any = counts.iter().filter(|count| **count > 0).count();
        let all = counts.iter().filter(|count| **count == self.ranks.len()).count();
        if any == 0 { 0.0 } else { all as f64 / any as f64 }
    }
}

/// The least chance that all series stay within quantiles of these levels, however they hang together.
pub fn at_least(levels: &[f64]) -> f64 {
    let (sum, others) = (levels.iter().sum::<f64>(), levels.len() as f64 - 1.0);
    (sum - others).max(0.0).min(at_most(levels))
}

fn at_most(levels: &[f64]) -> f64 {
    levels.iter().copied().fold(1.0, f64::min)
}

/// The level that each of `count` series has to have at most for a joint one (Bonferroni).
pub fn each_at_most(level: f64, count: usize) -> f64 {
    1.0 - (1.0 - level) / count.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A record with these outcomes at every horizon.
    fn record(outcomes: impl Iterator<Item = Vec<f64>>) -> JointRecord {
        let mut record = JointRecord::default();
        for outcome in outcomes {
            record.observe(&outcome.iter().map(|level| [Some(*level); HORIZONS]).collect::<Vec<_>>());
        }
        record
    }

    fn copula(of: impl Fn(usize) -> (f64, f64)) -> Copula {
        let outcomes = (0..KEPT).map(|n| {
            let (one, other) = of(n);
            vec![one, other]
        });
        record(outcomes).copula(1, &[0, 1]).expect("enough")
    }

    fn level(n: usize) -> f64 {
        (n as f64 + 0.5) / KEPT as f64
    }

    /// The resolution of a record: an outcome for each of two series.
    const STEP: f64 = 2.0 / KEPT as f64;

    #[test]
    fn series_that_rise_together_need_no_more_than_their_own_levels() {
        let same = copula(|n| (level(n), level(n)));
        for wanted in [0.5, 0.9, 0.975] {
            assert!((same.within(&[wanted, wanted]) - wanted).abs() < STEP);
            assert!((same.each(wanted) - wanted).abs() < STEP);
        }
        assert!((same.within(&[0.9, 0.6]) - 0.6).abs() < STEP, "the lower level decides");
        assert_eq!(same.together(), 1.0);
    }

    #[test]
    fn series_that_know_nothing_of_each_other_multiply() {
        // 175 is prime to 288 and about 288 times the golden section: an even lattice.
        let lattice = copula(|n| (level(n), level(n * 175 % KEPT)));
        for (one, other) in [(0.5, 0.5), (0.9, 0.8), (0.95, 0.95)] {
            let joint = lattice.within(&[one, other]);
            assert!((joint - one * other).abs() < 0.015, "{one} × {other}: {joint}");
        }
        assert!((lattice.each(0.81) - 0.9).abs() < 0.015);
        assert!(lattice.together() < 0.25);
    }

    #[test]
    fn series_that_peak_in_turn_have_the_lower_bound() {
        let opposite = copula(|n| (level(n), level(KEPT - 1 - n)));
        for wanted in [0.5, 0.9, 0.975] {
            assert!((opposite.within(&[wanted, wanted]) - (2.0 * wanted - 1.0)).abs() < STEP);
            assert!((opposite.each(wanted) - (1.0 + wanted) / 2.0).abs() < STEP);
        }
        assert_eq!(opposite.together(), 0.0);
    }

    #[test]
    fn one_series_is_its_own_forecast_and_a_constant_one_stands_in_no_ones_way() {
        let two = record((0..KEPT).map(|n| vec![level(n), 0.3]));
        let alone = two.copula(6, &[0]).expect("enough");
        assert!((alone.each(0.9) - 0.9).abs() < 1e-12 && (alone.within(&[0.9]) - 0.9).abs() < 1e-12);
        let both = two.copula(6, &[0, 1]).expect("enough");
        assert!((both.within(&[0.9, 0.9]) - 0.9).abs() < STEP);
        assert_eq!(both.together(), 0.0);
    }

    #[test]
    fn too_few_outcomes_say_nothing_and_no_more_than_a_day_is_kept() {
        let of = |count: usize| record((0..count).map(|n| vec![level(n % KEPT), 0.5]));
        assert_eq!(of(ENOUGH - 1).copula(1, &[0, 1]), None);
        assert!(of(ENOUGH).copula(1, &[0, 1]).is_some());
        assert_eq!(of(ENOUGH).copula(1, &[]), None);
        assert_eq!(of(ENOUGH).copula(1, &[0, 2]), None, "a series that it does not have");
        assert_eq!((of(ENOUGH).copula(0, &[0]), of(ENOUGH).copula(HORIZONS + 1, &[0])), (None, None));
        assert_eq!(of(2 * KEPT).known(6), KEPT);
        let mut changed = of(ENOUGH);
        changed.observe(&[[None; HORIZONS]; 2]);
        assert_eq!(changed.known(1), ENOUGH, "no forecast of that slot");
        changed.observe(&[[Some(0.5); HORIZONS]; 3]);
        assert_eq!(changed.known(1), 1, "another number of series");
    }

    fn outcomes() -> impl Strategy<Value = Vec<Vec<f64>>> {
        (1_usize..4).prop_flat_map(|series| {
            // Coarse levels, so that there are ties.
            let outcome = prop::collection::vec((0_u32..40).prop_map(|n| f64::from(n) / 40.0), series);
            prop::collection::vec(outcome, ENOUGH..120)
        })
    }

    proptest! {
        #[test]
        fn chances_keep_the_bounds_and_rise_with_the_levels(
            outcomes in outcomes(),
            levels in prop::collection::vec(0.01_f64..0.999, 3),
            more in 0.0_f64..0.5,
        ) {
            let count = outcomes[0].len();
            let copula = record(outcomes.into_iter()).copula(3, &(0..count).collect::<Vec<_>>()).expect("enough");
            let levels = &levels[..count];
            let joint = copula.within(levels);
            prop_assert!(at_least(levels) <= joint && joint <= at_most(levels));
            for raised in 0..count {
                let mut higher = levels.to_vec();
                higher[raised] = (higher[raised] + more).min(1.0);
                prop_assert!(copula.within(&higher) >= joint);
            }
            prop_assert!((0.0..=1.0).contains(&copula.together()));
        }

        #[test]
        fn the_level_for_each_holds_all_and_is_no_higher_than_it_has_to_be(
            outcomes in outcomes(),
            level in 0.01_f64..0.999,
            less in 0.0_f64..0.5,
        ) {
            let count = outcomes[0].len();
            let copula = record(outcomes.into_iter()).copula(1, &(0..count).collect::<Vec<_>>()).expect("enough");
            let each = copula.each(level);
            prop_assert!(level <= each + 1e-12 && each <= each_at_most(level, count) + 1e-12);
            prop_assert!(copula.within(&vec![each; count]) >= level - 1e-9);
            prop_assert!(copula.each((level - less).max(0.005)) <= each);
        }

        #[test]
        fn only_the_order_of_levels_counts_and_not_which_series_is_first(
            outcomes in outcomes(),
            level in 0.01_f64..0.999,
        ) {
            let count = outcomes[0].len();
            let series: Vec<usize> = (0..count).collect();
            let turned: Vec<usize> = (0..count).rev().collect();
            let bent = outcomes.iter().map(|o| o.iter().map(|level| level * level * 0.9 + 0.05 * level).collect());
            let bent = record(bent).copula(1, &series).expect("enough");
            let record = record(outcomes.iter().cloned());
            let copula = record.copula(1, &series).expect("enough");
            prop_assert_eq!(&bent, &copula);
            let other = record.copula(1, &turned).expect("enough");
            prop_assert_eq!((other.each(level), other.together()), (copula.each(level), copula.together()));
        }
    }
}
