//! Volatility interruption: a price beyond its band awards nothing in what its product is cleared together with.
//!
//! The next round of the product class clears without a band, and so does the last round of a slot: a peak is real when it
//! is still there. The certificate is that of the outcome before the interruption; the book says the bands, so anybody can
//! tell what was awarded.
use crate::clearing::book::ProductKey;
use crate::clearing::document::{Book, Outcome, Refusal};
use crate::clearing::outcome::Reason;
use crate::event::Event;
use crate::records::pool::Reference;
use crate::records::round::Interruption;
use crate::round::awards::prices::product_key;
use crate::state::{SealedBook, State};
use crate::time::{Slot, Timestamp};
use crate::turn::Turn;
use crate::units::{Credits, Price, Resource};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// The band of a product in the next round; `None` in the last round of its slot and after an interruption.
pub(crate) fn band(state: &State, now: Timestamp, (pool, resource, slot): (&str, Resource, Slot)) -> Option<Price> {
    let rhythm = &state.market.rhythm;
    let is_last = !rhythm.open_slots(now.plus_seconds(rhythm.round_seconds)).contains(&slot);
    let interrupted_in = state.references.get(&(pool.to_owned(), resource)).map_or(0, |r| r.interrupted_in);
    let is_free = is_last || (interrupted_in > 0 && interrupted_in == state.market.last_round);
    (!is_free).then(|| state.price_band(pool, resource, slot))
}

/// The prices of what was traded that are beyond their bands: (product, price, band).
fn beyond(book: &Book, outcome: &Outcome) -> Vec<(ProductKey, Price, Price)> {
    let (prices, traded) = (outcome.prices(), outcome.traded());
    let banded = book.products.iter().filter_map(|product| Some((product.key(), product.band?)));
    let priced = banded.filter(|(key, _)| traded.contains(key)).filter_map(|(key, band)| {
        let price = *prices.get(&key)?;
        (price > band).then_some((key, price, band))
    });
    priced.collect()
}

/// What a round awards of an outcome.
pub fn awarded<'o>(book: &Book, outcome: &'o Outcome) -> Cow<'o, Outcome> {
    let products: BTreeSet<ProductKey> = beyond(book, outcome).into_iter().map(|(key, ..)| key).collect();
    if products.is_empty() { Cow::Borrowed(outcome) } else { Cow::Owned(without(book, outcome, products)) }
}

/// The interruptions of a round, as they are published.
pub(crate) fn published(sealed: &SealedBook, outcome: &Outcome) -> Vec<Interruption> {
    let named = |(key, price, band): (ProductKey, Price, Price)| {
        let (pool, resource, slot) = product_key(sealed, &key).ok()?;
        Some(Interruption { pool, resource, slot, price, band })
    };
    beyond(&sealed.book, outcome).into_iter().filter_map(named).collect()
}

/// An outcome that awards nothing in the components of these products.
fn without(book: &Book, outcome: &Outcome, mut products: BTreeSet<ProductKey>) -> Outcome {
    let mut named: BTreeMap<&str, BTreeSet<&ProductKey>> = BTreeMap::new();
    for order in &book.orders {
        let all = order.alternatives.iter().flat_map(|a| &a.quantities).map(|q| &q.product);
        named.insert(&order.id, all.collect());
    }
    let mut stopped: BTreeSet<&str> = BTreeSet::new();
    loop {
        let before = stopped.len();
        for (order, all) in &named {
            if !stopped.contains(order) && all.iter().any(|product| products.contains(*product)) {
                stopped.insert(order);
                products.extend(all.iter().map(|product| (*product).clone()));
            }
        }
        if stopped.len() == before {
            break;
        }
    }
    let mut left = outcome.clone();
    left.awards.retain(|award| !stopped.contains(award.order.as_str()));
    left.refused.retain(|refused| !stopped.contains(refused.order.as_str()));
    left.refused.extend(stopped.iter().map(|order| Refusal {
        order: (*order).to_owned(),
        reason: Reason::Interrupted,
        cost: Credits::ZERO,
        shortfall: Credits::ZERO,
    }));
    let is_stopped = |pool: &str, resource: &str, slot: i64| {
        products.contains(&ProductKey { pool: pool.to_owned(), resource: resource.to_owned(), slot })
    };
    left.supply.retain(|row| !is_stopped(&row.pool, &row.resource, row.slot));
    let pool_of: BTreeMap<&str, &str> = book.nodes.iter().map(|n| (n.id.as_str(), n.pool.as_str())).collect();
    left.premiums
        .retain(|row| !pool_of.get(row.node.as_str()).is_some_and(|pool| is_stopped(pool, &row.resource, row.slot)));
    left
}

/// Remembers which product classes a round has interrupted.
pub(crate) fn note(turn: &mut Turn<'_>, number: u64, interruptions: &[Interruption]) {
    let classes: BTreeSet<_> = interruptions.iter().map(|i| (i.pool.clone(), i.resource)).collect();
    for (pool, resource) in classes {
        let known = turn.state.references.get(&(pool.clone(), resource)).cloned();
        let mut reference = known.unwrap_or_else(|| Reference::new(pool, resource));
        reference.interrupted_in = number;
        turn.emit(Event::ReferenceChanged(reference));
    }
}
