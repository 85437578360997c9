//! Orders of a book as they are read: one at a time, with product and node numbers that are sorted afterwards.

use crate::clearing::book::fields::{Faults, Fields, GREATEST};
use crate::clearing::book::names::ProductNames;
use crate::clearing::book::parts::{Alternative, Class, Line, MOST_ALTERNATIVES, Order, Rank, Side, WHOLE_NANO};
use crate::clearing::book::tree::Tree;
use std::collections::BTreeMap;

/// Names in the order in which they were first met.
#[derive(Default)]
pub struct Numbers(pub BTreeMap<String, usize>);

impl Numbers {
    pub fn number(&mut self, name: &str) -> usize {
        match self.0.get(name) {
            Some(number) => *number,
            None => {
                self.0.insert(name.to_owned(), self.0.len());
                self.0.len() - 1
            }
        }
    }
}

/// What is read of an order beside its form.
pub struct OrderNames {
    /// Its number in the file: for pointers.
    pub place: usize,
    pub node: Option<usize>,
    pub workload: Option<usize>,
}

/// All orders, with what they name.
#[derive(Default)]
pub struct Orders {
    pub orders: Vec<Order>,
    pub names: Vec<OrderNames>,
    pub alternatives: Vec<Alternative>,
    pub lines: Vec<Line>,
    pub hosts: Vec<usize>,
    pub nodes: Numbers,
    pub workloads: Numbers,
    pub read: usize,
}

/// What an order's alternatives share.
struct Common {
    side: Side,
    limit_micro: i64,
    replicas: Option<i64>,
    min_fill_nano: i64,
}

impl Orders {
    pub fn add(&mut self, tree: &Tree<'_>, products: &mut ProductNames, faults: &mut Faults) {
        let place = self.read;
        self.read += 1;
        let at = format!("/orders/{place}");
        let need = ["id", "owner", "side", "limit", "alternatives"];
        let may = ["min_fill", "replicas", "node", "class", "incumbent", "accepted", "workload"];
        let Some(fields) = faults.object(tree, &at, &need, &may) else { return };
        let Some(id) = fields.get("id").and_then(|id| faults.text(id, &format!("{at}/id"))) else { return };
        if let Some(owner) = fields.get("owner") {
            faults.text(owner, &format!("{at}/owner"));
        }
        let common = common(&fields, &at, faults);
        let rank = rank(&fields, &at, place, faults);
        let given = |key: &str| fields.get(key).filter(|value| !matches!(value, Tree::Null));
        let node = given("node").and_then(|n| faults.text(n, &format!("{at}/node"))).map(|n| self.nodes.number(n));
        let workload = given("workload").and_then(|w| {
            if common.side == Side::Bid {
                faults.add(format!("{at}/workload"), "Only offers name a workload.");
            }
            faults.text(w, &format!("{at}/workload")).map(|w| self.workloads.number(w))
        });
        let first = self.alternatives.len();
        let listed = faults.list(fields.get("alternatives"), &format!("{at}/alternatives"));
        let most = if common.side == Side::Offer { 1 } else { MOST_ALTERNATIVES };
        if listed.is_empty() || listed.len() > most {
            faults.add(format!("{at}/alternatives"), format!("List 1 to {most} alternatives."));
        }
        for (index, alternative) in listed.iter().enumerate() {
            self.alternative(alternative, &format!("{at}/alternatives/{index}"), &common, products, faults);
        }
        let alternatives = first..self.alternatives.len();
        let is_block = common.side == Side::Bid && (common.min_fill_nano > 0 || alternatives.len() > 1);
        self.orders.push(Order { id: id.into(), side: common.side, rank, alternatives, is_block });
        self.names.push(OrderNames { place, node, workload });
    }

    fn alternative(
        &mut self,
        tree: &Tree<'_>,
        at: &str,
        order: &Common,
        products: &mut ProductNames,
        faults: &mut Faults,
    ) {
        let may: &[&str] = if order.side == Side::Bid { &["adder", "nodes", "room"] } else { &[] };
        let Some(fields) = faults.object(tree, at, &["quantities"], may) else { return };
        let before = faults.0.len();
        let adder = faults.decimal(fields.get("adder"), &format!("{at}/adder"), 6, GREATEST, 0);
        if faults.0.len() == before && adder > i128::from(order.limit_micro) {
            faults.add(format!("{at}/adder"), "The adder is beyond the limit.");
        }
        let lines = self.lines_of(fields.get("quantities"), &format!("{at}/quantities"), order, products, faults);
        let room = self.lines_of(fields.get("room"), &format!("{at}/room"), order, products, faults);
        if lines.is_empty() {
            faults.add(format!("{at}/quantities"), "List at least one product.");
            return;
        }
        let hosts = self.hosts_of(&fields, at, faults);
        if order.replicas.is_some() && (!room.is_empty() || !hosts.is_empty()) {
            faults.add(at, "`room` and `nodes` are for bids without replicas. Leave `replicas` out.");
        }
        let lots = match order.replicas {
            _ if !room.is_empty() => 1,
            Some(replicas) => replicas,
            None => lines.clone().map(|line| self.lines[line].quantity).fold(0, gcd),
        };
        for line in &mut self.lines[lines.clone()] {
            line.quantity /= lots;
        }
        let part = i128::from(order.min_fill_nano) * i128::from(lots);
        let least = i64::try_from((part + i128::from(WHOLE_NANO) - 1) / i128::from(WHOLE_NANO)).unwrap_or(lots);
        let value_micro = order.limit_micro.saturating_sub(i64::try_from(adder).unwrap_or(i64::MAX));
        let alternative = Alternative { lots, least: least.max(1), value_micro, lines, room, hosts, bound: false };
        self.alternatives.push(alternative);
    }

    /// Rows `[pool, resource, slot, quantity]`, each product once.
    fn lines_of(
        &mut self,
        tree: Option<&Tree<'_>>,
        at: &str,
        order: &Common,
        products: &mut ProductNames,
        faults: &mut Faults,
    ) -> std::ops::Range<usize> {
        let first = self.lines.len();
        for (index, row) in faults.list(tree, at).iter().enumerate() {
            let parts: &[Tree<'_>] = if let Tree::List(parts) = row { parts } else { &[] };
            let here = || format!("{at}/{index}");
            let Some((quantity, product)) = parts.split_last().filter(|(_, product)| product.len() == 3) else {
                faults.add(here(), "This is not [pool, resource, slot, quantity].");
                continue;
            };
            let read = faults.0.len();
            let product = products.read_parts(product, "", faults);
            faults.0[read..].iter_mut().for_each(|fault| fault.pointer = here());
            let before = faults.0.len();
            let quantity = faults.quantity(quantity, "", 1);
            faults.0[before..].iter_mut().for_each(|fault| fault.pointer = format!("{}/3", here()));
            let Some(product) = product else { continue };
            if self.lines[first..].iter().any(|line| line.product == product) {
                faults.add(here(), "This product is given twice.");
            } else if order.replicas.is_some_and(|replicas| quantity % replicas != 0) {
                faults.add(format!("{}/3", here()), "This is not divisible by `replicas`.");
            }
            self.lines.push(Line { product, quantity });
        }
        first..self.lines.len()
    }

    fn hosts_of(&mut self, fields: &Fields<'_, '_>, at: &str, faults: &mut Faults) -> std::ops::Range<usize> {
        let first = self.hosts.len();
        let at = format!("{at}/nodes");
        for (index, node) in faults.list(fields.get("nodes"), &at).iter().enumerate() {
            if let Some(name) = faults.text(node, &format!("{at}/{index}")) {
                let number = self.nodes.number(name);
                self.hosts.push(number);
            }
        }
        if fields.get("nodes").is_some() && self.hosts.len() == first {
            faults.add(at, "List at least one node.");
        }
        first..self.hosts.len()
    }
}

fn common(fields: &Fields<'_, '_>, at: &str, faults: &mut Faults) -> Common {
    let side = match fields.get("side") {
        Some(Tree::Text(side)) if side == "bid" => Side::Bid,
        Some(Tree::Text(side)) if side == "offer" => Side::Offer,
        _ => {
            faults.add(format!("{at}/side"), "A side is \"bid\" or \"offer\".");
            Side::Bid
        }
    };
    let given = |key: &str| fields.get(key).filter(|value| !matches!(value, Tree::Null));
    let limit = faults.decimal(fields.get("limit"), &format!("{at}/limit"), 6, GREATEST, 0);
    let min_fill = faults.decimal(given("min_fill"), &format!("{at}/min_fill"), 9, 1, 0);
    let replicas = given("replicas").map(|n| faults.quantity(n, &format!("{at}/replicas"), 1));
    let (is_offer, has_min_fill) = (side == Side::Offer, min_fill > 0);
    for (key, given) in [("replicas", replicas.is_some()), ("min_fill", has_min_fill)] {
        if is_offer && given {
            faults.add(format!("{at}/{key}"), "Only bids have this.");
        }
    }
    Common {
        side,
        limit_micro: i64::try_from(limit).unwrap_or(0),
        replicas: replicas.filter(|_| !is_offer),
        min_fill_nano: i64::try_from(min_fill).unwrap_or(0),
    }
}

fn rank(fields: &Fields<'_, '_>, at: &str, place: usize, faults: &mut Faults) -> Rank {
    let class = match fields.get("class") {
        None => Class::Standard,
        Some(Tree::Text(class)) if class == "critical" => Class::Critical,
        Some(Tree::Text(class)) if class == "standard" => Class::Standard,
        Some(Tree::Text(class)) if class == "opportunistic" => Class::Opportunistic,
        Some(_) => {
            faults.add(format!("{at}/class"), "A class is \"critical\", \"standard\" or \"opportunistic\".");
            Class::Standard
        }
    };
    let newcomer = match fields.get("incumbent") {
        None => true,
        Some(Tree::Bool(incumbent)) => !incumbent,
        Some(_) => {
            faults.add(format!("{at}/incumbent"), "This is not true or false.");
            true
        }
    };
    let accepted = match fields.get("accepted") {
        None => i64::try_from(place).unwrap_or(i64::MAX),
        Some(Tree::Integer(sequence)) => *sequence,
        Some(_) => {
            faults.add(format!("{at}/accepted"), "This is not an integer.");
            0
        }
    };
    Rank { newcomer, class, accepted, place: u32::try_from(place).unwrap_or(u32::MAX) }
}

/// The greatest common divisor of quantities; of 0 and a quantity that quantity.
pub fn gcd(a: i64, b: i64) -> i64 {
    if a == 0 { b } else { gcd(b % a, a) }
}
