//! `headroom.outcome/2` by names.
use crate::clearing::book::{self, ProductKey};
use crate::clearing::document::book::Quantity;
use crate::clearing::outcome::{Mode, Quality, Reason};
use crate::units::{Credits, Price};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceRow {
    pub pool: String,
    pub resource: String,
    pub slot: i64,
    pub price: Price,
    pub set_by: String,
}

impl PriceRow {
    pub fn key(&self) -> ProductKey {
        ProductKey { pool: self.pool.clone(), resource: self.resource.clone(), slot: self.slot }
    }
}

/// What a full node costs beyond the price of its pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PremiumRow {
    pub node: String,
    pub resource: String,
    pub slot: i64,
    pub premium: Price,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Award {
    pub order: String,
    #[serde(default)]
    pub alternative: usize,
    pub lots: i64,
    pub quantities: Vec<Quantity>,
    /// Lots by node, in pools with nodes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<(String, i64)>,
    pub money: Credits,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limited_by: Option<Reason>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    pub order: String,
    pub reason: Reason,
    /// What all of its best alternative costs where it may lie; the greatest amount where it is beyond it.
    #[serde(deserialize_with = "at_most_the_greatest")]
    pub cost: Credits,
    #[serde(deserialize_with = "at_most_the_greatest")]
    pub shortfall: Credits,
}

/// Millions of units at the price of one may cost more than an amount can say.
fn at_most_the_greatest<'de, D: Deserializer<'de>>(d: D) -> Result<Credits, D::Error> {
    let text = String::deserialize(d)?;
    let micro = book::parse(&text, 6).ok_or_else(|| serde::de::Error::custom("not an amount of money"))?;
    let (least, most) = (i128::from(i64::MIN), i128::from(i64::MAX));
    Ok(Credits::from_units(i64::try_from(micro.clamp(least, most)).unwrap_or(i64::MAX)))
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupplyUse {
    pub pool: String,
    pub resource: String,
    pub slot: i64,
    pub step: usize,
    pub used: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    pub arc: usize,
    pub flow: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    pub verified: bool,
    pub input_hash: String,
    #[serde(default)]
    pub result_hash: String,
}

/// How far the welfare may be from the best, in credits with 9 digits, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Gap {
    /// Bound less welfare.
    pub total: String,
    /// Of bids with a minimum fill or alternatives.
    pub blocks: String,
    /// Of lots that no node has room for.
    pub hosts: String,
    /// Of whole units and printed prices.
    pub rounding: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    pub format: String,
    pub mode: Mode,
    pub quality: Quality,
    /// Credits with 9 digits, as `bound`.
    pub welfare: String,
    pub bound: String,
    pub gap: Gap,
    pub prices: Vec<PriceRow>,
    pub premiums: Vec<PremiumRow>,
    pub awards: Vec<Award>,
    pub refused: Vec<Refusal>,
    pub supply: Vec<SupplyUse>,
    pub flows: Vec<Flow>,
    pub certificate: Certificate,
    /// The text that all this was read from.
    #[serde(skip)]
    text: String,
}

impl Outcome {
    /// What the clearing prints, by names.
    pub(super) fn of(text: &str) -> Outcome {
        let outcome: Outcome = serde_json::from_str(text).expect("what the clearing prints can be read");
        Outcome { text: text.to_owned(), ..outcome }
    }

    /// The text of an outcome that is stored.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The hash of all but the certificate.
    pub fn result_hash(&self) -> &str {
        &self.certificate.result_hash
    }

    /// The welfare in nano-credits.
    pub fn welfare_nano(&self) -> i128 {
        book::parse(&self.welfare, 9).unwrap_or(0)
    }

    /// What changed hands. The price of any other product lies between a bid and an offer that did not meet: nobody is
    /// shown it, as it may be one order's limit.
    pub fn traded(&self) -> BTreeSet<&ProductKey> {
        self.awards.iter().flat_map(|a| &a.quantities).map(|q| &q.product).collect()
    }

    /// What changed hands on each node: (node, resource, slot). Any other premium may be one order's limit, too.
    pub fn traded_on(&self) -> BTreeSet<(&str, &str, i64)> {
        let mut traded = BTreeSet::new();
        for award in &self.awards {
            let products = || award.quantities.iter().map(|q| &q.product);
            for (node, _) in &award.nodes {
                traded.extend(products().map(|p| (node.as_str(), p.resource.as_str(), p.slot)));
            }
        }
        traded
    }

    /// The prices by product.
    pub fn prices(&self) -> BTreeMap<ProductKey, Price> {
        self.prices.iter().map(|row| (row.key(), row.price)).collect()
    }

    /// The premiums by node, resource and slot.
    pub fn premiums(&self) -> BTreeMap<(&str, &str, i64), Price> {
        self.premiums.iter().map(|row| ((row.node.as_str(), row.resource.as_str(), row.slot), row.premium)).collect()
    }
}
