//! What may be lent of a baseline: what the forecast of the whole window leaves of it.
//!
//! Three things make what is lent be needed more often than a quantile says, and each has its answer
//! here. Capacity is lent for slots up to a window's end, so the bound is that of the window's maximum,
//! not slot by slot. A bound is exceeded more often than its level says while a series is young or where
//! demand jumps, and inside a slot demand is higher than its mean; so bounds are stretched by what their
//! misses have been (`headroom_forecast::windows`), those of all workloads together. And every slot is
//! offered again with each forecast, so that the lowest of several bounds would count: what was once
//! said to be needed in a slot stays needed ([`Lending::needed`]).
//!
//! A slot that needs more than its bound says that the forecast is wrong, and it takes some slots to learn better. Until
//! as many slots as a forecast reaches have kept to their bounds nothing is lent, and what the newest slot needed is
//! taken to be needed in those that come ([`Lending::after_breach`]): the plainest forecast, which no jump refutes. It is
//! the answer of adaptive conformal prediction (Gibbs and Candès, *Adaptive conformal inference under distribution shift*,
//! 2021) where the level that is lowered after each miss is at once the one that lends nothing.
//!
//! Absent: floors and hints, which the core knows; one resource's need of another (`forecasts`).
use headroom_forecast::windows::{self, Window, Windows};
use headroom_forecast::{Forecaster, HORIZONS};
use headroom_market::time::Slot;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// ε: what is lent is needed in at most 2 % of the time.
const EPSILON: f64 = 0.02;
/// Slots ahead whose gates are open when a forecast is made: the next one's has closed.
const FIRST: usize = 2;
/// A series is lent from once its scale is known and its first windows have been scored. Until it has scores
/// enough to tell ε by itself, the highest of all series' scores counts for it.
const LEAST_SAMPLES: u64 = 2 * HORIZONS as u64;

/// Windows of one series, and what they said.
#[derive(Default, Serialize, Deserialize)]
pub struct Lending {
    windows: Windows,
    /// The most that any forecast so far said to be needed, by slot.
    needed: BTreeMap<Slot, i64>,
    /// For so many more slots nothing is lent: one has needed more than its bound.
    #[serde(default)]
    rests: usize,
    /// The highest demand in the newest slot: bounds are of that.
    #[serde(default)]
    newest: i64,
}

impl Lending {
    /// A series whose slot under way has needed so much so far, and more than there was after lending.
    pub fn short(newest: i64) -> Self {
        Self { rests: HORIZONS, newest, ..Self::default() }
    }

    /// A slot of the series has ended, with this as its highest demand.
    pub fn observe(&mut self, slot: Slot, slot_seconds: i64, highest: i64) {
        let passed = self.needed.get(&slot).is_some_and(|bound| highest > *bound);
        self.rests = if passed { HORIZONS } else { self.rests.saturating_sub(1) };
        self.newest = highest;
        self.windows.observe(slot.seconds() / slot_seconds, highest as f64, FIRST, HORIZONS);
        self.needed.retain(|ahead, _| *ahead > slot);
    }

    pub fn scores(&self) -> impl Iterator<Item = f32> {
        self.windows.scores()
    }

    /// Says what the slots after `slot` need, with what the scores of all series of the resource say.
    pub fn issue(&mut self, forecaster: &Forecaster, slot: Slot, slot_seconds: i64, stretch: Option<Stretch>) {
        let Some(window) = Window::of(forecaster, 1.0 - EPSILON, FIRST, HORIZONS) else { return };
        self.windows.issue(slot.seconds() / slot_seconds, window);
        let Some(stretch) = stretch.filter(|_| forecaster.samples() >= LEAST_SAMPLES) else { return };
        let is_young = windows::stretch(self.scores().collect(), EPSILON).is_none();
        let stretch = if is_young { stretch.highest } else { stretch.usual };
        // Misses may widen what the forecast says, never narrow it.
        let bound = window.bound(stretch.max(1.0)).ceil().clamp(0.0, 1e12) as i64;
        for ahead in FIRST..=HORIZONS {
            let needed = self.needed.entry(slot.plus(ahead as i64, slot_seconds)).or_default();
            *needed = bound.max(*needed);
        }
    }

    /// What is needed in a slot; `None` where nothing is known well enough to lend from.
    pub fn needed(&self, slot: Slot) -> Option<i64> {
        self.needed.get(&slot).copied().filter(|_| self.rests == 0)
    }

    /// What the slots that come are taken to need at least, of a series that has just needed more than its bound.
    pub fn after_breach(&self) -> Option<i64> {
        (self.rests > 0).then_some(self.newest)
    }
}

/// By how much the reaches of a resource's windows are stretched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stretch {
    /// What ε of the windows pass.
    usual: f64,
    /// What none has passed.
    highest: f64,
}

impl Stretch {
    /// From the scores of all series of a resource; `None` while there are too few.
    pub fn of(scores: Vec<f32>) -> Option<Self> {
        let highest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        Some(Self { usual: windows::stretch(scores, EPSILON)?, highest: f64::from(highest) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headroom_forecast::Settings;

    const SECONDS: i64 = 60;

    /// Numbers that look random and are the same for the same seed (SplitMix64).
    struct Draw(u64);

    impl Draw {
        fn between(&mut self, low: i64, high: i64) -> i64 {
            self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            let span = (high - low) as u64 + 1;
            low + ((z ^ (z >> 31)) % span) as i64
        }
    }

    fn at(slot: i64) -> Slot {
        Slot::starting_at(slot * SECONDS)
    }

    /// A workload whose demand is `demand` by slot, alone in its market.
    fn life(slots: std::ops::Range<i64>, demand: impl Fn(i64) -> i64, mut each: impl FnMut(i64, &Lending)) {
        let mut forecaster = Forecaster::new(Settings { slot_seconds: SECONDS as u32, capacity: None });
        let mut lending = Lending::default();
        for slot in slots {
            forecaster.observe(slot, demand(slot) as f64, false);
            lending.observe(at(slot), SECONDS, demand(slot));
            let stretch = Stretch::of(lending.scores().collect());
            lending.issue(&forecaster, at(slot), SECONDS, stretch);
            each(slot, &lending);
        }
    }

    #[test]
    fn nothing_is_lent_before_there_are_enough_scores_to_say_two_percent() {
        let mut first = None;
        life(
            0..80,
            |n| 500 + n % 7 * 20,
            |slot, lending| {
                if lending.needed(at(slot + 2)).is_some() {
                    first.get_or_insert(slot);
                }
            },
        );
        // The window of slot 0 is scored in slot 6, the 49th one in slot 54.
        assert_eq!(first, Some(54));
    }

    #[test]
    fn a_young_series_is_bounded_by_the_worst_that_others_have_seen() {
        let needed = |own_slots: i64| {
            let mut forecaster = Forecaster::new(Settings { slot_seconds: SECONDS as u32, capacity: None });
            let mut lending = Lending::default();
            // 99 scores of others: one window went 50 reaches beyond its middle, the next one 2.
            let others = [50.0].into_iter().chain((0..98).map(|n| 2.0 - n as f32 / 98.0));
            for slot in 0..own_slots {
                forecaster.observe(slot, 500.0 + (slot % 5 * 4) as f64, false);
                lending.observe(at(slot), SECONDS, 500 + slot % 5 * 4);
                let scores = others.clone().chain(lending.scores()).collect();
                lending.issue(&forecaster, at(slot), SECONDS, Stretch::of(scores));
            }
            lending.needed(at(own_slots + 5))
        };
        assert_eq!(needed(11), None, "the first slots say nothing");
        let (young, old) = (needed(54).expect("known"), needed(90).expect("known"));
        assert!(young > 700 && old < 600, "{young} and then {old}");
    }

    #[test]
    fn what_was_once_said_to_be_needed_stays_needed() {
        let mut said: BTreeMap<i64, i64> = BTreeMap::new();
        let mut later = 0;
        life(
            0..400,
            |n| 500 + n * n % 31 * 10 + if n % 90 < 8 { 400 } else { 0 },
            |slot, lending| {
                for ahead in slot + 2..=slot + 6 {
                    let Some(needed) = lending.needed(at(ahead)) else { continue };
                    let before = said.insert(ahead, needed).unwrap_or(0);
                    assert!(needed >= before, "slot {ahead}: {needed} after {before}");
                    later += i32::from(before > 0 && needed > before);
                }
                assert_eq!(lending.needed(at(slot)), None, "slots that have come are forgotten");
            },
        );
        assert!(later > 100, "later forecasts of a slot are often higher: {later}");
    }

    #[test]
    fn peaks_inside_slots_are_needed_though_forecasts_are_of_means() {
        let needed = |peak: i64| {
            let mut forecaster = Forecaster::new(Settings { slot_seconds: SECONDS as u32, capacity: None });
            let mut lending = Lending::default();
            for slot in 0..120 {
                forecaster.observe(slot, 500.0, false);
                lending.observe(at(slot), SECONDS, peak);
                let stretch = Stretch::of(lending.scores().collect());
                lending.issue(&forecaster, at(slot), SECONDS, stretch);
            }
            lending.needed(at(121)).unwrap_or(0)
        };
        assert!(needed(500) < 520 && needed(650) >= 650, "{} {}", needed(500), needed(650));
    }

    /// Demand of one kind of workload or another in each slot: a day's wave, a walk, bursts.
    fn demands(seed: u64, slots: i64) -> Vec<i64> {
        let mut draw = Draw(seed);
        let (kind, phase) = (draw.between(0, 2), draw.between(0, 287));
        let (mut walk, mut burst) = (0, 0);
        let demand = |slot: i64| {
            walk = (walk + draw.between(-12, 12)).clamp(-200, 200);
            burst = if draw.between(0, 59) == 0 { draw.between(3, 9) } else { (burst - 1).max(0) };
            let wave = ((slot + phase) as f64 / 288.0 * std::f64::consts::TAU).sin();
            let noise = draw.between(-25, 25);
            let mean = match kind {
                0 => 450 + (wave * 250.0) as i64,
                1 => 450 + walk,
                _ => 350 + (wave * 100.0) as i64 + if burst > 0 { 250 } else { 0 },
            };
            (mean + noise).clamp(0, 1_000)
        };
        (0..slots).map(demand).collect()
    }

    /// Of all slots in which somebody had lent, and of the tenth in which most is asked for: the part in which what was lent
    /// was needed. `bound` says what is needed of what was said last before the slot's gate.
    fn needed_though_lent(bound: impl Fn(&Lending, &Forecaster, Slot) -> Option<i64>) -> (f64, f64, usize) {
        const BASELINE: i64 = 1_000;
        let (series, slots) = (24, 700);
        let demand: Vec<Vec<i64>> = (0..series).map(|seed| demands(seed, slots)).collect();
        let fresh = || Forecaster::new(Settings { slot_seconds: SECONDS as u32, capacity: None });
        let mut all: Vec<(Forecaster, Lending)> = demand.iter().map(|_| (fresh(), Lending::default())).collect();
        let mut told: BTreeMap<(i64, usize), i64> = BTreeMap::new();
        for slot in 0..slots {
            for ((forecaster, lending), demand) in all.iter_mut().zip(&demand) {
                let now = demand[slot as usize];
                forecaster.observe(slot, now as f64, false);
                lending.observe(at(slot), SECONDS, now);
            }
            let stretch = Stretch::of(all.iter().flat_map(|(_, lending)| lending.scores()).collect());
            for (n, (forecaster, lending)) in all.iter_mut().enumerate() {
                lending.issue(forecaster, at(slot), SECONDS, stretch);
                let gate = slot + FIRST as i64;
                if let Some(needed) = bound(lending, forecaster, at(gate)).filter(|needed| *needed < BASELINE) {
                    told.insert((gate, n), needed);
                }
            }
        }
        let asked = |slot: i64| demand.iter().map(|d| d[slot as usize]).sum::<i64>();
        let mut dearest: Vec<i64> = (0..slots).collect();
        dearest.sort_by_key(|slot| std::cmp::Reverse(asked(*slot)));
        dearest.truncate(slots as usize / 10);
        let part = |counts: &dyn Fn(i64) -> bool| {
            let lent: Vec<_> = told.iter().filter(|((slot, _), _)| *slot < slots && counts(*slot)).collect();
            let needed = lent.iter().filter(|((slot, n), bound)| demand[*n][*slot as usize] > **bound).count();
            (needed as f64 / lent.len().max(1) as f64, lent.len())
        };
        let ((whole, lent), (peak, _)) = (part(&|_| true), part(&|slot| dearest.contains(&slot)));
        (whole, peak, lent)
    }

    /// I26: what was lent is needed in at most ε of the slots, and in at most 2ε of the dearest tenth of them. Who lends by
    /// the median of a slot, or by its quantile of 90 %, is noticed.
    #[test]
    fn i26_what_was_lent_is_hardly_ever_needed() {
        let (whole, peak, lent) = needed_though_lent(|lending, _, slot| lending.needed(slot));
        println!("of {lent} slots with something lent {whole:.4}, of the dearest tenth {peak:.4}");
        assert!(lent > 5_000, "{lent}");
        assert!(whole <= EPSILON && peak <= 2.0 * EPSILON, "{whole}, {peak}");
        let by_quantile = |level: f64| {
            move |_: &Lending, forecaster: &Forecaster, _: Slot| {
                let ahead = forecaster.forecast(&[level], FIRST).pop()?;
                (forecaster.samples() >= LEAST_SAMPLES).then(|| ahead.values[0].ceil() as i64)
            }
        };
        for level in [0.5, 0.9] {
            let (whole, peak, _) = needed_though_lent(by_quantile(level));
            println!("by the quantile of {level}: {whole:.4}, {peak:.4}");
            assert!(whole > EPSILON || peak > 2.0 * EPSILON, "nobody notices who lends by {level}");
        }
    }

    #[test]
    fn after_a_breach_nothing_is_lent_until_as_many_slots_as_a_forecast_reaches_have_kept_to_their_bounds() {
        let breach = |n: i64| if n == 200 { 900 } else { 500 + n % 7 * 20 };
        let mut resting = Vec::new();
        life(0..240, breach, |slot, lending| {
            if slot > 60 && lending.needed(at(slot + 2)).is_none() {
                resting.push((slot, lending.after_breach()));
            }
        });
        let wanted: Vec<_> = (200..206).map(|slot| (slot, Some(breach(slot)))).collect();
        assert_eq!(resting, wanted);
        // One that goes on is a breach until bounds have followed, and what the newest slot needed counts.
        let jump = |n: i64| if n < 200 { 500 + n % 7 * 20 } else { 900 + n % 7 * 20 };
        let mut resting = Vec::new();
        life(0..240, jump, |slot, lending| resting.extend(lending.after_breach().map(|floor| (slot, floor))));
        let since = resting.iter().position(|(slot, _)| *slot == 200).expect("at once");
        let jumped = &resting[since..];
        assert!((6..20).contains(&jumped.len()) && jumped.iter().all(|(n, floor)| *floor == jump(*n)), "{jumped:?}");
    }
}
