//! Lenders on full nodes: who lends for less where nobody buys keeps nobody else from selling.
use headroom_market::clearing::generate::Draw;
use headroom_market::clearing::outcome::Reason;
use headroom_market::clearing::{Book, Limits, Mode, NoProposal, Outcome, Product, clear, parse, verify, verify_round};

fn order(side: &str, id: &str, node: &str, quantity: i64, limit: &str) -> serde_json::Value {
    serde_json::json!({"id": id, "owner": id, "side": side, "limit": limit, "node": node,
        "alternatives": [{"quantities": [["p", "cpu", 0, quantity]]}]})
}

/// Two nodes without room, and nothing but what is lent.
fn book(orders: &[serde_json::Value]) -> Book {
    let node = |id: &str| serde_json::json!({"id": id, "pool": "p", "capacity": {"cpu": 0}});
    let product = serde_json::json!({"pool": "p", "resource": "cpu", "slot": 0, "supply": []});
    let book = serde_json::json!({"format": "headroom.book/1", "cap": "10", "seed": 1, "products": [product],
        "nodes": [node("a"), node("b")], "orders": orders});
    parse(&book.to_string()).expect("a book")
}

/// As a round of a market.
fn cleared(book: &Book) -> Outcome {
    let outcome = clear(book, Mode::Market, &NoProposal, &Limits::PRODUCTION).expect("an outcome");
    verify_round(book, outcome).expect("it is verified").into_inner()
}

fn traded(outcome: &Outcome, order: &str) -> i64 {
    outcome.awards.iter().find(|a| a.order == order).map_or(0, |a| a.quantities[0].quantity)
}

#[test]
fn a_unit_for_nothing_on_another_node_stops_no_trade() {
    let (lends, buys) = (order("offer", "lends", "a", 150, "0.0225"), order("bid", "buys", "a", 150, "0.2"));
    let idle = order("offer", "idle", "b", 1, "0");
    for orders in [vec![lends.clone(), buys.clone()], vec![lends, buys, idle]] {
        let outcome = cleared(&book(&orders));
        assert_eq!((traded(&outcome, "lends"), traded(&outcome, "buys")), (150, 150), "{outcome:?}");
        assert_eq!(outcome.prices[0].price.0, 150_000, "what the lender asks for");
    }
}

/// In a book file nobody is given up where the rules can be kept, and they say that an offer in the money is taken.
#[test]
fn a_book_keeps_the_rules_instead() {
    let orders = [
        order("offer", "lends", "a", 150, "0.0225"),
        order("bid", "buys", "a", 150, "0.2"),
        order("offer", "idle", "b", 1, "0"),
    ];
    let book = book(&orders);
    let outcome = clear(&book, Mode::Market, &NoProposal, &Limits::default()).expect("an outcome");
    let outcome = verify(&book, outcome, Mode::Market).expect("it is verified").into_inner();
    assert!(outcome.refused.iter().all(|r| r.reason != Reason::SolverFallback), "{outcome:?}");
}

/// Whatever the bid asks for, on a node or on any, and whatever the idle offer is of.
#[test]
fn no_form_of_offer_or_bid_lets_it() {
    let rows = |of: &[(i64, i64)]| -> Vec<serde_json::Value> {
        of.iter().map(|(slot, quantity)| serde_json::json!(["p", "cpu", slot, quantity])).collect()
    };
    let with = |mut order: serde_json::Value, more: &[(&str, serde_json::Value)], of: &[(i64, i64)]| {
        order["alternatives"] = serde_json::json!([{"quantities": rows(of)}]);
        for (key, value) in more {
            order[*key] = value.clone();
        }
        order
    };
    let lends = |of: &[(i64, i64)]| with(order("offer", "lends", "a", 1, "0.02"), &[], of);
    let buys =
        |more: &[(&str, serde_json::Value)], of: &[(i64, i64)]| with(order("bid", "buys", "a", 1, "0.15"), more, of);
    let idle = |of: &[(i64, i64)]| with(order("offer", "idle", "b", 1, "0"), &[], of);
    let anywhere = ("node", serde_json::Value::Null);
    let block = ("min_fill", serde_json::json!("1"));
    for (lends, buys, idle) in [
        (vec![lends(&[(0, 200)])], buys(&[], &[(0, 200)]), idle(&[(0, 1), (1, 1)])),
        (vec![lends(&[(0, 200)])], buys(&[anywhere.clone(), block], &[(0, 200)]), idle(&[(0, 1)])),
        (vec![lends(&[(0, 200)])], buys(&[anywhere.clone(), ("replicas", 4.into())], &[(0, 200)]), idle(&[(0, 1)])),
        // of any node and in any part: it could have the idle unit, and no more than that
        (vec![lends(&[(0, 200)])], buys(&[anywhere], &[(0, 200)]), idle(&[(0, 1)])),
        (
            vec![lends(&[(0, 200)]), with(order("offer", "more", "a", 1, "0.02"), &[], &[(1, 200)])],
            buys(&[], &[(0, 200), (1, 200)]),
            idle(&[(0, 1)]),
        ),
        (vec![lends(&[(0, 200), (1, 200)])], buys(&[], &[(0, 200)]), idle(&[(0, 1)])),
    ] {
        let of = |idle: Option<&serde_json::Value>| {
            let orders: Vec<_> = lends.iter().chain([&buys]).chain(idle).cloned().collect();
            let mut book = book(&orders);
            book.products.push(clearing_product(1));
            cleared(&book)
        };
        let (alone, beside) = (of(None), of(Some(&idle)));
        assert_eq!(traded(&beside, "buys"), traded(&alone, "buys"), "{beside:?}");
        assert!(beside.welfare.0 >= alone.welfare.0);
    }
}

/// Nor where a bid takes a run of its window, and could have the slot of which nothing idle is lent elsewhere.
#[test]
fn a_run_is_won_with_the_slot_beside_the_idle_unit() {
    for min_fill in ["0", "1"] {
        for beside in [false, true] {
            let rows = |slots: &[i64], quantity: i64| -> Vec<serde_json::Value> {
                slots.iter().map(|slot| serde_json::json!(["p", "cpu", slot, quantity])).collect()
            };
            let run = |slots: &[i64], adder: &str| serde_json::json!({"quantities": rows(slots, 200), "adder": adder});
            let mut first = order("offer", "first", "a", 1, "0.02");
            first["alternatives"] = serde_json::json!([{"quantities": rows(&[0], 200)}]);
            let mut second = order("offer", "second", "a", 1, "0.02");
            second["alternatives"] = serde_json::json!([{"quantities": rows(&[1], 200)}]);
            let mut buys = order("bid", "buys", "a", 1, "0.3");
            buys["alternatives"] = serde_json::json!([run(&[0, 1], "0"), run(&[0], "0.15"), run(&[1], "0.15")]);
            buys["min_fill"] = min_fill.into();
            let idle = beside.then(|| order("offer", "idle", "b", 1, "0"));
            let orders: Vec<_> = [first, second, buys].into_iter().chain(idle).collect();
            let mut book = book(&orders);
            book.products.push(clearing_product(1));
            let outcome = cleared(&book);
            let lent: i64 = ["first", "second"].iter().map(|id| traded(&outcome, id)).sum();
            assert_eq!(lent, 400, "{min_fill} {beside}: {outcome:?}");
        }
    }
}

fn clearing_product(slot: i64) -> Product {
    let text = serde_json::json!({"pool": "p", "resource": "cpu", "slot": slot, "supply": []});
    serde_json::from_value(text).expect("a product")
}

/// Nor does one that sells a little to somebody who would pay next to nothing; and where more is worth more on its own node,
/// that is what is traded.
#[test]
fn what_is_worth_more_is_traded() {
    for (limit, first, second) in [("0.0001", 150, 0), ("0.9", 0, 1)] {
        let orders = [
            order("offer", "lends", "a", 150, "0.0225"),
            order("bid", "buys", "a", 150, "0.2"),
            order("offer", "idle", "b", 1_000, "0"),
            order("bid", "other", "b", 1, limit),
        ];
        let outcome = cleared(&book(&orders));
        assert_eq!((traded(&outcome, "buys"), traded(&outcome, "other")), (first, second), "{limit}: {outcome:?}");
    }
}

/// Random books: an offer of a unit for nothing, where nobody bids, costs nobody anything.
#[test]
fn an_idle_unit_costs_the_round_nothing() {
    for seed in 0..200 {
        let mut d = Draw::new(seed);
        let mut orders = Vec::new();
        for n in 0..d.between(2, 6) {
            let (quantity, unit) = (d.between(1, 200), d.between(1, 900));
            let side = if n % 2 == 0 { "offer" } else { "bid" };
            let unit = if n % 2 == 0 { unit } else { unit + 300 };
            let limit = format!("0.{:06}", (quantity * unit).min(999_999));
            orders.push(order(side, &format!("o{n}"), "a", quantity, &limit));
        }
        let without = cleared(&book(&orders)).welfare.0;
        orders.push(order("offer", "idle", "b", 1, "0"));
        let with = cleared(&book(&orders)).welfare.0;
        assert_eq!(with, without, "seed {seed}");
    }
}
