//! What the latest slots would have cost at the reserve prices of another slot.
//!
//! Past prices know nothing of a reserve price that has come into force since. Where the operator's supply made the price,
//! its new reserve price makes the new one; where the price was under the operator's, lenders made it, and it stays.
use headroom_market::state::State as Market;
use headroom_market::time::Slot;
use headroom_market::units::{Price, Resource};
use std::borrow::Cow;

/// Mean prices of the latest settled slots, newest last, as if what is in force for `slot` had been. Slots without trade
/// have no price, so that an older price may be taken for one of a later slot.
pub fn past_prices<'a>(state: &'a Market, pool: &str, resource: Resource, slot: Slot) -> Cow<'a, [Price]> {
    let key = (pool.to_owned(), resource);
    let prices = state.references.get(&key).map(|r| r.recent.as_slice()).unwrap_or_default();
    let market = &state.market;
    let slot_of = |age: usize| market.settled_until.plus(-(age as i64 + 1), market.rhythm.slot_seconds);
    let Some(oldest) = prices.len().checked_sub(1).map(slot_of) else { return Cow::Borrowed(prices) };
    let in_force = |slot| state.reserve(pool, resource, slot).map(|schedule| schedule.id);
    if in_force(oldest) == in_force(slot) {
        return Cow::Borrowed(prices);
    }
    let reserve = |slot| state.reserve_price(pool, resource, slot);
    let now = reserve(slot);
    let aged = prices.iter().rev().enumerate();
    let mut changed: Vec<Price> = aged.map(|(age, price)| as_if(*price, reserve(slot_of(age)), now)).collect();
    changed.reverse();
    Cow::Owned(changed)
}

fn as_if(price: Price, then: Option<Price>, now: Option<Price>) -> Price {
    match (then, now) {
        (Some(then), Some(now)) if price == then => now,
        (Some(then), Some(now)) if price > then => price.max(now),
        _ => price,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_operator_sold_costs_what_it_asks_now_and_what_lenders_sold_under_it_does_not() {
        let told = |price, then: Option<i64>, now: Option<i64>| {
            as_if(Price::from_units(price), then.map(Price::from_units), now.map(Price::from_units)).units()
        };
        assert_eq!(told(900, Some(900), Some(1200)), 1200, "a reserve price has risen");
        assert_eq!(told(900, Some(900), Some(700)), 700, "or has fallen");
        assert_eq!(told(1000, Some(900), Some(1200)), 1200, "bids made it, and will not go under what is asked");
        assert_eq!(told(1500, Some(900), Some(1200)), 1500);
        assert_eq!(told(1500, Some(900), Some(700)), 1500);
        assert_eq!(told(500, Some(900), Some(1200)), 500, "lenders made it");
        assert_eq!(told(500, None, Some(1200)), 500);
        assert_eq!(told(500, Some(400), None), 500);
    }
}
