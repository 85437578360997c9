//! What makes a well-formed book acceptable: names that exist, numbers in range, no duplicates,
//! and no feature that this engine would have to answer wrongly.
//!
//! Every fault is told, each with the JSON pointer to it.
use super::book::*;
use super::gain::gaining;
use super::rational::Rat;
use std::collections::{BTreeMap, BTreeSet};

/// Greatest quantity, and greatest price per unit in micro-credits: products of both, summed over
/// any real book, stay far inside 128 bits.
const GREATEST: i64 = 1_000_000_000_000_000;

/// What one unit sent along an arc may become: beyond this it is a mistake, and sums would not stay inside 128 bits.
const GREATEST_RATIO: i128 = 1_000;

struct Check {
    faults: Vec<Fault>,
}

impl Check {
    fn say(&mut self, pointer: String, code: &str, detail: impl Into<String>) {
        self.faults.push(Fault { pointer, code: code.into(), detail: detail.into() });
    }
    fn quantity(&mut self, pointer: String, q: i64) {
        if q < 0 {
            self.say(pointer, "negative", format!("{q} is under 0"));
        } else if q > GREATEST {
            self.say(pointer, "overflow", format!("{q} is above the greatest quantity, {GREATEST}"));
        }
    }
    fn price(&mut self, pointer: String, m: Money, above_zero: bool) {
        if m.0 < 0 || (above_zero && m.0 == 0) {
            let what = if above_zero { "has to be above 0" } else { "is under 0" };
            self.say(pointer, if m.0 < 0 { "negative" } else { "not_positive" }, format!("the price {what}"));
        } else if m.0 > GREATEST {
            self.say(pointer, "overflow", format!("a price is at most {} credits", GREATEST / 1_000_000));
        }
    }
    fn name(&mut self, pointer: String, name: &str) {
        if name.is_empty() {
            self.say(pointer, "empty", "a name can't be empty");
        }
    }
    fn slot(&mut self, pointer: String, slot: i64) {
        if slot < 0 {
            self.say(pointer, "negative", "slots count from 0");
        }
    }
    fn product(&mut self, at: &str, p: &ProductKey) {
        self.name(format!("{at}/0"), &p.pool);
        self.name(format!("{at}/1"), &p.resource);
        self.slot(format!("{at}/2"), p.slot);
    }
    fn id<'a>(&mut self, pointer: String, id: &'a str, seen: &mut BTreeSet<&'a str>) {
        self.name(pointer.clone(), id);
        if !id.is_empty() && !seen.insert(id) {
            self.say(pointer, "duplicate", format!("`{id}` is in the book twice"));
        }
    }
    fn rows(&mut self, at: &str, rows: &[Quantity]) {
        let mut seen = BTreeSet::new();
        for (i, q) in rows.iter().enumerate() {
            let at = format!("{at}/{i}");
            self.product(&at, &q.product);
            self.quantity(format!("{at}/3"), q.quantity);
            if !seen.insert(&q.product) {
                self.say(at, "duplicate", format!("{} is listed twice", q.product));
            }
        }
    }
}

impl Book {
    /// Everything that is wrong with the book; empty = it can be cleared.
    pub fn validate(&self) -> Vec<Fault> {
        let mut c = Check { faults: Vec::new() };
        if self.format != FORMAT {
            c.say("/format".into(), "unknown_format", format!("`{}` is not `{FORMAT}`", self.format));
        }
        c.price("/cap".into(), self.cap, true);
        if self.alpha.0.is_neg() || self.alpha.0 > Rat::ONE {
            c.say("/alpha".into(), "out_of_range", "alpha is from 0 to 1");
        }
        if self.slot_seconds.is_some_and(|s| s <= 0) {
            c.say("/slot_seconds".into(), "not_positive", "a slot lasts at least a second");
        }
        let mut keys = BTreeSet::new();
        for (i, p) in self.products.iter().enumerate() {
            let at = format!("/products/{i}");
            c.name(format!("{at}/pool"), &p.pool);
            c.name(format!("{at}/resource"), &p.resource);
            c.slot(format!("{at}/slot"), p.slot);
            if !keys.insert(p.key()) {
                c.say(at.clone(), "duplicate", format!("the product {} is listed twice", p.key()));
            }
            for (j, s) in p.supply.iter().enumerate() {
                c.quantity(format!("{at}/supply/{j}/quantity"), s.quantity);
                c.price(format!("{at}/supply/{j}/reserve"), s.reserve, false);
            }
            for (name, m) in [("cap", p.cap), ("reference", p.reference)] {
                if let Some(m) = m {
                    c.price(format!("{at}/{name}"), m, true);
                }
            }
        }
        for (i, a) in self.arcs.iter().enumerate() {
            let at = format!("/arcs/{i}");
            c.product(&format!("{at}/from"), &a.from);
            c.product(&format!("{at}/to"), &a.to);
            if a.from == a.to {
                c.say(format!("{at}/to"), "cycle", "an arc can't lead back to its own product");
            }
            if !a.ratio.0.is_pos() || a.ratio.0 > Rat::int(GREATEST_RATIO) {
                let detail = format!("a ratio is above 0 and at most {GREATEST_RATIO}");
                c.say(format!("{at}/ratio"), "out_of_range", detail);
            }
            c.price(format!("{at}/cost"), a.cost, false);
            if let Some(l) = a.limit {
                c.quantity(format!("{at}/limit"), l);
            }
        }
        if let Some(i) = gaining(&self.arcs) {
            let detail = "in a circle of arcs, this one among them, more comes back than was sent";
            c.say(format!("/arcs/{i}/ratio"), "cycle", detail);
        }
        let mut instances = BTreeSet::new();
        for (i, n) in self.instances.iter().enumerate() {
            let at = format!("/instances/{i}");
            c.id(format!("{at}/id"), &n.id, &mut instances);
            c.rows(&format!("{at}/holding"), &n.holding);
            c.rows(&format!("{at}/floor"), &n.floor);
            c.rows(&format!("{at}/max_swap"), &n.max_swap);
        }
        let mut nodes = BTreeSet::new();
        for (i, n) in self.nodes.iter().enumerate() {
            let at = format!("/nodes/{i}");
            c.id(format!("{at}/id"), &n.id, &mut nodes);
            c.name(format!("{at}/pool"), &n.pool);
            for (r, q) in &n.capacity {
                c.quantity(format!("{at}/capacity/{}", r.replace('~', "~0").replace('/', "~1")), *q);
            }
            let mut seen = BTreeSet::new();
            for (j, k) in n.committed.iter().enumerate() {
                c.name(format!("{at}/committed/{j}/0"), &k.resource);
                c.slot(format!("{at}/committed/{j}/1"), k.slot);
                c.quantity(format!("{at}/committed/{j}/2"), k.quantity);
                if !seen.insert((&k.resource, k.slot)) {
                    c.say(
                        format!("{at}/committed/{j}"),
                        "duplicate",
                        format!("{} in slot {} is listed twice", k.resource, k.slot),
                    );
                }
            }
        }
        let mut budgets = BTreeSet::new();
        for (i, b) in self.budgets.iter().enumerate() {
            c.id(format!("/budgets/{i}/id"), &b.id, &mut budgets);
            if b.amount.0 < 0 {
                c.say(format!("/budgets/{i}/amount"), "negative", "a budget can't be under 0");
            }
        }
        let mut orders = BTreeSet::new();
        for (i, o) in self.orders.iter().enumerate() {
            c.id(format!("/orders/{i}/id"), &o.id, &mut orders);
            order(&mut c, &format!("/orders/{i}"), o, &instances, &nodes, &budgets);
        }
        families(&mut c, &self.orders);
        c.faults
    }
}

/// Parents are in the book, can be rejected as a whole, and nobody is its own forebear.
fn families(c: &mut Check, orders: &[Order]) {
    let index: BTreeMap<&str, usize> = orders.iter().enumerate().map(|(i, o)| (o.id.as_str(), i)).collect();
    let parent = |i: usize| orders[i].parent.as_deref().and_then(|p| index.get(p).copied());
    for (i, o) in orders.iter().enumerate() {
        let Some(name) = &o.parent else { continue };
        let at = format!("/orders/{i}/parent");
        let Some(p) = parent(i) else {
            c.say(at, "unknown_name", format!("there is no order `{name}` in the book"));
            continue;
        };
        if !orders[p].min_fill.0.is_pos() {
            c.say(at.clone(), "parent_without_min_fill", format!("`{name}` needs a min_fill above 0 to be a parent"));
        }
    }
    // of orders of one name, itself a fault, the first or the last may be the one that closes a circle
    let first: BTreeMap<&str, usize> = orders.iter().enumerate().rev().map(|(i, o)| (o.id.as_str(), i)).collect();
    let mut own: BTreeSet<usize> = BTreeSet::new();
    for index in [&index, &first] {
        for (i, next) in circles(orders, index) {
            if own.insert(i) {
                let through = if next == i { String::new() } else { format!(", through `{}`", orders[next].id) };
                let detail = format!("`{}` is its own parent{through}", orders[i].id);
                c.say(format!("/orders/{i}/parent"), "cycle", detail);
            }
        }
    }
}

/// The orders that are their own forebears, each with its parent.
fn circles(orders: &[Order], index: &BTreeMap<&str, usize>) -> Vec<(usize, usize)> {
    let parent = |i: usize| orders[i].parent.as_deref().and_then(|p| index.get(p).copied());
    let mut found = Vec::new();
    // each order is walked over once: a walk ends where another has been, or in itself
    let mut walk_of = vec![None; orders.len()];
    for start in 0..orders.len() {
        let mut at = Some(start);
        while let Some(i) = at.filter(|i| walk_of[*i].is_none()) {
            walk_of[i] = Some(start);
            at = parent(i);
        }
        let Some(first) = at.filter(|i| walk_of[*i] == Some(start)) else { continue };
        let mut i = first;
        while let Some(next) = parent(i) {
            found.push((i, next));
            i = next;
            if i == first {
                break;
            }
        }
    }
    found
}

fn order(
    c: &mut Check,
    at: &str,
    o: &Order,
    instances: &BTreeSet<&str>,
    nodes: &BTreeSet<&str>,
    budgets: &BTreeSet<&str>,
) {
    if o.limit.0 < 0 {
        c.say(format!("{at}/limit"), "negative_limit", "a limit can't be under 0");
    }
    if o.min_fill.0.is_neg() || o.min_fill.0 > Rat::ONE {
        c.say(format!("{at}/min_fill"), "out_of_range", "min_fill is from 0 to 1");
    }
    if o.replicas.is_some_and(|n| !(1..=1_000_000).contains(&n)) {
        c.say(format!("{at}/replicas"), "out_of_range", "replicas are from 1 to 1000000");
    }
    for (key, name, known) in
        [("instance", &o.instance, instances), ("node", &o.node, nodes), ("budget", &o.budget, budgets)]
    {
        if let Some(n) = name
            && !known.contains(n.as_str())
        {
            c.say(format!("{at}/{key}"), "unknown_name", format!("there is no {key} `{n}` in the book"));
        }
    }
    if o.budget.is_some() && o.side == Side::Offer {
        c.say(format!("{at}/budget"), "not_for_offers", "a budget limits bids only");
    }
    if o.alternatives.is_empty() {
        c.say(format!("{at}/alternatives"), "empty", "an order needs at least one alternative");
    }
    for (j, a) in o.alternatives.iter().enumerate() {
        let at = format!("{at}/alternatives/{j}");
        if a.adder.0 < 0 {
            c.say(format!("{at}/adder"), "negative", "an adder can't be under 0");
        }
        if a.adder.0.checked_add(o.limit.0.max(0)).is_none() {
            c.say(format!("{at}/adder"), "overflow", "limit and adder together are too much");
        }
        if a.quantities.iter().all(|q| q.quantity == 0) {
            c.say(format!("{at}/quantities"), "empty", "an alternative asks for at least one unit of something");
        }
        c.rows(&format!("{at}/quantities"), &a.quantities);
        if let Some(n) = o.replicas.filter(|n| *n > 0) {
            for (k, q) in a.quantities.iter().enumerate() {
                if q.quantity % n != 0 {
                    c.say(
                        format!("{at}/quantities/{k}/3"),
                        "not_divisible",
                        format!("{} is not divisible by {n} replicas", q.quantity),
                    );
                }
            }
        }
    }
}
