//! The clearing on books by hand and by seed, against the exact check, brute force and known optima.

mod books;
mod brute_force;
mod known;
mod properties;

use books::{
    Dice, always_clears, cleared, micros, order, parsed, random_book, round_book, sellers_nanos_apart, sold_out_book,
    supply, won,
};
use headroom_market::clearing::book;
use headroom_market::clearing::document::{verify, verify_text};
use headroom_market::clearing::outcome::{Mode, Quality};
use headroom_solver::clear;
use serde_json::{Value, json};

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
fn a_lender_is_sold_before_the_operator_at_one_price() {
    let lines = json!([["a", "cpu_milli", 0, 10]]);
    let book = parsed(&json!({
        "format": "headroom.book/2",
        "products": [{ "pool": "a", "resource": "cpu_milli", "slot": 0, "supply": [supply(10, "2")] }],
        "orders": [order("lender", "offer", "20", lines.clone()), order("b", "bid", "50", lines)],
    }));
    let outcome = cleared(&book, Mode::Market);
    assert_eq!((won(&book, &outcome), &outcome.used[0]), (vec![10, 10], &vec![0]));
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

#[test]
fn books_of_rounds_always_have_an_outcome() {
    always_clears(1_000, 0, &|seed| round_book(seed, if seed % 8 == 0 { 120 } else { 10 }));
}

#[test]
fn sold_out_pools_of_many_nodes_have_an_outcome() {
    always_clears(200, 0, &sold_out_book);
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
        include_str!("../books/supply_led_to_nobody.json"),
        include_str!("../books/node_filled_to_the_last_unit.json"),
        include_str!("../books/lots_given_and_taken.json"),
        include_str!("../books/divisible_bid_over_a_full_node.json"),
        include_str!("../books/bundles_on_a_nearly_full_node.json"),
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

/// A file may say neither twice what a step sells or an arc leads, nor a gap that is not the sum of its parts.
#[test]
fn outcomes_that_tell_a_row_twice_are_refused() {
    let product = |pool: &str| json!({ "pool": pool, "resource": "cpu_milli", "slot": 0, "supply": [supply(10, "1")] });
    let book = parsed(&json!({
        "format": "headroom.book/2",
        "products": [product("a"), product("b")],
        "arcs": [{ "from": ["a", "cpu_milli", 0], "to": ["b", "cpu_milli", 0], "cost": "0", "limit": 10 }],
        "orders": [order("bid", "bid", "80", json!([["b", "cpu_milli", 0, 15]]))],
    }));
    let verified = verify(&book, &cleared(&book, Mode::Market)).expect("it holds").into_inner();
    let text: Value = serde_json::from_str(verified.text()).expect("JSON");
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut changed = text.clone();
        change(&mut changed);
        verify_text(&book, &changed.to_string()).is_err()
    };
    assert!(!refused(&|_| ()), "as it is it holds");
    let twice = |rows: &'static str, field: &'static str| {
        move |outcome: &mut Value| {
            let mut first = outcome[rows][0].clone();
            first[field] = json!(0);
            outcome[rows].as_array_mut().expect("rows").insert(0, first);
        }
    };
    assert!(refused(&twice("supply", "used")) && refused(&twice("flows", "flow")));
    assert!(refused(&|outcome| outcome["gap"]["total"] = json!("0.000000777")));
}

/// Sellers that a float can't tell apart: supply steps, and offers beside them.
#[test]
fn sellers_nanos_apart_leave_every_book_an_outcome() {
    always_clears(300, 0, &sellers_nanos_apart);
}

/// Ties of every kind at once: free and bound bids over many nodes, and lenders that ask what the bids pay.
#[test]
fn ties_over_many_nodes_with_lenders_are_cleared() {
    let of = |number: usize, side: &str, is_bound: bool| {
        let mut order = order(&format!("{side}{number}"), side, "20", json!([["a", "cpu_milli", 0, 10]]));
        if is_bound {
            order["node"] = json!(format!("n{}", number % 100));
        }
        order
    };
    let bids = (0..4_000).map(|number| of(number, "bid", number % 2 == 1));
    let nodes = |room: i64| -> Vec<Value> {
        let node = |n| json!({ "id": format!("n{n}"), "pool": "a", "capacity": { "cpu_milli": room } });
        (0..100).map(node).collect()
    };
    for room in [150, 400] {
        let book = parsed(&json!({
            "format": "headroom.book/2",
            "products": [{ "pool": "a", "resource": "cpu_milli", "slot": 0, "supply": [supply(20_000, "1")] }],
            "nodes": nodes(room),
            "orders": bids.clone().chain((0..2_000).map(|number| of(number, "offer", true))).collect::<Vec<_>>(),
        }));
        cleared(&book, Mode::Market);
    }
}

/// An offer whose limit a float can't tell from what the bid pays.
#[test]
fn offers_next_to_a_price_leave_every_book_an_outcome() {
    for near in -12..=12 {
        let lines = json!([["a", "cpu_milli", 0, 10]]);
        let book = parsed(&json!({
            "format": "headroom.book/2",
            "products": [{ "pool": "a", "resource": "cpu_milli", "slot": 0, "supply": [supply(5, "2")] }],
            "orders": [order("b", "bid", "70", lines.clone()), order("o", "offer", &micros(70_000_000 + near), lines)],
        }));
        let won = won(&book, &cleared(&book, Mode::Market));
        assert!(won[0] >= 5 && (near > 0 || won[1] == 5) && (near < 4 || won[1] == 0), "{near}: {won:?}");
    }
}
