//! `headroom.book/2` by names.
use crate::clearing::book::{self as numbers, Class, Fault, ProductKey, Side};
use crate::units::{Credits, Price, Share};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

const FORMAT: &str = "headroom.book/2";

fn no_money(money: &Credits) -> bool {
    money.is_zero()
}
fn no_share(share: &Share) -> bool {
    share.is_zero()
}

/// A row `[pool, resource, slot, quantity]`, in base units.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quantity {
    pub product: ProductKey,
    pub quantity: i64,
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let p = &self.product;
        (&p.pool, &p.resource, p.slot, self.quantity).serialize(s)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Quantity, D::Error> {
        let (pool, resource, slot, quantity) = Deserialize::deserialize(d)?;
        Ok(Quantity { product: ProductKey { pool, resource, slot }, quantity })
    }
}

/// A step of the operator's supply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub quantity: i64,
    #[serde(default)]
    pub reserve: Price,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Product {
    pub pool: String,
    pub resource: String,
    pub slot: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Price>,
    /// A price beyond it interrupts the round there; a market's rule, which the clearing does not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub band: Option<Price>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub supply: Vec<Step>,
}

impl Product {
    pub fn key(&self) -> ProductKey {
        ProductKey { pool: self.pool.clone(), resource: self.resource.clone(), slot: self.slot }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arc {
    pub from: ProductKey,
    pub to: ProductKey,
    #[serde(default)]
    pub cost: Price,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
}

/// Room of a node that earlier rounds have given: `[resource, slot, quantity]`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Committed {
    pub resource: String,
    pub slot: i64,
    pub quantity: i64,
}

impl Serialize for Committed {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        (&self.resource, self.slot, self.quantity).serialize(s)
    }
}

impl<'de> Deserialize<'de> for Committed {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Committed, D::Error> {
        let (resource, slot, quantity) = Deserialize::deserialize(d)?;
        Ok(Committed { resource, slot, quantity })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    pub id: String,
    pub pool: String,
    pub capacity: BTreeMap<String, i64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub committed: Vec<Committed>,
}

/// How much of a product a workload may lend: its baseline less the greater of floor and forecast.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lending {
    pub product: ProductKey,
    pub baseline: i64,
    pub floor: i64,
    pub forecast: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    pub id: String,
    pub lending: Vec<Lending>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alternative {
    pub quantities: Vec<Quantity>,
    #[serde(default, skip_serializing_if = "no_money")]
    pub adder: Credits,
    /// Where it may lie, instead of the order's node.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<String>,
    /// Taken on its node beside what is bought, and not bought.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub room: Vec<Quantity>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    pub id: String,
    pub owner: String,
    pub side: Side,
    pub limit: Credits,
    #[serde(default, skip_serializing_if = "no_share")]
    pub min_fill: Share,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    #[serde(default)]
    pub class: Class,
    #[serde(default)]
    pub incumbent: bool,
    /// The sequence of acceptance; the place in the book where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<i64>,
    /// Who lends; of offers only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<String>,
    pub alternatives: Vec<Alternative>,
}

impl Order {
    /// What an alternative is worth to a bid, or costs an offer.
    pub fn effective_limit(&self, alternative: usize) -> Credits {
        match self.side {
            Side::Bid => self.limit - self.alternatives[alternative].adder,
            Side::Offer => self.limit,
        }
    }

    /// The lots of an alternative: the replicas, else what its quantities have in common; one beside room.
    pub fn lots(&self, alternative: usize) -> i64 {
        let alternative = &self.alternatives[alternative];
        match self.replicas {
            _ if !alternative.room.is_empty() => 1,
            Some(replicas) => replicas,
            None => alternative.quantities.iter().map(|q| q.quantity).fold(0, numbers::gcd).max(1),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Book {
    pub format: String,
    /// Which of several supporting prices, from 0, the least, to 1; a decimal.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub alpha: String,
    pub products: Vec<Product>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arcs: Vec<Arc>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<Node>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workloads: Vec<Workload>,
    pub orders: Vec<Order>,
}

impl Default for Book {
    fn default() -> Book {
        Book {
            format: FORMAT.to_owned(),
            alpha: String::new(),
            products: Vec::new(),
            arcs: Vec::new(),
            nodes: Vec::new(),
            workloads: Vec::new(),
            orders: Vec::new(),
        }
    }
}

impl Book {
    /// The book as it is cleared; refused with all its faults.
    pub fn numbered(&self) -> Result<numbers::Book, Vec<Fault>> {
        numbers::read(self.text().as_bytes())
    }

    /// The JSON text, which the hash of the book is of.
    pub fn text(&self) -> String {
        serde_json::to_string(self).expect("a book has nothing that JSON can't hold")
    }
}
