//! Telemetry becomes forecasts, forecasts become outlooks; both are scored when the slot has
//! come. Floats end here: the market gets integers, rounded to the safe side.
use crate::workers::joint::{Joint, Known};
use crate::workers::lending::{Lending, Stretch};
use crate::workers::outlook::{outlook, whole_outlook};
use crate::workers::shortage::{PoolErrors, Total};
use crate::workers::slot_demand::{SlotDemand, SlotSums};
use crate::workers::wanted::Wanted;
use headroom_forecast::{Forecaster, HORIZONS, Settings};
use headroom_market::advice::gather::Outlooks;
use headroom_market::ids::InstanceId;
use headroom_market::pool::PoolSlug;
use headroom_market::pool::scarcity::SlotShortage;
use headroom_market::time::{Slot, Timestamp};
use headroom_market::units::{Amounts, Resource};
use headroom_market::workload::guidance::ApplicationProfile;
use headroom_market::workload::{Instance, InstanceState, SlotOutlook};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};
use utoipa::ToSchema;

/// Levels that are published.
pub const LEVELS: [f64; 9] = [0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975];
/// Errors of pools are stored beside the forecasters, with this before the pool.
const POOL: &str = "pool/";
/// And the records of how a workload's resources hang together, with this before the workload.
const JOINT: &str = "joint/";
/// Name of the model, for readers.
pub const MODEL: &str = "online-experts";

/// The forecast of one slot.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Point {
    pub horizon_slots: usize,
    pub slot: Slot,
    pub mean: f64,
    pub variance: f64,
    /// Level → value in base units, for example "0.9".
    pub quantiles: BTreeMap<String, f64>,
}

/// Forecast and record of one series.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SeriesForecast {
    pub instance: InstanceId,
    pub resource: Resource,
    pub model: String,
    pub issued_at: Timestamp,
    pub samples: u64,
    /// Measurements since the start of the process that were no samples: negative, or more than their node has.
    pub rejected_samples: u64,
    pub points: Vec<Point>,
    pub accuracy: Vec<Accuracy>,
}

/// How forecasts of one horizon have done so far.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Accuracy {
    pub horizon_slots: usize,
    pub scored: u64,
    /// Shares of the truths inside the 80 and 95 % intervals; `null` before the first.
    pub coverage_80: Option<f64>,
    pub coverage_95: Option<f64>,
    pub mean_pinball: Option<f64>,
    pub mean_absolute_error: Option<f64>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Series {
    pub(super) forecaster: Forecaster,
    #[serde(default)]
    pub(super) lending: Lending,
    issued_at: Timestamp,
    /// The last slot that it has seen; the forecast is for those after it.
    slot: Slot,
    /// Restored, and all the slots that it speaks of have passed: not shown.
    #[serde(skip)]
    stale: bool,
}

/// All series with their latest forecasts.
#[derive(Default)]
pub struct Board {
    series: RwLock<BTreeMap<(InstanceId, Resource), Series>>,
    pools: RwLock<BTreeMap<(PoolSlug, Resource), PoolErrors>>,
    joints: RwLock<BTreeMap<InstanceId, Joint>>,
    rejected: RwLock<BTreeMap<(InstanceId, Resource), u64>>,
}

/// Chances of a shortage by pool and resource.
type Shortages = Vec<(PoolSlug, Resource, Vec<SlotShortage>)>;

impl Board {
    /// Brings back what the forecasters had learned before a restart.
    pub fn restore(&self, rows: Vec<(String, String, String)>, slot_seconds: i64, now: Timestamp) {
        let mut series = self.series.write().unwrap_or_else(PoisonError::into_inner);
        let mut pools = self.pools.write().unwrap_or_else(PoisonError::into_inner);
        let mut joints = self.joints.write().unwrap_or_else(PoisonError::into_inner);
        for (instance, resource, document) in rows {
            if let Some(instance) = instance.strip_prefix(JOINT) {
                if let (Ok(instance), Ok(joint)) = (instance.parse(), serde_json::from_str(&document)) {
                    joints.insert(instance, joint);
                }
                continue;
            }
            if let (Some(pool), Some(resource)) = (instance.strip_prefix(POOL), Resource::parse(&resource)) {
                if let Ok(errors) = serde_json::from_str(&document) {
                    pools.insert((pool.to_owned(), resource), errors);
                }
                continue;
            }
            let parsed = (instance.parse(), Resource::parse(&resource), serde_json::from_str::<Series>(&document));
            if let (Ok(instance), Some(resource), Ok(mut restored)) = parsed {
                restored.stale =
                    restored.slot.plus(HORIZONS as i64, slot_seconds) < Slot::containing(now, slot_seconds);
                series.insert((instance, resource), restored);
            }
        }
    }

    /// The states of all forecasters, for storing.
    pub fn states(&self) -> Vec<(String, String, String)> {
        let series = self.series.read().unwrap_or_else(PoisonError::into_inner);
        let row = |((i, r), s): (&(InstanceId, Resource), &Series)| {
            Some((i.to_string(), r.to_string(), serde_json::to_string(s).ok()?))
        };
        let pools = self.pools.read().unwrap_or_else(PoisonError::into_inner);
        let errors = |((pool, r), e): (&(PoolSlug, Resource), &PoolErrors)| {
            Some((format!("{POOL}{pool}"), r.to_string(), serde_json::to_string(e).ok()?))
        };
        let joints = self.joints.read().unwrap_or_else(PoisonError::into_inner);
        let record = |(i, joint): (&InstanceId, &Joint)| {
            Some((format!("{JOINT}{i}"), String::new(), serde_json::to_string(joint).ok()?))
        };
        let rows = series.iter().filter_map(row).chain(pools.iter().filter_map(errors));
        rows.chain(joints.iter().filter_map(record)).collect()
    }

    /// Takes in a slot that has ended and returns the outlooks of the next ones.
    pub fn observe(
        &self,
        wanted: &Wanted,
        profiles: &[ApplicationProfile],
        slot: Slot,
        slot_seconds: i64,
        now: Timestamp,
        sums: &SlotSums,
    ) -> Vec<(InstanceId, Vec<SlotOutlook>)> {
        let mut all = self.series.write().unwrap_or_else(PoisonError::into_inner);
        let mut joints = self.joints.write().unwrap_or_else(PoisonError::into_inner);
        let mut seen = Vec::new();
        let mut totals: BTreeMap<(PoolSlug, Resource), Total> = BTreeMap::new();
        let index = slot.seconds() / slot_seconds;
        for instance in wanted.instances.iter().filter(|i| i.state == InstanceState::Running) {
            let demand = sums.demand(instance.id);
            if demand.is_empty() {
                continue;
            }
            let mut levels = BTreeMap::new();
            for SlotDemand { resource, value, highest, censored } in demand {
                let settings = Settings { slot_seconds: slot_seconds as u32, capacity: None };
                let series = all.entry((instance.id, resource)).or_insert_with(|| {
                    let mut forecaster = Forecaster::new(settings);
                    // A custom profile is a prior: its typical value as the slot before the first.
                    let profile = profiles.iter().find(|p| p.instances.contains(&instance.id));
                    if let Some(typical) = profile.and_then(|p| p.typical.get(&resource)) {
                        forecaster.observe(index - 1, *typical as f64, false);
                    }
                    Series { forecaster, lending: Lending::default(), issued_at: now, slot, stale: false }
                });
                levels.insert(resource, series.forecaster.levels_of(index, value, censored));
                series.forecaster.observe(index, value, censored);
                series.lending.observe(slot, slot_seconds, highest);
                series.issued_at = now;
                series.slot = slot;
                series.stale = false;
                let total = totals.entry((instance.pool.clone(), resource)).or_default();
                total.add(instance.id, value, series.forecaster.forecast(&[0.5], HORIZONS).iter().map(|q| q.values[0]));
            }
            joints.entry(instance.id).or_default().observe(&levels);
            seen.push(instance);
        }
        say_what_is_needed(&mut all, slot, slot_seconds);
        let mut pools = self.pools.write().unwrap_or_else(PoisonError::into_inner);
        for (key, total) in totals {
            pools.entry(key).or_default().observe(index, total);
        }
        seen.into_iter().map(|i| (i.id, whole_outlook(&all, &joints, i, slot, slot_seconds))).collect()
    }

    /// The outlooks of these workloads as if the slot ended now, with what it has brought so far. Nothing is learned of
    /// it; and whoever needs this lends nothing more until the slot is over.
    pub fn look_ahead(
        &self,
        wanted: &Wanted,
        ids: &[InstanceId],
        slot: Slot,
        slot_seconds: i64,
        sums: &SlotSums,
    ) -> Vec<(InstanceId, Vec<SlotOutlook>)> {
        let all = self.series.read().unwrap_or_else(PoisonError::into_inner);
        let joints = self.joints.read().unwrap_or_else(PoisonError::into_inner);
        let of = |instance: &Instance| {
            let mut mine = BTreeMap::new();
            for SlotDemand { resource, value, highest, censored } in sums.demand(instance.id) {
                let known = all.get(&(instance.id, resource))?;
                let mut forecaster = known.forecaster.clone();
                forecaster.observe(slot.seconds() / slot_seconds, value, censored);
                let (lending, issued_at) = (Lending::short(highest), known.issued_at);
                mine.insert((instance.id, resource), Series { forecaster, lending, issued_at, slot, stale: false });
            }
            Some((instance.id, whole_outlook(&mine, &joints, instance, slot, slot_seconds)))
        };
        wanted.instances.iter().filter(|i| ids.contains(&i.id)).filter_map(of).collect()
    }

    /// What the errors of pools that price a shortage say of the slots after `slot`.
    pub fn shortages(&self, wanted: &Wanted, slot: Slot, slot_seconds: i64) -> Shortages {
        let pools = self.pools.read().unwrap_or_else(PoisonError::into_inner);
        let priced = |(pool, resource): &(PoolSlug, Resource)| {
            wanted.pools.get(pool).is_some_and(|p| p.shortage_cost.contains_key(resource))
        };
        let known = pools.iter().filter(|(key, _)| priced(key));
        known.map(|((pool, resource), e)| (pool.clone(), *resource, e.shortages(slot, slot_seconds))).collect()
    }

    /// Counts a measurement that is no sample.
    pub fn reject(&self, instance: InstanceId, resource: Resource) {
        let mut rejected = self.rejected.write().unwrap_or_else(PoisonError::into_inner);
        *rejected.entry((instance, resource)).or_default() += 1;
    }

    /// The latest forecast of an instance's resources.
    pub fn of_instance(&self, instance: InstanceId, slot_seconds: i64) -> Vec<SeriesForecast> {
        let rejected = self.rejected.read().unwrap_or_else(PoisonError::into_inner);
        let all = self.series.read().unwrap_or_else(PoisonError::into_inner);
        let mine = all.range((instance, Resource::CpuMilli)..=(instance, Resource::NetMbps));
        mine.filter(|(_, s)| !s.stale).map(|(key, s)| view(*key, s, rejected.get(key).copied(), slot_seconds)).collect()
    }

    /// All series of the given instances.
    pub fn of_all(&self, instances: &[InstanceId], slot_seconds: i64) -> Vec<SeriesForecast> {
        instances.iter().flat_map(|i| self.of_instance(*i, slot_seconds)).collect()
    }

    /// The latest outlooks of workloads with these baselines; those without a forecast are left out.
    pub fn outlooks(&self, baselines: &[(InstanceId, Amounts)], slot_seconds: i64) -> Outlooks {
        let all = self.series.read().unwrap_or_else(PoisonError::into_inner);
        let of = |(id, baseline): &(InstanceId, Amounts)| {
            let mine = all.range((*id, Resource::CpuMilli)..=(*id, Resource::NetMbps)).filter(|(_, s)| !s.stale);
            let slot = mine.map(|(_, s)| s.slot).max()?;
            Some((*id, outlook(&all, *id, baseline, slot, slot_seconds)))
        };
        baselines.iter().filter_map(of).collect()
    }

    /// How these resources of a workload hang together in a slot; of what lies beyond the horizons, as at the last.
    pub fn joint_of(&self, instance: InstanceId, resources: &[Resource], slot: Slot, slot_seconds: i64) -> Known {
        let all = self.series.read().unwrap_or_else(PoisonError::into_inner);
        let series: Vec<_> =
            resources.iter().filter_map(|r| all.get(&(instance, *r))).filter(|series| !series.stale).collect();
        let newest = series.iter().map(|series| series.slot).max().filter(|_| series.len() == resources.len());
        let Some(newest) = newest else { return Known { has_forecast: false, outcomes: 0, copula: None } };
        let ahead = (slot.seconds() - newest.seconds()) / slot_seconds;
        let horizon = usize::try_from(ahead).unwrap_or(1).clamp(1, HORIZONS);
        let joints = self.joints.read().unwrap_or_else(PoisonError::into_inner);
        let joint = joints.get(&instance);
        let copula = joint.and_then(|joint| joint.copula(horizon, resources));
        Known { has_forecast: true, outcomes: joint.map_or(0, |joint| joint.known(horizon)), copula }
    }

    /// Chance that a resource's demand exceeds `limit` within the horizon.
    pub fn probability_above(
        &self,
        instance: InstanceId,
        resource: Resource,
        limit: i64,
        horizon: usize,
    ) -> Option<f64> {
        let all = self.series.read().unwrap_or_else(PoisonError::into_inner);
        all.get(&(instance, resource))?.forecaster.probability_above(limit as f64, horizon)
    }
}

/// What the next slots of the series with a sample in `slot` need, by the misses of all of them.
fn say_what_is_needed(all: &mut BTreeMap<(InstanceId, Resource), Series>, slot: Slot, slot_seconds: i64) {
    let mut scores: BTreeMap<Resource, Vec<f32>> = BTreeMap::new();
    for ((_, resource), series) in all.iter().filter(|(_, s)| s.slot == slot) {
        scores.entry(*resource).or_default().extend(series.lending.scores());
    }
    let stretches: BTreeMap<Resource, Option<Stretch>> = scores.into_iter().map(|(r, s)| (r, Stretch::of(s))).collect();
    for ((_, resource), series) in all.iter_mut().filter(|(_, s)| s.slot == slot) {
        let stretch = stretches.get(resource).copied().flatten();
        series.lending.issue(&series.forecaster, slot, slot_seconds, stretch);
    }
}

fn view(
    (instance, resource): (InstanceId, Resource),
    series: &Series,
    rejected_samples: Option<u64>,
    slot_seconds: i64,
) -> SeriesForecast {
    let points = series.forecaster.forecast(&LEVELS, HORIZONS).into_iter().map(|q| {
        let (mean, variance) = moments(&q.values);
        Point {
            horizon_slots: q.horizon,
            slot: series.slot.plus(q.horizon as i64, slot_seconds),
            mean,
            variance,
            quantiles: LEVELS.iter().zip(&q.values).map(|(l, v)| (l.to_string(), *v)).collect(),
        }
    });
    let score = series.forecaster.score();
    let accuracy = score.horizons.iter().enumerate().map(|(index, h)| Accuracy {
        horizon_slots: index + 1,
        scored: h.scored,
        coverage_80: h.coverage_80(),
        coverage_95: h.coverage_95(),
        mean_pinball: h.mean_pinball(),
        mean_absolute_error: (h.scored > 0).then(|| h.absolute_error / h.scored as f64),
    });
    SeriesForecast {
        instance,
        resource,
        model: MODEL.to_owned(),
        issued_at: series.issued_at,
        samples: series.forecaster.samples(),
        rejected_samples: rejected_samples.unwrap_or_default(),
        points: points.collect(),
        accuracy: accuracy.collect(),
    }
}

/// Mean and variance of the distribution that is linear between the published quantiles.
pub fn moments(values: &[f64]) -> (f64, f64) {
    let mut mass = 0.0;
    let (mut first, mut second) = (0.0, 0.0);
    let mut add = |weight: f64, low: f64, high: f64| {
        mass += weight;
        first += weight * (low + high) / 2.0;
        second += weight * (low * low + low * high + high * high) / 3.0;
    };
    let (lowest, highest) = (values[0], values[values.len() - 1]);
    add(LEVELS[0], lowest, lowest);
    for (levels, pair) in LEVELS.windows(2).zip(values.windows(2)) {
        add(levels[1] - levels[0], pair[0], pair[1]);
    }
    add(1.0 - LEVELS[LEVELS.len() - 1], highest, highest);
    let mean = first / mass;
    (mean, (second / mass - mean * mean).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workers::telemetry::Sample;
    use headroom_market::ids::{ModuleId, NodeId, ParticipantId};
    use headroom_market::units::amount;
    use serde_json::json;

    const SECONDS: i64 = 60;
    const CPU: Resource = Resource::CpuMilli;
    const MEM: Resource = Resource::MemMib;

    fn amounts(cpu: i64, mem: i64) -> Amounts {
        [(CPU, cpu), (MEM, mem)].into()
    }

    /// A workload of 1,000 millicores and 1,000 MiB that lends 400 millicores.
    fn lender() -> Instance {
        let ids = (InstanceId::from_raw(1), ParticipantId::from_raw(1), ModuleId::from_raw(1), NodeId::from_raw(1));
        serde_json::from_value(json!({
            "id": ids.0, "participant": ids.1, "name": "w", "driver": "wasm", "module": ids.2, "pool": "p",
            "node": ids.3, "epoch": 1, "class": "standard", "baseline": amounts(1_000, 1_000),
            "floor": amounts(0, 0), "limit": amounts(3_000, 3_000), "in_force": amounts(600, 1_000),
            "at_end": "shrink", "comparison": {}, "strategy": {}, "strategy_version": 1, "state": "running", "swap": null,
            "pinned_until": null, "created_at": Timestamp::from_seconds(0),
        }))
        .expect("an instance")
    }

    fn wanted(instance: Instance) -> Wanted {
        let (nodes, pools, modules) = Default::default();
        Wanted { nodes, pools, instances: vec![instance], modules, ..Wanted::default() }
    }

    fn sample(cpu: i64, mem: i64, has: &Amounts) -> Sample {
        Sample {
            at: Timestamp::from_seconds(0),
            instance: InstanceId::from_raw(1),
            node: NodeId::from_raw(1),
            limits: has.clone(),
            usage: amounts(cpu, mem),
            demand: amounts(cpu, mem),
            censored: Vec::new(),
            throttled_millis: 0,
            input_lag: 0,
            bytes_in: 0,
            bytes_out: 0,
            host_calls: 0,
            steps: 1,
        }
    }

    #[test]
    fn a_lender_is_short_once_its_slot_so_far_needs_more_than_it_has() {
        let (wanted, has) = (wanted(lender()), amounts(600, 1_000));
        let found = |ticks: &[(i64, i64)], has: &Amounts, seconds: i64| -> Vec<usize> {
            let mut sums = SlotSums::default();
            let mut tick = |(cpu, mem): &(i64, i64)| {
                let samples = [sample(*cpu, *mem, has)];
                sums.add(&samples[0]);
                sums.short_lenders(&wanted, &samples, Slot::starting_at(0), seconds).len()
            };
            ticks.iter().map(&mut tick).collect()
        };
        assert_eq!(found(&[(900, 100); 4], &has, SECONDS), [0, 1, 0, 0], "from the second tick on, and once");
        assert_eq!(found(&[(100, 100), (900, 100), (900, 100)], &has, SECONDS), [0, 0, 1], "500 are the mean of two");
        assert_eq!(found(&[(600, 100); 3], &has, SECONDS), [0; 3], "it has what it needs");
        assert_eq!(found(&[(100, 1_200); 3], &has, SECONDS), [0; 3], "it lends no memory");
        assert_eq!(found(&[(900, 100); 3], &amounts(1_000, 1_000), SECONDS), [0; 3], "nor does this one lend");
        let long = found(&[(900, 100); 11], &has, 5 * SECONDS);
        assert_eq!(long.iter().position(|n| *n == 1), Some(9), "a sixth of a longer slot");
    }

    #[test]
    fn rejected_measurements_are_counted_beside_the_forecast() {
        let (board, wanted, id) = (Board::default(), wanted(lender()), InstanceId::from_raw(1));
        let mut sums = SlotSums::default();
        sums.add(&sample(300, 100, &amounts(600, 1_000)));
        board.reject(id, CPU);
        board.reject(id, CPU);
        board.observe(&wanted, &[], Slot::starting_at(0), SECONDS, Timestamp::from_seconds(60), &sums);
        let counted: Vec<_> =
            board.of_instance(id, SECONDS).iter().map(|s| (s.resource, s.samples, s.rejected_samples)).collect();
        assert_eq!(counted, [(CPU, 1, 2), (MEM, 1, 0)]);
    }

    #[test]
    fn who_is_short_looks_ahead_as_if_the_slot_was_over_and_nothing_is_learned() {
        let (board, wanted) = (Board::default(), wanted(lender()));
        let at = |slot: i64| Slot::starting_at(slot * SECONDS);
        let observe = |slot: i64, cpu: i64| {
            let mut sums = SlotSums::default();
            sums.add(&sample(cpu, 100, &amounts(600, 1_000)));
            board.observe(&wanted, &[], at(slot), SECONDS, Timestamp::from_seconds(slot * SECONDS), &sums)
        };
        let mut before = Vec::new();
        for slot in 0..150 {
            before = observe(slot, 300 + slot % 7 * 10);
        }
        let mut sums = SlotSums::default();
        sums.add(&sample(900, 100, &amounts(600, 1_000)));
        sums.add(&sample(900, 100, &amounts(600, 1_000)));
        let states = board.states();
        let ahead = board.look_ahead(&wanted, &[InstanceId::from_raw(1)], at(150), SECONDS, &sums);
        assert_eq!(board.states(), states);
        let median = |outlooks: &[(InstanceId, Vec<SlotOutlook>)], slot: i64| {
            let outlook = outlooks[0].1.iter().find(|o| o.slot == at(slot)).expect("of this slot");
            (amount(&outlook.need[0].1, CPU), amount(&outlook.lendable, CPU))
        };
        let (needed, lendable) = median(&before, 152);
        assert!(needed < 400 && lendable > 400, "{needed}, {lendable} of 1,000 may be lent");
        let (needed, lendable) = median(&ahead, 152);
        assert_eq!((needed, lendable), (1_000, 0), "900 and a tenth of the baseline");
        // It is what is said in the end, where the rest of the slot is as the first of it.
        assert_eq!(median(&observe(150, 900), 152), (needed, lendable));
        assert_eq!(board.look_ahead(&wanted, &[], at(151), SECONDS, &sums), []);
    }
}
