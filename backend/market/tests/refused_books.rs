//! Every fault of a book is told at once, each with its JSON pointer.
use headroom_market::clearing::parse;

fn pointers(text: &str) -> Vec<(String, String)> {
    parse(text).expect_err("a faulty book").into_iter().map(|f| (f.pointer, f.code)).collect()
}

#[test]
fn all_faults_are_told() {
    let text = r#"{
        "format": "headroom.book/1", "cap": "10", "colour": 1, "alpha": "2",
        "products": [
            { "pool": "a", "resource": "cpu", "slot": 0, "supply": [ { "quantity": -1, "reserve": "1e3" } ] },
            { "pool": "a", "resource": "cpu", "slot": 0 }
        ],
        "orders": [
            { "id": "x", "owner": "o", "side": "bid", "limit": "-1", "min_fill": "1.5", "alternatives": [ { "quantities": [ ["a", "cpu", 0, 5] ] } ] },
            { "id": "x", "owner": "o", "side": "sell", "limit": 5, "replicas": 2, "node": "n9", "alternatives": [ { "quantities": [ ["a", "cpu", 0, 5], ["a", "cpu", 0, 2.5] ] } ] },
            { "id": "y", "owner": "o", "side": "bid", "limit": "1", "parent": "w", "alternatives": [] },
            { "id": "z", "owner": "o", "side": "bid", "limit": "1", "alternatives": [ { "quantities": [ ["a", "cpu", 0, 99999999999999999999] ] } ] }
        ]
    }"#;
    let got = pointers(text);
    for (pointer, code) in [
        ("/colour", "unknown_key"),
        ("/alpha", "out_of_range"),
        ("/products/0/supply/0/quantity", "negative"),
        ("/products/0/supply/0/reserve", "not_a_decimal"),
        ("/products/1", "duplicate"),
        ("/orders/0/limit", "negative_limit"),
        ("/orders/0/min_fill", "out_of_range"),
        ("/orders/1/id", "duplicate"),
        ("/orders/1/side", "unknown_value"),
        ("/orders/1/limit", "not_a_decimal"),
        ("/orders/1/node", "unknown_name"),
        ("/orders/1/alternatives/0/quantities/0/3", "not_divisible"),
        ("/orders/1/alternatives/0/quantities/1/3", "not_an_integer"),
        ("/orders/2/parent", "unknown_name"),
        ("/orders/2/alternatives", "empty"),
        ("/orders/3/alternatives/0/quantities/0/3", "not_an_integer"),
    ] {
        assert!(got.contains(&(pointer.into(), code.into())), "{pointer} {code} is missing in {got:#?}");
    }
}

#[test]
fn families_have_a_root_that_can_be_rejected() {
    let order = |id: &str, min_fill: &str, parent: &str| {
        format!(
            r#"{{ "id": "{id}", "owner": "o", "side": "bid", "limit": "1", "min_fill": "{min_fill}",
                 "parent": {parent}, "alternatives": [ {{ "quantities": [ ["a", "cpu", 0, 1] ] }} ] }}"#
        )
    };
    let orders = [
        order("root", "1", "null"),
        order("child", "0", "\"root\""),
        order("grandchild", "1", "\"child\""), // its parent is divisible
        order("left", "1", "\"right\""),
        order("right", "1", "\"left\""),
        order("under", "1", "\"left\""), // leads to a circle, is not in it
        order("self", "1", "\"self\""),
    ];
    let text = format!(r#"{{ "format": "headroom.book/1", "cap": "10", "orders": [{}] }}"#, orders.join(","));
    let due = [("2", "parent_without_min_fill"), ("3", "cycle"), ("4", "cycle"), ("6", "cycle")];
    let mut got = pointers(&text);
    got.sort();
    assert_eq!(got, due.map(|(i, code)| (format!("/orders/{i}/parent"), code.to_string())));
}

#[test]
fn what_is_not_json_is_a_fault_and_no_panic() {
    for text in ["", "[", "[]", "null", "{}", "{\"format\": 7}", "{\"orders\": {}}"] {
        assert!(!pointers(text).is_empty(), "{text}");
    }
}
