//! Outcomes that give orders up: what the checker takes from them, and what whoever verifies them is told.
use crate::support::anything::anything;
use headroom_market::clearing::book::{Money, Side};
use headroom_market::clearing::check::{broken, given_up};
use headroom_market::clearing::outcome::{Certificate, Price, Quality, Reason, Refusal};
use headroom_market::clearing::rational::Rat;
use headroom_market::clearing::{Book, Limits, Mode, NoProposal, Outcome, clear, parse, verify};

/// Three bids, two nodes, more supply than anybody asks for.
fn ample() -> Book {
    let bid = |id: &str, node: &str, limit: u32| {
        serde_json::json!({"id": id, "owner": id, "side": "bid", "limit": limit.to_string(), "node": node, "instance": id,
            "alternatives": [{"quantities": [["a", "cpu", 0, 100], ["a", "mem", 0, 50]]}]})
    };
    let instance = |id: &str| serde_json::json!({"id": id, "owner": id});
    let product = |resource: &str| {
        serde_json::json!({"pool": "a", "resource": resource, "slot": 0,
            "supply": [{"quantity": 200, "reserve": "0.1"}, {"quantity": 200, "reserve": "0.2"}]})
    };
    let node = |id: &str| serde_json::json!({"id": id, "pool": "a", "capacity": {"cpu": 200, "mem": 200}});
    let book = serde_json::json!({"format": "headroom.book/1", "cap": "100", "seed": 1,
        "products": [product("cpu"), product("mem")], "nodes": [node("n1"), node("n2")],
        "instances": [instance("o1"), instance("o2"), instance("o3")],
        "orders": [bid("o1", "n1", 60), bid("o2", "n1", 50), bid("o3", "n2", 40)]});
    parse(&book.to_string()).expect("a book")
}

fn cleared(book: &Book) -> Outcome {
    let mut out = clear(book, Mode::Market, &NoProposal, &Limits::default()).expect("it can be cleared");
    out.certificate = None; // its hash alone would give every change away
    out
}

/// Nothing is traded, everything is free, and everybody was given up.
fn nothing(out: &Outcome, bound: Rat) -> Outcome {
    let mut none = out.clone();
    let refusal = |order: String| Refusal {
        order,
        reason: Reason::SolverFallback,
        price: None,
        shortfall: None,
        winning_limit: None,
        binding: None,
    };
    none.refused.retain(|r| r.reason == Reason::OutOfMoney);
    let known: Vec<String> = none.refused.iter().map(|r| r.order.clone()).collect();
    let all = out.awards.iter().map(|a| &a.order).chain(out.refused.iter().map(|r| &r.order));
    none.refused.extend(all.filter(|id| !known.contains(id)).cloned().map(refusal));
    none.awards.clear();
    none.placements.clear();
    none.supply.iter_mut().for_each(|s| s.used = 0);
    none.flows.iter_mut().for_each(|f| f.flow = 0);
    for p in &mut none.prices {
        (p.price, p.set_by) = (Price(0), "none".into());
        (p.low, p.high) = (Some(Price(0)), Some(Price(0)));
    }
    none.quality = Quality::Fallback;
    none.welfare.0 = Rat::ZERO;
    none.bound = Some(headroom_market::clearing::Fraction(bound));
    none
}

#[test]
fn a_bound_counts_all_that_given_up_orders_could_have_had_together() {
    let book = ample();
    let out = cleared(&book);
    assert_eq!(out.awards.len(), 3);
    assert!(broken(&book, &out, Mode::Market).is_empty() && given_up(&book, &out, Mode::Market).is_empty());
    let all = out.welfare.0.clone();
    // 150 in all, less 200 cpu at 0.1 and 100 at 0.2, less 150 mem at 0.1
    assert_eq!(all, Rat::int(150 - 20 - 20 - 15));
    let rules = |bound: Rat| -> Vec<&str> {
        broken(&book, &nothing(&out, bound), Mode::Market).iter().map(|b| b.rule).collect()
    };
    // the best of them alone, one unit of each, and a little less than all
    for short in [Rat::int(45), Rat::ratio(6, 10), &all - &Rat::ratio(1, 100)] {
        assert_eq!(rules(short.clone()), ["I7"], "a bound of {short}");
    }
    assert_eq!(rules(all.clone()), Vec::<&str>::new());
}

#[test]
fn who_verifies_is_told_who_was_given_up_in_the_money() {
    let book = ample();
    let out = cleared(&book);
    let told = given_up(&book, &nothing(&out, out.welfare.0.clone()), Mode::Market);
    assert!(told.iter().all(|b| b.rule == "I2"), "{told:?}");
    let orders: Vec<&str> = told.iter().map(|b| b.numbers[0].1.as_str()).collect();
    assert_eq!(orders, ["o1", "o2", "o3"]);
    // a market stores it, but its certificate does not say that every rule holds
    for (outcome, holds) in [(nothing(&out, out.welfare.0.clone()), false), (out, true)] {
        let empty = Certificate {
            verified: true,
            gap: "1".into(),
            limited_by: None,
            input_hash: String::new(),
            result_hash: String::new(),
        };
        let outcome = Outcome { certificate: Some(empty), ..outcome };
        let verified = verify(&book, outcome, Mode::Market).expect("it is accepted").into_inner();
        assert_eq!(verified.certificate.map(|c| c.verified), Some(holds));
    }
}

/// A node that is full excuses who was given up, as it excuses anybody.
#[test]
fn a_full_node_excuses() {
    let mut book = ample();
    book.nodes[1].capacity.insert("cpu".into(), 0);
    let out = cleared(&book);
    let told = given_up(&book, &nothing(&out, out.welfare.0.clone()), Mode::Market);
    let orders: Vec<&str> = told.iter().map(|b| b.numbers[0].1.as_str()).collect();
    assert_eq!(orders, ["o1", "o2"]);
}

/// Of random books hardly any gives somebody up in the money, and what is forged out of the others is named.
#[test]
fn random_books_give_hardly_anybody_up() {
    let (mut books, mut give_up, mut forged, mut noticed) = (0, 0, 0, 0);
    for seed in 0..400 {
        let book = anything(seed);
        let Ok(out) = clear(&book, Mode::Market, &NoProposal, &Limits::default()) else { continue };
        books += 1;
        let names: Vec<String> = given_up(&book, &out, Mode::Market).iter().map(|b| b.numbers[0].1.clone()).collect();
        let refused = |id: &String| out.refused.iter().any(|r| r.order == *id && r.reason == Reason::SolverFallback);
        assert!(names.iter().all(refused), "seed {seed}: {names:?}");
        give_up += usize::from(!names.is_empty());
        let bound = out.bound.clone().map_or(out.welfare.0.clone(), |b| b.0);
        let mut none = nothing(&out, bound);
        none.certificate = None;
        // only who may have any part is owed one
        let divisible = |id: &str| {
            let o = book.orders.iter().find(|o| o.id == id);
            o.is_some_and(|o| {
                o.side == Side::Bid && o.alternatives.len() == 1 && o.min_fill.0.is_zero() && o.parent.is_none()
            })
        };
        if !out.awards.iter().any(|a| divisible(&a.order)) {
            continue;
        }
        forged += 1;
        let named = !given_up(&book, &none, Mode::Market).is_empty() || !broken(&book, &none, Mode::Market).is_empty();
        noticed += usize::from(named);
    }
    println!("{books} books, {give_up} give somebody up; {noticed} of {forged} forged ones are named");
    assert!(give_up * 50 <= books, "{give_up} of {books}");
    assert!(noticed * 100 >= forged * 99, "{noticed} of {forged}");
}

/// Two bids that are alike, half of what they ask for, a collar: one has all of it and the other is said to be given up.
#[test]
fn who_is_given_up_at_a_collar_is_named() {
    let bid = |id: &str| {
        serde_json::json!({"id": id, "owner": id, "side": "bid", "limit": "18000",
            "alternatives": [{"quantities": [["a", "cpu", 0, 3_000]]}]})
    };
    let text = serde_json::json!({"format": "headroom.book/1", "cap": "3", "alpha": "0", "seed": 1,
        "products": [{"pool": "a", "resource": "cpu", "slot": 0, "supply": [{"quantity": 3_000, "reserve": "1"}]}],
        "orders": [bid("x"), bid("y")]});
    let book = parse(&text.to_string()).expect("a book");
    let mut alone = book.clone();
    alone.orders.truncate(1);
    let mut forged = cleared(&alone);
    forged.prices = cleared(&book).prices;
    forged.awards[0].money = headroom_market::clearing::Money(9_000_000_000);
    forged.quality = Quality::Fallback;
    forged.refused.push(Refusal {
        order: "y".into(),
        reason: Reason::SolverFallback,
        price: Some(headroom_market::clearing::Money(9_000_000_000)),
        shortfall: Some(headroom_market::clearing::Money(0)),
        winning_limit: None,
        binding: None,
    });
    assert!(broken(&book, &forged, Mode::Market).is_empty(), "{:?}", broken(&book, &forged, Mode::Market));
    let named = given_up(&book, &forged, Mode::Market);
    assert!(named.iter().any(|b| b.rule == "I2" && b.to_string().contains('y')), "{named:?}");
    assert!(given_up(&book, &cleared(&book), Mode::Market).is_empty());
}

/// One replica of three, as 496 units come to 1.39 of them: what is printed says that the bid is at the margin, so it
/// gains nothing at the price, and no lower one passes.
#[test]
fn no_price_under_that_of_a_bid_with_a_part_of_a_replica_passes() {
    let book = parse(
        r#"{"format":"headroom.book/1","cap":"3000","alpha":"0","seed":7,
        "products":[{"pool":"p","resource":"c","slot":0,"supply":[{"quantity":496,"reserve":"0.1"}]}],
        "orders":[{"id":"big","owner":"a","side":"bid","limit":"267.75","replicas":3,
            "alternatives":[{"quantities":[["p","c",0,1071]]}]}]}"#,
    )
    .expect("a book");
    let outcome = clear(&book, Mode::Market, &NoProposal, &Limits::default()).expect("an outcome");
    assert_eq!(outcome.prices[0].price.0, 250_000_000);
    for nano in [249_000_000, 200_000_000, 100_000_000] {
        let mut lower = outcome.clone();
        let price = &mut lower.prices[0];
        (price.price, price.low, price.high) = (Price(nano), Some(Price(nano)), Some(Price(nano)));
        lower.awards[0].money = Money(357 * nano / 1_000);
        let broken = verify(&book, lower, Mode::Market).expect_err("it is refused");
        assert!(broken.iter().any(|b| b.rule == "I2"), "{nano}: {broken:?}");
    }
    verify(&book, outcome, Mode::Market).expect("the right one passes");
}

/// Three in units of one beside two budgets: `held` is left out of the round for `next`, and then its budget of 5 has 2.6 left of the
/// 5.1 that it counts with. That is the first reason that applies.
#[test]
fn who_was_left_out_and_has_no_budget_left_is_told_of_the_budget() {
    let book = r#"{"format":"headroom.book/1","cap":"3","alpha":"0","seed":1288,
        "products":[
            {"pool":"p","resource":"cpu","slot":0,"supply":[{"quantity":7,"reserve":"0.7"},{"quantity":3,"reserve":"1.1"}]},
            {"pool":"p","resource":"mem","slot":0,"supply":[{"quantity":3,"reserve":"0.3"}],"cap":"2.1"},
            {"pool":"q","resource":"cpu","slot":0,"supply":[{"quantity":7,"reserve":"0.3"}],"cap":"2.4"}],
        "budgets":[{"id":"h","amount":"5"},{"id":"j","amount":"4"}],
        "orders":[
            {"id":"free","owner":"a","side":"bid","limit":"41.83","alternatives":[{"quantities":[["p","cpu",0,1],["p","mem",0,1]]}]},
            {"id":"held","owner":"b","side":"bid","limit":"20.915","budget":"h",
                "alternatives":[{"quantities":[["p","cpu",0,1],["p","mem",0,1]]}]},
            {"id":"next","owner":"b","side":"bid","limit":"4.25","budget":"h","alternatives":[{"quantities":[["q","cpu",0,1]]}]},
            {"id":"three","owner":"c","side":"bid","limit":"14.82","budget":"j","alternatives":[{"quantities":[["p","mem",0,3]]}]}]}"#;
    let book = parse(book).expect("a book");
    let outcome = clear(&book, Mode::Market, &NoProposal, &Limits::default()).expect("it can be cleared");
    let reasons: Vec<(&str, Reason)> = outcome.refused.iter().map(|r| (r.order.as_str(), r.reason)).collect();
    assert_eq!(reasons, [("held", Reason::Budget)]);
    let verified = verify(&book, outcome, Mode::Market).expect("it is verified").into_inner();
    assert!(verified.certificate.is_some_and(|c| c.verified), "nobody in the money is given up");
}
