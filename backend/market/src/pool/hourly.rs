//! What a product class costs at an hour of the day: the administered price of slots for which no round was held
//! (rule book §8: the mean of that hour over 28 days).
//!
//! Invariants: only prices of rounds are remembered, by what was bought at them: a unit that two members trade moves a mean by
//! a unit, and never under the reserve price or over the price band of the slot. What an administered price was paid for
//! says nothing of the market.
use crate::event::Event;
use crate::records::pool::Product;
pub use crate::records::pool::{AdministeredBasis, AdministeredBound, AdministeredPrice, DayPrice, HourlyPrice};
use crate::state::State;
use crate::time::Slot;
use crate::turn::Turn;
use crate::units::{Price, Resource};
use std::cmp::Ordering;

/// How far back means go.
pub const MEAN_OF_DAYS: i64 = 28;
const DAY_SECONDS: i64 = 86_400;
const HOUR_SECONDS: i64 = 3_600;
const HOURS: u8 = 24;

impl DayPrice {
    /// Of one slot.
    fn of(product: &Product) -> Self {
        let value_nano = product.value_nano.clone();
        Self { day: day_of(product.slot), slots: 1, volume: product.volume, value_nano }
    }
    fn and(&self, other: &Self) -> Self {
        let value_nano = (self.value() + other.value()).to_string();
        let (slots, volume) = (self.slots + other.slots, self.volume.saturating_add(other.volume));
        Self { day: self.day, slots, volume, value_nano }
    }
    fn value(&self) -> i128 {
        self.value_nano.parse().unwrap_or(0)
    }
}

fn day_of(slot: Slot) -> i64 {
    slot.seconds().div_euclid(DAY_SECONDS)
}

fn hour_of(slot: Slot) -> u8 {
    // Always from 0 to 23.
    (slot.seconds().rem_euclid(DAY_SECONDS) / HOUR_SECONDS) as u8
}

/// Remembers what a product of a settled slot cost.
pub fn note(turn: &mut Turn<'_>, product: &Product) {
    let key = (product.pool.clone(), product.resource, hour_of(product.slot));
    let known = turn.state.hourly_prices.get(&key).cloned();
    let (pool, resource, hour) = key;
    let mut hourly = known.unwrap_or_else(|| HourlyPrice { pool, resource, hour, days: Vec::new() });
    let day = day_of(product.slot);
    hourly.days.retain(|d| d.day > day - MEAN_OF_DAYS);
    let before = hourly.days.iter().position(|d| d.day == day).map(|at| hourly.days.remove(at));
    let of_slot = DayPrice::of(product);
    hourly.days.push(before.map_or(of_slot.clone(), |before| before.and(&of_slot)));
    turn.emit(Event::HourlyPriceChanged(hourly));
}

/// What a unit would cost in a slot for which no round is held: the mean of its hour, each unit counting alike, else of all
/// hours, else what it cost in the slot `from`; never under what the operator sells it for, nor over its band.
pub fn administered(
    state: &State,
    pool: &str,
    resource: Resource,
    slot: Slot,
    from: Slot,
) -> Option<AdministeredPrice> {
    let days = |hour: u8| {
        let of_hour = state.hourly_prices.get(&(pool.to_owned(), resource, hour));
        of_hour.into_iter().flat_map(|h| &h.days).filter(|d| d.day > day_of(slot) - MEAN_OF_DAYS)
    };
    // What is not settled yet is not among the days.
    let latest = state.products.get(&(pool.to_owned(), resource, from)).filter(|p| p.volume > 0).map(DayPrice::of);
    let mean = |days: &mut dyn Iterator<Item = &DayPrice>| {
        let add = |(value, volume, slots): (i128, i128, i64), d: &DayPrice| {
            (value + d.value(), volume + i128::from(d.volume), slots + d.slots)
        };
        let (value, volume, slots) = days.fold((0, 0, 0), add);
        let price = value.checked_div(volume)?;
        Some((Price::from_units(i64::try_from(price).ok()?), slots))
    };
    let reserve = state.reserve_price(pool, resource, slot).unwrap_or_default();
    let band = state.price_band(pool, resource, slot);
    let of = |basis, (mean, slots): (Price, i64)| {
        let price = mean.max(reserve).min(band);
        let bound = match price.cmp(&mean) {
            Ordering::Greater => Some(AdministeredBound::Reserve),
            Ordering::Less => Some(AdministeredBound::PriceBand),
            Ordering::Equal => None,
        };
        AdministeredPrice { resource, price, basis, slots, bound }
    };
    let at_this_hour = latest.as_ref().filter(|_| hour_of(from) == hour_of(slot));
    let of_hour = mean(&mut days(hour_of(slot)).chain(at_this_hour)).map(|mean| of(AdministeredBasis::Hour, mean));
    let of_all =
        || mean(&mut (0..HOURS).flat_map(days).chain(&latest)).map(|mean| of(AdministeredBasis::AllHours, mean));
    let before = || {
        let product = state.products.get(&(pool.to_owned(), resource, from))?;
        let price = product.mean_price().or(product.administered_price)?;
        Some(of(AdministeredBasis::SlotBefore, (price, 1)))
    };
    of_hour.or_else(of_all).or_else(before)
}
