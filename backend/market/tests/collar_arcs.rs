//! A collar before an arc holds down the price behind it: who asks there shares what is scarce with those who ask for it
//! where it is.
use headroom_market::clearing::generate::Draw;
use headroom_market::clearing::outcome::{Outcome, Quality, Reason};
use headroom_market::clearing::{Book, Limits, Mode, NoProposal, check, clear, parse, verify};
use serde_json::{Value, json};

const NOBODY_GIVEN_UP: [&str; 0] = [];

fn order(id: &str, side: &str, limit: i64, quantities: Value) -> Value {
    json!({ "id": id, "owner": id, "side": side, "limit": limit.to_string(),
        "alternatives": [{ "quantities": quantities }] })
}

fn bid(id: &str, limit: i64, pool: &str, quantity: i64) -> Value {
    order(id, "bid", limit, json!([[pool, "mem", 0, quantity]]))
}

fn product(pool: &str, cap: i64, supply: i64, reserve: i64) -> Value {
    let steps = if supply > 0 { json!([{ "quantity": supply, "reserve": reserve.to_string() }]) } else { json!([]) };
    json!({ "pool": pool, "resource": "mem", "slot": 0, "cap": cap.to_string(), "supply": steps })
}

fn book(products: &[Value], arcs: Value, orders: &[Value]) -> Book {
    let book = json!({ "format": "headroom.book/1", "cap": "15", "alpha": "0", "seed": 1,
        "products": products, "arcs": arcs, "orders": orders });
    parse(&book.to_string()).expect("a book")
}

fn cleared(book: &Book) -> Outcome {
    let outcome = clear(book, Mode::Market, &NoProposal, &Limits::default()).expect("an outcome");
    verify(book, outcome, Mode::Market).expect("it is verified").into_inner()
}

fn given_up(outcome: &Outcome) -> Vec<&str> {
    outcome.refused.iter().filter(|r| r.reason == Reason::SolverFallback).map(|r| r.order.as_str()).collect()
}

fn won(outcome: &Outcome) -> Vec<(&str, i64)> {
    outcome.awards.iter().map(|a| (a.order.as_str(), a.quantities[0].quantity)).collect()
}

fn prices(outcome: &Outcome) -> Vec<(i64, &str)> {
    outcome.prices.iter().map(|p| (p.price.0 / 1_000_000, p.set_by.as_str())).collect()
}

fn one_arc(ratio: &str, cost: &str) -> Value {
    json!([{ "from": ["a", "mem", 0], "to": ["b", "mem", 0], "ratio": ratio, "cost": cost }])
}

/// 3,000 for 6,000 that all pay more than the collar of 3: half for each, wherever they ask.
#[test]
fn who_asks_behind_an_arc_shares_what_is_scarce_before_it() {
    let products = [product("a", 3, 3_000, 1), product("b", 15, 0, 0)];
    let here = [bid("large", 54_000, "b", 4_000), bid("small", 20_000, "b", 2_000)];
    let outcome = cleared(&book(&products, one_arc("1", "0"), &here));
    assert_eq!(prices(&outcome), [(3_000, "cap"), (3_000, "arc:0")]);
    assert_eq!(won(&outcome), [("large", 2_000), ("small", 1_000)]);
    assert!(outcome.awards.iter().all(|a| a.limited_by == Some(Reason::ForecastHeadroom)));

    let both = [bid("large", 54_000, "b", 4_000), bid("small", 20_000, "a", 2_000)];
    let outcome = cleared(&book(&products, one_arc("1", "0"), &both));
    assert_eq!(won(&outcome), [("large", 2_000), ("small", 1_000)]);

    // of a unit that is sent half arrives: a price of (3 + 1) ÷ 0.5 behind the arc
    let outcome = cleared(&book(&products, one_arc("0.5", "1"), &here));
    assert_eq!(prices(&outcome), [(3_000, "cap"), (8_000, "arc:0")]);
    assert_eq!(won(&outcome), [("large", 1_000), ("small", 500)]);
}

/// Whoever is first in line at a collar is so behind an arc, too; and what a pool has of its own is not shared with
/// those before the arc.
#[test]
fn incumbents_and_what_is_there_anyhow_come_first() {
    let products = [product("a", 3, 3_000, 1), product("b", 15, 0, 0)];
    let mut incumbent = bid("incumbent", 20_000, "b", 2_000);
    incumbent["incumbent"] = json!(true);
    let orders = [bid("newcomer", 54_000, "a", 4_000), incumbent];
    let outcome = cleared(&book(&products, one_arc("1", "0"), &orders));
    assert_eq!(won(&outcome), [("incumbent", 2_000), ("newcomer", 1_000)]);

    let products = [product("a", 3, 1_000, 1), product("b", 15, 3_000, 2)];
    let orders = [bid("before", 54_000, "a", 4_000), bid("behind", 65_000, "b", 5_000)];
    let outcome = cleared(&book(&products, one_arc("1", "0"), &orders));
    assert_eq!(won(&outcome), [("before", 1_000), ("behind", 3_000)]);
}

/// By the letter of the rule book (§6) only those share who ask for the product at its collar itself, so where that does, it
/// is kept: whoever asks behind the arc and can have all of it has it.
#[test]
fn who_can_have_all_behind_an_arc_has_it() {
    let products = [product("a", 3, 3_000, 1), product("b", 15, 0, 0)];
    let orders = [bid("before", 54_000, "a", 4_000), bid("behind", 20_000, "b", 2_000)];
    let outcome = cleared(&book(&products, one_arc("1", "0"), &orders));
    assert_eq!(won(&outcome), [("before", 1_000), ("behind", 2_000)]);
}

/// A collar elsewhere excuses nobody who has less than those who ask for the same, or for what is sent on to it.
#[test]
fn a_smaller_share_behind_an_arc_is_refused() {
    let products = [product("a", 3, 3_000, 1), product("b", 15, 0, 0)];
    for (one, other) in [("a", "b"), ("b", "b")] {
        let orders = [bid("x", 54_000, one, 4_000), bid("y", 54_000, other, 4_000)];
        let book = book(&products, one_arc("1", "0"), &orders);
        let right = cleared(&book);
        assert_eq!(won(&right), [("x", 1_500), ("y", 1_500)]);
        let mut wrong = right.clone();
        for (award, (quantity, fill)) in wrong.awards.iter_mut().zip([(2_000, "0.5"), (1_000, "0.25")]) {
            award.quantities[0].quantity = quantity;
            award.money.0 = 3_000_000 * quantity;
            award.fill = serde_json::from_value(json!(fill)).expect("a fill");
        }
        wrong.flows[0].flow = if one == "a" { 1_000 } else { 3_000 };
        let rules: Vec<&str> = check::broken(&book, &wrong, Mode::Market).iter().map(|b| b.rule).collect();
        assert!(rules.contains(&"RATION"), "{one} {other}: {rules:?}");
    }
}

/// Two pools behind the one that is at its collar: who has been sent all of it has no right to more than the other.
#[test]
fn a_share_behind_one_arc_is_compared_with_that_behind_another() {
    let products = [product("a", 4, 1_000, 1), product("b", 15, 0, 0), product("c", 15, 0, 0)];
    let arc = |to: &str| json!({ "from": ["a", "mem", 0], "to": [to, "mem", 0], "ratio": "1", "cost": "0" });
    let orders = [bid("x", 5_000, "b", 1_000), bid("y", 14_000, "c", 1_000)];
    let book = book(&products, json!([arc("b"), arc("c")]), &orders);
    let right = cleared(&book);
    assert_eq!(won(&right), [("x", 500), ("y", 500)]);
    let mut wrong = right.clone();
    for (n, (quantity, fill)) in [(900, "0.9"), (100, "0.1")].into_iter().enumerate() {
        let award = &mut wrong.awards[n];
        award.quantities[0].quantity = quantity;
        award.money.0 = 4_000_000 * quantity;
        award.fill = serde_json::from_value(json!(fill)).expect("a fill");
        wrong.flows[n].flow = quantity;
    }
    let rules: Vec<&str> = check::broken(&book, &wrong, Mode::Market).iter().map(|b| b.rule).collect();
    assert!(rules.contains(&"RATION"), "{rules:?}");
}

/// A lone bid above the collar has what comes through, whatever whole units lose on their way.
#[test]
fn a_lone_bid_behind_arcs_that_lose_something_has_what_arrives() {
    let products = [product("a", 10, 3_302, 0), product("b", 10, 0, 0), product("c", 10, 0, 0)];
    let arc = |from: &str, to: &str, ratio: &str| json!({ "from": [from, "mem", 0], "to": [to, "mem", 0], "ratio": ratio, "cost": "0.1" });
    let arcs = json!([arc("a", "b", "0.8"), arc("b", "c", "0.9")]);
    for limit in [9, 10, 11, 50] {
        let outcome = cleared(&book(&products, arcs.clone(), &[bid("x", 5_222 * limit, "c", 5_222)]));
        // 3,302 × 0.8 = 2,641.6, and of 2,641 nine in ten
        assert_eq!(won(&outcome), [("x", 2_376)], "{limit}");
    }
}

/// Of 61,288 units 36,772 arrive behind the first arc (0.6), 33,094 behind the second (0.9), and 24,820 behind the third
/// (0.75): fewer than the parts of units come to, and what is missing is the bid's. It says so, as every unit counts.
/// Of three units none arrives behind another line, and nothing is used for that.
#[test]
fn what_whole_units_lose_on_their_way_is_missed_by_whom_a_collar_rations() {
    let line = |supply: i64, ratios: [&str; 3], limit: i64, quantity: i64| {
        let products =
            [product("a", 10, supply, 0), product("b", 10, 0, 0), product("c", 10, 0, 0), product("d", 10, 0, 0)];
        let arc = |(n, ratio): (usize, &&str)| {
            let pools = ["a", "b", "c", "d"];
            json!({ "from": [pools[n], "mem", 0], "to": [pools[n + 1], "mem", 0], "ratio": ratio, "cost": "0.1" })
        };
        let arcs: Vec<Value> = ratios.iter().enumerate().map(arc).collect();
        cleared(&book(&products, json!(arcs), &[bid("x", limit, "d", quantity)]))
    };
    let outcome = line(61_288, ["0.6", "0.9", "0.75"], 369_213, 28_401);
    assert_eq!(won(&outcome), [("x", 24_820)]);
    assert_eq!(outcome.quality, Quality::Fallback);
    let nothing = line(3, ["0.95", "0.75", "0.95"], 117, 9);
    assert_eq!(won(&nothing), []);
    assert!(nothing.flows.iter().all(|f| f.flow == 0) && nothing.supply.iter().all(|s| s.used == 0));
}

/// An arc that could carry more than there is holds the price behind it down although nothing comes through it.
#[test]
fn an_arc_from_an_empty_pool_keeps_nobody_from_what_is_there() {
    let products = [product("a", 3, 0, 0), product("b", 6, 3_104, 1)];
    for limit in [1_409, 2_113, 9_999] {
        let arcs =
            json!([{ "from": ["a", "mem", 0], "to": ["b", "mem", 0], "ratio": "0.75", "cost": "0", "limit": limit }]);
        let outcome = cleared(&book(&products, arcs, &[bid("x", 43_239, "b", 7_626)]));
        assert_eq!(won(&outcome), [("x", 3_104)], "{limit}");
        assert_eq!(prices(&outcome), [(3_000, "cap"), (4_000, "arc:0")], "{limit}");
    }
}

/// Books of two to four pools, half of them with a collar of their own, with arcs among them and bundles.
fn random(seed: u64) -> Book {
    let mut d = Draw::new(seed ^ 0xC0_11A2);
    let pools = &["a", "b", "c", "d"][..d.between(2, 4) as usize];
    let products: Vec<Value> = pools
        .iter()
        .map(|pool| {
            let cap = if d.chance(60) { d.between(3, 8) } else { 15 };
            let supply = if d.chance(60) { [10, 50, 100, 3_000][d.between(0, 3) as usize] } else { 0 };
            product(pool, cap, supply, d.between(0, 3))
        })
        .collect();
    let mut arcs = Vec::new();
    for (from, to) in pools.iter().flat_map(|from| pools.iter().map(move |to| (from, to))) {
        if from != to && d.chance(40) {
            let ratio = ["1", "1", "0.9", "0.5"][d.between(0, 3) as usize];
            let cost = ["0", "0.5", "1"][d.between(0, 2) as usize];
            let mut arc = json!({ "from": [from, "mem", 0], "to": [to, "mem", 0], "ratio": ratio, "cost": cost });
            if d.chance(30) {
                arc["limit"] = json!(d.between(1, 100));
            }
            arcs.push(arc);
        }
    }
    let orders: Vec<Value> = (0..d.between(2, 7))
        .map(|n| {
            let first = d.between(0, pools.len() as i64 - 1) as usize;
            let places = if d.chance(25) { vec![first, (first + 1) % pools.len()] } else { vec![first] };
            let bids = d.chance(75);
            let mut each = || [3, 7, 20, 60, 100, 400][d.between(0, 5) as usize];
            let quantities: Vec<(usize, i64)> = places.into_iter().map(|p| (p, each())).collect();
            let units: i64 = quantities.iter().map(|q| q.1).sum();
            let limit = units * if bids { d.between(4, 14) } else { d.between(0, 5) };
            let asked: Vec<Value> = quantities.iter().map(|(p, q)| json!([pools[*p], "mem", 0, q])).collect();
            order(&format!("o{n}"), if bids { "bid" } else { "offer" }, limit, json!(asked))
        })
        .collect();
    book(&products, json!(arcs), &orders)
}

/// Of 600 such books 55 gave somebody up before those behind arcs shared.
#[test]
fn random_books_of_arcs_and_collars_give_hardly_anybody_up() {
    let books = (0..600).map(random);
    let given: usize = books.filter(|book| given_up(&cleared(book)) != NOBODY_GIVEN_UP).count();
    assert!(given <= 9, "{given} books give somebody up");
}

/// A bundle alone, one part of which comes along an arc from a product at its collar, and the other is short, too, until that
/// one is rationed: prices follow what is shared, in turns.
fn lone_bundle(cpu: i64, mem: i64, cap: i64, limit: i64, asked: [i64; 2]) -> Book {
    let product = |pool: &str, resource: &str, cap: i64, supply: i64, reserve: &str| {
        json!({ "pool": pool, "resource": resource, "slot": 0, "cap": cap.to_string(),
            "supply": [{ "quantity": supply, "reserve": reserve }] })
    };
    let products = [product("a", "cpu", cap, cpu, "0.1"), product("b", "mem", 100, mem, "0.2")];
    let arcs = json!([{ "from": ["a", "cpu", 0], "to": ["b", "cpu", 0], "ratio": "1", "cost": "0" }]);
    let bundle = order("x", "bid", limit, json!([["b", "cpu", 0, asked[0]], ["b", "mem", 0, asked[1]]]));
    let book = json!({ "format": "headroom.book/1", "cap": "100", "alpha": "0", "seed": 1,
        "products": products, "arcs": arcs, "orders": [bundle] });
    parse(&book.to_string()).expect("a book")
}

#[test]
fn a_bundle_alone_has_what_an_arc_can_bring_it() {
    let outcome = cleared(&lone_bundle(6_730, 5_219, 4, 54_000, [9_000, 6_000]));
    let units: Vec<i64> = outcome.awards.iter().flat_map(|a| &a.quantities).map(|q| q.quantity).collect();
    assert_eq!(units, [6_730, 4_486], "{outcome:?}");
    // its part of 54,000 less what the supply asks for
    let worth = 54_000.0 * 6_730.0 / 9_000.0 - 673.0 - 6_000.0 * 6_730.0 / 9_000.0 * 0.2;
    assert!((outcome.welfare.0.round() as f64 - worth).abs() < 1.0, "{:?}", outcome.welfare);
    let mut draw = Draw::new(5);
    for turn in 0..200 {
        let asked = [draw.between(1_000, 9_000), draw.between(1_000, 9_000)];
        let limit = (asked[0] + asked[1]) * draw.between(10, 60) / 10;
        let book =
            lone_bundle(draw.between(1_000, 9_000), draw.between(1_000, 9_000), draw.between(1, 4), limit, asked);
        assert_eq!(given_up(&cleared(&book)), NOBODY_GIVEN_UP, "turn {turn}");
    }
}

/// What is scarce comes along an arc that is full, and some of it goes on along one that is not: alike bids have alike parts,
/// whether the second has a limit or none.
#[test]
fn a_limit_that_does_not_bind_changes_no_share() {
    let product = |pool: &str, cap: &str, steps: Value| json!({ "pool": pool, "resource": "mem", "slot": 0, "cap": cap, "supply": steps });
    let products = [
        product("a", "3.7", json!([{ "quantity": 6_977, "reserve": "0" }, { "quantity": 7_978, "reserve": "1.2" }])),
        product("b", "15", json!([{ "quantity": 3_770, "reserve": "0.2" }])),
        product("c", "2.9", json!([])),
        product("d", "15", json!([])),
    ];
    let bids = [
        bid("large", 31_500, "c", 9_000),
        bid("elsewhere", 22_500, "b", 5_000),
        bid("small", 6_006, "c", 1_716),
        bid("behind", 25_500, "d", 5_000),
    ];
    for limit in [json!(2_000), Value::Null] {
        let mut arcs = json!([
            { "from": ["a", "mem", 0], "to": ["b", "mem", 0], "ratio": "0.8", "cost": "0.01" },
            { "from": ["b", "mem", 0], "to": ["c", "mem", 0], "ratio": "0.8", "cost": "0.01", "limit": 2_000 },
            { "from": ["c", "mem", 0], "to": ["d", "mem", 0], "ratio": "1", "cost": "0.3" }]);
        if !limit.is_null() {
            arcs[2]["limit"] = limit;
        }
        let outcome = cleared(&book(&products, arcs, &bids));
        assert_eq!(given_up(&outcome), NOBODY_GIVEN_UP);
        // 1,600 arrive for 15,716
        let shares = [("behind", 509), ("elsewhere", 5_000), ("large", 916), ("small", 174)];
        assert_eq!(won(&outcome), shares);
    }
}
