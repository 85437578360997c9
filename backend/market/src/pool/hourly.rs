//! What a product class costs at an hour of the day: the administered price of slots for which no round was held
//! (mechanism §14: the mean of that hour over 28 days).
//!
//! Invariant: only prices of rounds are remembered. What an administered price was paid for says nothing of the market.
use crate::event::Event;
use crate::pool::PoolSlug;
use crate::state::State;
use crate::time::Slot;
use crate::turn::Turn;
use crate::units::{Price, Resource};
use serde::{Deserialize, Serialize};

/// How far back means go.
pub const MEAN_OF_DAYS: i64 = 28;
const DAY_SECONDS: i64 = 86_400;
const HOUR_SECONDS: i64 = 3_600;
const HOURS: u8 = 24;

/// The slots of one day's hour in which a product class changed hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayPrice {
    /// Days since 1970, UTC.
    pub day: i64,
    pub slots: i64,
    /// Of their mean prices.
    pub sum: Price,
}

/// What a product class has cost in an hour of the day, UTC, by day; the latest 28 days, the newest last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HourlyPrice {
    pub pool: PoolSlug,
    pub resource: Resource,
    pub hour: u8,
    pub days: Vec<DayPrice>,
}

/// What an administered price is the mean of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum AdministeredBasis {
    /// The slots of this hour of the day that were traded in 28 days.
    Hour,
    /// All slots that were traded in 28 days: none was at this hour.
    AllHours,
    /// The price of the slot before: nothing was settled yet.
    SlotBefore,
}

/// What a unit costs in a slot for which no round is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AdministeredPrice {
    pub resource: Resource,
    pub price: Price,
    pub basis: AdministeredBasis,
    /// Slots that it is the mean of.
    pub slots: i64,
}

fn day_of(slot: Slot) -> i64 {
    slot.seconds().div_euclid(DAY_SECONDS)
}

fn hour_of(slot: Slot) -> u8 {
    // Always from 0 to 23.
    (slot.seconds().rem_euclid(DAY_SECONDS) / HOUR_SECONDS) as u8
}

/// Remembers what a product of a settled slot cost.
pub fn note(turn: &mut Turn<'_>, pool: &str, resource: Resource, slot: Slot, price: Price) {
    let key = (pool.to_owned(), resource, hour_of(slot));
    let known = turn.state.hourly_prices.get(&key).cloned();
    let mut hourly = known.unwrap_or_else(|| HourlyPrice { pool: key.0, resource, hour: key.2, days: Vec::new() });
    let day = day_of(slot);
    hourly.days.retain(|d| d.day > day - MEAN_OF_DAYS);
    match hourly.days.iter_mut().find(|d| d.day == day) {
        Some(of_day) => {
            of_day.slots += 1;
            of_day.sum += price;
        }
        None => hourly.days.push(DayPrice { day, slots: 1, sum: price }),
    }
    turn.emit(Event::HourlyPriceChanged(hourly));
}

/// What a unit would cost in a slot for which no round is held: the mean of its hour, else of all hours, else what the
/// slot before it cost.
pub fn administered(state: &State, pool: &str, resource: Resource, slot: Slot) -> Option<AdministeredPrice> {
    let days = |hour: u8| {
        let of_hour = state.hourly_prices.get(&(pool.to_owned(), resource, hour));
        of_hour.into_iter().flat_map(|h| &h.days).filter(|d| d.day > day_of(slot) - MEAN_OF_DAYS)
    };
    let mean = |days: &mut dyn Iterator<Item = &DayPrice>| {
        let (sum, slots) =
            days.fold((0i128, 0i64), |(sum, slots), d| (sum + i128::from(d.sum.units()), slots + d.slots));
        let price = sum.checked_div(i128::from(slots))?;
        Some((Price::from_units(i64::try_from(price).ok()?), slots))
    };
    let of = |basis, (price, slots)| AdministeredPrice { resource, price, basis, slots };
    let of_hour = mean(&mut days(hour_of(slot))).map(|mean| of(AdministeredBasis::Hour, mean));
    let of_all = || mean(&mut (0..HOURS).flat_map(days)).map(|mean| of(AdministeredBasis::AllHours, mean));
    let before = || {
        let seconds = state.market.rhythm.slot_seconds;
        let product = state.products.get(&(pool.to_owned(), resource, slot.plus(-1, seconds)))?;
        let price = product.mean_price().or(product.administered_price)?;
        Some(of(AdministeredBasis::SlotBefore, (price, 1)))
    };
    of_hour.or_else(of_all).or_else(before)
}
