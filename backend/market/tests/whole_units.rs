//! What rounding to whole units leaves over, where arcs and rows of participants stand in its way; blocks that only have each
//! other; and what a certificate says of an outcome that gives orders up. Small books that a review found.
use headroom_market::clearing::outcome::{Outcome, Price, Quality, Reason};
use headroom_market::clearing::rational::Rat;
use headroom_market::clearing::{Book, Limits, Mode, NoProposal, check, clear, parse, verify};
use serde_json::{Value, json};

fn order(id: &str, side: &str, limit: i64, quantities: Value) -> Value {
    json!({ "id": id, "owner": format!("owner-{id}"), "side": side, "limit": limit.to_string(),
        "alternatives": [{ "quantities": quantities }] })
}

fn book(parts: Value) -> Book {
    let mut book = json!({ "format": "headroom.book/1", "cap": "1000", "alpha": "0", "seed": 1 });
    for (key, value) in parts.as_object().into_iter().flatten() {
        book[key] = value.clone();
    }
    parse(&book.to_string()).expect("a book")
}

fn cleared(book: &Book) -> Outcome {
    let outcome = clear(book, Mode::Market, &NoProposal, &Limits::default()).expect("an outcome");
    verify(book, outcome, Mode::Market).expect("it is verified").into_inner()
}

fn reasons(outcome: &Outcome) -> Vec<Reason> {
    outcome.refused.iter().map(|r| r.reason).collect()
}

/// A bid for two products is filled to 5/7 for want of one of them. Of the other it has 3/7 of a unit less than that when it
/// is rounded down, and the arc carries 4/7 of one less: the unit that nobody has is the bid's.
#[test]
fn what_an_arc_leaves_over_goes_to_a_bid_that_was_rounded_down() {
    let in_units = |unit: i64| {
        cleared(&book(json!({
            "products": [
                { "pool": "b", "resource": "cpu", "slot": 0, "supply": [{ "quantity": 5 * unit, "reserve": "4" }], "reference": "4" },
                { "pool": "b", "resource": "mem", "slot": 0, "supply": [{ "quantity": 9 * unit, "reserve": "5" }] }],
            "arcs": [{ "from": ["a", "cpu", 0], "to": ["b", "cpu", 0], "ratio": "0.9", "cost": "0.5" }],
            "orders": [
                order("lends", "offer", 13 * unit, json!([["a", "cpu", 0, 8 * unit], ["a", "mem", 0, 5 * unit]])),
                order("marginal", "bid", 42 * unit, json!([["a", "cpu", 0, 2 * unit], ["a", "mem", 0, 7 * unit]])),
                order("urgent", "bid", 82_500 * unit / 1_000, json!([["b", "cpu", 0, 4 * unit], ["a", "cpu", 0, 3 * unit]])),
                order("takes the rest", "bid", 44 * unit, json!([["b", "cpu", 0, 5 * unit], ["b", "mem", 0, 3 * unit]]))]
        })))
    };
    let small = in_units(1_000);
    for unit in [1_000, 1_000_000, 1_000_000_000] {
        let outcome = in_units(unit);
        assert_eq!(outcome.quality, Quality::Optimal, "{unit}");
        assert!(!reasons(&outcome).contains(&Reason::SolverFallback), "{unit}: {:?}", outcome.refused);
        let per_thousand = outcome.welfare.0.div(&Rat::int(i128::from(unit / 1_000)));
        assert!((&per_thousand - &small.welfare.0).abs() < Rat::ONE, "{unit}: {per_thousand:?}");
    }
}

/// What whole units leave over of one product is the budgeted bid's, which pays less than it counts with; the rest goes on
/// along two arcs to a bundle that has use for it.
#[test]
fn what_is_left_over_goes_to_a_budget_and_on_to_a_bundle() {
    let outcome = cleared(&book(json!({
        "arcs": [
            { "from": ["b", "cpu", 1], "to": ["a", "cpu", 1], "ratio": "0.9", "limit": 2000 },
            { "from": ["a", "cpu", 1], "to": ["c", "cpu", 1], "ratio": "1", "cost": "0.5", "limit": 7000 }],
        "budgets": [{ "id": "h", "amount": "23000" }],
        "orders": [
            order("whole", "bid", 31_800, json!([["b", "cpu", 0, 4000], ["b", "cpu", 1, 1000]])),
            order("lends", "offer", 25_500, json!([["b", "cpu", 0, 4000], ["b", "cpu", 1, 5000]])),
            { "id": "of a budget", "owner": "o", "side": "bid", "limit": "33000", "budget": "h",
              "alternatives": [{ "quantities": [["b", "cpu", 1, 5000]] }] },
            order("bundle", "bid", 63_000, json!([["c", "cpu", 1, 7000], ["a", "cpu", 1, 7000]]))]
    })));
    assert_eq!((outcome.quality, outcome.refused.len()), (Quality::Optimal, 0), "{:?}", outcome.refused);
    let got = |id: &str| -> Vec<i64> {
        let award = outcome.awards.iter().find(|a| a.order == id).expect("an award");
        award.quantities.iter().map(|q| q.quantity).collect()
    };
    // of the 5,000 lent 1,000 are taken whole and 3,484.8 by the budget's bid
    assert_eq!((got("whole"), got("lends"), got("of a budget")), (vec![4000, 1000], vec![4000, 5000], vec![3485]));
    assert_eq!(outcome.flows.iter().map(|f| f.flow).collect::<Vec<_>>(), [515, 231]);
}

/// What arrives at the end of two lossy arcs in whole units takes a unit more at their beginning than the offer at the margin
/// there lends rounded up: it lends that, too, and neither more nor less.
#[test]
fn an_offer_at_the_margin_lends_what_whole_units_take_on_their_way() {
    let supply = |pool: &str, resource: &str, steps: &[(i64, &str)]| {
        let steps: Vec<Value> = steps.iter().map(|(q, r)| json!({ "quantity": q, "reserve": r })).collect();
        json!({ "pool": pool, "resource": resource, "slot": 0, "supply": steps })
    };
    let outcome = cleared(&book(json!({
        "products": [
            supply("a", "mem", &[(11_000, "1")]),
            supply("b", "cpu", &[(12_000, "5"), (6_000, "9"), (12_000, "11")]),
            supply("b", "mem", &[(10_000, "4")]),
            supply("c", "cpu", &[(2_000, "2"), (12_000, "4")])],
        "arcs": [
            { "from": ["b", "cpu", 0], "to": ["c", "cpu", 0], "ratio": "0.75" },
            { "from": ["c", "cpu", 0], "to": ["a", "cpu", 0], "ratio": "0.75", "limit": 3000 }],
        "orders": [
            order("dear", "offer", 16_000, json!([["a", "cpu", 0, 8000]])),
            order("lends", "offer", 3_000, json!([["b", "cpu", 0, 3000], ["b", "mem", 0, 3000]])),
            order("takes", "bid", 39_000, json!([["a", "cpu", 0, 1000], ["a", "mem", 0, 5000]]))]
    })));
    assert_eq!(outcome.quality, Quality::Optimal, "{:?}", outcome.refused);
    let lent = outcome.awards.iter().find(|a| a.order == "lends").expect("an award");
    // 1,000 / 0.75 = 1,333.3, and 1,334 / 0.75 = 1,778.7, where 1,777.8 of the offer would do in parts
    assert_eq!(lent.quantities[0].quantity, 1_779);
    assert_eq!(outcome.flows.iter().map(|f| f.flow).collect::<Vec<_>>(), [1_779, 1_334]);
}

/// The same of an offer that is a block, filled beyond its least part, and of a bid that is one.
#[test]
fn a_block_beyond_its_least_part_lends_what_whole_units_take() {
    let mut takes = order("takes", "bid", 42_300, json!([["b", "cpu", 0, 1000], ["c", "cpu", 0, 5000]]));
    takes["min_fill"] = json!("1");
    let mut lends = order("lends", "offer", 30_000, json!([["a", "cpu", 0, 8000], ["c", "cpu", 0, 4000]]));
    lends["min_fill"] = json!("0.5");
    let outcome = cleared(&book(json!({
        "arcs": [
            { "from": ["a", "cpu", 0], "to": ["b", "cpu", 0], "ratio": "0.9", "cost": "1", "limit": 8000 },
            { "from": ["b", "cpu", 0], "to": ["c", "cpu", 0], "ratio": "0.9", "cost": "0.5" }],
        "orders": [takes, lends]
    })));
    assert_eq!((outcome.quality, outcome.refused.len()), (Quality::Optimal, 0), "{:?}", outcome.refused);
}

/// Two bids of a budget have each a part of a unit less than they count with; a whole one is left over, and one of them has
/// it, as what it costs is less than what it is worth.
#[test]
fn a_budget_does_not_keep_a_unit_from_a_bid_that_can_pay_it() {
    let of_budget = |id: &str, limit: i64, quantities: Value| {
        let mut order = order(id, "bid", limit, quantities);
        order["budget"] = json!("h");
        order
    };
    let mut large = of_budget("large", 42_000, json!([["a", "cpu", 0, 7000], ["a", "cpu", 1, 3000]]));
    large["alternatives"][0]["adder"] = json!("1000");
    let mut book = json!({
        "budgets": [{ "id": "h", "amount": "36000" }],
        "arcs": [{ "from": ["a", "cpu", 1], "to": ["a", "cpu", 0], "ratio": "1", "limit": 4000 }],
        "orders": [
            of_budget("small", 8_000, json!([["a", "cpu", 0, 3000], ["a", "cpu", 1, 1000]])),
            large,
            order("lends", "offer", 0, json!([["a", "cpu", 1, 3000], ["a", "cpu", 0, 7000]]))]
    });
    for seed in [1, 374_929_968_398_993_i64] {
        book["seed"] = json!(seed);
        let outcome = cleared(&self::book(book.clone()));
        assert_eq!((outcome.quality, outcome.refused.len()), (Quality::Optimal, 0), "{:?}", outcome.refused);
    }
}

/// A unit that no bid has use for goes along an arc to an offer at the margin, which lends one less.
#[test]
fn an_offer_at_the_margin_lends_less_where_a_unit_is_left_over() {
    let credits = |id: &str, side: &str, limit: i64, quantities: Value| {
        let mut order = order(id, side, limit, quantities);
        order["budget"] = if id == "budgeted" { json!("h") } else { Value::Null };
        order
    };
    let outcome = cleared(&book(json!({
        "products": [{ "pool": "b", "resource": "cpu", "slot": 0, "supply": [{ "quantity": 3_000_000, "reserve": "1.09" }] }],
        "budgets": [{ "id": "h", "amount": "35510000" }],
        "arcs": [
            { "from": ["a", "mem", 0], "to": ["b", "mem", 0], "ratio": "1", "cost": "0.5", "limit": 6_000_000 },
            { "from": ["b", "mem", 0], "to": ["b", "cpu", 0], "ratio": "0.75", "cost": "0.5", "limit": 3_000_000 }],
        "orders": [
            credits("cheap", "offer", 270_000, json!([["a", "mem", 0, 3_000_000]])),
            credits("lends", "offer", 5_520_000, json!([["a", "mem", 0, 5_000_000]])),
            credits("budgeted", "bid", 67_700_000, json!([["b", "cpu", 0, 6_000_000], ["a", "mem", 0, 4_000_000]])),
            credits("marginal", "offer", 13_020_000, json!([["b", "mem", 0, 6_000_000]])),
            credits("takes", "bid", 26_100_000, json!([["a", "mem", 0, 5_000_000]])),
            credits("takes too", "bid", 38_850_000, json!([["b", "mem", 0, 5_000_000]]))]
    })));
    assert_eq!((outcome.quality, outcome.refused.len()), (Quality::Optimal, 0), "{:?}", outcome.refused);
}

/// An all-or-none offer and an all-or-none bid of the same worth gain nothing by each other: whatever their names, they trade
/// only where they did before.
#[test]
fn blocks_that_gain_nothing_by_each_other_do_not_trade() {
    let pair = |offer: &str, bid: &str, incumbents: bool, worth: i64| {
        let block = |id: &str, side: &str, limit: i64| {
            let mut order = order(id, side, limit, json!([["p", "cpu", 0, 8]]));
            order["min_fill"] = json!("1");
            order["incumbent"] = json!(incumbents);
            order
        };
        let outcome = cleared(&book(json!({ "orders": [block(offer, "offer", 20), block(bid, "bid", worth)] })));
        assert_eq!(outcome.quality, Quality::Optimal);
        outcome.awards.len()
    };
    for (offer, bid) in [("a", "b"), ("b", "a"), ("q", "m"), ("x1", "x2"), ("x2", "x1")] {
        assert_eq!(pair(offer, bid, false, 20), 0, "{offer} and {bid}");
        assert_eq!(pair(offer, bid, false, 21), 2, "{offer} and {bid}, which gain something");
    }
}

/// What is bought costs no more at `low` than at `high`, even where both might pass for supporting.
#[test]
fn low_is_not_above_high() {
    let mut offer = order("lends", "offer", 20, json!([["p", "cpu", 0, 20]]));
    offer["replicas"] = json!(2);
    offer["min_fill"] = json!("0.5");
    let bid = order("takes", "bid", 90, json!([["p", "cpu", 0, 10]]));
    let book = parse(
        &json!({ "format": "headroom.book/1", "cap": "1000", "alpha": "1", "seed": 1, "orders": [offer, bid] })
            .to_string(),
    )
    .expect("a book");
    let mut outcome = cleared(&book);
    outcome.certificate = None;
    assert!(check::broken(&book, &outcome, Mode::Market).is_empty());
    let price = &mut outcome.prices[0];
    price.low = price.high.map(|high| Price(high.0 + 500_000_000));
    let broken = check::broken(&book, &outcome, Mode::Market);
    assert!(broken.iter().any(|b| b.rule == "I5" && b.what.contains("costs more at `low`")), "{broken:?}");
}

/// A line of three arcs that lose something, and one bid at its end for more than comes through. Each arc carries whole
/// units, so of the bid's part some are lost on the way, more than the part of one that it was rounded by.
#[test]
fn whoever_is_at_the_margin_gives_what_whole_units_lose_on_their_way() {
    let line = |bid: Value| {
        cleared(&book(json!({
            "products": [
                { "pool": "a0", "resource": "cpu", "slot": 0, "supply": [{ "quantity": 124, "reserve": "0.5" }] },
                { "pool": "z", "resource": "cpu", "slot": 0, "supply": [{ "quantity": 96, "reserve": "0.2" }] }],
            "arcs": [
                { "from": ["a0", "cpu", 0], "to": ["a1", "cpu", 0], "ratio": "0.9", "cost": "0.1" },
                { "from": ["a1", "cpu", 0], "to": ["a2", "cpu", 0], "ratio": "0.95", "cost": "0.1" },
                { "from": ["a2", "cpu", 0], "to": ["a3", "cpu", 0], "ratio": "0.75", "cost": "0.1" }],
            "orders": [bid]
        })))
    };
    let alone = order("x", "bid", 768, json!([["a3", "cpu", 0, 96]]));
    let with_least_fill = {
        let mut bid = alone.clone();
        bid["min_fill"] = json!("0.1");
        bid
    };
    let with_alternatives = {
        let mut bid = alone.clone();
        bid["alternatives"] = json!([bid["alternatives"][0],
            { "quantities": [["a3", "cpu", 0, 96]], "adder": "96" }]);
        bid
    };
    let bundle = order("x", "bid", 768, json!([["a3", "cpu", 0, 96], ["z", "cpu", 0, 96]]));
    for bid in [alone, with_least_fill, with_alternatives, bundle] {
        let outcome = line(bid.clone());
        assert_eq!(outcome.quality, Quality::Optimal, "{bid}");
        // 124 × 0.9 = 111.6, 111 × 0.95 = 105.45, 105 × 0.75 = 78.75
        let won: Vec<i64> = outcome.awards.iter().map(|a| a.quantities[0].quantity).collect();
        assert_eq!(won, [78], "{bid}");
        assert_eq!(outcome.flows.iter().map(|f| f.flow).collect::<Vec<_>>(), [124, 111, 105], "{bid}");
    }
}

/// A bid with a least fill is at the margin before an arc, behind which another one has all of it.
#[test]
fn a_least_fill_at_the_margin_gives_units_to_whoever_is_behind_an_arc() {
    let mut marginal = order("marginal", "bid", 9_515, json!([["b", "cpu", 0, 4248]]));
    marginal["min_fill"] = json!("0.3");
    let outcome = cleared(&book(json!({
        "products": [{ "pool": "a", "resource": "cpu", "slot": 0, "supply": [
            { "quantity": 3121, "reserve": "0.11" }, { "quantity": 7872, "reserve": "0.45" }] }],
        "arcs": [
            { "from": ["b", "cpu", 0], "to": ["c", "cpu", 0], "ratio": "0.9", "cost": "0" },
            { "from": ["a", "cpu", 0], "to": ["b", "cpu", 0], "ratio": "0.75", "cost": "0.5" }],
        "orders": [marginal, order("whole", "bid", 38_729, json!([["c", "cpu", 0, 4692]]))]
    })));
    assert_eq!(outcome.quality, Quality::Optimal);
    let won: Vec<i64> = outcome.awards.iter().map(|a| a.quantities[0].quantity).collect();
    // 10,993 sent, 8,244 arrive, of which 5,214 go on
    assert_eq!(won, [3_030, 4_692]);
}

/// One unit of supply, and a bundle that has a tenth of its ten: 0.8 of a unit and 0.2 of one. Both are rounded to nothing,
/// and the unit is the bundle's all the same, as it would lie idle under its price.
#[test]
fn who_was_rounded_to_nothing_has_what_nobody_else_has_use_for() {
    let outcome = cleared(&book(json!({
        "products": [{ "pool": "b", "resource": "cpu", "slot": 0, "supply": [{ "quantity": 1, "reserve": "0.5" }] }],
        "arcs": [{ "from": ["b", "cpu", 0], "to": ["a", "cpu", 0], "ratio": "1", "cost": "0" }],
        "orders": [
            order("x", "bid", 30, json!([["b", "cpu", 0, 8], ["a", "cpu", 0, 2]])),
            order("y", "bid", 6, json!([["b", "cpu", 0, 2], ["a", "cpu", 0, 4]])),
            order("z", "offer", 30, json!([["a", "cpu", 0, 6]]))]
    })));
    assert_eq!(outcome.quality, Quality::Optimal);
    assert_eq!(outcome.awards.len(), 1);
    assert_eq!(outcome.awards[0].quantities.iter().map(|q| q.quantity).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(reasons(&outcome), [Reason::OutOfMoney, Reason::OutOfMoney]);
}

/// A budget of 6 is spent on 0.7 of a unit, which is rounded to nothing: the others of it are told that it is the budget
/// that keeps them out, not that somebody has to be given up.
#[test]
fn a_budget_that_is_spent_on_parts_of_units_is_the_reason() {
    let of_budget = |id: &str, limit: i64, quantity: i64| {
        let mut bid = order(id, "bid", limit, json!([["a", "cpu", 0, quantity]]));
        bid["budget"] = json!("h");
        bid
    };
    let mut first = of_budget("first", 50, 6);
    first["alternatives"] =
        json!([{ "quantities": [["a", "cpu", 0, 6]], "adder": "0.6" }, { "quantities": [["a", "cpu", 0, 6]] }]);
    let outcome = cleared(&book(json!({
        "products": [{ "pool": "a", "resource": "cpu", "slot": 0, "supply": [{ "quantity": 8, "reserve": "1.23" }] }],
        "budgets": [{ "id": "h", "amount": "6" }],
        "orders": [first, of_budget("second", 9, 2), of_budget("third", 18, 5)]
    })));
    assert_eq!(reasons(&outcome), [Reason::Budget; 3]);
}

/// Another program may print what whole units are worth, where that is not what parts of them come to: 78 × 8 less what
/// 124 units and three flows cost. Nothing beside it.
#[test]
fn what_whole_units_are_worth_may_be_printed() {
    let book = book(json!({
        "products": [{ "pool": "a0", "resource": "cpu", "slot": 0, "supply": [{ "quantity": 124, "reserve": "0.5" }] }],
        "arcs": [
            { "from": ["a0", "cpu", 0], "to": ["a1", "cpu", 0], "ratio": "0.9", "cost": "0.1" },
            { "from": ["a1", "cpu", 0], "to": ["a2", "cpu", 0], "ratio": "0.95", "cost": "0.1" },
            { "from": ["a2", "cpu", 0], "to": ["a3", "cpu", 0], "ratio": "0.75", "cost": "0.1" }],
        "orders": [order("x", "bid", 768, json!([["a3", "cpu", 0, 96]]))]
    }));
    let mut outcome = cleared(&book);
    outcome.certificate = None;
    for (thousandths, right) in [(528_000, true), (527_999, false), (528_001, false), (536_000, false)] {
        outcome.welfare.0 = Rat::ratio(thousandths, 1_000);
        assert_eq!(verify(&book, outcome.clone(), Mode::Market).is_ok(), right, "{thousandths}");
    }
}
