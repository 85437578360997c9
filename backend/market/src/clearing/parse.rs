//! Reading a book: one walk over the JSON document that collects every fault with its pointer.
//!
//! The walk builds as much of the book as can be read, so that `validate` can add what is wrong
//! with the readable part; a fault under a pointer that is already faulty is not told twice.
//!
//! Deliberately absent: guessing. A key that is not known, or a number where a decimal string is
//! due, is a fault.
use super::book::*;
use super::keys;
use super::rational::Rat;
use super::values::{UNREAD_SLOT, Walk, escape, kind};
use crate::time::Timestamp;
use serde_json::Value;
use std::collections::BTreeSet;

/// Reads a `headroom.book/1` document.
pub fn parse(text: &str) -> Result<Book, Vec<Fault>> {
    let (value, twice) = keys::read(text)
        .map_err(|e| vec![Fault { pointer: String::new(), code: "invalid_json".into(), detail: e.to_string() }])?;
    let mut w = Walk { faults: twice };
    let book = w.book(&value);
    let mut faults = w.faults;
    let told: BTreeSet<String> = faults.iter().map(|f| f.pointer.clone()).collect();
    let mut nulls = Vec::new();
    nulls_of(&value, "", &mut nulls);
    faults.extend(nulls.into_iter().filter(|at| !is_told(at, &told)).map(|pointer| Fault {
        pointer,
        code: "null".into(),
        detail: "expected a value, found null; what is not known is left out".into(),
    }));
    if let Some(book) = &book {
        let mut told: BTreeSet<String> = faults.iter().map(|f| f.pointer.clone()).collect();
        for f in book.validate() {
            if !follows(&f, &told) {
                told.insert(f.pointer.clone());
                faults.push(f);
            }
        }
    }
    match book {
        Some(book) if faults.is_empty() => Ok(book),
        _ => Err(faults),
    }
}

/// Keys that may be null and mean then what leaving them out means.
const NULLABLE: [&str; 10] =
    ["cap", "reference", "limit", "instance", "min_fill", "incumbent", "parent", "budget", "replicas", "node"];

/// Where nothing is, though something is named: a number that could not be written (NaN) comes as null.
fn nulls_of(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Null => found.push(at.to_owned()),
        Value::Array(items) => items.iter().enumerate().for_each(|(n, v)| nulls_of(v, &format!("{at}/{n}"), found)),
        Value::Object(fields) => {
            for (key, v) in fields.iter().filter(|(key, v)| !(v.is_null() && NULLABLE.contains(&key.as_str()))) {
                nulls_of(v, &format!("{at}/{}", escape(key)), found);
            }
        }
        _ => {}
    }
}

/// Whether something is told of this place or of one that it is in.
fn is_told(pointer: &str, told: &BTreeSet<String>) -> bool {
    told.contains(pointer) || pointer.match_indices('/').any(|(end, _)| told.contains(&pointer[..end]))
}

/// Whether a fault says no more than those at pointers that are told already: at the same place, above it, or
/// because what can't be read is not there.
fn follows(fault: &Fault, told: &BTreeSet<String>) -> bool {
    let below = |pointer: &str| {
        let prefix = format!("{pointer}/");
        told.range(prefix.clone()..).next().is_some_and(|p| p.starts_with(&prefix))
    };
    let unread = |pointer: &str| {
        let part = |name: &&str| told.contains(&format!("{pointer}/{name}"));
        told.contains(pointer) || ["0", "1", "2", "pool", "resource", "slot"].iter().any(part)
    };
    let other_end = || format!("{}/from", fault.pointer.trim_end_matches("/to"));
    is_told(&fault.pointer, told)
        || match fault.code.as_str() {
            "empty" => below(&fault.pointer),
            "duplicate" => unread(&fault.pointer),
            "cycle" => unread(&fault.pointer) || unread(&other_end()),
            _ => false,
        }
}

impl Walk {
    fn book(&mut self, v: &Value) -> Option<Book> {
        const KNOWN: [&str; 12] = [
            "format",
            "cap",
            "alpha",
            "seed",
            "products",
            "arcs",
            "instances",
            "orders",
            "budgets",
            "nodes",
            "slot_base",
            "slot_seconds",
        ];
        let o = self.object("", v, &KNOWN, &["format", "cap"])?;
        if let Some(f) = self.text("/format", o.get("format"))
            && f != FORMAT
        {
            self.fault("/format", "unknown_format", format!("`{f}` is not `{FORMAT}`"));
        }
        let seed = match o.get("seed") {
            None | Some(Value::Null) => 0,
            Some(v) => v.as_u64().unwrap_or_else(|| {
                self.fault("/seed", "not_an_integer", "the seed is an integer from 0 to 2^64 - 1");
                0
            }),
        };
        let mut b = Book::new(self.money("/cap", o.get("cap")).unwrap_or(Money(1)), seed);
        b.alpha = self.fraction("/alpha", o.get("alpha")).unwrap_or_default();
        b.slot_base = self.text("/slot_base", o.get("slot_base"));
        if b.slot_base.as_ref().is_some_and(|at| at.parse::<Timestamp>().is_err()) {
            let detail = "the time at which slot 0 begins, as RFC 3339: `2026-11-21T00:00:00Z`";
            self.fault("/slot_base", "not_a_time", detail);
        }
        b.slot_seconds = self.integer("/slot_seconds", o.get("slot_seconds"));
        let nowhere = ProductKey { pool: String::new(), resource: String::new(), slot: 0 };
        b.products = self.list("/products", o.get("products"), Walk::product, || Product {
            pool: String::new(),
            resource: String::new(),
            slot: 0,
            supply: Vec::new(),
            cap: None,
            reference: None,
        });
        b.arcs = self.list("/arcs", o.get("arcs"), Walk::arc, || Arc {
            from: nowhere.clone(),
            to: nowhere.clone(),
            ratio: Fraction::one(),
            cost: Money(0),
            limit: None,
        });
        b.instances = self.list("/instances", o.get("instances"), Walk::instance, Instance::default);
        b.nodes = self.list("/nodes", o.get("nodes"), Walk::node, || Node {
            id: String::new(),
            pool: String::new(),
            capacity: Default::default(),
            committed: Vec::new(),
        });
        b.budgets =
            self.list("/budgets", o.get("budgets"), Walk::budget, || Budget { id: String::new(), amount: Money(0) });
        b.orders = self.list("/orders", o.get("orders"), Walk::order, || Order {
            id: String::new(),
            owner: String::new(),
            side: Side::Bid,
            instance: None,
            limit: Money(0),
            min_fill: Fraction::zero(),
            incumbent: false,
            alternatives: Vec::new(),
            parent: None,
            budget: None,
            replicas: None,
            node: None,
            class: Class::Standard,
        });
        Some(b)
    }

    fn product(&mut self, at: &str, v: &Value) -> Option<Product> {
        let o = self.object(
            at,
            v,
            &["pool", "resource", "slot", "supply", "cap", "reference"],
            &["pool", "resource", "slot"],
        )?;
        let supply = self.list(
            &format!("{at}/supply"),
            o.get("supply"),
            |w, at, v| {
                let o = w.object(at, v, &["quantity", "reserve"], &["quantity"])?;
                let quantity = w.integer(&format!("{at}/quantity"), o.get("quantity"));
                let reserve = w.money(&format!("{at}/reserve"), o.get("reserve")).unwrap_or_default();
                Some(Step { quantity: quantity?, reserve })
            },
            || Step { quantity: 0, reserve: Money(0) },
        );
        let cap = self.money(&format!("{at}/cap"), o.get("cap"));
        let reference = self.money(&format!("{at}/reference"), o.get("reference"));
        let pool = self.text(&format!("{at}/pool"), o.get("pool"));
        let resource = self.text(&format!("{at}/resource"), o.get("resource"));
        let slot = self.integer(&format!("{at}/slot"), o.get("slot"));
        let (pool, resource) = (pool.unwrap_or_default(), resource.unwrap_or_default());
        Some(Product { pool, resource, slot: slot.unwrap_or(UNREAD_SLOT), supply, cap, reference })
    }

    fn arc(&mut self, at: &str, v: &Value) -> Option<Arc> {
        let o = self.object(at, v, &["from", "to", "ratio", "cost", "limit"], &["from", "to"])?;
        let ratio = self.fraction(&format!("{at}/ratio"), o.get("ratio")).unwrap_or(Fraction(Rat::ONE));
        let cost = self.money(&format!("{at}/cost"), o.get("cost")).unwrap_or_default();
        let limit = self.integer(&format!("{at}/limit"), o.get("limit"));
        let from = self.key(&format!("{at}/from"), o.get("from"));
        let to = self.key(&format!("{at}/to"), o.get("to"));
        let nowhere = || ProductKey { pool: String::new(), resource: String::new(), slot: UNREAD_SLOT };
        Some(Arc { from: from.unwrap_or_else(nowhere), to: to.unwrap_or_else(nowhere), ratio, cost, limit })
    }

    fn instance(&mut self, at: &str, v: &Value) -> Option<Instance> {
        let o = self.object(at, v, &["id", "owner", "holding", "floor", "max_swap"], &["id"])?;
        let id = self.text(&format!("{at}/id"), o.get("id"));
        let owner = self.text(&format!("{at}/owner"), o.get("owner")).unwrap_or_default();
        let holding = self.quantities(&format!("{at}/holding"), o.get("holding"));
        let floor = self.quantities(&format!("{at}/floor"), o.get("floor"));
        let max_swap = self.quantities(&format!("{at}/max_swap"), o.get("max_swap"));
        Some(Instance { id: id?, owner, holding, floor, max_swap })
    }

    fn node(&mut self, at: &str, v: &Value) -> Option<Node> {
        let o = self.object(at, v, &["id", "pool", "capacity", "committed"], &["id", "pool", "capacity"])?;
        let id = self.text(&format!("{at}/id"), o.get("id"));
        let pool = self.text(&format!("{at}/pool"), o.get("pool"));
        let mut capacity = std::collections::BTreeMap::new();
        match o.get("capacity") {
            Some(Value::Object(c)) => {
                for (r, q) in c {
                    if let Some(q) = self.integer(&format!("{at}/capacity/{}", escape(r)), Some(q)) {
                        capacity.insert(r.clone(), q);
                    }
                }
            }
            None | Some(Value::Null) => {}
            Some(v) => {
                self.fault(&format!("{at}/capacity"), "not_an_object", format!("expected an object, found {}", kind(v)))
            }
        }
        let committed = self.list(
            &format!("{at}/committed"),
            o.get("committed"),
            |w, at, v| {
                let Some(row) = v.as_array().filter(|a| a.len() == 3) else {
                    w.fault(at, "not_a_quantity", "committed capacity is [resource, slot, quantity]");
                    return None;
                };
                let resource = w.text(&format!("{at}/0"), row.first());
                let slot = w.integer(&format!("{at}/1"), row.get(1));
                let quantity = w.integer(&format!("{at}/2"), row.get(2));
                Some(Committed { resource: resource?, slot: slot?, quantity: quantity? })
            },
            || Committed { resource: String::new(), slot: 0, quantity: 0 },
        );
        Some(Node { id: id.unwrap_or_default(), pool: pool.unwrap_or_default(), capacity, committed })
    }

    fn budget(&mut self, at: &str, v: &Value) -> Option<Budget> {
        let o = self.object(at, v, &["id", "amount"], &["id", "amount"])?;
        let id = self.text(&format!("{at}/id"), o.get("id"));
        let amount = self.money(&format!("{at}/amount"), o.get("amount"));
        // a budget whose amount can't be read is there all the same
        Some(Budget { id: id?, amount: amount.unwrap_or_default() })
    }

    fn order(&mut self, at: &str, v: &Value) -> Option<Order> {
        const KNOWN: [&str; 13] = [
            "id",
            "owner",
            "side",
            "instance",
            "limit",
            "min_fill",
            "incumbent",
            "alternatives",
            "parent",
            "budget",
            "replicas",
            "node",
            "class",
        ];
        let o = self.object(at, v, &KNOWN, &["id", "owner", "side", "limit", "alternatives"])?;
        let sub = |k: &str| format!("{at}/{k}");
        let side = match self.text(&sub("side"), o.get("side")).as_deref() {
            Some("bid") => Some(Side::Bid),
            Some("offer") => Some(Side::Offer),
            Some(s) => {
                self.fault(&sub("side"), "unknown_value", format!("`{s}` is neither `bid` nor `offer`"));
                None
            }
            None => None,
        };
        let class = match self.text(&sub("class"), o.get("class")).as_deref() {
            None | Some("standard") => Class::Standard,
            Some("critical") => Class::Critical,
            Some("opportunistic") => Class::Opportunistic,
            Some(s) => {
                self.fault(
                    &sub("class"),
                    "unknown_value",
                    format!("`{s}` is not a class: critical, standard, opportunistic"),
                );
                Class::Standard
            }
        };
        let alternatives = self.list(
            &sub("alternatives"),
            o.get("alternatives"),
            |w, at, v| {
                let o = w.object(at, v, &["quantities", "adder"], &["quantities"])?;
                let quantities = w.quantities(&format!("{at}/quantities"), o.get("quantities"));
                let adder = w.money(&format!("{at}/adder"), o.get("adder")).unwrap_or_default();
                Some(Alternative { quantities, adder })
            },
            || Alternative { quantities: Vec::new(), adder: Money(0) },
        );
        let id = self.text(&sub("id"), o.get("id"));
        let owner = self.text(&sub("owner"), o.get("owner"));
        let limit = self.money(&sub("limit"), o.get("limit"));
        Some(Order {
            instance: self.text(&sub("instance"), o.get("instance")),
            min_fill: match o.get("min_fill") {
                None | Some(Value::Null) => Fraction::zero(),
                // one that can't be read is some all the same, which its children need
                some => self.fraction(&sub("min_fill"), some).unwrap_or(Fraction::one()),
            },
            incumbent: self.flag(&sub("incumbent"), o.get("incumbent")),
            parent: self.text(&sub("parent"), o.get("parent")),
            budget: self.text(&sub("budget"), o.get("budget")),
            replicas: self.integer(&sub("replicas"), o.get("replicas")),
            node: self.text(&sub("node"), o.get("node")),
            class,
            alternatives,
            id: id.unwrap_or_default(),
            owner: owner.unwrap_or_default(),
            side: side.unwrap_or(Side::Bid),
            limit: limit.unwrap_or_default(),
        })
    }
}
