//! What the shortage costs of a workload's automatic bids stand for at today's prices.
//!
//! Of each resource cover is worth its price up to the level 1 − price ÷ shortage cost; the workload is
//! served where none of them is short, and how often that is says their joint forecast. While there is no
//! record of how they hang together the level is unknown, and the bound is named as one.
use crate::workers::joint::{Known, each_for, joint_level, least_level};
use headroom_forecast::joint::ENOUGH;
use headroom_market::ids::InstanceId;
use headroom_market::time::Slot;
use headroom_market::units::{Price, Resource, Share};
use headroom_market::workload::newsvendor::{carrying_cost, implied_level};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Where a price comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PriceFrom {
    /// The last price at which it changed hands, the next open slot's before others.
    Trade,
    /// Nothing has changed hands: the reference of the next open slot, which is the reserve price at first.
    Reference,
}

/// What automatic bids of a workload cover at today's prices.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ServiceLevel {
    pub instance: InstanceId,
    /// The next open slot, of which the prices and the joint forecast are.
    pub slot: Slot,
    /// `null` where nothing is promised.
    pub promised_service_level: Option<Share>,
    /// The resources that a shortage has a cost for.
    pub resources: Vec<ResourceLevel>,
    pub joint: JointLevel,
    /// `null` where nothing is promised, and where the promise is carried.
    pub warning: Option<LevelWarning>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ResourceLevel {
    pub resource: Resource,
    pub price: Price,
    pub price_from: PriceFrom,
    pub shortage_cost: Price,
    /// 1 − price ÷ shortage cost, from 0 to under 1: up to which chance of being covered a unit is worth its price.
    pub service_level: Share,
}

/// The chance that none of the resources is short.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct JointLevel {
    /// `null` while it is not known how the resources hang together; `reason` says why.
    pub service_level: Option<Share>,
    /// A bound, however the resources hang together: max(0, sum of their levels − (their number − 1)). `null` where
    /// nothing is bid for.
    pub at_least: Option<Share>,
    /// Slots that the joint forecast is made from.
    pub outcomes: usize,
    pub reason: Option<String>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LevelWarning {
    /// `service_level_under_promised`, or `service_level_out_of_reach` where no shortage cost up to the price cap
    /// would carry it.
    pub code: String,
    /// What is wrong and what to do.
    pub detail: String,
    /// The shortage costs that carry the promised level at today's prices, those that do so already as they are.
    pub shortage_cost: BTreeMap<Resource, Price>,
}

/// A resource that is bid for.
#[derive(Clone, Copy, Debug)]
pub struct Priced {
    pub resource: Resource,
    pub price: Price,
    pub price_from: PriceFrom,
    pub shortage_cost: Price,
}

/// `priced` in the order of the copula's resources.
pub fn assess(
    (instance, slot): (InstanceId, Slot),
    promised: Option<Share>,
    priced: &[Priced],
    known: &Known,
    price_cap: Price,
) -> ServiceLevel {
    let levels: Vec<Share> = priced.iter().map(|p| implied_level(p.price, p.shortage_cost)).collect();
    let joint = joint(&levels, known);
    let reached = joint.service_level.or(joint.at_least);
    let missed = promised.zip(reached).filter(|(promised, reached)| reached < promised);
    let warning = missed.map(|(promised, reached)| {
        let each = each_for(known.copula.as_ref(), priced.len(), promised);
        let certain = joint.service_level.is_some();
        warn(priced, (promised, reached, certain), each, price_cap)
    });
    let of = |(p, level): (&Priced, Share)| ResourceLevel {
        resource: p.resource,
        price: p.price,
        price_from: p.price_from,
        shortage_cost: p.shortage_cost,
        service_level: level,
    };
    let resources = priced.iter().zip(levels).map(of).collect();
    ServiceLevel { instance, slot, promised_service_level: promised, resources, joint, warning }
}

fn joint(levels: &[Share], known: &Known) -> JointLevel {
    let (service_level, reason) = match (levels, &known.copula) {
        ([], _) => (None, Some("Nothing is bid for automatically: no resource has a shortage cost.".to_owned())),
        ([alone], _) => (Some(*alone), None),
        (_, Some(copula)) => (Some(joint_level(copula, levels)), None),
        (_, None) if !known.has_forecast => (
            None,
            Some("There is no forecast of all these resources yet; one is issued after the first slot.".to_owned()),
        ),
        (_, None) => (
            None,
            Some(format!(
                "How the resources hang together is known from {ENOUGH} slots on; there are {} so far.",
                known.outcomes
            )),
        ),
    };
    let at_least = (!levels.is_empty()).then(|| least_level(levels));
    JointLevel { service_level, at_least, outcomes: known.outcomes, reason }
}

fn warn(
    priced: &[Priced],
    (promised, reached, certain): (Share, Share, bool),
    each: Share,
    price_cap: Price,
) -> LevelWarning {
    let needed = |p: &Priced| (p.resource, carrying_cost(p.price, each).map(|cost| cost.max(p.shortage_cost)));
    let needed: Vec<(Resource, Option<Price>)> = priced.iter().map(needed).collect();
    let has = if certain { "a service level of" } else { "a service level of which is only known that it is at least" };
    let now = format!(
        "At today's prices the shortage costs carry {has} {}, and {} is promised.",
        plain(reached),
        plain(promised)
    );
    let shortage_cost: BTreeMap<Resource, Price> =
        needed.iter().filter_map(|(resource, cost)| Some((*resource, (*cost)?))).collect();
    let too_dear = needed.iter().find(|(_, cost)| cost.is_none_or(|cost| cost > price_cap));
    if let Some((resource, _)) = too_dear {
        let detail = format!(
            "{now} A shortage cost of {resource} up to the price cap, {}, does not carry that: promise less.",
            plain(price_cap)
        );
        return LevelWarning { code: "service_level_out_of_reach".to_owned(), detail, shortage_cost };
    }
    let costs: Vec<String> =
        shortage_cost.iter().map(|(resource, cost)| format!("{} for {resource}", plain(*cost))).collect();
    let detail = format!("{now} Raise the shortage cost to {}, or promise less.", costs.join(" and "));
    LevelWarning { code: "service_level_under_promised".to_owned(), detail, shortage_cost }
}

/// A decimal without idle zeros.
fn plain(decimal: impl std::fmt::Display) -> String {
    let text = decimal.to_string();
    let short = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    short.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use headroom_forecast::HORIZONS;
    use headroom_forecast::joint::JointRecord;

    fn priced(resource: Resource, price: &str, cost: &str) -> Priced {
        let (price, shortage_cost) = (price.parse().unwrap(), cost.parse().unwrap());
        Priced { resource, price, price_from: PriceFrom::Trade, shortage_cost }
    }

    fn known(other: Option<fn(f64) -> f64>) -> Known {
        let copula = other.and_then(|other| {
            let mut record = JointRecord::default();
            for n in 0..288 {
                let level = f64::from(n) / 288.0;
                record.observe(&[[Some(level); HORIZONS], [Some(other(level)); HORIZONS]]);
            }
            record.copula(1, &[0, 1])
        });
        Known { has_forecast: true, outcomes: if copula.is_some() { 288 } else { 7 }, copula }
    }

    fn level(promised: &str, priced: &[Priced], known: &Known) -> ServiceLevel {
        let of = (InstanceId::from_raw(1), Slot::starting_at(0));
        assess(of, Some(promised.parse().unwrap()), priced, known, "1".parse().unwrap())
    }

    const SAME: fn(f64) -> f64 = |level| level;
    const OPPOSITE: fn(f64) -> f64 = |level| 1.0 - level;

    fn both() -> [Priced; 2] {
        [priced(Resource::CpuMilli, "0.001", "0.02"), priced(Resource::MemMib, "0.0001", "0.001")]
    }

    #[test]
    fn the_joint_level_is_the_lower_one_or_less_as_the_resources_peak() {
        let text = |known: &Known| level("0.8", &both(), known).joint.service_level.map(|l| l.to_string());
        let level_of = |known: &Known| text(known).map(|t| t.parse::<f64>().unwrap());
        assert!((level_of(&known(Some(SAME))).unwrap() - 0.9).abs() < 0.01);
        assert!((level_of(&known(Some(OPPOSITE))).unwrap() - 0.85).abs() < 0.01);
        let unknown = level("0.8", &both(), &known(None));
        assert_eq!(unknown.joint.service_level, None);
        assert_eq!(unknown.joint.at_least.map(|l| l.to_string()).as_deref(), Some("0.850000"));
        assert!(unknown.joint.reason.is_some_and(|reason| reason.contains("24 slots") && reason.contains('7')));
        assert!(unknown.warning.is_none(), "the bound alone carries it");
    }

    #[test]
    fn the_costs_that_a_warning_names_carry_the_promise_at_that_price() {
        for known in [known(Some(SAME)), known(Some(OPPOSITE)), known(None)] {
            for promised in ["0.91", "0.95", "0.99"] {
                let warned = level(promised, &both(), &known).warning.expect("under the promise");
                assert_eq!(warned.code, "service_level_under_promised");
                let mut raised = both();
                for p in &mut raised {
                    p.shortage_cost = warned.shortage_cost[&p.resource];
                    assert!(warned.detail.contains(&plain(p.shortage_cost)), "{}", warned.detail);
                }
                let after = level(promised, &raised, &known);
                assert!(after.warning.is_none(), "{promised}: {:?} {:?}", after.joint, after.warning);
            }
        }
    }

    #[test]
    fn a_promise_beyond_the_price_cap_is_out_of_reach_and_none_is_never_missed() {
        let dear = [priced(Resource::CpuMilli, "0.1", "0.2")];
        let warned = level("0.95", &dear, &known(None)).warning.expect("0.5 is less");
        assert_eq!(warned.code, "service_level_out_of_reach");
        assert!(warned.detail.contains("promise less"), "{}", warned.detail);
        let of = (InstanceId::from_raw(1), Slot::starting_at(0));
        let cap = "1".parse().unwrap();
        assert!(assess(of, None, &dear, &known(None), cap).warning.is_none());
        let nothing = assess(of, Some("0.95".parse().unwrap()), &[], &known(None), cap);
        assert!(nothing.warning.is_none() && nothing.joint.at_least.is_none() && nothing.joint.reason.is_some());
    }
}
