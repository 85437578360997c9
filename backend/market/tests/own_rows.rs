//! Outcomes that give what a participant's own rows leave to the wrong one of its orders, or claim more for those that its
//! rows held back than the rows could have held: the checker names each.

use headroom_market::clearing::check::{broken, given_up};
use headroom_market::clearing::{Book, Limits, Mode, NoProposal, Outcome, clear, parse};
use serde_json::{Value, json};

fn order(id: &str, side: &str, limit: &str, more: Value) -> Value {
    let mut order = json!({"id": id, "owner": if id == "D" { "d" } else { "u" }, "side": side, "limit": limit,
        "alternatives": [{"quantities": [["a", "cpu", 0, 10]]}]});
    order.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    order
}

fn book(supply: Value, more: Value, orders: &[Value]) -> Book {
    let mut book = json!({"format": "headroom.book/1", "cap": "100", "seed": 1,
        "products": [{"pool": "a", "resource": "cpu", "slot": 0, "supply": supply}], "orders": orders});
    book.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    parse(&book.to_string()).expect("a book")
}

fn outcome(book: &Book) -> Outcome {
    let mut out = clear(book, Mode::Market, &NoProposal, &Limits::default()).expect("it can be cleared");
    assert!(rules(book, &out).is_empty());
    out.certificate = None; // its hash alone would give every change away
    out
}

/// An outcome as somebody else prints it.
fn printed(outcome: &Outcome, change: impl FnOnce(&mut Value)) -> Outcome {
    let mut value = serde_json::to_value(outcome).unwrap();
    change(&mut value);
    serde_json::from_value(value).expect("an outcome")
}

fn rules(book: &Book, out: &Outcome) -> Vec<&'static str> {
    broken(book, out, Mode::Market).iter().map(|b| b.rule).collect()
}

fn supply() -> Value {
    json!([{"quantity": 1000, "reserve": "0.001"}])
}

#[test]
fn a_thrash_limit_goes_to_the_bid_that_gains_most_by_it() {
    let rows = json!({"instances": [{"id": "i", "owner": "u", "holding": [["a", "cpu", 0, 100]], "floor": [],
        "max_swap": [["a", "cpu", 0, 10]]}]});
    let of_instance = json!({"instance": "i"});
    let book =
        book(supply(), rows, &[order("A", "bid", "900", of_instance.clone()), order("B", "bid", "8", of_instance)]);
    let right = outcome(&book);
    assert_eq!(right.awards[0].order, "A");
    let wrong = |reason: &'static str, quality: &'static str| {
        printed(&right, |o| {
            o["awards"][0]["order"] = json!("B");
            o["refused"][0] = json!({"order": "A", "reason": reason, "price": "0.010000", "shortfall": "0.000000"});
            (o["welfare"], o["bound"], o["quality"]) = (json!("7.99"), json!("7.99"), json!(quality));
        })
    };
    assert_eq!(rules(&book, &wrong("THRASH_LIMIT", "optimal")), ["I6"]);
    // Giving it up is no excuse: whoever verifies it is told.
    let given = wrong("SOLVER_FALLBACK", "fallback");
    assert_eq!(given_up(&book, &given, Mode::Market).iter().map(|b| b.rule).collect::<Vec<_>>(), ["I2"]);
}

#[test]
fn what_a_floor_leaves_is_lent_by_the_cheaper_offer() {
    let rows = json!({"instances": [{"id": "i", "owner": "u", "holding": [["a", "cpu", 0, 20]],
        "floor": [["a", "cpu", 0, 10]], "max_swap": []}]});
    let of_instance = json!({"instance": "i"});
    let book = book(
        json!([]),
        rows,
        &[
            order("D", "bid", "900", json!({})),
            order("A", "offer", "1", of_instance.clone()),
            order("B", "offer", "800", of_instance),
        ],
    );
    let right = outcome(&book);
    assert!(right.awards.iter().any(|a| a.order == "A"));
    let wrong = printed(&right, |o| {
        let awards = json!([{"order": "D", "alternative": 0, "fill": "1", "quantities": [["a", "cpu", 0, 10]], "money": "800"},
            {"order": "B", "alternative": 0, "fill": "1", "quantities": [["a", "cpu", 0, 10]], "money": "800"}]);
        o["awards"] = awards;
        o["refused"] = json!([{"order": "A", "reason": "FLOOR_PROTECTED", "price": "800", "shortfall": "0"}]);
        (o["welfare"], o["bound"]) = (json!("100"), json!("100"));
        let row = &mut o["prices"][0];
        (row["price"], row["low"], row["high"], row["set_by"]) = (json!("80"), json!("80"), json!("90"), json!("none"));
    });
    // at each of its three vectors
    assert_eq!(rules(&book, &wrong), ["I6", "I6"]);
}

#[test]
fn an_order_that_is_given_up_for_a_worse_one_of_its_budget_is_told() {
    let budget = json!({"budgets": [{"id": "h", "amount": "9.5"}]});
    let of_budget = json!({"budget": "h"});
    let book = book(supply(), budget, &[order("A", "bid", "9", of_budget.clone()), order("B", "bid", "8", of_budget)]);
    let right = outcome(&book);
    let wrong = printed(&right, |o| {
        o["awards"] = json!([{"order": "B", "alternative": 0, "fill": "1", "quantities": [["a", "cpu", 0, 10]], "money": "0.01"}]);
        o["refused"] = json!([{"order": "A", "reason": "SOLVER_FALLBACK", "price": "0.01", "shortfall": "0"}]);
        o["supply"][0]["used"] = json!(10);
        (o["welfare"], o["bound"], o["quality"]) = (json!("7.99"), json!("7.99"), json!("fallback"));
    });
    assert_eq!(given_up(&book, &wrong, Mode::Market).iter().map(|b| b.rule).collect::<Vec<_>>(), ["I2"]);
}

#[test]
fn what_a_budget_held_back_is_worth_no_more_than_it_had_left() {
    let budget = json!({"budgets": [{"id": "h", "amount": "10"}]});
    let mut orders = vec![order("A", "bid", "8", json!({"budget": "h"}))];
    let one = json!({"budget": "h", "replicas": 1});
    orders.extend((0..20).map(|n| order(&format!("B{n:02}"), "bid", "5", one.clone())));
    let book = book(supply(), budget, &orders);
    let right = outcome(&book);
    let claimed = |welfare: &str| printed(&right, |o| (o["welfare"], o["bound"]) = (json!(welfare), json!(welfare)));
    for false_welfare in ["103", "20", "11"] {
        assert_eq!(rules(&book, &claimed(false_welfare)), ["WELFARE"], "{false_welfare}");
    }
}
