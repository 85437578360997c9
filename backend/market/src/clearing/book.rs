//! `headroom.book/1`: everything a round knows, as types.
//!
//! A book is built in code or read by `parse` (see `parse.rs`), and `validate` (see
//! `validate.rs`) says everything that is wrong with it. Money is an integer in micro-credits,
//! quantities are integers in base units; what the format writes as a decimal fraction
//! (`alpha`, `min_fill`, `ratio`) is an exact rational.
//!
//! Deliberately absent: any default that would change an answer. What may be left out is empty.
use super::rational::{Rat, format_decimal, parse_decimal, parse_exact};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::collections::BTreeMap;

pub const FORMAT: &str = "headroom.book/1";

/// Money in micro-credits; a decimal string with 6 digits in JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Money(pub i64);

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&format_decimal(self.0.into(), 6))
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Money, D::Error> {
        let text = String::deserialize(d)?;
        parse_decimal(&text, 6)
            .and_then(|n| i64::try_from(n).ok())
            .map(Money)
            .ok_or_else(|| D::Error::custom("not an amount of money with up to 6 digits"))
    }
}

/// An exact fraction; a decimal string (or `p/q`) in JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fraction(pub Rat);

impl Fraction {
    pub fn zero() -> Fraction {
        Fraction(Rat::ZERO)
    }
    pub fn one() -> Fraction {
        Fraction(Rat::ONE)
    }
}

impl Serialize for Fraction {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        for digits in 0..=18_u32 {
            let v = &self.0 * &Rat::int(10_i128.pow(digits));
            if v.is_int() {
                return s.serialize_str(&format_decimal(v.floor(), digits));
            }
        }
        s.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Fraction {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Fraction, D::Error> {
        let text = String::deserialize(d)?;
        parse_exact(&text).map(Fraction).ok_or_else(|| D::Error::custom("not a decimal"))
    }
}

/// What is traded: capacity of one pool and resource in one slot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProductKey {
    pub pool: String,
    pub resource: String,
    pub slot: i64,
}

impl std::fmt::Display for ProductKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.pool, self.resource, self.slot)
    }
}

impl Serialize for ProductKey {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        (&self.pool, &self.resource, self.slot).serialize(s)
    }
}

impl<'de> Deserialize<'de> for ProductKey {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<ProductKey, D::Error> {
        let (pool, resource, slot) = Deserialize::deserialize(d)?;
        Ok(ProductKey { pool, resource, slot })
    }
}

/// A row `[pool, resource, slot, quantity]`.
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
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub quantity: i64,
    #[serde(default)]
    pub reserve: Money,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Product {
    pub pool: String,
    pub resource: String,
    pub slot: i64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub supply: Vec<Step>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap: Option<Money>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Money>,
}

impl Product {
    pub fn key(&self) -> ProductKey {
        ProductKey { pool: self.pool.clone(), resource: self.resource.clone(), slot: self.slot }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arc {
    pub from: ProductKey,
    pub to: ProductKey,
    #[serde(default = "Fraction::one")]
    pub ratio: Fraction,
    #[serde(default)]
    pub cost: Money,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instance {
    pub id: String,
    #[serde(default)]
    pub owner: String,
    #[serde(default)]
    pub holding: Vec<Quantity>,
    #[serde(default)]
    pub floor: Vec<Quantity>,
    #[serde(default)]
    pub max_swap: Vec<Quantity>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    Bid,
    Offer,
}

/// Decides ties, and nothing else. The order of the variants is the order of precedence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    Critical,
    #[default]
    Standard,
    Opportunistic,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alternative {
    pub quantities: Vec<Quantity>,
    #[serde(default)]
    pub adder: Money,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    pub id: String,
    pub owner: String,
    pub side: Side,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    pub limit: Money,
    #[serde(default = "Fraction::zero")]
    pub min_fill: Fraction,
    #[serde(default)]
    pub incumbent: bool,
    pub alternatives: Vec<Alternative>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    #[serde(default)]
    pub class: Class,
}

impl Order {
    /// What an alternative is worth to a bid, or costs an offer, in micro-credits.
    pub fn effective_limit(&self, alternative: usize) -> i128 {
        let adder = i128::from(self.alternatives[alternative].adder.0);
        match self.side {
            Side::Bid => i128::from(self.limit.0) - adder,
            Side::Offer => i128::from(self.limit.0) + adder,
        }
    }

    /// `min_fill`, in whole replicas where the order has them.
    pub fn least_fill(&self) -> Rat {
        match self.replicas {
            Some(n) if n > 0 => {
                let n = i128::from(n);
                Rat::ratio((&self.min_fill.0 * &Rat::int(n)).ceil(), n)
            }
            _ => self.min_fill.0.clone(),
        }
    }

    /// True for an order that is filled or not, or in one of several ways: it needs a binary.
    pub fn is_block(&self) -> bool {
        self.min_fill.0.is_pos() || self.alternatives.len() > 1
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    pub id: String,
    pub amount: Money,
}

/// Capacity that earlier rounds have committed on a node: `[resource, slot, quantity]`.
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

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    pub id: String,
    pub pool: String,
    pub capacity: BTreeMap<String, i64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub committed: Vec<Committed>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Book {
    pub format: String,
    pub cap: Money,
    #[serde(default = "Fraction::zero")]
    pub alpha: Fraction,
    #[serde(default)]
    pub seed: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot_base: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot_seconds: Option<i64>,
    #[serde(default)]
    pub products: Vec<Product>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arcs: Vec<Arc>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub instances: Vec<Instance>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<Node>,
    #[serde(default)]
    pub orders: Vec<Order>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub budgets: Vec<Budget>,
}

/// Something in a book that can't be accepted, with the JSON pointer to it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Fault {
    pub pointer: String,
    pub code: String,
    pub detail: String,
}

impl Book {
    /// An empty book with a cap.
    pub fn new(cap: Money, seed: u64) -> Book {
        Book {
            format: FORMAT.into(),
            cap,
            alpha: Fraction::zero(),
            seed,
            slot_base: None,
            slot_seconds: None,
            products: Vec::new(),
            arcs: Vec::new(),
            instances: Vec::new(),
            nodes: Vec::new(),
            orders: Vec::new(),
            budgets: Vec::new(),
        }
    }

    /// The book in the one order that has no memory of how it was written.
    pub fn sorted(&self) -> Book {
        let mut b = self.clone();
        b.products.sort_by_key(|p| p.key());
        for i in &mut b.instances {
            i.holding.sort();
            i.floor.sort();
            i.max_swap.sort();
        }
        b.instances.sort();
        for n in &mut b.nodes {
            n.committed.sort();
        }
        b.nodes.sort();
        b.orders.sort_by(|x, y| x.id.cmp(&y.id));
        b.budgets.sort();
        for o in &mut b.orders {
            for a in &mut o.alternatives {
                a.quantities.retain(|q| q.quantity != 0);
                a.quantities.sort();
            }
        }
        b
    }
}
