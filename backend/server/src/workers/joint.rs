//! The joint forecast of a workload's resources: what they need at once, and with which chance.
//!
//! The forecasters say what each resource needs; the record says whether they are high in the same slots.
//! Floats end here: the market gets base units rounded up, and shares in millionths, a level that is asked
//! for rounded up and one that is reached rounded down.
use headroom_forecast::joint::{Copula, JointRecord, at_least, each_at_most};
use headroom_forecast::{Forecaster, HORIZONS};
use headroom_market::units::{Amounts, Resource, Share};
use headroom_market::workload::{AutoBid, JointNeed, JointStep};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Joint levels of the steps, in millionths; the promised one is a step of its own.
const LEVELS: [i64; 3] = [500_000, 900_000, 975_000];
const WHOLE: f64 = 1e6;
/// An error of the last bits of a float is no millionth.
const LAST_BITS: f64 = 1e-3;

/// How the resources of one workload went together.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Joint {
    resources: Vec<Resource>,
    record: JointRecord,
}

impl Joint {
    /// A slot has come: the level of each resource's value in the earlier forecasts of it.
    pub fn observe(&mut self, levels: &BTreeMap<Resource, [Option<f64>; HORIZONS]>) {
        if !levels.keys().eq(&self.resources) {
            *self = Self { resources: levels.keys().copied().collect(), record: JointRecord::default() };
        }
        self.record.observe(&levels.values().copied().collect::<Vec<_>>());
    }

    /// Slots that are known of a horizon.
    pub fn known(&self, horizon: usize) -> usize {
        self.record.known(horizon)
    }

    /// `None` where one of the resources is not in the record, or the record is too short.
    pub fn copula(&self, horizon: usize, resources: &[Resource]) -> Option<Copula> {
        let place = |resource: &Resource| self.resources.iter().position(|known| known == resource);
        self.record.copula(horizon, &resources.iter().map(place).collect::<Option<Vec<_>>>()?)
    }
}

/// What is known of how some resources of a workload hang together in a slot.
#[derive(Clone, Debug)]
pub struct Known {
    pub has_forecast: bool,
    /// Slots that the record has.
    pub outcomes: usize,
    pub copula: Option<Copula>,
}

/// What the resources that a shortage has a cost for will need together. Without a record there is nothing to
/// say of several resources, unless a level is promised: then the bound stands in, which is never too low.
pub fn need(
    joint: Option<&Joint>,
    horizon: usize,
    bid: &AutoBid,
    forecasters: &BTreeMap<Resource, &Forecaster>,
) -> Option<JointNeed> {
    let resources: Vec<Resource> = bid.shortage_cost.keys().copied().filter(|r| forecasters.contains_key(r)).collect();
    let copula = joint.and_then(|joint| joint.copula(horizon, &resources));
    let unknown = copula.is_none() && resources.len() > 1;
    if resources.is_empty() || (unknown && bid.promised_service_level.is_none()) {
        return None;
    }
    let mut levels: Vec<i64> = LEVELS.into_iter().chain(bid.promised_service_level.map(Share::units)).collect();
    levels.sort_unstable();
    levels.dedup();
    let step = |level: i64| {
        let level = Share::from_units(level);
        let each = each_for(copula.as_ref(), resources.len(), level);
        let quantity = |resource: &Resource| {
            let quantiles = forecasters.get(resource)?.forecast(&[fraction(each)], horizon).pop()?;
            Some((*resource, super::outlook::up(quantiles.values[0])))
        };
        JointStep { level, each, need: resources.iter().filter_map(quantity).collect::<Amounts>() }
    };
    let together = copula.as_ref().map_or(Share::ZERO, |copula| reached(copula.together()));
    Some(JointNeed { together, steps: levels.into_iter().map(step).collect() })
}

/// The level that each of `count` resources has to have for a joint one.
pub fn each_for(copula: Option<&Copula>, count: usize, level: Share) -> Share {
    let wanted = fraction(level);
    let each = copula.map_or_else(|| each_at_most(wanted, count), |copula| copula.each(wanted));
    Share::from_units((each * WHOLE - LAST_BITS).ceil() as i64)
}

/// The chance that no resource is short at these levels of each.
pub fn joint_level(copula: &Copula, levels: &[Share]) -> Share {
    reached(copula.within(&fractions(levels)))
}

/// The same however they hang together.
pub fn least_level(levels: &[Share]) -> Share {
    reached(at_least(&fractions(levels)))
}

fn fractions(levels: &[Share]) -> Vec<f64> {
    levels.iter().copied().map(fraction).collect()
}

fn fraction(share: Share) -> f64 {
    share.units() as f64 / WHOLE
}

fn reached(level: f64) -> Share {
    Share::from_units((level * WHOLE + LAST_BITS).floor() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use headroom_forecast::Settings;

    const CPU: Resource = Resource::CpuMilli;
    const MEM: Resource = Resource::MemMib;

    fn forecaster() -> Forecaster {
        let mut forecaster = Forecaster::new(Settings { slot_seconds: 60, capacity: None });
        for slot in 0..300 {
            forecaster.observe(slot, 1_000.0 + f64::from((slot as i32 * 37) % 101), false);
        }
        forecaster
    }

    fn bid(resources: &[Resource], promised: Option<&str>) -> AutoBid {
        AutoBid {
            shortage_cost: resources.iter().map(|r| (*r, "0.004".parse().unwrap())).collect(),
            promised_service_level: promised.map(|level| level.parse().unwrap()),
            assurance: Default::default(),
        }
    }

    /// A record of two resources that peak together or in turn.
    fn record(together: bool) -> Joint {
        let mut joint = Joint::default();
        for n in 0..288 {
            let level = f64::from(n) / 288.0;
            let other = if together { level } else { 1.0 - level };
            joint.observe(&[(CPU, [Some(level); HORIZONS]), (MEM, [Some(other); HORIZONS])].into());
        }
        joint
    }

    fn each(need: &JointNeed) -> Vec<i64> {
        need.steps.iter().map(|step| step.each.units()).collect()
    }

    #[test]
    fn steps_end_at_joint_levels_and_the_promised_one_is_among_them() {
        let (cpu, mem) = (forecaster(), forecaster());
        let forecasters = [(CPU, &cpu), (MEM, &mem)].into();
        let both = bid(&[CPU, MEM], Some("0.99"));
        let in_turn = need(Some(&record(false)), 2, &both, &forecasters).expect("a record");
        assert_eq!(in_turn.together, Share::ZERO);
        assert_eq!(
            in_turn.steps.iter().map(|s| s.level.units()).collect::<Vec<_>>(),
            [500_000, 900_000, 975_000, 990_000]
        );
        for (each, wanted) in each(&in_turn).into_iter().zip([750_000, 950_000, 987_500, 995_000]) {
            assert!((each - wanted).abs() <= 5_000, "{each} for {wanted}");
        }
        let together = need(Some(&record(true)), 2, &both, &forecasters).expect("a record");
        assert_eq!(together.together, Share::from_units(1_000_000));
        for (wide, narrow) in in_turn.steps.iter().zip(&together.steps) {
            assert!(wide.each > narrow.each && narrow.each >= narrow.level);
            for resource in [CPU, MEM] {
                assert!(wide.need[&resource] >= narrow.need[&resource]);
            }
        }
        assert!(in_turn.steps[0].need[&CPU] > together.steps[0].need[&CPU]);
    }

    #[test]
    fn without_a_record_only_a_promise_or_a_single_resource_has_steps() {
        let cpu = forecaster();
        let forecasters: BTreeMap<_, _> = [(CPU, &cpu), (MEM, &cpu)].into();
        assert_eq!(need(None, 1, &bid(&[CPU, MEM], None), &forecasters), None);
        let promised = need(None, 1, &bid(&[CPU, MEM], Some("0.95")), &forecasters).expect("the bound");
        assert_eq!(each(&promised), [750_000, 950_000, 975_000, 987_500]);
        let single = need(None, 1, &bid(&[CPU], None), &forecasters).expect("one resource");
        assert_eq!(each(&single), LEVELS);
        assert_eq!(need(None, 1, &bid(&[], Some("0.95")), &forecasters), None, "nothing has a price");
        let gpu = bid(&[Resource::GpuMilli], None);
        assert_eq!(need(None, 1, &gpu, &forecasters), None, "nothing has a forecast");
    }

    #[test]
    fn other_resources_begin_a_new_record_and_it_survives_being_written_down() {
        let mut joint = record(true);
        let text = serde_json::to_string(&joint).expect("writes");
        let read: Joint = serde_json::from_str(&text).expect("reads");
        assert_eq!(read.copula(6, &[CPU, MEM]), joint.copula(6, &[CPU, MEM]));
        assert!(text.len() < 40_000, "{} bytes for a workload", text.len());
        joint.observe(&[(CPU, [Some(0.5); HORIZONS])].into());
        assert_eq!(joint.known(1), 1);
        assert_eq!(joint.copula(1, &[CPU, MEM]), None);
    }
}
