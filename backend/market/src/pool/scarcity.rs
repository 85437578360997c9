//! Headroom with a price: what is left of the operator's supply costs more the likelier it is to be needed.
//!
//! Where an admin has said what a missing unit costs (Π), a unit of operator supply is offered at its
//! reserve price + Π × P(the pool's demand exceeds its forecast by more than what remains after it). So
//! supply is not withheld, and its price rises step by step with the chance of a shortage.
//!
//! Invariants: chances are integers, in millionths, and come from outside; steps have rising prices, none
//! over the price cap, and add up to what may be sold. Supply is sold from the cheapest unit on, so what
//! has been sold of it is one number. Absent: how the chances are found, and slots without any: there the
//! reserve prices alone count.
use crate::clearing::document::Step;
use crate::event::Event;
use crate::pool::admin::{change_settings, pool_to_set};
use crate::pool::recallable::refuse_reserve;
use crate::pool::supply::of_step;
pub use crate::records::pool::{Chance, Shortage, SlotShortage};
use crate::records::pool::{Pool, PoolSlug, ReserveStep};
use crate::refusal::{Refusal, RefusalKind, invalid};
use crate::turn::Turn;
use crate::units::{Price, Resource};
use std::collections::BTreeMap;

/// All of a chance.
pub const CERTAIN: i64 = 1_000_000;
/// A slot has at most so many chances: each may be a step of the book.
pub const MOST_CHANCES: usize = 12;

impl SlotShortage {
    /// The chance that what remains does not suffice.
    fn chance_with(&self, remaining: i64) -> i64 {
        self.chances.iter().rev().find(|c| c.beyond <= remaining).map_or(CERTAIN, |c| c.millionths)
    }
    fn is_sound(&self) -> bool {
        let in_range = |c: &Chance| c.beyond >= 0 && (0..=CERTAIN).contains(&c.millionths);
        !self.chances.is_empty()
            && self.chances.len() <= MOST_CHANCES
            && self.chances.iter().all(in_range)
            && self.chances.windows(2).all(|c| c[0].beyond < c[1].beyond && c[0].millionths >= c[1].millionths)
    }
}

/// A step of supply with the chance that its last unit will be missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScarceStep {
    pub quantity: i64,
    /// What the reserve schedule alone would ask.
    pub reserve: Price,
    /// With the price of the chance.
    pub price: Price,
    pub chance_millionths: i64,
    /// Of all the supply, once this step is sold.
    pub remaining: i64,
}

/// What one product's steps are made of.
pub struct Supply<'a> {
    /// All that the operator can sell, base units.
    pub total: i64,
    pub released_millis: i64,
    pub schedule: &'a [ReserveStep],
    pub sold: i64,
    /// Π: what a missing unit costs.
    pub shortage_cost: Price,
    pub price_cap: Price,
}

/// Released, not yet sold supply, cheapest first; steps of one price are one.
pub fn steps(supply: &Supply<'_>, shortage: &SlotShortage) -> Vec<ScarceStep> {
    let released = (i128::from(supply.total) * i128::from(supply.released_millis) / 1000) as i64;
    let mut steps: Vec<ScarceStep> = Vec::new();
    let mut until = 0;
    let mut from = supply.sold.max(0);
    for step in supply.schedule {
        until += of_step(supply.total, step);
        let end = until.min(released);
        while from < end {
            let remaining = supply.total - from - 1;
            let chance_millionths = shortage.chance_with(remaining);
            // As long as at least this much remains, the chance is the same.
            let least = shortage.chances.iter().rev().find(|c| c.beyond <= remaining).map_or(0, |c| c.beyond);
            let to = end.min((supply.total - least).max(from + 1));
            let price = priced(supply, step.price, chance_millionths);
            let remaining = supply.total - to;
            let quantity = to - from;
            match steps
                .last_mut()
                .filter(|s| (s.price, s.reserve, s.chance_millionths) == (price, step.price, chance_millionths))
            {
                Some(last) => (last.quantity, last.remaining) = (last.quantity + quantity, remaining),
                None => steps.push(ScarceStep { quantity, reserve: step.price, price, chance_millionths, remaining }),
            }
            from = to;
        }
    }
    steps
}

/// Reserve price + Π × chance in whole micro-credits, rounded up, at most the price cap.
fn priced(supply: &Supply<'_>, reserve: Price, chance_millionths: i64) -> Price {
    let cost = i128::from(supply.shortage_cost.units()) * i128::from(chance_millionths);
    let micro = 1000 * i128::from(CERTAIN);
    let micros = (i128::from(reserve.units()) * i128::from(CERTAIN) + cost + micro - 1).div_euclid(micro);
    let cap = i128::from(supply.price_cap.units()).max(i128::from(reserve.units()));
    Price::from_units((micros * 1000).min(cap) as i64)
}

/// As a book has them.
pub fn book_steps(steps: &[ScarceStep]) -> Vec<Step> {
    steps.iter().map(|s| Step { quantity: s.quantity, reserve: s.price }).collect()
}

/// What a missing unit of each resource costs; a resource that is left out has no price of scarcity.
pub fn set(
    turn: &mut Turn<'_>,
    slug: &str,
    costs: BTreeMap<Resource, Price>,
    expected_version: Option<u64>,
) -> Result<PoolSlug, Refusal> {
    refuse_reserve(slug)?;
    let pool = pool_to_set(turn.state, slug, expected_version)?;
    if turn.state.market.two_person_approval {
        return Err(Refusal {
            kind: RefusalKind::Conflict,
            code: "scarcity_needs_approval",
            pointer: String::new(),
            detail: "Prices of this market need two people, and this setting can't be approved by a second one in \
                     this version. Schedule reserve prices instead."
                .to_owned(),
        });
    }
    for (resource, cost) in &costs {
        let pointer = format!("/shortage_cost/{resource}");
        if !pool.resources.contains(resource) {
            return Err(invalid("resource_not_in_pool", pointer, format!("Pool `{slug}` does not have {resource}.")));
        }
        if *cost <= Price::ZERO || *cost > turn.state.market.price_cap {
            let cap = turn.state.market.price_cap;
            let detail = format!(
                "What a missing unit costs is above 0 and at most the price cap {cap}. To switch it off, leave the resource out."
            );
            return Err(invalid("price_out_of_range", pointer, detail));
        }
    }
    change_settings(turn, &pool, Pool { shortage_cost: costs, ..pool.clone() });
    Ok(slug.to_owned())
}

/// The forecast of shortages; what is of no pool, or not in order, is left out.
pub fn record(turn: &mut Turn<'_>, shortages: Vec<(PoolSlug, Resource, Vec<SlotShortage>)>) {
    for (pool, resource, slots) in shortages {
        let known = turn.state.pools.get(&pool).is_some_and(|p| p.shortage_cost.contains_key(&resource));
        if known && slots.iter().all(SlotShortage::is_sound) {
            turn.emit(Event::ShortageRecorded(Shortage { pool, resource, recorded_at: turn.now, slots }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Slot;
    use crate::units::Share;

    fn schedule(steps: &[(i64, i64)]) -> Vec<ReserveStep> {
        let step = |(share, price): &(i64, i64)| ReserveStep {
            share: Share::from_units(*share),
            price: Price::from_units(*price),
        };
        steps.iter().map(step).collect()
    }

    fn shortage(chances: &[(i64, i64)]) -> SlotShortage {
        let chance = |(beyond, millionths): &(i64, i64)| Chance { beyond: *beyond, millionths: *millionths };
        SlotShortage { slot: Slot::starting_at(0), chances: chances.iter().map(chance).collect() }
    }

    fn supply(total: i64, released_millis: i64, schedule: &[ReserveStep], sold: i64) -> Supply<'_> {
        let (shortage_cost, price_cap) = (Price::from_units(1_000_000), Price::from_units(1_000_000_000));
        Supply { total, released_millis, schedule, sold, shortage_cost, price_cap }
    }

    #[test]
    fn the_price_rises_with_the_chance_of_a_shortage() {
        let schedule = schedule(&[(600_000, 100_000), (400_000, 300_000)]);
        let shortage = shortage(&[(0, 500_000), (100, 100_000), (300, 10_000)]);
        let steps = steps(&supply(1_000, 1000, &schedule, 0), &shortage);
        let got: Vec<_> =
            steps.iter().map(|s| (s.quantity, s.price.units(), s.chance_millionths, s.remaining)).collect();
        // 600 units at the first reserve, all with over 300 left; then up to 300, up to 100 and none left.
        let wanted = [
            (600, 110_000, 10_000, 400),
            (100, 310_000, 10_000, 300),
            (200, 400_000, 100_000, 100),
            (100, 800_000, 500_000, 0),
        ];
        assert_eq!(got, wanted);
    }

    #[test]
    fn steps_add_up_to_the_supply_and_rise_however_much_is_sold_and_released() {
        let schedules =
            [schedule(&[(1_000_000, 7_000)]), schedule(&[(333_333, 1_000), (333_333, 1_000), (333_334, 9_000)])];
        let shortages = [
            shortage(&[(0, 1_000_000)]),
            shortage(&[(0, 700_001), (1, 600_000), (5, 3)]),
            shortage(&[(3, 900_000), (40, 90_000), (400, 0)]),
        ];
        for schedule in &schedules {
            for shortage in &shortages {
                for total in [0, 1, 7, 99, 1_000] {
                    for sold in [0, 1, 50, total] {
                        for released in [0, 400, 999, 1000] {
                            let supply = supply(total, released, schedule, sold);
                            let steps = steps(&supply, shortage);
                            let of_steps: i64 = schedule.iter().map(|s| of_step(total, s)).sum();
                            let may_be_sold = (total * released / 1000).min(of_steps) - sold;
                            assert_eq!(steps.iter().map(|s| s.quantity).sum::<i64>(), may_be_sold.max(0));
                            assert!(steps.windows(2).all(|s| s[0].price <= s[1].price), "{steps:?}");
                            assert!(steps.windows(2).all(|s| s[0].chance_millionths <= s[1].chance_millionths));
                            assert!(steps.iter().all(|s| s.quantity > 0 && s.price.units() % 1000 == 0));
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_sold_does_not_change_the_price_of_what_is_left() {
        let schedule = schedule(&[(500_000, 10_000), (500_000, 20_000)]);
        let shortage = shortage(&[(0, 400_000), (30, 50_000), (60, 5_000)]);
        let unit_prices = |sold: i64| -> Vec<(Price, i64)> {
            let steps = steps(&supply(100, 1000, &schedule, sold), &shortage);
            steps.iter().flat_map(|s| (0..s.quantity).map(|_| (s.price, s.chance_millionths))).collect()
        };
        let all = unit_prices(0);
        for sold in 0..=100 {
            assert_eq!(unit_prices(sold), all[sold as usize..]);
        }
    }

    #[test]
    fn no_price_passes_the_cap_but_a_reserve_price_that_does() {
        let schedule = schedule(&[(1_000_000, 900_000)]);
        let mut supply = supply(10, 1000, &schedule, 0);
        supply.price_cap = Price::from_units(1_200_000);
        let steps = steps(&supply, &shortage(&[(0, CERTAIN)]));
        assert_eq!(steps.iter().map(|s| s.price.units()).collect::<Vec<_>>(), [1_200_000]);
    }

    #[test]
    fn chances_that_rise_or_are_no_chances_are_not_sound() {
        assert!(shortage(&[(0, 500_000), (10, 500_000), (11, 0)]).is_sound());
        for wrong in [&[][..], &[(0, 1), (5, 2)], &[(5, 2), (5, 1)], &[(-1, 5)], &[(0, CERTAIN + 1)]] {
            assert!(!shortage(wrong).is_sound(), "{wrong:?}");
        }
    }
}
