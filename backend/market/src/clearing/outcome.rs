//! `headroom.outcome/1`: what a round decided, as types, with one canonical form.
//!
//! Prices are integers in nano-credits a unit, money integers in micro-credits. The canonical
//! JSON (keys in the order of the types, no spaces) is what the hashes of the certificate cover:
//! `input_hash` the sorted book, `result_hash` the outcome without its own hash.
use super::book::{Book, Fraction, Money, ProductKey, Quantity};
use super::rational::{Rat, format_decimal, parse_decimal};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::collections::BTreeSet;

pub const FORMAT: &str = "headroom.outcome/1";

/// A price in nano-credits per base unit and slot; a decimal string with 9 digits in JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Price(pub i64);

impl Serialize for Price {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&format_decimal(self.0.into(), 9))
    }
}

impl<'de> Deserialize<'de> for Price {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Price, D::Error> {
        let text = String::deserialize(d)?;
        parse_decimal(&text, 9)
            .and_then(|n| i64::try_from(n).ok())
            .map(Price)
            .ok_or_else(|| D::Error::custom("not a price with up to 9 digits"))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// No accepted block loses money; every price is uniform.
    Market,
    /// The greatest welfare, blocks may lose.
    Welfare,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Quality {
    Optimal,
    Fallback,
}

/// Why an order did not win, or did not win all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Reason {
    Halted,
    Expired,
    Ineligible,
    NoVacatePath,
    InsufficientHold,
    Budget,
    FrozenHoldTime,
    FloorProtected,
    ThrashLimit,
    ForecastHeadroom,
    OutOfMoney,
    MarginalProrata,
    NoHostFits,
    MinFillUnreachable,
    ParentRejected,
    Paradoxical,
    TieLost,
    SolverFallback,
}

impl Reason {
    /// The code that outcomes and people have for it.
    pub fn code(self) -> String {
        serde_json::to_value(self).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceRow {
    pub pool: String,
    pub resource: String,
    pub slot: i64,
    pub price: Price,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<Price>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<Price>,
    #[serde(default)]
    pub set_by: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Award {
    pub order: String,
    #[serde(default)]
    pub alternative: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fill: Option<Fraction>,
    pub quantities: Vec<Quantity>,
    pub money: Money,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limited_by: Option<Reason>,
    /// What has too little room for a unit (or a replica) more, where that is the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binding: Option<Bottleneck>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    pub order: String,
    pub reason: Reason,
    /// What the bundle costs at the published prices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Money>,
    /// By how much the limit misses that price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shortfall: Option<Money>,
    /// The least limit of a bid (the greatest of an offer) that the published prices would not have
    /// refused: a bound, as prices may follow. None where no limit helps: `NO_HOST_FITS`, a row of
    /// the participant, a block, or a price under which nobody can offer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub winning_limit: Option<Money>,
    /// What has too little room for the least of a bid that could win, where that is the case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binding: Option<Bottleneck>,
}

/// The resource of a node that binds: of all nodes that a bid may lie on, the one that comes
/// nearest to having room for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bottleneck {
    pub node: String,
    pub resource: String,
    pub slot: i64,
    /// What the node has left of it, beside what a partly filled bid has there.
    pub free: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupplyUse {
    pub pool: String,
    pub resource: String,
    pub slot: i64,
    #[serde(default)]
    pub step: usize,
    pub used: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    pub arc: usize,
    pub flow: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Placement {
    pub order: String,
    #[serde(default)]
    pub alternative: usize,
    #[serde(default)]
    pub replica: i64,
    pub node: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    #[serde(default)]
    pub verified: bool,
    /// The part of the bound that the welfare misses, rounded up to 9 digits.
    #[serde(default)]
    pub gap: String,
    /// What keeps the welfare under the bound: `NO_HOST_FITS` if it is placement alone, and
    /// `SOLVER_FALLBACK` if the search gave up or an order was left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limited_by: Option<Reason>,
    #[serde(default)]
    pub input_hash: String,
    #[serde(default)]
    pub result_hash: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    pub format: String,
    pub mode: Mode,
    pub quality: Quality,
    pub welfare: Fraction,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<Fraction>,
    #[serde(default)]
    pub cuts: u32,
    #[serde(default)]
    pub prices: Vec<PriceRow>,
    #[serde(default)]
    pub awards: Vec<Award>,
    #[serde(default)]
    pub refused: Vec<Refusal>,
    #[serde(default)]
    pub supply: Vec<SupplyUse>,
    #[serde(default)]
    pub flows: Vec<Flow>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub placements: Vec<Placement>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Certificate>,
}

impl Outcome {
    /// What changed hands. The price of any other product lies between a bid and an offer that did not meet: it is for
    /// the check, and nobody is shown it, as it may be one order's limit.
    pub fn traded(&self) -> BTreeSet<&ProductKey> {
        let won = self.awards.iter().flat_map(|a| &a.quantities).filter(|q| q.quantity > 0);
        won.map(|q| &q.product).collect()
    }

    /// The canonical JSON text.
    pub fn canonical(&self) -> String {
        serde_json::to_string(self).expect("an outcome has nothing that JSON can't hold")
    }

    /// The hash of the outcome without its own hash and the verdict on it.
    pub fn result_hash(&self) -> String {
        let mut bare = self.clone();
        if let Some(c) = &mut bare.certificate {
            c.verified = false;
            c.result_hash.clear();
        }
        hash(&bare.canonical())
    }
}

impl Book {
    /// The hash of the book in its sorted form: the order of writing does not matter.
    pub fn input_hash(&self) -> String {
        hash(&serde_json::to_string(&self.sorted()).expect("a book has nothing that JSON can't hold"))
    }
}

fn hash(text: &str) -> String {
    format!("blake3:{}", blake3::hash(text.as_bytes()).to_hex())
}

/// What welfare misses of the bound (both in micro-credits) as a part of the bound, as printed:
/// rounded up to 9 digits, so that only nothing is "0".
pub fn gap(welfare: &Rat, bound: &Rat) -> String {
    let part = (bound - welfare).div(&bound.abs().max(Rat::ONE));
    match (&part * &Rat::int(1_000_000_000)).ceil() {
        n if n <= 0 => "0".into(),
        n => format_decimal(n, 9),
    }
}

/// Micro-credits as credits, to 6 digits.
pub fn credits(micro: i128) -> Fraction {
    Fraction(Rat::ratio(micro, 1_000_000))
}
