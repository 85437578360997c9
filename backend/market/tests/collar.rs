//! Scarcity at the collar: what is there is shared, prices agree with what is shared, and nobody who asks
//! for more than there is keeps the others from trading.
use headroom_market::clearing::book::*;
use headroom_market::clearing::generate::Draw;
use headroom_market::clearing::outcome::{Quality, Reason};
use headroom_market::clearing::{Limits, Mode, NoProposal, Outcome, clear, parse, verify};

fn cleared(products: &str, nodes: &str, orders: &str) -> Outcome {
    let book = format!(
        r#"{{"format":"headroom.book/1","cap":"100","alpha":"0","seed":1,"products":{products},"nodes":{nodes},"orders":{orders}}}"#
    );
    let book = parse(&book).expect("a book");
    let outcome = clear(&book, Mode::Market, &NoProposal, &Limits::default()).expect("an outcome");
    verify(&book, outcome, Mode::Market).expect("it is verified").into_inner()
}

fn won(outcome: &Outcome) -> Vec<&str> {
    outcome.awards.iter().map(|a| a.order.as_str()).collect()
}

pub fn given_up(outcome: &Outcome) -> Vec<&str> {
    outcome.refused.iter().filter(|r| r.reason == Reason::SolverFallback).map(|r| r.order.as_str()).collect()
}

/// The bid would pay more than the collars. The offer needs a price of its second product, of which
/// nobody would take all that it sells.
#[test]
fn what_cannot_be_rationed_is_not_traded() {
    let products = r#"[{"pool":"a","resource":"cpu","slot":0,"supply":[],"cap":"5"},
        {"pool":"a","resource":"mem","slot":0,"supply":[{"quantity":80,"reserve":"2"}],"cap":"7"}]"#;
    let orders = r#"[{"id":"offer","owner":"o","side":"offer","limit":"240",
        "alternatives":[{"quantities":[["a","mem",0,50],["a","cpu",0,40]]}]},
        {"id":"bid","owner":"b","side":"bid","limit":"386.123456",
        "alternatives":[{"quantities":[["a","mem",0,30],["a","cpu",0,30]]}]}]"#;
    let outcome = cleared(products, "[]", orders);
    assert_eq!(won(&outcome), [""; 0]);
    assert_eq!(outcome.prices.iter().find(|p| p.resource == "cpu").map(|p| p.set_by.as_str()), Some("cap"));
}

/// Bids that are bounded by whole replicas ask for no more than there is, and want more all the same: the price is the
/// collar, as it is without replicas, in books and in rounds of the market.
#[test]
fn whole_replicas_do_not_hide_a_shortage() {
    for supply in [
        r#"[{"quantity":16000,"reserve":"0.05"}]"#,
        r#"[{"quantity":9000,"reserve":"0.05"},{"quantity":7000,"reserve":"0.1"}]"#,
    ] {
        let products = format!(r#"[{{"pool":"p","resource":"cpu","slot":0,"supply":{supply},"cap":"1"}}]"#);
        let bid = |id: &str, quantity: i64, replicas: &str| {
            format!(
                r#"{{"id":"{id}","owner":"{id}","side":"bid","limit":"24000",{replicas}
                "alternatives":[{{"quantities":[["p","cpu",0,{quantity}]]}}]}}"#
            )
        };
        let text = |orders: &str| {
            format!(
                r#"{{"format":"headroom.book/1","cap":"3000","alpha":"0","seed":1,"products":{products},"orders":[{orders}]}}"#
            )
        };
        let (in_threes, in_twos) = (bid("a", 12_000, r#""replicas":3,"#), bid("b", 8_000, r#""replicas":2,"#));
        let books =
            [format!("{in_threes},{in_twos}"), in_threes, format!("{},{}", bid("a", 12_000, ""), bid("b", 8_000, ""))];
        for (n, orders) in books.iter().enumerate() {
            let book = parse(&text(orders)).expect("a book");
            for whole_replicas in [false, true] {
                let limits = Limits { whole_replicas, ..Limits::default() };
                let outcome = clear(&book, Mode::Market, &NoProposal, &limits).expect("an outcome");
                let outcome = verify(&book, outcome, Mode::Market).expect("it is verified").into_inner();
                // alone the first bid has all that it asks for
                let sold = if n == 1 { 12_000 } else { 16_000 };
                let got: i64 = outcome.awards.iter().flat_map(|a| &a.quantities).map(|q| q.quantity).sum();
                assert_eq!(outcome.prices[0].set_by.starts_with("cap"), n != 1, "{orders}: {:?}", outcome.prices);
                assert_eq!(got, sold, "{orders}");
            }
        }
    }
}

/// What is too little for any replica is no shortage: others have it, at their price.
#[test]
fn a_bid_that_can_have_no_replica_does_not_hold_the_collar() {
    let products =
        r#"[{"pool":"p","resource":"cpu","slot":0,"supply":[{"quantity":1000,"reserve":"0.05"}],"cap":"1"}]"#;
    let orders = r#"[{"id":"large","owner":"a","side":"bid","limit":"24000","replicas":2,
        "alternatives":[{"quantities":[["p","cpu",0,8000]]}]},
        {"id":"small","owner":"b","side":"bid","limit":"450","alternatives":[{"quantities":[["p","cpu",0,900]]}]}]"#;
    let outcome = cleared(products, "[]", orders);
    assert_eq!(won(&outcome), ["small"]);
    // it has no least fill that it could miss
    assert_eq!(outcome.refused[0].reason, Reason::ForecastHeadroom);
}

/// A bid that asks for more in one replica than all that there is, and that no price refuses: others have what they ask
/// for, at the operator's price. (They were held to their share at the collar, and given up for it.)
#[test]
fn what_comes_to_no_replica_keeps_nobody_from_trading() {
    let products =
        r#"[{"pool":"p","resource":"cpu","slot":0,"supply":[{"quantity":5000,"reserve":"1.37"}],"cap":"2"}]"#;
    let orders = r#"[{"id":"large","owner":"a","side":"bid","limit":"204895","replicas":1,
        "alternatives":[{"quantities":[["p","cpu",0,7643]]}]},
        {"id":"small","owner":"b","side":"bid","limit":"27938","replicas":6,
        "alternatives":[{"quantities":[["p","cpu",0,1086]]}]}]"#;
    let outcome = cleared(products, "[]", orders);
    assert_eq!((won(&outcome), outcome.awards[0].quantities[0].quantity), (vec!["small"], 1086));
    assert_eq!(outcome.prices[0].set_by, "reserve:0");
    // no limit would have brought it a replica
    assert_eq!(outcome.refused[0].winning_limit, None);
}

/// Beside bids in replicas a product that is short stays at its collar in book files, and all have the same part.
#[test]
fn replicas_do_not_bring_a_short_product_down_in_a_book() {
    let products =
        r#"[{"pool":"p","resource":"cpu","slot":0,"supply":[{"quantity":14000,"reserve":"1.37"}],"cap":"2"}]"#;
    let orders = r#"[{"id":"A","owner":"A","side":"bid","limit":"169913","replicas":6,
        "alternatives":[{"quantities":[["p","cpu",0,6000]]}]},
        {"id":"B","owner":"B","side":"bid","limit":"59751","alternatives":[{"quantities":[["p","cpu",0,9000]]}]}]"#;
    let outcome = cleared(products, "[]", orders);
    let got: Vec<i64> = outcome.awards.iter().map(|a| a.quantities[0].quantity).collect();
    assert_eq!((got, outcome.prices[0].set_by.as_str()), (vec![5000, 8400], "cap"));
}

/// Only what ties products together stays out, not everybody who wants what is scarce.
#[test]
fn one_offer_of_several_products_does_not_stop_a_pool() {
    let products = r#"[{"pool":"a","resource":"cpu","slot":0,"supply":[{"quantity":100,"reserve":"1"}],"cap":"4"}]"#;
    let nodes = r#"[{"id":"n","pool":"a","capacity":{"cpu":300,"mem":600}}]"#;
    let orders = r#"[{"id":"one","owner":"a","side":"bid","limit":"503.5",
        "alternatives":[{"quantities":[["a","cpu",0,100]]}]},
        {"id":"three","owner":"b","side":"bid","limit":"3375.5",
        "alternatives":[{"quantities":[["a","mem",0,200],["a","cpu",0,600]]}]},
        {"id":"tying","owner":"c","side":"offer","limit":"700",
        "alternatives":[{"quantities":[["a","mem",0,100],["a","cpu",0,100]]}]},
        {"id":"two","owner":"d","side":"bid","limit":"2417.123456",
        "alternatives":[{"quantities":[["a","cpu",0,500],["a","mem",0,100]]}]}]"#;
    let outcome = cleared(products, nodes, orders);
    assert!(won(&outcome).contains(&"one"), "{:?}", won(&outcome));
}

/// A bid for far more than there is, and under its collars: the price of its second product, of which
/// little is used then, is what that costs, not what would be right if all of the first could be had.
#[test]
fn what_is_left_of_a_second_product_is_not_dear() {
    let product = |resource: &str, slot: i64, quantity: i64| {
        format!(
            r#"{{"pool":"a","resource":"{resource}","slot":{slot},"cap":"3","supply":[{{"quantity":{quantity},"reserve":"1"}}]}}"#
        )
    };
    let products = format!("[{},{},{}]", product("cpu", 0, 60), product("mem", 0, 60), product("cpu", 1, 100));
    let nodes = r#"[{"id":"n","pool":"a","capacity":{"cpu":1000,"mem":1000}}]"#;
    let orders = r#"[{"id":"both","owner":"a","side":"bid","limit":"75",
        "alternatives":[{"quantities":[["a","cpu",0,20],["a","mem",0,30]]}]},
        {"id":"large","owner":"b","side":"bid","limit":"2700",
        "alternatives":[{"quantities":[["a","cpu",0,500],["a","cpu",1,500]]}]}]"#;
    let outcome = cleared(&products, nodes, orders);
    assert_eq!(outcome.quality, Quality::Optimal);
    assert_eq!(won(&outcome), ["large"]);
    let prices: Vec<i64> = outcome.prices.iter().map(|p| p.price.0 / 1_000_000).collect();
    assert_eq!(prices, [3_000, 1_000, 500], "of cpu in both slots and of mem, at which the other bid is just out");
    let quantities: Vec<i64> = outcome.awards[0].quantities.iter().map(|q| q.quantity).collect();
    assert_eq!(quantities, [60, 60]);
    let refused = outcome.refused.iter().find(|r| r.order == "both").expect("refused");
    assert_eq!(refused.reason, Reason::MarginalProrata);
}

/// Whoever has it already comes first where a collar has what is left shared, whatever others would pay beyond it:
/// the check says so of an outcome that has it the other way round.
#[test]
fn while_an_incumbent_is_short_a_newcomer_has_nothing() {
    let book = |first: bool, second: bool| {
        let text = format!(
            r#"{{"format":"headroom.book/1","cap":"100","alpha":"0","seed":1,"nodes":[],
            "products":[{{"pool":"a","resource":"cpu","slot":0,"supply":[{{"quantity":150,"reserve":"1"}}],"cap":"4"}}],
            "orders":[{{"id":"first","owner":"a","side":"bid","limit":"500","incumbent":{first},
            "alternatives":[{{"quantities":[["a","cpu",0,100]]}}]}},
            {{"id":"second","owner":"b","side":"bid","limit":"1500","incumbent":{second},
            "alternatives":[{{"quantities":[["a","cpu",0,200]]}}]}}]}}"#
        );
        parse(&text).expect("a book")
    };
    let outcome_of = |book: &Book| clear(book, Mode::Market, &NoProposal, &Limits::default()).expect("an outcome");
    let got = |outcome: &Outcome| -> Vec<i64> { outcome.awards.iter().map(|a| a.quantities[0].quantity).collect() };
    let (nobody, first, second, both) = (book(false, false), book(true, false), book(false, true), book(true, true));
    let outcomes = [&nobody, &first, &second, &both].map(outcome_of);
    assert_eq!([0, 1, 2, 3].map(|n| got(&outcomes[n])), [vec![50, 100], vec![100, 50], vec![150], vec![50, 100]]);
    let what = |book: &Book, outcome: &Outcome| -> Vec<&'static str> {
        let mut claimed = outcome.clone();
        if let Some(certificate) = &mut claimed.certificate {
            certificate.input_hash = book.input_hash();
        }
        verify(book, claimed, Mode::Market).err().into_iter().flatten().map(|b| b.what).collect()
    };
    let wrong = "at a cap a newcomer has what an incumbent is short of";
    for (book, outcome, is_wrong) in [
        (&first, &outcomes[0], true),
        (&second, &outcomes[1], true),
        (&both, &outcomes[0], false),
        (&first, &outcomes[1], false),
    ] {
        assert_eq!(what(book, outcome).contains(&wrong), is_wrong, "{:?}", what(book, outcome));
    }
    let unequal = "orders in the money at a cap are not filled equally";
    assert!(what(&both, &outcomes[1]).contains(&unequal), "incumbents share, too: {:?}", what(&both, &outcomes[1]));
}

/// Random books with low collars: bundles over up to four products, blocks and incumbents. Nobody is given
/// up, but in one book of several thousands.
#[test]
fn random_books_at_their_collars_give_nobody_up() {
    let count = std::env::var("HEADROOM_RANDOM_BOOKS").ok().and_then(|n| n.parse().ok()).unwrap_or(1500);
    let (mut rationed, mut trades, mut lost) = (0_u64, 0, 0_u64);
    for seed in 0..count {
        let book = scarce(seed);
        let outcome = clear(&book, Mode::Market, &NoProposal, &Limits::default()).expect("an outcome");
        let given_up = given_up(&outcome);
        if !given_up.is_empty() {
            println!("seed {seed} gives up {given_up:?}");
            lost += 1;
        }
        rationed += u64::from(outcome.prices.iter().any(|p| p.set_by == "cap"));
        trades += outcome.awards.len();
        verify(&book, outcome, Mode::Market).unwrap_or_else(|broken| panic!("seed {seed}: {broken:?}"));
    }
    println!("{rationed} of {count} books have a product at its collar, {trades} awards; {lost} give an order up");
    assert!(rationed * 4 > count && lost * 5_000 <= count);
}

/// In units of a thousand every second time: there, bids at the margin come out exactly full, or empty.
pub fn scarce(seed: u64) -> Book {
    let mut d = Draw::new(seed ^ 0x0C0_11A5);
    let unit = if seed.is_multiple_of(2) { 1 } else { 1_000 };
    let mut book = Book::new(Money(100_000_000), seed);
    let products: Vec<(ProductKey, i64)> = [("cpu", 0), ("mem", 0), ("cpu", 1), ("mem", 1)][..d.between(1, 4) as usize]
        .iter()
        .map(|(resource, slot)| {
            (ProductKey { pool: "a".into(), resource: (*resource).into(), slot: *slot }, d.between(3, 8))
        })
        .collect();
    for (key, cap) in &products {
        let supply = (0..d.between(0, 2))
            .map(|step| {
                let quantity = if unit > 1 { d.between(1, 8) } else { d.between(5, 100) } * unit;
                Step { quantity, reserve: Money((step + d.between(0, 2)) * 1_000_000) }
            })
            .collect();
        book.products.push(Product {
            pool: key.pool.clone(),
            resource: key.resource.clone(),
            slot: key.slot,
            supply,
            cap: Some(Money(cap * 1_000_000)),
            reference: None,
        });
    }
    for i in 0..d.between(2, 9) {
        let bid = d.chance(75);
        let mut quantities: Vec<Quantity> = Vec::new();
        let mut at_caps = 0;
        for (product, cap) in &products {
            if d.chance(60) {
                let quantity = if unit > 1 { d.between(1, 6) } else { d.between(1, 120) } * unit;
                at_caps += quantity * cap;
                quantities.push(Quantity { product: product.clone(), quantity });
            }
        }
        if quantities.is_empty() {
            continue;
        }
        let parts = if bid { [30, 60, 90, 110, 150, 300] } else { [0, 20, 40, 50, 70, 90] };
        let limit = at_caps * 10_000 * parts[d.between(0, 5) as usize];
        let least = [Fraction::zero(), Fraction::zero(), Fraction::zero(), Fraction::one()];
        book.orders.push(Order {
            id: format!("o{i}"),
            owner: format!("w{i}"),
            side: if bid { Side::Bid } else { Side::Offer },
            instance: None,
            limit: Money(limit),
            min_fill: if bid { least[d.between(0, 3) as usize].clone() } else { Fraction::zero() },
            incumbent: d.chance(15),
            alternatives: vec![Alternative { quantities, adder: Money(0) }],
            parent: None,
            budget: None,
            replicas: None,
            node: None,
            class: Class::Standard,
        });
    }
    book
}

/// The bid at the margin is full by chance: it keeps no surplus, so it does not have to share.
#[test]
fn a_bid_at_the_margin_may_be_full_beside_those_that_share() {
    let products = r#"[{"pool":"a","resource":"cpu","slot":0,"supply":[{"quantity":3000,"reserve":"0"}],"cap":"100"},
        {"pool":"a","resource":"mem","slot":0,"supply":[{"quantity":4000,"reserve":"1"}],"cap":"2"}]"#;
    let orders = r#"[{"id":"one","owner":"a","side":"bid","limit":"183400",
        "alternatives":[{"quantities":[["a","cpu",0,2000],["a","mem",0,2000]]}]},
        {"id":"two","owner":"b","side":"bid","limit":"628000",
        "alternatives":[{"quantities":[["a","cpu",0,2000],["a","mem",0,4000]]}]}]"#;
    let outcome = cleared(products, "[]", orders);
    assert_eq!(outcome.quality, Quality::Optimal);
    assert!(outcome.refused.iter().all(|r| r.reason != Reason::SolverFallback));
}

/// Bids that have nothing of a product that is short keep its price at the collar: what is left comes to no replica of
/// theirs, and they would pay more for it. (It was sold at the reserve price, which says that there is enough.)
#[test]
fn who_has_nothing_for_want_of_a_replica_keeps_a_price_at_its_collar() {
    let products =
        r#"[{"pool":"p","resource":"cpu","slot":0,"supply":[{"quantity":18000,"reserve":"1.37"}],"cap":"2"}]"#;
    let bid = |id: &str, limit: &str, replicas: i64, quantity: i64| {
        format!(
            r#"{{"id":"{id}","owner":"{id}","side":"bid","limit":"{limit}","replicas":{replicas},
            "alternatives":[{{"quantities":[["p","cpu",0,{quantity}]]}}]}}"#
        )
    };
    let orders = [
        bid("a", "35397", 4, 7_180),
        bid("b", "60120", 4, 4_000),
        bid("c", "28001", 3, 1_356),
        bid("d", "65677", 1, 5_838),
        bid("e", "132658", 1, 6_817),
    ];
    let outcome = cleared(products, "[]", &format!("[{}]", orders.join(",")));
    let got: i64 = outcome.awards.iter().map(|a| a.quantities[0].quantity).sum();
    assert_eq!(outcome.prices[0].set_by, "cap");
    // less than a replica of who has nothing is left
    assert!(got > 18_000 - 5_838 && !won(&outcome).contains(&"d"), "{outcome:?}");
}

/// Where a collar rations and everybody's part comes to replicas, all have the same part of what they ask for, rounded.
/// (The rest was given to who asks in single units, who then had twice the part of others.)
#[test]
fn at_a_collar_replicas_are_rounded_and_everybody_has_the_same_part() {
    let products =
        r#"[{"pool":"p","resource":"cpu","slot":0,"supply":[{"quantity":12000,"reserve":"1.37"}],"cap":"2"}]"#;
    let orders = r#"[{"id":"a","owner":"a","side":"bid","limit":"30521",
        "alternatives":[{"quantities":[["p","cpu",0,4075]]}]},
        {"id":"b","owner":"b","side":"bid","limit":"60693","replicas":3,
        "alternatives":[{"quantities":[["p","cpu",0,7644]]}]},
        {"id":"c","owner":"c","side":"bid","limit":"93306",
        "alternatives":[{"quantities":[["p","cpu",0,6258]]}]}]"#;
    let outcome = cleared(products, "[]", orders);
    let fills: Vec<_> = outcome.awards.iter().map(|a| a.fill.clone()).collect();
    assert_eq!((outcome.prices[0].set_by.as_str(), outcome.quality), ("cap", Quality::Optimal));
    assert!(fills.len() == 3 && fills.iter().all(|f| *f == fills[0]), "{fills:?}");
}

/// At the margin with a part of a replica that all there is does not come to: no limit is named that would have won.
#[test]
fn no_limit_is_named_that_would_bring_no_replica() {
    let products = r#"[{"pool":"p","resource":"cpu","slot":0,"supply":[{"quantity":4,"reserve":"1"}],"cap":"50"}]"#;
    let orders = r#"[{"id":"large","owner":"a","side":"bid","limit":"50","replicas":2,
        "alternatives":[{"quantities":[["p","cpu",0,10]]}]}]"#;
    let outcome = cleared(products, "[]", orders);
    assert_eq!((won(&outcome).len(), outcome.refused[0].winning_limit), (0, None), "{:?}", outcome.refused);
}
