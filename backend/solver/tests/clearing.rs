//! The second edition's clearing: hand-made books, known optima, and random books against the exact check and brute force.

use flate2::read::GzDecoder;
use headroom_market::clearing::book::{self, Book};
use headroom_market::clearing::check::check;
use headroom_market::clearing::outcome::{Mode, Outcome, Quality};
use headroom_solver::clear;
use serde_json::{Value, json};
use std::io::Read;
use std::path::{Path, PathBuf};

fn parsed(book: &Value) -> Book {
    book::read(book.to_string().as_bytes()).unwrap_or_else(|faults| panic!("{faults:?}"))
}

fn cleared(book: &Book, mode: Mode) -> Outcome {
    let outcome = clear(book, mode).expect("an outcome that passes the check");
    assert_eq!(check(book, &outcome, Vec::new()), Vec::new());
    outcome
}

fn order(id: &str, side: &str, limit: &str, quantities: Value) -> Value {
    json!({ "id": id, "owner": id, "side": side, "limit": limit, "alternatives": [{ "quantities": quantities }] })
}

fn supply(quantity: i64, reserve: &str) -> Value {
    json!({ "quantity": quantity, "reserve": reserve })
}

/// Lots won, by the place of the order in the book.
fn won(book: &Book, outcome: &Outcome) -> Vec<i64> {
    let mut lots = vec![0; book.orders.len()];
    outcome.awards.iter().for_each(|award| lots[award.order] = award.lots);
    lots
}

#[test]
fn the_marginal_bid_sets_one_price_for_all() {
    let book = parsed(&json!({
        "format": "headroom.book/2",
        "products": [{ "pool": "a", "resource": "cpu_milli", "slot": 0, "supply": [supply(3, "1")] }],
        "orders": [
            order("high", "bid", "20", json!([["a", "cpu_milli", 0, 2]])),
            order("low", "bid", "8", json!([["a", "cpu_milli", 0, 2]])),
        ],
    }));
    let outcome = cleared(&book, Mode::Market);
    assert_eq!(won(&book, &outcome), [2, 1]);
    assert_eq!(outcome.prices_nano, [4_000_000_000]);
    assert_eq!(outcome.quality, Quality::Optimal);
}

#[test]
fn a_full_node_has_a_premium_and_others_none() {
    let mut high = order("high", "bid", "16", json!([["a", "cpu_milli", 0, 2]]));
    let mut low = order("low", "bid", "10", json!([["a", "cpu_milli", 0, 2]]));
    (high["node"], low["node"]) = (json!("n1"), json!("n1"));
    let book = parsed(&json!({
        "format": "headroom.book/2",
        "products": [{ "pool": "a", "resource": "cpu_milli", "slot": 0, "supply": [supply(9, "1")] }],
        "nodes": [
            { "id": "n1", "pool": "a", "capacity": { "cpu_milli": 2 } },
            { "id": "n2", "pool": "a", "capacity": { "cpu_milli": 9 } }],
        "orders": [high, low, order("free", "bid", "6", json!([["a", "cpu_milli", 0, 2]]))],
    }));
    let outcome = cleared(&book, Mode::Market);
    assert_eq!(won(&book, &outcome), [2, 0, 2]);
    assert_eq!(outcome.prices_nano, [1_000_000_000]);
    assert_eq!(outcome.premiums_nano.into_iter().collect::<Vec<_>>(), [((0, 0), 4_000_000_000)]);
}

#[test]
fn a_residue_of_supply_sets_no_price() {
    let book = parsed(&json!({
        "format": "headroom.book/2",
        "products": [{ "pool": "a", "resource": "cpu_milli", "slot": 0, "supply": [supply(600, "0.0009"), supply(5, "0.00126")] }],
        "orders": [order("all", "bid", "6", json!([["a", "cpu_milli", 0, 600]]))],
    }));
    assert_eq!(cleared(&book, Mode::Market).prices_nano, [900_000]);
}

#[test]
fn a_bundle_is_won_in_whole_lots_or_not_at_all() {
    let book = parsed(&json!({
        "format": "headroom.book/2",
        "products": [
            { "pool": "a", "resource": "cpu_milli", "slot": 0, "supply": [supply(3, "1")] },
            { "pool": "a", "resource": "mem_mib", "slot": 0, "supply": [supply(20, "1")] }],
        "orders": [order("bundle", "bid", "20", json!([["a", "cpu_milli", 0, 4], ["a", "mem_mib", 0, 6]]))],
    }));
    let outcome = cleared(&book, Mode::Market);
    assert_eq!(won(&book, &outcome), [1]);
    assert_eq!(outcome.prices_nano, [1_000_000_000, 1_000_000_000]);
}

#[test]
fn the_same_book_gives_the_same_outcome() {
    let book = parsed(&random_book(7, 40));
    assert_eq!(clear(&book, Mode::Market), clear(&book, Mode::Market));
}

/// Bids that tie on a node and in the pool: the first in rank are served, and the price is theirs.
#[test]
fn many_ties_on_a_full_node_go_by_rank() {
    let bids = |node: Option<&str>| -> Vec<Value> {
        let bid = |number: i64| {
            let mut bid = order(&format!("b{number}"), "bid", "10", json!([["a", "cpu_milli", 0, 2]]));
            if let Some(node) = node {
                bid["node"] = json!(node);
            }
            bid
        };
        (0..20_000).map(bid).collect()
    };
    for (node, room, wanted) in [(Some("n1"), 10_001, 10_001), (None, 50_000, 20_000)] {
        let book = parsed(&json!({
            "format": "headroom.book/2",
            "products": [{ "pool": "a", "resource": "cpu_milli", "slot": 0, "supply": [supply(20_000, "1")] }],
            "nodes": [{ "id": "n1", "pool": "a", "capacity": { "cpu_milli": room } }],
            "orders": bids(node),
        }));
        let lots = won(&book, &cleared(&book, Mode::Market));
        assert_eq!(lots.iter().sum::<i64>(), wanted);
        assert!(lots.is_sorted_by(|first, later| first >= later), "an earlier bid has less than a later one");
    }
}

/// A small generator with a fixed sequence.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % most as u64) as i64
    }
    fn one_in(&mut self, chances: i64) -> bool {
        self.below(chances) == 0
    }
}

/// Each pool has one product, so that its answer follows from a sort.
#[test]
fn a_book_of_20_000_orders_is_cleared_as_a_sort_says() {
    let (mut dice, pools) = (Dice(11), 4);
    let mut orders = Vec::new();
    let mut demand: Vec<Vec<(i64, i64)>> = vec![Vec::new(); pools];
    for number in 0..20_000 {
        let (pool, quantity, unit) = (dice.below(pools as i64), 1 + dice.below(40), 1 + dice.below(1_000_000));
        let limit = format!("{:.6}", (quantity * unit) as f64 / 1e6);
        demand[pool as usize].push((unit, quantity));
        orders.push(order(
            &format!("b{number}"),
            "bid",
            &limit,
            json!([[format!("p{pool}"), "cpu_milli", 0, quantity]]),
        ));
    }
    // One bid of two pools takes most of it: a sample of the orders tells nothing of that.
    for (pool, bids) in demand.iter_mut().take(2).enumerate() {
        bids.push((999_999, 150_000));
        let quantities = json!([[format!("p{pool}"), "cpu_milli", 0, 150_000]]);
        orders.push(order(&format!("large{pool}"), "bid", "149999.85", quantities));
    }
    let steps = [(100_000, "0.1"), (20_000, "0.4"), (50_000, "0.7")];
    let listed: Vec<Value> = steps.iter().map(|(quantity, reserve)| supply(*quantity, reserve)).collect();
    let product = |pool| json!({ "pool": format!("p{pool}"), "resource": "cpu_milli", "slot": 0, "supply": listed });
    let products: Vec<Value> = (0..pools).map(product).collect();
    let book = parsed(&json!({ "format": "headroom.book/2", "products": products, "orders": orders }));
    let outcome = cleared(&book, Mode::Market);
    assert_eq!(outcome.quality, Quality::Optimal);
    for (pool, bids) in demand.iter_mut().enumerate() {
        bids.sort_unstable_by(|a, b| b.cmp(a));
        let (mut bought, mut open) = (0, vec![(100_000, 100_000), (400_000, 20_000), (700_000, 50_000)]);
        for (unit, mut quantity) in bids.iter().copied() {
            while let Some((_, left)) = open.first_mut().filter(|(reserve, _)| *reserve < unit && quantity > 0) {
                let sold = quantity.min(*left);
                (bought, quantity, *left) = (bought + sold, quantity - sold, *left - sold);
                open.retain(|(_, left)| *left > 0);
            }
        }
        assert_eq!(outcome.used[pool].iter().sum::<i64>(), bought, "units sold in pool {pool}");
    }
}

#[test]
fn a_book_of_thousands_of_supply_steps_is_cleared() {
    let steps: Vec<Value> = (0..3_000).map(|step| supply(1, &format!("{:.6}", 0.001 * step as f64))).collect();
    let book = parsed(&json!({
        "format": "headroom.book/2",
        "products": [{ "pool": "a", "resource": "cpu_milli", "slot": 0, "supply": steps }],
        "orders": [order("b", "bid", "6002", json!([["a", "cpu_milli", 0, 4_000]]))],
    }));
    let outcome = cleared(&book, Mode::Market);
    assert_eq!(
        outcome.used[0].iter().filter(|used| **used == 1).count(),
        1_501,
        "those that cost less than 1.5005 a unit"
    );
}

/// Every feature of a book: windows, bundles, replicas, alternatives, minimum fills, offers, nodes, arcs and ties.
fn random_book(seed: u64, most: i64) -> Value {
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
fn round_book(seed: u64, most: i64) -> Value {
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

fn micros(micro: i64) -> String {
    format!("{}.{:06}", micro / 1_000_000, micro % 1_000_000)
}

#[test]
fn books_of_rounds_always_have_an_outcome() {
    always_clears(1_000, 0, &|seed| round_book(seed, if seed % 8 == 0 { 120 } else { 10 }));
}

/// So many books by seed all have an outcome that passes the check. `HEADROOM_RANDOM_BOOKS` and `HEADROOM_FIRST_BOOK` set
/// how many and from where.
fn always_clears(count: u64, first: u64, of: &dyn Fn(u64) -> Value) {
    let set = |name: &str| std::env::var(name).ok().and_then(|n| n.parse().ok());
    let (count, first) = (set("HEADROOM_RANDOM_BOOKS").unwrap_or(count), set("HEADROOM_FIRST_BOOK").unwrap_or(first));
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

#[test]
fn random_books_pass_the_exact_check() {
    always_clears(300, 0, &|seed| random_book(seed, 40));
}

/// Free supply led along an arc to where nobody buys; fixed lots that fill a node to the last unit; lots that a bid was
/// given and lost in turns; a divisible bid that lies on a full node though another has room.
#[test]
fn books_that_once_had_no_outcome_are_cleared() {
    let books = [
        include_str!("books/supply_led_to_nobody.json"),
        include_str!("books/node_filled_to_the_last_unit.json"),
        include_str!("books/lots_given_and_taken.json"),
        include_str!("books/divisible_bid_over_a_full_node.json"),
        include_str!("books/bundles_on_a_nearly_full_node.json"),
    ];
    for book in books {
        let book = book::read(book.as_bytes()).expect("a book");
        cleared(&book, Mode::Market);
    }
}

/// Limits that a float can't tell from a price, or from each other.
#[test]
fn limits_next_to_a_price_leave_every_book_an_outcome() {
    let book = |limits: &[i64]| {
        let bid = |(n, micro): (usize, &i64)| {
            order(&n.to_string(), "bid", &micros(*micro), json!([["a", "cpu_milli", 0, 10]]))
        };
        parsed(&json!({
            "format": "headroom.book/2",
            "products": [{ "pool": "a", "resource": "cpu_milli", "slot": 0, "supply": [supply(10, "2")] }],
            "orders": limits.iter().enumerate().map(bid).collect::<Vec<_>>(),
        }))
    };
    for near in -12..=12 {
        let alone = book(&[20_000_000 + near]);
        assert_eq!(won(&alone, &cleared(&alone, Mode::Market))[0] == 10, near >= 0, "{near}");
        let two = book(&[70_000_000, 70_000_000 + near]);
        let won = won(&two, &cleared(&two, Mode::Market));
        assert_eq!(won, if near > 0 { [0, 10] } else { [10, 0] }, "{near}");
    }
}

/// The greatest welfare of a book of bids in one product, by trying all whole fills.
fn by_brute_force(bids: &[(i64, i64, bool)], supply: &[(i64, i64)]) -> i64 {
    let Some(((amount, price, is_block), rest)) = bids.split_first() else { return 0 };
    let fills = if *is_block { vec![0, *amount] } else { (0..=*amount).collect() };
    let best = fills.into_iter().filter_map(|units| {
        let (mut left, mut cost, mut need) = (Vec::new(), 0, units);
        for (quantity, reserve) in supply {
            let used = need.min(*quantity);
            need -= used;
            cost += used * reserve;
            left.push((quantity - used, *reserve));
        }
        (need == 0).then(|| units * price - cost + by_brute_force(rest, &left))
    });
    best.max().unwrap_or(0)
}

#[test]
fn welfare_is_that_of_brute_force_within_the_bound() {
    for seed in 0..120 {
        let mut dice = Dice(seed);
        let steps: Vec<(i64, i64)> =
            (0..1 + dice.below(3)).map(|step| (1 + dice.below(6), step * 2 + dice.below(2))).collect();
        let bids: Vec<(i64, i64, bool)> =
            (0..1 + dice.below(5)).map(|_| (1 + dice.below(4), 1 + dice.below(9), dice.one_in(3))).collect();
        let listed = bids.iter().enumerate().map(|(number, (amount, price, is_block))| {
            let mut bid = order(
                &format!("b{number}"),
                "bid",
                &(amount * price).to_string(),
                json!([["a", "cpu_milli", 0, amount]]),
            );
            if *is_block {
                bid["min_fill"] = json!("1");
            }
            bid
        });
        let book = parsed(&json!({
            "format": "headroom.book/2",
            "products": [{ "pool": "a", "resource": "cpu_milli", "slot": 0,
                "supply": steps.iter().map(|(quantity, reserve)| supply(*quantity, &reserve.to_string())).collect::<Vec<_>>() }],
            "orders": listed.collect::<Vec<_>>(),
        }));
        let best = i128::from(by_brute_force(&bids, &steps)) * 1_000_000_000;
        let welfare = cleared(&book, Mode::Welfare);
        assert!(
            welfare.welfare_nano <= best && best <= welfare.bound_nano + 1_000_000,
            "{seed}: {welfare:?}, best {best}"
        );
        if !bids.iter().any(|(_, _, is_block)| *is_block) {
            assert_eq!(welfare.welfare_nano, best, "{seed}");
        }
    }
}

fn folder(name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/market").join(name);
    if !folder.is_dir() {
        println!("SKIP {name}: ../shared missing");
        return None;
    }
    Some(folder)
}

/// The bytes of a file, unpacked.
fn bytes(path: &Path) -> Vec<u8> {
    let packed = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    if path.extension().is_none_or(|end| end != "gz") {
        return packed;
    }
    let mut plain = Vec::new();
    GzDecoder::new(packed.as_slice()).read_to_end(&mut plain).expect("a gzip file");
    plain
}

fn nano(text: &str) -> i128 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{part:0<9}").parse().unwrap_or_else(|_| panic!("{text}"))
}

#[test]
fn worked_cases_are_cleared_as_derived() {
    let Some(folder) = folder("worked") else { return };
    let names =
        std::fs::read_dir(&folder).expect("a folder").filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut count = 0;
    for name in names.filter_map(|name| name.strip_suffix(".book.json").map(String::from)) {
        let expected: Value =
            serde_json::from_slice(&bytes(&folder.join(format!("{name}.expect.json")))).expect("JSON");
        let read = book::read(&bytes(&folder.join(format!("{name}.book.json"))));
        if let Some(pointers) = expected["refused_book"].as_array() {
            let faults = read.err().unwrap_or_else(|| panic!("{name} is not refused"));
            assert!(
                pointers.iter().all(|pointer| faults.iter().any(|fault| fault.pointer == *pointer)),
                "{name}: {faults:?}"
            );
            continue;
        }
        let book = read.unwrap_or_else(|faults| panic!("{name}: {faults:?}"));
        let mode = if expected["mode"] == "welfare" { Mode::Welfare } else { Mode::Market };
        let outcome = cleared(&book, mode);
        let welfare = nano(expected["welfare"].as_str().expect("a number"));
        assert!((outcome.welfare_nano - welfare).abs() <= 1_000, "{name}: welfare {}", outcome.welfare_nano);
        for row in expected["prices"].as_array().into_iter().flatten() {
            let product = book.products.iter().position(|product| {
                let key = &product.key;
                row["pool"] == key.pool && row["resource"] == key.resource && row["slot"] == key.slot
            });
            let price = outcome.prices_nano[product.unwrap_or_else(|| panic!("{name}: {row}"))];
            assert!((price - nano(row["price"].as_str().expect("a price"))).abs() <= 1, "{name}: {row}, not {price}");
        }
        count += 1;
    }
    assert!(count >= 29, "only {count} worked cases");
}

#[test]
fn combinatorial_auctions_reach_known_optima() {
    let Some(folder) = folder("cats") else { return };
    let table = String::from_utf8(bytes(&folder.join("optimum.tsv"))).expect("text");
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split('\t').collect()).collect();
    let column = rows[0].iter().position(|name| *name == "optimal_welfare").expect("a column");
    let is_short = |row: &[&str]| {
        let is_few = row[3].parse::<usize>().is_ok_and(|orders| orders <= 500);
        (row[0].starts_with("2atom-") && is_few) || row[0] == "3atom_nodom-100-100-0002"
    };
    for row in rows[1..].iter().filter(|row| is_short(row)) {
        let book = book::read(&bytes(&folder.join(format!("{}.book.json.gz", row[0])))).expect("a book");
        let outcome = cleared(&book, Mode::Welfare);
        assert_eq!(outcome.welfare_nano, nano(row[column]), "{}", row[0]);
    }
}

#[test]
fn an_auction_day_has_its_published_prices() {
    let Some(folder) = folder("italy") else { return };
    let expected: Value =
        serde_json::from_slice(&bytes(&folder.join("italy-2025-04-05.expect.json.gz"))).expect("JSON");
    let book = book::read(&bytes(&folder.join("italy-2025-04-05.book.json.gz"))).expect("a book");
    let outcome = cleared(&book, Mode::Market);
    for row in expected["prices"].as_array().into_iter().flatten() {
        let is_it = |key: &book::ProductKey| {
            row["pool"] == key.pool && row["resource"] == key.resource && row["slot"] == key.slot
        };
        let product = book.products.iter().position(|product| is_it(&product.key)).expect("a product");
        let wanted = row["price"].as_str().map(nano);
        assert!(wanted.is_none_or(|wanted| (outcome.prices_nano[product] - wanted).abs() <= 1), "{row}");
    }
}
