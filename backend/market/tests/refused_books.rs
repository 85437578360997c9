//! Every fault of a book is told at once, each with its JSON pointer.
use headroom_market::clearing::{
    Asked, Limits, Mode, Money, NoProposal, Winning, award_with, clear, full_fill_limit, parse, verify, winning_limit,
};
use serde_json::{Value, json};

fn pointers(text: &str) -> Vec<(String, String)> {
    parse(text).expect_err("a faulty book").into_iter().map(|f| (f.pointer, f.code)).collect()
}

/// What can't be read says nothing of what stands beside it, and what stands beside it is looked at all the same.
#[test]
fn a_fault_accuses_nothing_else() {
    let with = |arcs: &str, quantities: &str, least: &str| {
        format!(
            r#"{{ "format": "headroom.book/1", "cap": "10",
            "products": [ {{ "pool": "a", "resource": "cpu", "slot": 0 }}, {{ "pool": "b", "resource": "cpu", "slot": 0 }} ],
            "arcs": [ {arcs} ],
            "orders": [
                {{ "id": "x", "owner": "o", "side": "bid", "limit": "1", "min_fill": {least}, "alternatives": [ {{ "quantities": [ {quantities} ] }} ] }},
                {{ "id": "y", "owner": "o", "side": "bid", "limit": "1", "parent": "x", "alternatives": [ {{ "quantities": [ ["a", "cpu", 0, 5] ] }} ] }}
            ] }}"#
        )
    };
    let (arc, quantity, least) =
        (r#"{ "from": ["a", "cpu", 0], "to": ["b", "cpu", 0] }"#, r#"["a", "cpu", 0, 5]"#, r#""1""#);
    assert!(parse(&with(arc, quantity, least)).is_ok());
    let told =
        |arcs, quantities, least| pointers(&with(arcs, quantities, least)).into_iter().map(|p| p.0).collect::<Vec<_>>();
    assert_eq!(told(r#"{ "from": ["a", "cpu", "0"], "to": ["a", "cpu", 0] }"#, quantity, least), ["/arcs/0/from/2"]);
    assert_eq!(
        told(r#"{ "from": ["a", "cpu", "0"], "to": ["a", "cpu", 0.5] }"#, quantity, least),
        ["/arcs/0/from/2", "/arcs/0/to/2"]
    );
    assert_eq!(
        told(r#"{ "from": ["a", "", "0"], "to": ["b", "cpu", 0] }"#, quantity, least),
        ["/arcs/0/from/2", "/arcs/0/from/1"]
    );
    assert_eq!(told(arc, quantity, r#""much""#), ["/orders/0/min_fill"]);
    assert_eq!(
        told(arc, r#"["a", "cpu", 0, 5], ["a", "cpu", 0, "5"]"#, least),
        ["/orders/0/alternatives/0/quantities/1/3", "/orders/0/alternatives/0/quantities/1"]
    );
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

/// More may arrive than is sent, as with cores of two speeds, but not in a circle.
#[test]
fn arcs_may_grow_but_not_in_a_circle() {
    let arc =
        |from: &str, to: &str, ratio: &str| json!({ "from": [from, "cpu", 0], "to": [to, "cpu", 0], "ratio": ratio });
    let told = |arcs: &[Value]| {
        let book = json!({ "format": "headroom.book/1", "cap": "10", "arcs": arcs }).to_string();
        if parse(&book).is_ok() { Vec::new() } else { pointers(&book) }
    };
    // one of the circle's own arcs is named
    let is_circle = |arcs: &[Value], of: std::ops::Range<usize>| {
        let due: Vec<_> = of.map(|i| vec![(format!("/arcs/{i}/ratio"), "cycle".to_owned())]).collect();
        assert!(due.contains(&told(arcs)), "{:?}", told(arcs));
    };
    assert_eq!(told(&[arc("a", "b", "1.25"), arc("b", "c", "2"), arc("d", "a", "4")]), []);
    assert_eq!(told(&[arc("a", "b", "1.25"), arc("b", "a", "0.8")]), [], "as much as was sent");
    is_circle(&[arc("a", "b", "1.25"), arc("b", "a", "0.800001")], 0..2);
    is_circle(&[arc("x", "a", "1"), arc("a", "b", "2"), arc("b", "c", "0.9"), arc("c", "a", "0.6")], 1..4);
    assert_eq!(told(&[arc("a", "b", "2"), arc("b", "c", "0.9"), arc("c", "a", "0.5")]), []);
    assert_eq!(told(&[arc("a", "b", "1001")]), [("/arcs/0/ratio".to_owned(), "out_of_range".to_owned())]);
}

#[test]
fn what_is_not_json_is_a_fault_and_no_panic() {
    for text in ["", "[", "[]", "null", "{}", "{\"format\": 7}", "{\"orders\": {}}"] {
        assert!(!pointers(text).is_empty(), "{text}");
    }
}

/// One of everything that a book can have.
fn rich() -> Value {
    json!({
        "format": "headroom.book/1", "cap": "10", "alpha": "0.5", "seed": 7, "slot_base": "2026-11-21T00:00:00Z", "slot_seconds": 300,
        "products": [
            { "pool": "a", "resource": "cpu", "slot": 0, "supply": [ { "quantity": 100, "reserve": "0.1" } ], "cap": "5", "reference": "1" },
            { "pool": "b", "resource": "cpu", "slot": 0, "supply": [] }
        ],
        "arcs": [ { "from": ["a", "cpu", 0], "to": ["b", "cpu", 0], "ratio": "0.9", "cost": "0.01", "limit": 50 } ],
        "instances": [ { "id": "i", "owner": "o", "holding": [["a", "cpu", 0, 40]], "floor": [["a", "cpu", 0, 10]], "max_swap": [["a", "cpu", 0, 20]] } ],
        "nodes": [ { "id": "n", "pool": "a", "capacity": { "cpu": 200 }, "committed": [["cpu", 0, 5]] } ],
        "budgets": [ { "id": "h", "amount": "20" } ],
        "orders": [
            { "id": "p", "owner": "o", "side": "bid", "limit": "3", "min_fill": "0.5", "budget": "h",
              "alternatives": [ { "quantities": [["a", "cpu", 0, 10]], "adder": "0.5" }, { "quantities": [["b", "cpu", 0, 10]] } ] },
            { "id": "q", "owner": "o", "side": "bid", "limit": "4", "parent": "p", "replicas": 2, "class": "critical",
              "alternatives": [ { "quantities": [["a", "cpu", 0, 4]] } ] },
            { "id": "r", "owner": "s", "side": "offer", "limit": "0.2", "instance": "i", "node": "n", "incumbent": true,
              "alternatives": [ { "quantities": [["a", "cpu", 0, 15]] } ] }
        ]
    })
}

/// Every place of a document, by pointer.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(fields) => fields.iter().for_each(|(k, v)| places(v, &format!("{at}/{k}"), found)),
        Value::Array(items) => items.iter().enumerate().for_each(|(n, v)| places(v, &format!("{at}/{n}"), found)),
        _ => {}
    }
}

/// Whether two pointers are about one thing: the same, or one inside the other.
fn concerns(a: &str, b: &str) -> bool {
    let inside = |a: &str, b: &str| b.strip_prefix(a).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    inside(a, b) || inside(b, a)
}

/// What a value of its type must not be replaced by.
fn wrong(value: &Value) -> Vec<Value> {
    let mut all = wrong_kinds(value);
    all.push(Value::Null);
    all
}

fn wrong_kinds(value: &Value) -> Vec<Value> {
    match value {
        Value::Number(_) => vec![json!("7"), json!(-1), json!(1.5), json!(1e300), json!([]), json!({}), json!(true)],
        Value::String(text) if text.parse::<f64>().is_ok() => {
            let texts = [
                "",
                "NaN",
                "nan",
                "inf",
                "-inf",
                "Infinity",
                "1e3",
                "0x10",
                "1,5",
                "１",
                "1.",
                ".",
                "+1",
                " 1",
                "1.0000001",
            ];
            let mut all: Vec<Value> = texts.iter().map(|t| json!(t)).collect();
            all.extend([
                json!(1),
                json!("-0.5"),
                json!("99999999999999999999999999"),
                json!([]),
                json!({}),
                json!(false),
            ]);
            all
        }
        Value::String(_) => vec![json!(1), json!([]), json!({}), json!(true), json!("")],
        Value::Bool(_) => vec![json!(1), json!("true"), json!([])],
        Value::Array(_) => vec![json!(1), json!("x"), json!({}), json!([[1, 2, 3, 4]])],
        Value::Object(_) => vec![json!(1), json!("x"), json!([])],
        Value::Null => Vec::new(),
    }
}

#[test]
fn every_place_refuses_what_it_must_not_be() {
    let book = rich();
    assert!(parse(&book.to_string()).is_ok(), "{:?}", parse(&book.to_string()).err());
    let mut all = Vec::new();
    places(&book, "", &mut all);
    let (mut tried, mut kinds) = (0, std::collections::BTreeSet::new());
    for at in &all {
        for bad in wrong(book.pointer(at).expect("it is there")) {
            // any text is a start of the slots, an owner, or a resource that nothing else names
            let free = ["/slot_base", "/owner"].iter().any(|end| at.ends_with(end));
            if free && bad == json!("") {
                continue;
            }
            // some things may be said to be nothing
            let key = at.rsplit('/').next().unwrap_or_default();
            let optional = ["reference", "instance", "min_fill", "incumbent", "parent", "budget", "replicas", "node"];
            let nothing = optional.contains(&key) || ["/products/0/cap", "/arcs/0/limit"].contains(&at.as_str());
            if nothing && bad.is_null() {
                continue;
            }
            // more may arrive than was sent
            if at.ends_with("/ratio") && bad == json!("1.0000001") {
                continue;
            }
            let mut broken = book.clone();
            *broken.pointer_mut(at).expect("it is there") = bad.clone();
            let Err(faults) = parse(&broken.to_string()) else { panic!("{at} takes {bad}") };
            assert!(faults.iter().any(|f| concerns(&f.pointer, at)), "{at} = {bad}: {faults:?}");
            assert!(faults.iter().all(|f| !f.detail.is_empty() && !f.code.is_empty()), "{faults:?}");
            kinds.extend(faults.into_iter().map(|f| f.code));
            tried += 1;
        }
        // a key too many, and one too few
        if let Some(Value::Object(fields)) = book.pointer(at) {
            let mut more = book.clone();
            more.pointer_mut(at).and_then(Value::as_object_mut).expect("an object").insert("colour".into(), json!(1));
            if !at.ends_with("/capacity") {
                let due = (format!("{at}/colour"), "unknown_key".to_owned());
                assert!(pointers(&more.to_string()).contains(&due), "{at}");
            }
            for key in fields.keys() {
                let mut less = book.clone();
                less.pointer_mut(at).and_then(Value::as_object_mut).expect("an object").remove(key);
                if let Err(faults) = parse(&less.to_string()) {
                    // the name of something that others name is missed by them, too
                    let named = faults.iter().any(|f| concerns(&f.pointer, &format!("{at}/{key}")));
                    assert!(
                        named
                            || key == "id"
                            || faults.iter().all(|f| f.code == "unknown_name" || f.code == "parent_without_min_fill"),
                        "{at}/{key}: {faults:?}"
                    );
                    tried += 1;
                }
            }
        }
    }
    println!("{tried} books with one fault each, {} kinds: {kinds:?}", kinds.len());
    assert!(tried > 600 && kinds.len() >= 12, "{tried}, {kinds:?}");
}

/// Faults in many places of one book are all told, not only the first.
#[test]
fn as_many_faults_as_a_book_has_are_told() {
    let mut book = rich();
    let faults = [
        ("/cap", json!("NaN")),
        ("/alpha", json!("1.5")),
        ("/seed", json!(-1)),
        ("/products/0/supply/0/quantity", json!(2_000_000_000_000_000_i64)),
        ("/products/1/slot", json!(-3)),
        ("/arcs/0/ratio", json!("0")),
        ("/arcs/0/limit", json!("50")),
        ("/instances/0/holding/0/3", json!(1e30)),
        ("/nodes/0/capacity/cpu", json!(-1)),
        ("/nodes/0/committed/0", json!(["cpu", 0])),
        ("/budgets/0/amount", json!("-1")),
        ("/orders/0/min_fill", json!("inf")),
        ("/orders/0/alternatives/0/adder", json!("-1")),
        ("/orders/1/replicas", json!(0)),
        ("/orders/1/class", json!("best")),
        ("/orders/2/side", json!("sell")),
        ("/orders/2/instance", json!("nobody")),
    ];
    for (at, bad) in &faults {
        *book.pointer_mut(at).expect("it is there") = bad.clone();
    }
    let told = pointers(&book.to_string());
    for (at, _) in &faults {
        assert!(told.iter().any(|(pointer, _)| concerns(pointer, at)), "{at} is not among {told:#?}");
    }
}

#[test]
fn an_empty_book_and_great_quantities_are_valid() {
    let empty = parse(r#"{ "format": "headroom.book/1", "cap": "10" }"#).expect("an empty book is a book");
    let outcome = clear(&empty, Mode::Market, &NoProposal, &Limits::default()).expect("and clears");
    assert!(outcome.awards.is_empty() && outcome.prices.is_empty());
    let mut book = rich();
    *book.pointer_mut("/products/0/supply/0/quantity").expect("it is there") = json!(1_000_000_000);
    *book.pointer_mut("/nodes/0/capacity/cpu").expect("it is there") = json!(2_000_000_000);
    *book.pointer_mut("/orders/1/alternatives/0/quantities/0/3").expect("it is there") = json!(1_000_000_000);
    *book.pointer_mut("/orders/1/limit").expect("it is there") = json!("1000000000");
    let book = parse(&book.to_string()).expect("10^9 units are a quantity");
    let outcome = clear(&book, Mode::Market, &NoProposal, &Limits::default()).expect("and clears");
    assert!(outcome.awards.iter().any(|a| a.quantities.iter().any(|q| q.quantity >= 500_000_000)));
}

/// A chain of 300 parents is a family; closed to a circle, every member of it is at fault.
#[test]
fn long_chains_of_parents_end_and_circles_are_told() {
    let orders = |first: Value| -> Vec<Value> {
        (0..300)
            .map(|n| {
                let parent = if n == 0 { first.clone() } else { json!(format!("o{}", n - 1)) };
                json!({ "id": format!("o{n}"), "owner": "o", "side": "bid", "limit": "1", "min_fill": "1", "parent": parent,
                        "alternatives": [ { "quantities": [["a", "cpu", 0, 1]] } ] })
            })
            .collect()
    };
    let book = |first| json!({ "format": "headroom.book/1", "cap": "10", "orders": orders(first) }).to_string();
    assert!(parse(&book(Value::Null)).is_ok());
    let told = pointers(&book(json!("o299")));
    assert_eq!(told.len(), 300);
    assert!(told.iter().all(|(_, code)| code == "cycle"), "{told:?}");
}

/// Where two orders have one name, the circle may go through the first of them or through the last.
#[test]
fn circles_are_told_beside_duplicates() {
    let order = |id: &str, parent: Value| {
        json!({ "id": id, "owner": "o", "side": "bid", "limit": "1", "min_fill": "1", "parent": parent,
                "alternatives": [ { "quantities": [["a", "cpu", 0, 1]] } ] })
    };
    let told = |orders: [Value; 3]| {
        let mut told = pointers(&json!({ "format": "headroom.book/1", "cap": "10", "orders": orders }).to_string());
        told.sort();
        told
    };
    let due = |circle: [usize; 2], duplicate: usize| {
        let mut due = circle.map(|i| (format!("/orders/{i}/parent"), "cycle".to_owned())).to_vec();
        due.push((format!("/orders/{duplicate}/id"), "duplicate".to_owned()));
        due.sort();
        due
    };
    let (a, b, other) = (order("a", json!("b")), order("b", json!("a")), order("a", Value::Null));
    assert_eq!(told([a.clone(), b.clone(), other.clone()]), due([0, 1], 2));
    assert_eq!(told([other, b, a]), due([1, 2], 2));
}

/// Of two readers one would take the first value and one the last.
#[test]
fn a_key_that_is_there_twice_is_told_with_its_pointer() {
    let text = r#"{"format":"headroom.book/1","cap":"10","cap":"11","alpha":"0","seed":1,"products":[],
        "orders":[{"id":"a","owner":"o","side":"bid","limit":"10","limit":"0",
        "alternatives":[{"quantities":[["p","cpu",0,1]]}]}]}"#;
    let faults = parse(text).expect_err("it is refused");
    let told: Vec<(&str, &str)> = faults.iter().map(|f| (f.pointer.as_str(), f.code.as_str())).collect();
    assert_eq!(told, [("/cap", "duplicate_key"), ("/orders/0/limit", "duplicate_key")]);
}

/// What can't be read is not told once more as what is not there.
#[test]
fn one_fault_is_told_once() {
    let mut book = rich();
    book["orders"][2]["alternatives"][0]["quantities"][0][3] = json!(1.5);
    book["slot_base"] = json!("yesterday");
    let faults = parse(&book.to_string()).expect_err("it is refused");
    let told: Vec<(&str, &str)> = faults.iter().map(|f| (f.pointer.as_str(), f.code.as_str())).collect();
    assert_eq!(
        told,
        [("/slot_base", "not_a_time"), ("/orders/2/alternatives/0/quantities/0/3", "not_an_integer")],
        "{faults:?}"
    );
}

/// A row of nothing names no product.
#[test]
fn a_row_of_nothing_changes_nothing() {
    let mut book = rich();
    let plain = parse(&book.to_string()).expect("a book");
    if let Some(rows) = book["orders"][0]["alternatives"][0]["quantities"].as_array_mut() {
        rows.push(json!(["elsewhere", "mem", 3, 0]));
    }
    let with_it = parse(&book.to_string()).expect("a book");
    let outcome = |b| clear(b, Mode::Market, &NoProposal, &Limits::default()).expect("an outcome");
    assert_eq!(outcome(&plain).awards, outcome(&with_it).awards);
    verify(&with_it, outcome(&with_it), Mode::Market).expect("it is verified");
}

/// What can't be read is there all the same: nothing is said to be missing because of it.
#[test]
fn a_budget_without_a_readable_amount_is_a_budget() {
    let text = r#"{
        "format": "headroom.book/1", "cap": "10",
        "products": [ { "pool": "a", "resource": "cpu", "slot": 0 } ],
        "budgets": [ { "id": "g" }, { "id": "h", "amount": "much" } ],
        "orders": [
            { "id": "x", "owner": "o", "side": "bid", "limit": "1", "budget": "g", "alternatives": [ { "quantities": [ ["a", "cpu", 0, 5] ] } ] },
            { "id": "y", "owner": "o", "side": "bid", "limit": "1", "budget": "h", "alternatives": [ { "quantities": [ ["a", "cpu", 0, 5] ] } ] },
            { "id": "z", "owner": "o", "side": "bid", "limit": "1", "min_fill": "1", "parent": "z", "alternatives": [ { "quantities": [ ["a", "cpu", 0, 5] ] } ] }
        ]
    }"#;
    let faults = parse(text).expect_err("a faulty book");
    let told: Vec<&str> = faults.iter().map(|f| f.pointer.as_str()).collect();
    assert_eq!(told, ["/budgets/0/amount", "/budgets/1/amount", "/orders/2/parent"]);
    assert_eq!(faults[2].detail, "`z` is its own parent");
}

/// Where a budget counts limits, the dearest limit is not the one that wins.
#[test]
fn a_limit_that_wins_is_found_between_those_that_lose() {
    let text = r#"{
        "format": "headroom.book/1", "cap": "100",
        "products": [ { "pool": "a", "resource": "cpu", "slot": 0, "supply": [ { "quantity": 10, "reserve": "1" } ] } ],
        "budgets": [ { "id": "g", "amount": "20" } ],
        "orders": [
            { "id": "x", "owner": "o", "side": "bid", "limit": "5", "min_fill": "1", "budget": "g", "alternatives": [ { "quantities": [ ["a", "cpu", 0, 10] ] } ] },
            { "id": "y", "owner": "p", "side": "bid", "limit": "5", "min_fill": "1", "alternatives": [ { "quantities": [ ["a", "cpu", 0, 11] ] } ] }
        ]
    }"#;
    let book = parse(text).expect("a good book");
    let found = |order: &str| {
        let asked = Asked { order, runs_of: None, guess: None };
        winning_limit(&book, asked, &NoProposal, &Limits::default(), &|| true)
    };
    assert_eq!(found("x"), Winning::Limit(Money(10_000_001)));
    assert_eq!(found("y"), Winning::NoneTried);
}

/// Where winning begins a bid may have a small part: the limit for all of it wins all, and with a tick less not all.
#[test]
fn the_limit_for_all_of_an_order_wins_all_of_it() {
    let text = r#"{
        "format": "headroom.book/1", "cap": "100",
        "products": [ { "pool": "a", "resource": "cpu", "slot": 0,
            "supply": [ { "quantity": 5, "reserve": "1" }, { "quantity": 200, "reserve": "3" } ] } ],
        "orders": [
            { "id": "x", "owner": "o", "side": "bid", "limit": "50", "alternatives": [ { "quantities": [ ["a", "cpu", 0, 100] ] } ] },
            { "id": "y", "owner": "p", "side": "bid", "limit": "2", "alternatives": [ { "quantities": [ ["a", "cpu", 0, 1] ] } ] }
        ]
    }"#;
    let book = parse(text).expect("a good book");
    let asked = || Asked { order: "x", runs_of: None, guess: None };
    let won = |limit: Money| {
        let award = award_with(&book, &asked(), limit, &NoProposal, &Limits::default());
        award.map_or(0, |a| a.quantities[0].quantity)
    };
    let begins = winning_limit(&book, asked(), &NoProposal, &Limits::default(), &|| true);
    let whole = full_fill_limit(&book, asked(), &NoProposal, &Limits::default(), &|| true);
    let (Winning::Limit(begins), Winning::Limit(whole)) = (begins, whole) else { panic!("{begins:?} {whole:?}") };
    assert_eq!((won(begins), won(Money(begins.0 - 1))), (4, 0), "four of five are left at a price of 1");
    assert_eq!((won(whole), won(Money(whole.0 - 1)) < 100), (100, true));
    assert!(whole > begins, "{whole:?}");
}
