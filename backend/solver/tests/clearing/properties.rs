//! The properties of the rule book that hold for bids of one product, each over books by seed.

use crate::books::{Dice, always_clears, cleared, order, parsed, supply};
use headroom_market::clearing::book::Book;
use headroom_market::clearing::outcome::{Award, Mode, Outcome, Reason};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const BOOKS: u64 = 150;

/// Bids and offers of one product each, with whole micro-credits a unit; half of the books have nodes.
fn plain_book(seed: u64) -> Value {
    let mut dice = Dice(seed ^ 0x91a1);
    let (pools, has_nodes) = (1 + dice.below(3), dice.one_in(2));
    let step = |n: i64, dice: &mut Dice| supply(1 + dice.below(60), &(n * 4 + dice.below(4)).to_string());
    let products: Vec<Value> = (0..pools)
        .map(|pool| {
            let steps: Vec<Value> = (0..1 + dice.below(3)).map(|n| step(n, &mut dice)).collect();
            json!({ "pool": format!("p{pool}"), "resource": "cpu_milli", "slot": 0, "reference": "3", "supply": steps })
        })
        .collect();
    let node = |n: i64, room: i64| json!({ "id": format!("n{n}"), "pool": format!("p{}", n % pools), "capacity": { "cpu_milli": room } });
    let nodes: Vec<Value> = (0..if has_nodes { 2 * pools } else { 0 }).map(|n| node(n, 5 + dice.below(40))).collect();
    let orders: Vec<Value> = (0..1 + dice.below(30))
        .map(|n| {
            let (pool, units, price) = (dice.below(pools), 2 * (1 + dice.below(12)), 1 + dice.below(15));
            let is_offer = dice.one_in(5);
            let lines = json!([[format!("p{pool}"), "cpu_milli", 0, units]]);
            let side = if is_offer { "offer" } else { "bid" };
            let mut order = order(&format!("o{n}"), side, &(units * price).to_string(), lines);
            if has_nodes && (is_offer || dice.one_in(2)) {
                order["node"] = json!(format!("n{}", pool + pools * dice.below(2)));
            }
            order
        })
        .collect();
    json!({ "format": "headroom.book/2", "products": products, "nodes": nodes, "orders": orders })
}

/// Units that each order has won, by its id.
fn units(book: &Book, outcome: &Outcome) -> BTreeMap<String, i64> {
    let units = |award: &Award| {
        let of = &book.orders[award.order];
        let line = book.lines_of(&book.alternatives[of.alternatives.start])[0];
        (of.id.to_string(), award.lots * line.quantity)
    };
    outcome.awards.iter().map(units).collect()
}

fn both(value: &Value) -> (Book, Outcome) {
    let book = parsed(value);
    let outcome = cleared(&book, Mode::Market);
    (book, outcome)
}

fn limit(order: &Value) -> i64 {
    order["limit"].as_str().and_then(|limit| limit.parse().ok()).expect("whole credits")
}

#[test]
fn splitting_a_divisible_bid_changes_nothing() {
    for seed in 0..BOOKS {
        let whole = plain_book(seed);
        let (book, outcome) = both(&whole);
        let mut split = whole.clone();
        let orders = split["orders"].as_array_mut().expect("orders");
        let at = seed as usize % orders.len();
        let (id, half) = (orders[at]["id"].as_str().expect("an id").to_string(), limit(&orders[at]) / 2);
        let amount = orders[at]["alternatives"][0]["quantities"][0][3].as_i64().expect("units") / 2;
        orders[at]["limit"] = json!(half.to_string());
        orders[at]["alternatives"][0]["quantities"][0][3] = json!(amount);
        let mut other = orders[at].clone();
        other["id"] = json!("other");
        orders.insert(at + 1, other);
        let (parts, again) = both(&split);
        let mut won = units(&parts, &again);
        let of_other = won.remove("other").unwrap_or(0);
        if of_other > 0 {
            *won.entry(id).or_default() += of_other;
        }
        assert_eq!((won, again.prices_nano), (units(&book, &outcome), outcome.prices_nano), "{seed}");
    }
}

#[test]
fn removing_a_bid_under_the_price_changes_nothing() {
    let mut removed = 0;
    for seed in 0..BOOKS {
        let with = plain_book(seed);
        let (book, outcome) = both(&with);
        for refused in outcome.refused.iter().filter(|refused| refused.reason == Reason::OutOfMoney).take(3) {
            let mut without = with.clone();
            let id = &*book.orders[refused.order].id;
            without["orders"].as_array_mut().expect("orders").retain(|order| order["id"] != id);
            if without["orders"].as_array().is_some_and(Vec::is_empty) {
                continue;
            }
            let (fewer, again) = both(&without);
            assert_eq!(units(&fewer, &again), units(&book, &outcome), "{seed} without {id}");
            assert_eq!(again.prices_nano, outcome.prices_nano, "{seed} without {id}");
            removed += 1;
        }
    }
    assert!(removed > BOOKS, "only {removed} removed");
}

#[test]
fn raising_a_limit_never_lowers_what_a_bid_wins() {
    for seed in 0..BOOKS {
        let low = plain_book(seed);
        let (book, outcome) = both(&low);
        let won = units(&book, &outcome);
        for at in 0..low["orders"].as_array().map_or(0, Vec::len).min(4) {
            let mut high = low.clone();
            let order = &mut high["orders"][at];
            if order["side"] == "offer" {
                continue;
            }
            let id = order["id"].as_str().expect("an id").to_string();
            order["limit"] = json!(format!("{}.000001", limit(order) + seed as i64 % 3 * 10));
            let (higher, again) = both(&high);
            let of = |won: &BTreeMap<String, i64>| won.get(&id).copied().unwrap_or(0);
            assert!(of(&units(&higher, &again)) >= of(&won), "{seed}: {id}");
        }
    }
}

#[test]
fn renaming_orders_and_owners_changes_nothing() {
    for seed in 0..BOOKS {
        let named = plain_book(seed);
        let mut renamed = named.clone();
        for (n, order) in renamed["orders"].as_array_mut().expect("orders").iter_mut().enumerate() {
            (order["id"], order["owner"]) = (json!(format!("x{}", 99 - n)), json!(format!("y{}", n * 7 % 13)));
        }
        let ((book, one), (_, other)) = (both(&named), both(&renamed));
        assert_eq!((&one.awards, &one.prices_nano), (&other.awards, &other.prices_nano), "{seed}");
        assert_eq!(book.orders.len(), one.awards.len() + one.refused.len());
    }
}

/// The book with all prices and all quantities multiplied.
fn scaled(mut book: Value, money: i64, quantity: i64) -> Value {
    let times = |value: &mut Value, by: i64| {
        let number: i64 = value.as_str().and_then(|text| text.parse().ok()).expect("whole credits");
        *value = json!((number * by).to_string());
    };
    let grown = |value: &mut Value| *value = json!(value.as_i64().expect("a quantity") * quantity);
    for product in book["products"].as_array_mut().expect("products") {
        times(&mut product["reference"], money);
        for step in product["supply"].as_array_mut().expect("steps") {
            times(&mut step["reserve"], money);
            grown(&mut step["quantity"]);
        }
    }
    for node in book["nodes"].as_array_mut().expect("nodes") {
        grown(&mut node["capacity"]["cpu_milli"]);
    }
    for order in book["orders"].as_array_mut().expect("orders") {
        times(&mut order["limit"], money * quantity);
        grown(&mut order["alternatives"][0]["quantities"][0][3]);
    }
    book
}

#[test]
fn prices_a_thousandfold_scale_the_prices_alone() {
    for seed in 0..BOOKS {
        let book = plain_book(seed);
        let ((one, small), (other, large)) = (both(&book), both(&scaled(book.clone(), 1_000, 1)));
        assert_eq!(units(&one, &small), units(&other, &large), "{seed}");
        // A price is rounded to a nano-credit, which is a thousand of the other's.
        let mut pairs = small.prices_nano.iter().zip(&large.prices_nano);
        assert!(pairs.all(|(small, large)| (small * 1_000 - large).abs() <= 1_000), "{seed}");
    }
}

/// Bids that tie on several full nodes may share them in another way.
#[test]
fn quantities_a_thousandfold_scale_the_welfare_alone() {
    for seed in 0..BOOKS {
        let book = plain_book(seed);
        let ((_, small), (_, large)) = (both(&book), both(&scaled(book.clone(), 1, 1_000)));
        assert_eq!(small.welfare_nano * 1_000, large.welfare_nano, "{seed}");
        assert_eq!(small.prices_nano, large.prices_nano, "{seed}");
    }
}

#[test]
fn plain_books_pass_the_exact_check() {
    always_clears(2_000, 0, &plain_book);
}
