//! The rules of an outcome, and what is checked against them.
use crate::clearing::book::{Alternative, Book, NANO_PER_MICRO, Order, Side, print};
use crate::clearing::outcome::parts::{Award, Mode, Outcome};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Rule {
    V1,
    V2,
    V3,
    V4,
    V5,
    V6,
    V7,
    V8,
}

/// A broken rule, with what shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Broken {
    pub rule: Rule,
    pub what: &'static str,
    pub numbers: BTreeMap<&'static str, String>,
    /// The order that it is about.
    #[serde(skip)]
    pub order: Option<usize>,
}

impl Broken {
    pub fn new(rule: Rule, what: &'static str) -> Self {
        Broken { rule, what, numbers: BTreeMap::new(), order: None }
    }
    pub fn text(mut self, name: &'static str, text: impl ToString) -> Self {
        self.numbers.insert(name, text.to_string());
        self
    }
    pub fn order(mut self, book: &Book, order: usize) -> Self {
        self.order = Some(order);
        self.text("order", &book.orders[order].id)
    }
    pub fn product(self, book: &Book, product: usize) -> Self {
        let key = &book.products[product].key;
        self.text("product", format!("{}/{}/{}", key.pool, key.resource, key.slot))
    }
    pub fn node(self, book: &Book, node: usize) -> Self {
        self.text("node", &book.nodes[node].id)
    }
    pub fn nano(self, name: &'static str, nano: i128) -> Self {
        self.text(name, print(nano, 9))
    }
}

/// What is summed up once for all rules.
pub(super) struct Check<'b> {
    pub(super) book: &'b Book,
    pub(super) outcome: &'b Outcome,
    pub(super) broken: Vec<Broken>,
    /// Its award, by order.
    pub(super) award: Vec<Option<&'b Award>>,
    /// Bought units and flows out, by product.
    pub(super) bought: Vec<i128>,
    /// Sold units, used supply and flows in, by product.
    pub(super) sold: Vec<i128>,
    /// What the awards take of each place beyond what they lend there.
    pub(super) taken: BTreeMap<(usize, usize), i128>,
    /// Nodes with a premium.
    pub(super) dear: BTreeSet<usize>,
    /// Ends of arcs, by (pool, resource).
    pub(super) joined: BTreeSet<(usize, &'b str)>,
}

impl<'b> Check<'b> {
    pub(super) fn new(book: &'b Book, outcome: &'b Outcome, broken: Vec<Broken>) -> Self {
        let mut award = vec![None; book.orders.len()];
        outcome.awards.iter().for_each(|a| award[a.order] = Some(a));
        let end = |product: usize| (book.products[product].pool, book.products[product].key.resource.as_str());
        let above = outcome.premiums_nano.iter().filter(|(_, premium)| **premium > 0);
        Check {
            book,
            outcome,
            broken,
            award,
            bought: vec![0; book.products.len()],
            sold: vec![0; book.products.len()],
            taken: BTreeMap::new(),
            dear: above.map(|((node, _), _)| *node).collect(),
            joined: book.arcs.iter().flat_map(|arc| [end(arc.from), end(arc.to)]).collect(),
        }
    }

    pub(super) fn alternative(&self, award: &Award) -> &'b Alternative {
        &self.book.alternatives_of(&self.book.orders[award.order])[award.alternative]
    }

    /// Free of V3, V5 and V6.
    pub(super) fn is_exempt(&self, order: &Order) -> bool {
        self.outcome.mode == Mode::Welfare && order.is_block
    }

    /// What a lot costs at the prices of its pools.
    pub(super) fn price_of(&self, alternative: &Alternative) -> i128 {
        let lines = self.book.lines_of(alternative).iter();
        lines.map(|line| self.outcome.prices_nano[line.product] * i128::from(line.quantity)).sum()
    }

    /// What a lot costs beyond that on a node.
    pub(super) fn premium_of(&self, alternative: &Alternative, node: usize) -> i128 {
        if !self.dear.contains(&node) {
            return 0;
        }
        let load = self.book.load_in(alternative, self.book.nodes[node].pool);
        let premium = |product| self.outcome.premiums_nano.get(&(node, product)).copied().unwrap_or(0);
        load.iter().map(|line| premium(line.product) * i128::from(line.quantity)).sum()
    }

    /// The least premium of a lot in a pool, over the nodes that it may use.
    pub(super) fn least_premium(&self, alternative: &Alternative, pool: usize) -> i128 {
        if self.dear.is_empty() || self.book.hosts_in(alternative, pool).any(|node| !self.dear.contains(&node)) {
            return 0;
        }
        self.book.hosts_in(alternative, pool).map(|node| self.premium_of(alternative, node)).min().unwrap_or(0)
    }

    /// What a lot costs on the cheapest nodes that it may use.
    pub(super) fn cheapest(&self, alternative: &Alternative) -> i128 {
        let base = self.price_of(alternative);
        if self.dear.is_empty() {
            return base;
        }
        let pools = self.book.pools_with_nodes(alternative);
        base + pools.iter().map(|pool| self.least_premium(alternative, *pool)).sum::<i128>()
    }

    /// What an award costs where its lots lie.
    pub(super) fn cost(&self, award: &Award) -> i128 {
        let alternative = self.alternative(award);
        let premiums = award.hosts.iter().map(|(node, lots)| self.premium_of(alternative, *node) * i128::from(*lots));
        self.price_of(alternative) * i128::from(award.lots) + premiums.sum::<i128>()
    }

    /// What all lots would gain if one costs so much.
    pub(super) fn gain_at(side: Side, alternative: &Alternative, cost: i128) -> i128 {
        let gain = value(alternative) - cost * i128::from(alternative.lots);
        if side == Side::Bid { gain } else { -gain }
    }

    pub(super) fn gain(&self, order: &Order, alternative: &Alternative) -> i128 {
        Self::gain_at(order.side, alternative, self.cheapest(alternative))
    }

    pub(super) fn tolerance(&self, alternative: &Alternative, lots: i64) -> i128 {
        let units: i128 = self.book.lines_of(alternative).iter().map(|line| i128::from(line.quantity)).sum();
        units * i128::from(lots) + NANO_PER_MICRO
    }

    /// Neither gains nor loses.
    pub(super) fn is_marginal(&self, alternative: &Alternative, gain: i128) -> bool {
        gain.abs() <= self.tolerance(alternative, alternative.lots)
    }

    /// What is left of a node's room for a product.
    pub(super) fn room_left(&self, node: usize, product: usize) -> i128 {
        i128::from(self.book.room(node, product)) - self.taken.get(&(node, product)).copied().unwrap_or(0)
    }

    pub(super) fn has_nodes(&self, product: usize) -> bool {
        !self.book.pools[self.book.products[product].pool].nodes.is_empty()
    }

    pub(super) fn is_joined(&self, product: usize) -> bool {
        let of = &self.book.products[product];
        self.joined.contains(&(of.pool, of.key.resource.as_str()))
    }
}

/// What all lots are worth, in nano-credits.
pub(super) fn value(alternative: &Alternative) -> i128 {
    i128::from(alternative.value_micro) * NANO_PER_MICRO
}
