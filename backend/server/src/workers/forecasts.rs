//! Telemetry becomes forecasts, forecasts become outlooks; both are scored when the slot has
//! come. Floats end here: the market gets integers, rounded to the safe side.
use crate::workers::nodes::Wanted;
use crate::workers::telemetry::Sample;
use headroom_forecast::{Forecaster, HORIZONS, Settings};
use headroom_market::advice::gather::Outlooks;
use headroom_market::ids::InstanceId;
use headroom_market::time::{Slot, Timestamp};
use headroom_market::units::{Amounts, Resource, amount};
use headroom_market::workload::guidance::ApplicationProfile;
use headroom_market::workload::{InstanceState, SlotOutlook};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};
use utoipa::ToSchema;

/// Levels that are published.
pub const LEVELS: [f64; 9] = [0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975];
/// Levels of an outlook's need, in thousandths, with their place in [`LEVELS`].
const NEED: [(u16, usize); 3] = [(500, 4), (900, 6), (975, 8)];
/// 1 − ε of the lendable cap: what is lent is needed in at most 2 % of the slots.
const LEND_LEVEL: f64 = 0.98;
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
struct Series {
    forecaster: Forecaster,
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
}

/// Samples of the slot that is running.
#[derive(Default)]
pub struct SlotSums {
    cpu: BTreeMap<InstanceId, (i64, i64, bool)>,
    memory: BTreeMap<InstanceId, (i64, bool)>,
}

impl SlotSums {
    pub fn add(&mut self, sample: &Sample) {
        let cpu = self.cpu.entry(sample.instance).or_default();
        cpu.0 += amount(&sample.demand, Resource::CpuMilli);
        cpu.1 += 1;
        cpu.2 |= sample.censored.contains(&Resource::CpuMilli);
        let memory = self.memory.entry(sample.instance).or_default();
        memory.0 = memory.0.max(amount(&sample.demand, Resource::MemMib));
        memory.1 |= sample.censored.contains(&Resource::MemMib);
    }
    fn demand(&self, instance: InstanceId) -> Vec<(Resource, f64, bool)> {
        let mut demand = Vec::new();
        if let Some((sum, count, censored)) = self.cpu.get(&instance) {
            demand.push((Resource::CpuMilli, *sum as f64 / (*count).max(1) as f64, *censored));
        }
        if let Some((most, censored)) = self.memory.get(&instance) {
            demand.push((Resource::MemMib, *most as f64, *censored));
        }
        demand
    }
    pub fn is_empty(&self) -> bool {
        self.cpu.is_empty()
    }
}

impl Board {
    /// Brings back what the forecasters had learned before a restart.
    pub fn restore(&self, rows: Vec<(String, String, String)>, slot_seconds: i64, now: Timestamp) {
        let mut series = self.series.write().unwrap_or_else(PoisonError::into_inner);
        for (instance, resource, document) in rows {
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
        series.iter().filter_map(row).collect()
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
        let mut outlooks = Vec::new();
        for instance in wanted.instances.iter().filter(|i| i.state == InstanceState::Running) {
            let demand = sums.demand(instance.id);
            if demand.is_empty() {
                continue;
            }
            let index = slot.seconds() / slot_seconds;
            for (resource, value, censored) in demand {
                let settings = Settings { slot_seconds: slot_seconds as u32, capacity: None };
                let series = all.entry((instance.id, resource)).or_insert_with(|| {
                    let mut forecaster = Forecaster::new(settings);
                    // A custom profile is a prior: its typical value as the slot before the first.
                    let profile = profiles.iter().find(|p| p.instances.contains(&instance.id));
                    if let Some(typical) = profile.and_then(|p| p.typical.get(&resource)) {
                        forecaster.observe(index - 1, *typical as f64, false);
                    }
                    Series { forecaster, issued_at: now, slot, stale: false }
                });
                series.forecaster.observe(index, value, censored);
                series.issued_at = now;
                series.slot = slot;
                series.stale = false;
            }
            outlooks.push((instance.id, outlook(&all, instance.id, &instance.baseline, slot, slot_seconds)));
        }
        outlooks
    }

    /// The latest forecast of an instance's resources.
    pub fn of_instance(&self, instance: InstanceId, slot_seconds: i64) -> Vec<SeriesForecast> {
        let all = self.series.read().unwrap_or_else(PoisonError::into_inner);
        let mine = all.range((instance, Resource::CpuMilli)..=(instance, Resource::NetMbps));
        mine.filter(|(_, s)| !s.stale).map(|((i, r), s)| view(*i, *r, s, slot_seconds)).collect()
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

fn outlook(
    all: &BTreeMap<(InstanceId, Resource), Series>,
    instance: InstanceId,
    baseline: &Amounts,
    slot: Slot,
    slot_seconds: i64,
) -> Vec<SlotOutlook> {
    let mut levels = LEVELS.to_vec();
    levels.push(LEND_LEVEL);
    let mut outlooks: Vec<SlotOutlook> = (1..=HORIZONS as i64)
        .map(|h| SlotOutlook {
            slot: slot.plus(h, slot_seconds),
            need: NEED.iter().map(|(level, _)| (*level, Amounts::new())).collect(),
            lendable: Amounts::new(),
        })
        .collect();
    for ((_, resource), series) in all.range((instance, Resource::CpuMilli)..=(instance, Resource::NetMbps)) {
        for quantiles in series.forecaster.forecast(&levels, HORIZONS) {
            let outlook = &mut outlooks[quantiles.horizon - 1];
            for ((_, need), (_, place)) in outlook.need.iter_mut().zip(NEED) {
                need.insert(*resource, up(quantiles.values[place]));
            }
            let needed = up(quantiles.values[LEVELS.len()]);
            outlook.lendable.insert(*resource, (amount(baseline, *resource) - needed).max(0));
        }
    }
    outlooks
}

/// A forecast quantity as base units, rounded up.
fn up(value: f64) -> i64 {
    // Quantiles are finite and not negative by the forecaster's contract.
    value.ceil().clamp(0.0, 1e12) as i64
}

fn view(instance: InstanceId, resource: Resource, series: &Series, slot_seconds: i64) -> SeriesForecast {
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
        points: points.collect(),
        accuracy: accuracy.collect(),
    }
}

/// Mean and variance of the distribution that is linear between the published quantiles.
fn moments(values: &[f64]) -> (f64, f64) {
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
