//! Reference prices and price bands: what a product class has cost lately, and beyond which price a round is interrupted.
//!
//! The rule book's reference is the median of a day. Here it is that of the last [`REMEMBERED_SLOTS`] slots with trade,
//! whatever their length: a day at the usual five minutes. All of them are written when one is added, so a day of
//! shorter slots would be written again and again.
use crate::event::Event;
use crate::pool::hourly;
use crate::records::pool::{REMEMBERED_SLOTS, Reference};
use crate::records::recallable::{firm, is_recallable};
use crate::state::State;
use crate::time::Slot;
use crate::turn::Turn;
use crate::units::{Price, Resource};

/// The band is so many times the reference.
const BAND_OF_REFERENCE: i64 = 3;

impl State {
    /// What is recallable is worth no more than what is not: its reference is that of the pool whose nodes it lies on.
    pub fn reference(&self, pool: &str, resource: Resource, slot: Slot) -> Price {
        let pool = firm(pool);
        let reserve = self.reserve_price(pool, resource, slot).unwrap_or(self.market.price_cap);
        match self.references.get(&(pool.to_owned(), resource)) {
            Some(reference) => reference.price(reserve),
            None => reserve,
        }
    }
    /// The same where it was ever traded or the operator asks a price for it: the most that anything may cost is nobody's price.
    pub fn known_reference(&self, pool: &str, resource: Resource, slot: Slot) -> Option<Price> {
        let key = (firm(pool).to_owned(), resource);
        let is_known = self.references.get(&key).is_some_and(|r| !r.recent.is_empty())
            || self.reserve_price(&key.0, resource, slot).is_some();
        is_known.then(|| self.reference(pool, resource, slot))
    }
    /// The greatest price that does not interrupt a round: three times the reference, at most the price cap.
    pub fn price_band(&self, pool: &str, resource: Resource, slot: Slot) -> Price {
        let reference = self.reference(pool, resource, slot);
        if reference.is_zero() {
            return self.market.price_cap;
        }
        reference.times(BAND_OF_REFERENCE).min(self.market.price_cap)
    }
}

/// The slot's mean prices enter the references of their product classes, and what was paid the means of their hour.
pub fn remember(turn: &mut Turn<'_>, slot: Slot) {
    let traded = turn.state.products.values().filter(|p| p.slot == slot && p.volume > 0 && !is_recallable(&p.pool));
    for product in traded.cloned().collect::<Vec<_>>() {
        hourly::note(turn, &product);
    }
    let means: Vec<_> = turn
        .state
        .products
        .values()
        .filter(|p| p.slot == slot && p.volume > 0)
        .filter_map(|p| Some((p.pool.clone(), p.resource, p.mean_price()?)))
        .collect();
    for (pool, resource, price) in means {
        let key = (pool.clone(), resource);
        let mut reference = turn.state.references.get(&key).cloned().unwrap_or_else(|| Reference::new(pool, resource));
        if reference.recent.len() >= REMEMBERED_SLOTS {
            reference.recent.remove(0);
        }
        reference.recent.push(price);
        turn.emit(Event::ReferenceChanged(reference));
    }
}
