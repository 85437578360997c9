//! Books for tests: by hand and by seed.

use headroom_market::clearing::book::{self, Book};
use headroom_market::clearing::check::check;
use headroom_market::clearing::outcome::{Mode, Outcome};
use headroom_solver::clear;
use serde_json::{Value, json};

pub fn parsed(book: &Value) -> Book {
    book::read(book.to_string().as_bytes()).unwrap_or_else(|faults| panic!("{faults:?}"))
}

pub fn cleared(book: &Book, mode: Mode) -> Outcome {
    let outcome = clear(book, mode).expect("an outcome that passes the check");
    assert_eq!(check(book, &outcome, Vec::new()), Vec::new());
    outcome
}

pub fn order(id: &str, side: &str, limit: &str, quantities: Value) -> Value {
    json!({ "id": id, "owner": id, "side": side, "limit": limit, "alternatives": [{ "quantities": quantities }] })
}

pub fn supply(quantity: i64, reserve: &str) -> Value {
    json!({ "quantity": quantity, "reserve": reserve })
}

/// Lots won, by the place of the order in the book.
pub fn won(book: &Book, outcome: &Outcome) -> Vec<i64> {
    let mut lots = vec![0; book.orders.len()];
    outcome.awards.iter().for_each(|award| lots[award.order] = award.lots);
    lots
}

/// A small generator with a fixed sequence.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, most: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % most as u64) as i64
    }
    pub fn one_in(&mut self, chances: i64) -> bool {
        self.below(chances) == 0
    }
}

/// Every feature of a book: windows, bundles, replicas, alternatives, minimum fills, offers, nodes, arcs and ties.
pub fn random_book(seed: u64, most: i64) -> Value {
    let mut dice = Dice(seed);
    let (pools, slots, has_nodes) = (1 + dice.below(3), 1 + dice.below(3), dice.one_in(2));
    let mut products = Vec::new();
    for (pool, slot) in (0..pools).flat_map(|pool| (0..slots).map(move |slot| (pool, slot))) {
        for resource in ["cpu_milli", "mem_mib"] {
            let steps: Vec<Value> = (0..dice.below(3))
                .map(|step| supply(1 + dice.below(30), &(step * 3 + dice.below(3)).to_string()))
                .collect();
            products.push(json!({ "pool": format!("p{pool}"), "resource": resource, "slot": slot, "supply": steps }));
        }
    }
    let mut nodes: Vec<Value> = Vec::new();
    for (pool, number) in (0..pools).flat_map(|pool| (0..2).map(move |number| (pool, number))).filter(|_| has_nodes) {
        let capacity = json!({ "cpu_milli": 1 + dice.below(20), "mem_mib": 1 + dice.below(20) });
        nodes.push(json!({ "id": format!("n{pool}{number}"), "pool": format!("p{pool}"), "capacity": capacity }));
    }
    let mut arcs = Vec::new();
    if pools > 1 && dice.one_in(3) {
        let slot = dice.below(slots);
        let cost = dice.below(3).to_string();
        arcs.push(json!({ "from": ["p0", "cpu_milli", slot], "to": ["p1", "cpu_milli", slot], "cost": cost, "limit": 1 + dice.below(20) }));
    }
    let mut orders = Vec::new();
    for number in 0..1 + dice.below(most) {
        let pool = dice.below(pools);
        let node = has_nodes.then(|| format!("n{pool}{}", dice.below(2)));
        let (first, amount, price) = (dice.below(slots), 1 + dice.below(8), 1 + dice.below(12));
        if dice.one_in(4) {
            let limit = (amount * price / 2).to_string();
            let mut offer = order(
                &format!("o{number}"),
                "offer",
                &limit,
                json!([[format!("p{pool}"), "cpu_milli", first, amount]]),
            );
            if let Some(node) = node {
                offer["node"] = json!(node);
            }
            orders.push(offer);
            continue;
        }
        let last = (first + dice.below(3)).min(slots - 1);
        let resources: &[&str] = if dice.one_in(2) { &["cpu_milli"] } else { &["cpu_milli", "mem_mib"] };
        let lines = |pool: i64| -> Vec<Value> {
            let lines = (first..=last).flat_map(|slot| resources.iter().map(move |resource| (slot, *resource)));
            lines.map(|(slot, resource)| json!([format!("p{pool}"), resource, slot, amount])).collect()
        };
        let units = amount * lines(pool).len() as i64;
        let mut bid = order(&format!("b{number}"), "bid", &(units * price).to_string(), json!(lines(pool)));
        match dice.below(10) {
            0 => bid["min_fill"] = json!("1"),
            1 => bid["min_fill"] = json!("0.5"),
            2 => bid["replicas"] = json!(amount),
            3 if pools > 1 => {
                let other = json!({ "quantities": lines((pool + 1) % pools), "adder": "0.5" });
                bid["alternatives"].as_array_mut().expect("alternatives").push(other);
            }
            4 | 5 => bid["node"] = json!(node),
            6 => bid["incumbent"] = json!(true),
            7 => bid["class"] = json!("critical"),
            _ => {}
        }
        orders.push(bid);
    }
    json!({ "format": "headroom.book/2", "products": products, "nodes": nodes, "arcs": arcs, "orders": orders })
}

/// A book as rounds have it: windows on full nodes, lenders, reserve steps, limits that tie or differ by micro-credits.
pub fn round_book(seed: u64, most: i64) -> Value {
    let mut dice = Dice(seed ^ 0x5eed);
    let (slots, nodes) = (1 + dice.below(4), dice.below(4));
    let (unit, other) = (500_000 + dice.below(3) * 7, 60_000);
    let mut products = Vec::new();
    for slot in 0..slots {
        for (resource, reserve) in [("cpu_milli", unit), ("mem_mib", other)] {
            let price = |nano: i64| format!("0.{nano:09}");
            let (first, second) = (dice.below(8_000), dice.below(4_000));
            let steps = [
                json!({ "quantity": first, "reserve": price(reserve) }),
                json!({ "quantity": second, "reserve": price(2 * reserve) }),
            ];
            products.push(json!({ "pool": "p", "resource": resource, "slot": slot, "reference": price(reserve), "supply": steps }));
        }
    }
    let mut listed = Vec::new();
    for node in 0..nodes {
        let taken: Vec<Value> = (0..slots).map(|slot| json!(["cpu_milli", slot, dice.below(4_200)])).collect();
        listed.push(json!({ "id": format!("n{node}"), "pool": "p", "capacity": { "cpu_milli": 4_000, "mem_mib": 16_000 }, "committed": taken }));
    }
    let mut orders = Vec::new();
    for number in 0..1 + dice.below(most) {
        // Amounts without a common divisor of two resources make one lot.
        let amount = [1, 7, 100, 1_000, 1_200, 100 + dice.below(900), 100 + dice.below(900)][dice.below(7) as usize];
        let (first, uneven) = (dice.below(slots), dice.below(3));
        let node = (nodes > 0).then(|| format!("n{}", dice.below(nodes.max(1))));
        if dice.one_in(4) {
            let micro = (amount * unit / 1_000 * (2 + dice.below(6)) / 4 + dice.below(3)).max(0);
            let mut offer =
                order(&format!("o{number}"), "offer", &micros(micro), json!([["p", "cpu_milli", first, amount]]));
            (offer["node"], offer["incumbent"]) = (json!(node), json!(dice.one_in(3)));
            orders.push(offer);
            continue;
        }
        let last = (first + dice.below(3)).min(slots - 1);
        let with_memory = dice.one_in(4);
        let lines: Vec<Value> = (first..=last)
            .flat_map(|slot| {
                let cpu = json!(["p", "cpu_milli", slot, amount]);
                [cpu].into_iter().chain(with_memory.then(|| json!(["p", "mem_mib", slot, 2 * amount + uneven])))
            })
            .collect();
        let worth = amount * (last - first + 1) * (unit + if with_memory { 2 * other } else { 0 }) / 1_000;
        let micro = (worth * [1, 2, 2, 3, 8][dice.below(5) as usize] / 2 + dice.below(5) - 2).max(1);
        let mut bid = order(&format!("b{number}"), "bid", &micros(micro), json!(lines));
        match dice.below(12) {
            0 => bid["min_fill"] = json!("1"),
            1 => (bid["min_fill"], bid["replicas"]) = (json!("1"), json!(1)),
            2 => bid["min_fill"] = json!("0.3"),
            3 if slots > 1 => {
                let later =
                    json!({ "quantities": [["p", "cpu_milli", (first + 1) % slots, amount]], "adder": "0.000001" });
                bid["alternatives"].as_array_mut().expect("alternatives").push(later);
            }
            4 => bid["incumbent"] = json!(true),
            _ => {}
        }
        if nodes > 0 && !dice.one_in(3) {
            bid["node"] = json!(node);
        }
        orders.push(bid);
    }
    json!({ "format": "headroom.book/2", "products": products, "nodes": listed, "orders": orders })
}

/// A pool of many nodes that sells all room they have: free and bound bids, bundles, and lenders.
pub fn sold_out_book(seed: u64) -> Value {
    let mut dice = Dice(seed ^ 0x501d);
    let nodes: Vec<(i64, i64)> = (0..9 + dice.below(12)).map(|_| (dice.below(60), 40 + dice.below(60))).collect();
    let total = |of: &dyn Fn(&(i64, i64)) -> i64| nodes.iter().map(of).sum::<i64>();
    let (cpu, memory) = (total(&|node| node.0), total(&|node| node.1));
    let product = |resource: &str, units: i64, reserve: &str| json!({ "pool": "p", "resource": resource, "slot": 0, "supply": [supply(units, reserve)] });
    let node = |(n, (cpu, memory)): (usize, &(i64, i64))| json!({ "id": format!("n{n}"), "pool": "p", "capacity": { "cpu_milli": cpu, "mem_mib": memory } });
    let orders: Vec<Value> = (0..20 + dice.below(150))
        .map(|n| {
            let (units, price, at) = (1 + dice.below(20), 1 + dice.below(12), dice.below(nodes.len() as i64));
            let kind = dice.below(10);
            let mut lines = vec![json!(["p", "cpu_milli", 0, units])];
            if kind == 1 {
                lines.push(json!(["p", "mem_mib", 0, units]));
            }
            let limit = (units * price * lines.len() as i64).to_string();
            let mut order = order(&format!("x{n}"), if kind == 0 { "offer" } else { "bid" }, &limit, json!(lines));
            if kind == 0 || dice.one_in(3) {
                order["node"] = json!(format!("n{at}"));
            }
            order
        })
        .collect();
    json!({
        "format": "headroom.book/2",
        "products": [product("cpu_milli", cpu, "1"), product("mem_mib", memory, "1")],
        "nodes": nodes.iter().enumerate().map(node).collect::<Vec<_>>(),
        "orders": orders,
    })
}

pub fn micros(micro: i64) -> String {
    format!("{}.{:06}", micro / 1_000_000, micro % 1_000_000)
}

/// So many books by seed all have an outcome that passes the check.
pub fn always_clears(count: u64, first: u64, of: &dyn Fn(u64) -> Value) {
    let (count, first) = count_from(count, first);
    let mut none = Vec::new();
    for seed in first..first + count {
        let book = parsed(&of(seed));
        match clear(&book, Mode::Market) {
            Some(outcome) => assert_eq!(check(&book, &outcome, Vec::new()), Vec::new()),
            None => none.push(seed),
        }
    }
    assert!(none.is_empty(), "no outcome for {} of {count} books: {none:?}", none.len());
}

/// One product whose sellers differ by less than a float tells.
pub fn sellers_nanos_apart(seed: u64) -> Value {
    let mut dice = Dice(seed);
    let mut reserves: Vec<i64> = (0..1 + dice.below(3)).map(|_| dice.below(5)).collect();
    reserves.sort_unstable();
    let steps: Vec<Value> =
        reserves.iter().map(|nano| supply(1 + dice.below(10), &format!("1.50000000{nano}"))).collect();
    let mut orders = Vec::new();
    for number in 0..1 + dice.below(4) {
        let quantity = 1 + dice.below(9);
        let (side, micro) = match dice.one_in(2) {
            true => ("bid", quantity * (1_000_000 + 500_000 * dice.below(8))),
            false => ("offer", quantity * 1_500_000 + dice.below(3)),
        };
        let lines = json!([["a", "cpu_milli", 0, quantity]]);
        orders.push(order(&format!("{side}{number}"), side, &micros(micro), lines));
    }
    let product = json!({ "pool": "a", "resource": "cpu_milli", "slot": 0, "supply": steps });
    json!({ "format": "headroom.book/2", "products": [product], "orders": orders })
}

/// How many books a test takes and from which seed: `HEADROOM_RANDOM_BOOKS` and `HEADROOM_FIRST_BOOK` where they are set.
pub fn count_from(count: u64, first: u64) -> (u64, u64) {
    let set = |name: &str| std::env::var(name).ok().and_then(|n| n.parse().ok());
    (set("HEADROOM_RANDOM_BOOKS").unwrap_or(count), set("HEADROOM_FIRST_BOOK").unwrap_or(first))
}
