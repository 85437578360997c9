//! What a book consists of, by numbers.
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::ops::Range;

/// How long a share of a whole is, in nanos.
pub const WHOLE_NANO: i64 = 1_000_000_000;
/// Nano-credits in a micro-credit.
pub const NANO_PER_MICRO: i128 = 1_000;
/// The most alternatives of one order.
pub const MOST_ALTERNATIVES: usize = 64;

/// A product by its names, as files and people write it: `[pool, resource, slot]`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProductKey {
    pub pool: String,
    pub resource: String,
    pub slot: i64,
}

impl fmt::Display for ProductKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SupplyStep {
    pub quantity: i64,
    /// The operator sells at this price or above.
    pub reserve_nano: i128,
}

#[derive(Clone, Debug)]
pub struct Product {
    pub key: ProductKey,
    pub pool: usize,
    /// What the tie-break between supporting prices compares this price with.
    pub reference_nano: i128,
    pub supply: Vec<SupplyStep>,
    /// It is listed, bought, sold or an end of an arc, and so has a price; else it is only taken as room.
    pub is_listed: bool,
}

/// A pool; without nodes it is one place that never is full.
#[derive(Clone, Debug, Default)]
pub struct Pool {
    pub name: String,
    pub nodes: Vec<usize>,
    /// Its products, consecutive numbers.
    pub products: Range<usize>,
}

#[derive(Clone, Debug)]
pub struct Node {
    pub id: String,
    pub pool: usize,
    /// Free room for each product of the pool, in their order.
    pub room: Vec<i64>,
}

/// A way from one product to another: one unit leaves, one arrives.
#[derive(Clone, Copy, Debug)]
pub struct Arc {
    pub from: usize,
    pub to: usize,
    pub cost_nano: i128,
    /// `None`: without a limit.
    pub limit: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    Bid,
    Offer,
}

/// Who comes first in a tie: the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    pub newcomer: bool,
    pub class: Class,
    /// Sequence of acceptance.
    pub accepted: i64,
    /// Its place in the file.
    pub place: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    Critical,
    #[default]
    Standard,
    Opportunistic,
}

#[derive(Clone, Debug)]
pub struct Order {
    pub id: Box<str>,
    pub side: Side,
    pub rank: Rank,
    /// Its alternatives in [`Book::alternatives`].
    pub alternatives: Range<usize>,
    /// A bid with a minimum fill or several alternatives.
    pub is_block: bool,
}

/// One way to fill an order: so many equal lots of products, on one of the nodes it may use.
#[derive(Clone, Debug)]
pub struct Alternative {
    pub lots: i64,
    /// The fewest lots that are won, or none.
    pub least: i64,
    /// What all lots are worth: of a bid the limit less the adder, of an offer the limit. Micro-credits.
    pub value_micro: i64,
    /// Its lines in [`Book::lines`]: what a lot buys or sells.
    pub lines: Range<usize>,
    /// Its lines in [`Book::lines`] that a lot takes of a node without buying them.
    pub room: Range<usize>,
    /// The nodes that it names, in [`Book::hosts`].
    pub hosts: Range<usize>,
    /// It uses no others; else all nodes of a pool in which it names none.
    pub bound: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    pub product: usize,
    /// Of one lot, base units.
    pub quantity: i64,
}

/// A book that may be cleared.
#[derive(Clone, Debug, Default)]
pub struct Book {
    /// Which of several supporting prices: 0 the least, 1 the greatest. Nanos.
    pub alpha_nano: i64,
    pub pools: Vec<Pool>,
    pub products: Vec<Product>,
    pub nodes: Vec<Node>,
    pub arcs: Vec<Arc>,
    pub orders: Vec<Order>,
    pub alternatives: Vec<Alternative>,
    pub lines: Vec<Line>,
    pub hosts: Vec<usize>,
    /// BLAKE3 of the file's bytes.
    pub hash: String,
}

impl Book {
    pub fn alternatives_of(&self, order: &Order) -> &[Alternative] {
        &self.alternatives[order.alternatives.clone()]
    }
    pub fn lines_of(&self, alternative: &Alternative) -> &[Line] {
        &self.lines[alternative.lines.clone()]
    }
    pub fn room_of(&self, alternative: &Alternative) -> &[Line] {
        &self.lines[alternative.room.clone()]
    }
    /// The nodes of a pool that an alternative may use.
    pub fn hosts_in<'b>(&'b self, alternative: &'b Alternative, pool: usize) -> impl Iterator<Item = usize> + 'b {
        let named = &self.hosts[alternative.hosts.clone()];
        let is_here = move |node: &&usize| self.nodes[**node].pool == pool;
        let names_one = alternative.bound || named.iter().any(|node| is_here(&node));
        let all: &[usize] = if names_one { named } else { &self.pools[pool].nodes };
        all.iter().filter(is_here).copied()
    }
    /// The pools with nodes that an alternative buys in.
    pub fn pools_with_nodes(&self, alternative: &Alternative) -> Vec<usize> {
        let pools = self.lines_of(alternative).iter().map(|line| self.products[line.product].pool);
        let mut pools: Vec<usize> = pools.filter(|pool| !self.pools[*pool].nodes.is_empty()).collect();
        pools.sort_unstable();
        pools.dedup();
        pools
    }
    /// What an alternative takes of a node for one lot: what it buys there and its room beside it.
    pub fn load_in(&self, alternative: &Alternative, pool: usize) -> Vec<Line> {
        let all = self.lines_of(alternative).iter().chain(self.room_of(alternative));
        let mut load: Vec<Line> = Vec::new();
        for line in all.filter(|line| self.products[line.product].pool == pool) {
            match load.iter_mut().find(|known| known.product == line.product) {
                Some(known) => known.quantity += line.quantity,
                None => load.push(*line),
            }
        }
        load
    }
    /// Room of a node for a product of its pool, before any award.
    pub fn room(&self, node: usize, product: usize) -> i64 {
        let node = &self.nodes[node];
        node.room[product - self.pools[node.pool].products.start]
    }
}
