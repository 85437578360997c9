//! The prices and premiums that a round publishes.
use crate::clearing::book::ProductKey as BookKey;
use crate::clearing::document::{self, Outcome};
use crate::ids::OrderId;
use crate::records::recallable::{node_of, pool_of};
use crate::records::round::{AwardError, ClearingPrice, NodePremium};
use crate::state::{ProductKey, SealedBook};
use crate::units::Resource;
use std::collections::BTreeMap;

/// By product as the book names it.
pub(crate) type Prices = BTreeMap<BookKey, ClearingPrice>;

pub(crate) fn published_prices(sealed: &SealedBook, outcome: &Outcome) -> Result<Prices, AwardError> {
    let products: BTreeMap<_, _> = sealed.book.products.iter().map(|p| (p.key(), p)).collect();
    let mut volumes: BTreeMap<_, i64> = BTreeMap::new();
    for award in outcome.awards.iter().filter(|a| matches!(a.order.parse(), Ok(OrderId::Bid(_)))) {
        for won in &award.quantities {
            *volumes.entry(&won.product).or_default() += won.quantity;
        }
    }
    let mut prices = Prices::new();
    for price in &outcome.prices {
        let key = price.key();
        let (pool, resource, slot) = product_key(sealed, &key)?;
        let product = products.get(&key);
        let (node, volume) = (pool_of(&key.pool).1, volumes.get(&key).copied().unwrap_or(0));
        prices.insert(
            key,
            ClearingPrice {
                pool,
                node,
                resource,
                slot,
                price: price.price,
                set_by: kind_of_setter(&price.set_by),
                volume,
                supply: product.map_or(0, |p| p.supply.iter().map(|s| s.quantity).sum()),
                reserve: product.and_then(|p| p.supply.first()).map(|s| s.reserve),
            },
        );
    }
    Ok(prices)
}

/// What set a price, without whose order it was: everybody reads prices, and nobody is to follow another one's orders.
pub fn kind_of_setter(set_by: &str) -> String {
    match set_by.split_once(':') {
        Some((kind @ ("bid" | "offer"), _)) => kind.to_owned(),
        _ => set_by.to_owned(),
    }
}

/// What full nodes cost more, where something changed hands on them.
pub(crate) fn published_premiums(sealed: &SealedBook, outcome: &Outcome) -> Vec<NodePremium> {
    let pools: BTreeMap<&str, &str> =
        sealed.book.nodes.iter().map(|node| (node.id.as_str(), node.pool.as_str())).collect();
    let published = |row: &document::PremiumRow| {
        Some(NodePremium {
            pool: (*pools.get(row.node.as_str())?).to_owned(),
            node: node_of(&row.node)?,
            resource: Resource::parse(&row.resource)?,
            slot: *sealed.slots.get(usize::try_from(row.slot).ok()?)?,
            premium: row.premium,
        })
    };
    let traded = outcome.traded_on();
    let is_traded = |row: &&document::PremiumRow| traded.contains(&(&row.node, &row.resource, row.slot));
    outcome.premiums.iter().filter(is_traded).filter_map(published).collect()
}

pub(crate) fn product_key(sealed: &SealedBook, key: &BookKey) -> Result<ProductKey, AwardError> {
    let resource = Resource::parse(&key.resource);
    let slot = usize::try_from(key.slot).ok().and_then(|n| sealed.slots.get(n));
    match (resource, slot) {
        (Some(resource), Some(slot)) => Ok((pool_of(&key.pool).0, resource, *slot)),
        _ => Err(AwardError::Unknown(key.to_string())),
    }
}
