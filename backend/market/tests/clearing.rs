//! The check of V1 to V8: a right outcome passes, and each rule notices an outcome that breaks it.

use headroom_market::clearing::book::{Book, read};
use headroom_market::clearing::check::{Rule, check};
use headroom_market::clearing::outcome;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Two cheap units and two dear ones, a bid of four units and one of two: the dear step sets the price.
fn book() -> Value {
    json!({
        "format": "headroom.book/2",
        "products": [{ "pool": "a", "resource": "cpu_milli", "slot": 0, "supply": [
            { "quantity": 2, "reserve": "1" }, { "quantity": 4, "reserve": "2" }] }],
        "orders": [
            { "id": "high", "owner": "one", "side": "bid", "limit": "20",
              "alternatives": [{ "quantities": [["a", "cpu_milli", 0, 4]] }] },
            { "id": "low", "owner": "two", "side": "bid", "limit": "3",
              "alternatives": [{ "quantities": [["a", "cpu_milli", 0, 2]] }] },
        ],
    })
}

fn outcome() -> Value {
    json!({
        "format": "headroom.outcome/2", "mode": "market", "quality": "optimal", "welfare": "14", "bound": "14",
        "gap": { "total": "0", "blocks": "0", "hosts": "0", "rounding": "0" },
        "prices": [{ "pool": "a", "resource": "cpu_milli", "slot": 0, "price": "2", "set_by": "reserve:1" }],
        "premiums": [],
        "awards": [{ "order": "high", "alternative": 0, "lots": 4, "quantities": [["a", "cpu_milli", 0, 4]], "money": "8" }],
        "refused": [{ "order": "low", "reason": "OUT_OF_MONEY", "cost": "4", "shortfall": "1" }],
        "supply": [
            { "pool": "a", "resource": "cpu_milli", "slot": 0, "step": 0, "used": 2 },
            { "pool": "a", "resource": "cpu_milli", "slot": 0, "step": 1, "used": 2 }],
        "flows": [],
    })
}

fn parsed(book: &Value) -> Book {
    read(book.to_string().as_bytes()).expect("a right book")
}

fn broken_rules(book: &Value, outcome: &Value) -> BTreeSet<Rule> {
    let book = parsed(book);
    let (outcome, broken) = outcome::read(&book, outcome.to_string().as_bytes()).expect("an outcome");
    check(&book, &outcome, broken).into_iter().map(|broken| broken.rule).collect()
}

#[test]
fn right_outcome_breaks_no_rule_also_when_printed() {
    assert_eq!(broken_rules(&book(), &outcome()), BTreeSet::new());
    let book = parsed(&book());
    let (read, _) = outcome::read(&book, outcome().to_string().as_bytes()).unwrap();
    let printed = outcome::print(&book, &read);
    assert_eq!(outcome::read(&book, printed.as_bytes()).unwrap(), (read, Vec::new()));
}

#[test]
fn each_rule_notices_an_outcome_that_breaks_it() {
    type Change = fn(&mut Value, &mut Value);
    let changes: [(Rule, Change); 12] = [
        (Rule::V1, |_, out| out["supply"][1]["used"] = json!(1)),
        (Rule::V1, |_, out| out["supply"][0]["used"] = json!(3)),
        (Rule::V1, |_, out| out["awards"][0]["quantities"][0][3] = json!(3)),
        (Rule::V1, |_, out| out["refused"] = json!([])),
        (Rule::V2, |_, out| out["awards"][0]["money"] = json!("7")),
        (Rule::V2, |_, out| out["prices"] = json!([])),
        (Rule::V3, |_, out| out["prices"][0]["price"] = json!("5.5")),
        (Rule::V4, |_, out| {
            out["supply"] = json!([{ "pool": "a", "resource": "cpu_milli", "slot": 0, "step": 1, "used": 4 }])
        }),
        (Rule::V5, |_, out| out["prices"][0]["price"] = json!("1.4")),
        (Rule::V6, |book, _| {
            // As much a unit, and earlier.
            book["orders"][1]["limit"] = json!("10");
            book["orders"][1]["accepted"] = json!(-1);
            book["products"][0]["supply"][1]["quantity"] = json!(2);
        }),
        (Rule::V8, |_, out| out["bound"] = json!("15")),
        (Rule::V8, |_, out| out["quality"] = json!("bounded")),
    ];
    for (index, (rule, change)) in changes.into_iter().enumerate() {
        let (mut book, mut outcome) = (book(), outcome());
        if rule == Rule::V6 {
            (outcome["prices"][0]["price"], outcome["awards"][0]["money"]) = (json!("5"), json!("20"));
            outcome["refused"][0]["reason"] = json!("TIE");
            (outcome["bound"], outcome["welfare"]) = (json!("14"), json!("14"));
        }
        change(&mut book, &mut outcome);
        let broken = broken_rules(&book, &outcome);
        assert!(broken.contains(&rule), "change {index} breaks {rule:?}, found {broken:?}");
    }
}

#[test]
fn arc_that_carries_against_its_profit_breaks_v7() {
    let mut book = book();
    book["products"] = json!([
        { "pool": "a", "resource": "cpu_milli", "slot": 0 },
        { "pool": "b", "resource": "cpu_milli", "slot": 0, "supply": [{ "quantity": 9, "reserve": "1" }] }]);
    book["arcs"] = json!([{ "from": ["b", "cpu_milli", 0], "to": ["a", "cpu_milli", 0], "cost": "1" }]);
    let mut right = outcome();
    right["prices"] = json!([
        { "pool": "a", "resource": "cpu_milli", "slot": 0, "price": "2", "set_by": "arc:0" },
        { "pool": "b", "resource": "cpu_milli", "slot": 0, "price": "1", "set_by": "reserve:0" }]);
    right["supply"] = json!([{ "pool": "b", "resource": "cpu_milli", "slot": 0, "step": 0, "used": 4 }]);
    right["flows"] = json!([{ "arc": 0, "flow": 4 }]);
    (right["welfare"], right["bound"]) = (json!("12"), json!("12"));
    assert_eq!(broken_rules(&book, &right), BTreeSet::new());
    right["prices"][0]["price"] = json!("1.5");
    right["awards"][0]["money"] = json!("6");
    assert!(broken_rules(&book, &right).contains(&Rule::V7));
}

#[test]
fn full_node_has_a_premium_and_one_with_room_has_none() {
    let mut book = book();
    book["nodes"] = json!([{ "id": "n", "pool": "a", "capacity": { "cpu_milli": 4 } }]);
    let mut right = outcome();
    right["awards"][0]["nodes"] = json!([["n", 4]]);
    right["prices"][0]["price"] = json!("1.000000000");
    book["products"][0]["supply"] = json!([{ "quantity": 9, "reserve": "1" }]);
    right["supply"] = json!([{ "pool": "a", "resource": "cpu_milli", "slot": 0, "step": 0, "used": 4 }]);
    right["premiums"] = json!([{ "node": "n", "resource": "cpu_milli", "slot": 0, "premium": "0.5" }]);
    (right["awards"][0]["money"], right["welfare"], right["bound"]) = (json!("6"), json!("16"), json!("16"));
    right["refused"][0]["reason"] = json!("OUT_OF_MONEY");
    assert_eq!(broken_rules(&book, &right), BTreeSet::new());
    book["nodes"][0]["capacity"]["cpu_milli"] = json!(5);
    assert!(broken_rules(&book, &right).contains(&Rule::V4), "the node has room left");
}

#[test]
fn refused_book_names_all_its_faults_at_once() {
    let mut book = book();
    book["seed"] = json!(1);
    book["orders"][1]["id"] = json!("high");
    book["orders"][1]["replicas"] = json!(4);
    book["orders"][0]["node"] = json!("nowhere");
    book["products"][0]["supply"][0]["quantity"] = json!(-1);
    let faults = read(book.to_string().as_bytes()).expect_err("five faults");
    let pointers: Vec<&str> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
    let expected = [
        "/orders/0/node",
        "/orders/1/alternatives/0/quantities/0/3",
        "/orders/1/id",
        "/products/0/supply/0/quantity",
        "/seed",
    ];
    assert_eq!(pointers, expected);
    assert!(read(b"{\"format\": 1,").is_err() && read(b"[]").is_err());
}

#[test]
fn lender_offers_no_more_than_floor_and_forecast_leave() {
    let mut book = book();
    let product = json!(["a", "cpu_milli", 0]);
    book["workloads"] = json!([{ "id": "w", "lending": [
        { "product": product, "baseline": 10, "floor": 4, "forecast": 6 }] }]);
    let offer = |id: &str, quantity: i64| {
        json!({ "id": id, "owner": "w", "side": "offer", "limit": "1", "workload": "w",
            "alternatives": [{ "quantities": [["a", "cpu_milli", 0, quantity]] }] })
    };
    book["orders"].as_array_mut().unwrap().extend([offer("first", 2), offer("second", 2)]);
    assert!(read(book.to_string().as_bytes()).is_ok());
    book["orders"][3]["alternatives"][0]["quantities"][0][3] = json!(3);
    let faults = read(book.to_string().as_bytes()).expect_err("one unit too many");
    assert_eq!(faults[0].pointer, "/workloads/0/lending/0");
}
