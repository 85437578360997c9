//! What an outcome consists of, by numbers.
use crate::clearing::book::Book;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Which rules hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// All of V1 to V8.
    Market,
    /// The greatest welfare: bids with a minimum fill or alternatives are free of V3, V5 and V6.
    Welfare,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Quality {
    /// The gap is at most the rounding allowance.
    Optimal,
    /// The gap bounds how far the award is from the optimum.
    Bounded,
}

/// Why an order won nothing, or not all; the first that applies (rule book §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Reason {
    Halted,
    WorkloadAway,
    NoVacatePath,
    Interrupted,
    OutOfMoney,
    Tie,
    NoRoom,
    NoHost,
    Block,
}

/// What set a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetBy {
    Bid(usize),
    Offer(usize),
    Reserve(usize),
    Arc(usize),
    Nothing,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Award {
    pub order: usize,
    /// Of the order's own alternatives.
    pub alternative: usize,
    pub lots: i64,
    /// Lots by node, in each pool with nodes.
    pub hosts: Vec<(usize, i64)>,
    pub money_micro: i128,
    pub limited_by: Option<Reason>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub order: usize,
    pub reason: Reason,
    /// What all lots of its best alternative cost.
    pub cost_micro: i128,
    pub shortfall_micro: i128,
}

/// The gap D(π) − W in nano-credits, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gap {
    pub blocks_nano: i128,
    pub hosts_nano: i128,
    pub rounding_nano: i128,
}

impl Gap {
    pub fn total_nano(&self) -> i128 {
        self.blocks_nano + self.hosts_nano + self.rounding_nano
    }
}

/// The outcome of a round, by the numbers of its book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub mode: Mode,
    pub quality: Quality,
    pub welfare_nano: i128,
    pub bound_nano: i128,
    pub gap: Gap,
    /// By product, nano-credits.
    pub prices_nano: Vec<i128>,
    pub set_by: Vec<SetBy>,
    /// Above 0 only, by node and product.
    pub premiums_nano: BTreeMap<(usize, usize), i128>,
    pub awards: Vec<Award>,
    pub refused: Vec<Refused>,
    /// Sold units of each supply step, by product.
    pub used: Vec<Vec<i64>>,
    /// By arc.
    pub flows: Vec<i64>,
}

impl Outcome {
    /// Nothing is bought: where every clearing begins.
    pub fn empty(book: &Book, mode: Mode) -> Self {
        Outcome {
            mode,
            quality: Quality::Optimal,
            welfare_nano: 0,
            bound_nano: 0,
            gap: Gap::default(),
            prices_nano: vec![0; book.products.len()],
            set_by: vec![SetBy::Nothing; book.products.len()],
            premiums_nano: BTreeMap::new(),
            awards: Vec::new(),
            refused: Vec::new(),
            used: book.products.iter().map(|product| vec![0; product.supply.len()]).collect(),
            flows: vec![0; book.arcs.len()],
        }
    }
}
