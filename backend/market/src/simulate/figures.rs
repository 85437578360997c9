//! What rounds came to: money, quantities and prices of an outcome.
use crate::clearing::book::{ProductKey as BookKey, Side};
use crate::clearing::document::{Book, Outcome};
use crate::clearing::outcome::Quality;
use crate::time::Slot;
use crate::units::{Credits, Price, Resource};
use serde::Serialize;
use std::collections::BTreeMap;

/// Money of the whole market, and quantities of the product class whose price is in question.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Figures {
    /// What operator supply was sold for, in all pools and resources.
    pub operator_revenue: Credits,
    /// What all buyers pay.
    pub revenue: Credits,
    /// Of the pool's resource: what the operator sold, base units × slots.
    pub operator_volume: i64,
    /// Of the pool's resource: what was bought from anybody, base units × slots.
    pub volume: i64,
    /// Of the pool's resource: the volume-weighted mean; `null` where nothing was bought.
    pub price: Option<Price>,
    /// Rounds whose outcome is not known to be the best (quality `bounded`).
    pub bounded_rounds: u32,
}

/// What an order got over all rounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Won {
    /// Of the pool's resource, base units × slots.
    pub quantity: i64,
    /// For everything that it won.
    pub paid: Credits,
}

/// Figures that grow round by round.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    figures: Figures,
    value_nano: i128,
    /// Bids that won, with their owner.
    pub won: BTreeMap<String, (String, Won)>,
}

impl Tally {
    pub fn figures(&self) -> Figures {
        let mean = (self.figures.volume > 0).then(|| self.value_nano / i128::from(self.figures.volume.max(1)));
        Figures { price: mean.and_then(|p| i64::try_from(p).ok()).map(Price::from_units), ..self.figures }
    }

    /// Adds a round's outcome on its book.
    pub fn add(&mut self, class: (&str, Resource), book: &Book, outcome: &Outcome) {
        let of_class = |key: &BookKey| key.pool == class.0 && key.resource == class.1.name();
        self.figures.bounded_rounds += u32::from(outcome.quality == Quality::Bounded);
        let prices = outcome.prices();
        let charge = |key: &BookKey, quantity: i64| {
            let price = prices.get(key).copied().unwrap_or(Price::ZERO);
            price.charge_half_even(quantity).unwrap_or(Credits::ZERO)
        };
        let owners: BTreeMap<&str, (&str, Side)> =
            book.orders.iter().map(|o| (o.id.as_str(), (o.owner.as_str(), o.side))).collect();
        for award in &outcome.awards {
            let Some((owner, Side::Bid)) = owners.get(award.order.as_str()) else { continue };
            let mut won = Won::default();
            for row in &award.quantities {
                if of_class(&row.product) {
                    won.quantity += row.quantity;
                    let price = prices.get(&row.product).copied().unwrap_or(Price::ZERO);
                    self.value_nano += i128::from(price.units()) * i128::from(row.quantity);
                }
            }
            won.paid = award.money;
            self.figures.revenue += won.paid;
            self.figures.volume += won.quantity;
            let entry = self.won.entry(award.order.clone()).or_insert_with(|| ((*owner).to_owned(), Won::default()));
            entry.1.quantity += won.quantity;
            entry.1.paid += won.paid;
        }
        for sold in &outcome.supply {
            let key = BookKey { pool: sold.pool.clone(), resource: sold.resource.clone(), slot: sold.slot };
            self.figures.operator_revenue += charge(&key, sold.used);
            if of_class(&key) {
                self.figures.operator_volume += sold.used;
            }
        }
    }
}

/// Prices of the class by slot, where a bid bought at them.
pub fn traded_prices(class: (&str, Resource), book: &Book, outcome: &Outcome, slots: &[Slot]) -> BTreeMap<Slot, Price> {
    let bids: std::collections::BTreeSet<&str> =
        book.orders.iter().filter(|o| o.side == Side::Bid).map(|o| o.id.as_str()).collect();
    let all = outcome.prices();
    let rows = outcome.awards.iter().filter(|a| bids.contains(a.order.as_str())).flat_map(|a| &a.quantities);
    let of_class = rows.filter(|r| r.quantity > 0 && r.product.pool == class.0 && r.product.resource == class.1.name());
    of_class
        .filter_map(|r| {
            let slot = slots.get(usize::try_from(r.product.slot).ok()?)?;
            Some((*slot, *all.get(&r.product)?))
        })
        .collect()
}
