//! How wrong the forecasts of whole pools have been, and so how likely a shortage is.
//!
//! At each slot's end the medians of a pool's workloads are added up for the next slots; when one of these
//! has come, what they asked for together less that sum is the pool's error at that horizon. So workloads
//! that rise together count as they did, without a model of how they hang together. The chance that the
//! next error exceeds a quantity is (1 + how many of the last n did) / (n + 1), the conformal p-value, which
//! is never too low for errors in no particular order (Vovk, Gammerman and Shafer, 2005): with few errors
//! it is large. Floats end here: the market gets base units and millionths, both rounded up.
//!
//! Absent: errors across a change of who runs in the pool, and prices.
use headroom_forecast::HORIZONS;
use headroom_market::ids::InstanceId;
use headroom_market::pool::scarcity::{CERTAIN, Chance, SlotShortage};
use headroom_market::time::Slot;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Errors kept of each horizon: a day of five-minute slots.
const KEPT: usize = 288;
/// With fewer, nothing is said.
const ENOUGH: usize = 24;
/// Chances at which a new step begins, as far as there are errors enough for them.
const LEVELS: [f64; 6] = [0.5, 0.25, 0.1, 0.05, 0.02, 0.01];

/// What the workloads of a pool together asked for in a slot, and will by their medians.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Total {
    pub members: Vec<InstanceId>,
    pub demand: f64,
    pub medians: [f64; HORIZONS],
}

impl Total {
    pub fn add(&mut self, member: InstanceId, demand: f64, medians: impl Iterator<Item = f64>) {
        self.members.push(member);
        self.demand += demand;
        for (sum, median) in self.medians.iter_mut().zip(medians) {
            *sum += median;
        }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Issue {
    slot: i64,
    members: Vec<InstanceId>,
    medians: [f64; HORIZONS],
}

/// The errors of one pool and resource.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct PoolErrors {
    open: VecDeque<Issue>,
    past: [VecDeque<f64>; HORIZONS],
}

impl PoolErrors {
    /// A slot has ended; `index` counts slots.
    pub fn observe(&mut self, index: i64, total: Total) {
        for issue in self.open.iter().filter(|i| i.members == total.members) {
            let Some(horizon) = usize::try_from(index - issue.slot - 1).ok().filter(|h| *h < HORIZONS) else {
                continue;
            };
            let past = &mut self.past[horizon];
            past.push_back(total.demand - issue.medians[horizon]);
            if past.len() > KEPT {
                past.pop_front();
            }
        }
        self.open.push_back(Issue { slot: index, members: total.members, medians: total.medians });
        if self.open.len() > HORIZONS {
            self.open.pop_front();
        }
    }

    /// The chances of the slots after `slot`, of those horizons that have errors enough. The slot after the
    /// last horizon is open before the next forecast: it has the chances of the last one, lest it be the
    /// one that is cheap.
    pub fn shortages(&self, slot: Slot, slot_seconds: i64) -> Vec<SlotShortage> {
        let of = |ahead: usize| {
            let past = &self.past[ahead.min(HORIZONS) - 1];
            let slot = slot.plus(ahead as i64, slot_seconds);
            Some(SlotShortage { slot, chances: chances(past.iter().copied().collect())? })
        };
        (1..=HORIZONS + 1).filter_map(of).collect()
    }
}

/// Rising quantities with the falling chances that the next error exceeds them.
fn chances(mut errors: Vec<f64>) -> Option<Vec<Chance>> {
    let count = errors.len();
    if count < ENOUGH {
        return None;
    }
    errors.sort_by(|a, b| b.total_cmp(a));
    let chance = |beyond: i64| {
        let above = errors.iter().filter(|error| **error > beyond as f64).count();
        let millionths = (CERTAIN * (above as i64 + 1) + count as i64) / (count as i64 + 1);
        Chance { beyond, millionths: millionths.min(CERTAIN) }
    };
    let mut chances = vec![chance(0)];
    let fewest_above = LEVELS.iter().filter_map(|level| ((level * (count + 1) as f64) as usize).checked_sub(1));
    for above in fewest_above.chain([0]) {
        // The error that no more than `above` others exceed.
        let step = chance(errors[above.min(count - 1)].ceil().clamp(0.0, 1e12) as i64);
        let last = chances[chances.len() - 1];
        if step.beyond > last.beyond && step.millionths < last.millionths {
            chances.push(step);
        }
    }
    Some(chances)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECONDS: i64 = 60;

    fn total(members: usize, demand: f64, median: f64) -> Total {
        let id = |n: usize| InstanceId::from_raw(n as u128 + 1);
        Total { members: (0..members).map(id).collect(), demand, medians: [median; HORIZONS] }
    }

    #[test]
    fn a_chance_is_the_share_of_errors_beyond_with_one_for_what_was_not_seen() {
        let errors: Vec<f64> = (1..=99).map(|n| f64::from(n) - 50.0).collect();
        let got: Vec<(i64, i64)> = chances(errors).expect("enough").iter().map(|c| (c.beyond, c.millionths)).collect();
        // 49 of 99 errors are above 0, 24 above 25, 9 above 40, …, none above 49.
        let wanted = [(0, 500_000), (25, 250_000), (40, 100_000), (45, 50_000), (48, 20_000), (49, 10_000)];
        assert_eq!(got, wanted);
    }

    #[test]
    fn few_errors_say_nothing_and_equal_ones_are_one_step() {
        assert_eq!(chances(vec![5.0; ENOUGH - 1]), None);
        let got = chances(vec![5.5; ENOUGH]).expect("enough");
        let wanted = [Chance { beyond: 0, millionths: CERTAIN }, Chance { beyond: 6, millionths: 40_000 }];
        assert_eq!(got, wanted);
        let never = chances(vec![-1.0; ENOUGH]).expect("enough");
        assert_eq!(never, [Chance { beyond: 0, millionths: 40_000 }]);
    }

    #[test]
    fn errors_are_of_the_pool_as_a_whole_and_not_across_a_change_of_who_is_in_it() {
        let mut errors = PoolErrors::default();
        for index in 0..40 {
            errors.observe(index, total(2, 130.0, 100.0));
        }
        let slot = Slot::starting_at(39 * SECONDS);
        let known = errors.shortages(slot, SECONDS);
        assert_eq!(known.len(), HORIZONS + 1);
        assert_eq!(known[1].slot, slot.plus(2, SECONDS));
        assert_eq!(known[0].chances.last().map(|c| c.beyond), Some(30));
        for index in 40..60 {
            errors.observe(index, total(3, 900.0, 880.0));
        }
        let known = errors.shortages(Slot::starting_at(59 * SECONDS), SECONDS);
        assert_eq!(known[5].chances.last().map(|c| c.beyond), Some(30), "no error of 800 between the two");
    }
}
