//! What a round leaves of its products: sold operator supply and last prices.
use crate::clearing::book::ProductKey as BookKey;
use crate::clearing::document::Outcome;
use crate::event::Event;
use crate::pool::supply;
use crate::records::pool::Product;
use crate::records::round::AwardError;
use crate::round::awards::prices::{Prices, product_key};
use crate::round::book::supply::operator_capacity;
use crate::state::{ProductKey, SealedBook};
use crate::turn::Turn;
use std::collections::BTreeMap;

/// Sold operator supply and last prices.
pub fn record(
    turn: &mut Turn<'_>,
    number: u64,
    sealed: &SealedBook,
    outcome: &Outcome,
    prices: &Prices,
) -> Result<(), AwardError> {
    let mut used: BTreeMap<ProductKey, Vec<i64>> = BTreeMap::new();
    for supply in &outcome.supply {
        let key = BookKey { pool: supply.pool.clone(), resource: supply.resource.clone(), slot: supply.slot };
        let steps = used.entry(product_key(sealed, &key)?).or_default();
        let step = supply.step;
        if steps.len() <= step {
            steps.resize(step + 1, 0);
        }
        steps[step] += supply.used;
    }
    for price in prices.values() {
        let key = &(price.pool.clone(), price.resource, price.slot);
        let volume = price.volume;
        let steps = used.get(key).cloned().unwrap_or_default();
        let traded = volume > 0 || steps.iter().any(|s| *s > 0);
        let (pool, resource, slot) = key.clone();
        let mut product = turn.state.products.get(key).cloned().unwrap_or_else(|| Product::new(pool, resource, slot));
        // A price at which nothing changed hands is a bound of the certificate, not a market price.
        if !traded {
            continue;
        }
        if sealed.scarce.contains(key) {
            // Its steps are those of this round's chances. What is sold is counted by reserve step all the same.
            let sold = product.sold_steps.iter().chain(&steps).sum();
            let schedule = turn.state.reserve(&key.0, key.1, key.2).map(|r| r.steps.clone()).unwrap_or_default();
            product.sold_steps = supply::filled(operator_capacity(turn.state, &key.0, key.1), &schedule, sold);
        } else {
            if product.sold_steps.len() < steps.len() {
                product.sold_steps.resize(steps.len(), 0);
            }
            for (total, step) in product.sold_steps.iter_mut().zip(&steps) {
                *total += step;
            }
        }
        product.volume += volume;
        let value: i128 = product.value_nano.parse().unwrap_or(0);
        product.value_nano = (value + i128::from(price.price.units()) * i128::from(volume)).to_string();
        product.priced(price.price, number);
        turn.emit(Event::ProductChanged(product));
    }
    Ok(())
}
