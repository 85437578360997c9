//! What an outcome says beside its allocation is checked too: each statement is changed alone, in
//! outcomes that are right, and the checker has to notice.

use crate::support::{Mix, book};
use headroom_market::clearing::outcome::{PriceRow, Quality, Reason};
use headroom_market::clearing::{
    Alternative, Book, Limits, Mode, Money, NoProposal, Order, Outcome, ProductKey, Quantity, Side, clear, verify,
};

fn cleared(seed: u64) -> (Book, Outcome) {
    let mix = Mix { nodes: seed.is_multiple_of(2), blocks: true, rows: false, low_caps: false, replicas: false };
    let b = book(seed, mix);
    let mut out = clear(&b, Mode::Market, &NoProposal, &Limits::default()).expect("it can be cleared");
    // The hash would give every change away.
    out.certificate = None;
    (b, out)
}

fn is_of(row: &PriceRow, key: &ProductKey) -> bool {
    (&row.pool, &row.resource, row.slot) == (&key.pool, &key.resource, key.slot)
}

/// How many of the outcomes that `change` applies to are still accepted, and how many those are.
fn accepted(change: impl Fn(&Book, &mut Outcome) -> bool) -> (usize, usize) {
    let (mut passed, mut changed) = (0, 0);
    for seed in 0..120 {
        let (b, mut out) = cleared(seed);
        assert!(verify(&b, out.clone(), Mode::Market).is_ok(), "seed {seed} before it is changed");
        if change(&b, &mut out) {
            changed += 1;
            passed += usize::from(verify(&b, out, Mode::Market).is_ok());
        }
    }
    (passed, changed)
}

fn all_noticed(what: &str, change: impl Fn(&Book, &mut Outcome) -> bool) {
    let (passed, changed) = accepted(change);
    assert!(changed > 20 && passed == 0, "{what}: {passed} of {changed} pass");
}

#[test]
fn wrong_statements_are_noticed() {
    all_noticed("a price set by nobody", |_, out| {
        out.prices[0].set_by = "bid:zzz".into();
        true
    });
    all_noticed("a price set by who gains or loses by it", |b, out| {
        let of = |key: &ProductKey, out: &Outcome| {
            let price = |q: &Quantity| out.prices.iter().find(|p| is_of(p, &q.product)).map_or(0, |p| p.price.0);
            let gains = |o: &&Order| {
                let cost = |q: &Quantity| i128::from(price(q)) * i128::from(q.quantity);
                let gain = |a: &Alternative| {
                    a.quantities.iter().map(cost).sum::<i128>() - i128::from(o.limit.0 + a.adder.0) * 1_000
                };
                let units = |a: &Alternative| a.quantities.iter().map(|q| i128::from(q.quantity)).sum::<i128>();
                let uses = |a: &Alternative| a.quantities.iter().any(|q| q.product == *key && q.quantity > 0);
                o.alternatives.iter().any(uses) && o.alternatives.iter().all(|a| gain(a).abs() > 2 * units(a))
            };
            b.orders.iter().find(gains).map(|o| match o.side {
                Side::Bid => format!("bid:{}", o.id),
                Side::Offer => format!("offer:{}", o.id),
            })
        };
        let found = b.products.iter().find_map(|p| of(&p.key(), out).map(|by| (p.key(), by)));
        let Some((key, by)) = found else { return false };
        let row = out.prices.iter_mut().find(|p| is_of(p, &key));
        row.map(|p| p.set_by = by).is_some()
    });
    all_noticed("a price set by a step of another price", |b, out| {
        let mut steps = b.products.iter().flat_map(|p| p.supply.iter().enumerate().map(move |(n, s)| (p.key(), n, s)));
        let other = |key: &ProductKey, reserve: i64| {
            let row = out.prices.iter().position(|p| is_of(p, key));
            row.filter(|row| (out.prices[*row].price.0 - reserve * 1_000).abs() > 1)
        };
        let found = steps.find_map(|(key, n, s)| other(&key, s.reserve.0).map(|row| (row, n)));
        found.map(|(row, n)| out.prices[row].set_by = format!("reserve:{n}")).is_some()
    });
    all_noticed("another mode", |_, out| {
        out.mode = Mode::Welfare;
        true
    });
    all_noticed("a limited award that is full", |b, out| {
        let full = |a: &&mut headroom_market::clearing::outcome::Award| {
            let asked = b.orders.iter().find(|o| o.id == a.order).map(|o| &o.alternatives[a.alternative].quantities);
            asked.is_some_and(|q| q.iter().all(|x| a.quantities.iter().any(|y| y == x)))
        };
        let award = out.awards.iter_mut().find(full);
        award.map(|a| a.limited_by = Some(Reason::NoHostFits)).is_some()
    });
    for reason in [Reason::Halted, Reason::OutOfMoney, Reason::Paradoxical, Reason::Budget, Reason::ThrashLimit] {
        all_noticed("an award in part, limited by what limits none of these", |_, out| {
            let limited = out.awards.iter_mut().find(|a| a.limited_by.is_some());
            limited.map(|a| a.limited_by = Some(reason)).is_some()
        });
    }
    for reason in [Reason::Halted, Reason::Expired, Reason::Ineligible, Reason::InsufficientHold] {
        all_noticed("a reason that no book gives", |_, out| {
            out.refused.first_mut().map(|r| r.reason = reason).is_some()
        });
    }
    all_noticed("another price", |_, out| {
        out.refused.first_mut().and_then(|r| r.price.as_mut()).map(|p| p.0 += 5_000_000).is_some()
    });
    all_noticed("another shortfall", |_, out| {
        out.refused.first_mut().and_then(|r| r.shortfall.as_mut()).map(|p| p.0 += 5_000_000).is_some()
    });
    all_noticed("a winning limit on the wrong side", |b, out| {
        let Some(refused) = out.refused.iter_mut().find(|r| r.winning_limit.is_some()) else { return false };
        let order = b.orders.iter().find(|o| o.id == refused.order).expect("it is in the book");
        let wrong = if order.side == headroom_market::clearing::Side::Bid { -1 } else { 1 };
        refused.winning_limit = Some(Money(order.limit.0 + wrong));
        true
    });
}

/// Of two replicas one is to be had, for less than they are worth: the bid would gain by the other, too.
#[test]
fn who_would_gain_by_one_more_replica_is_not_told_that_its_limit_is_the_price() {
    let text = r#"{"format":"headroom.book/1","cap":"3","alpha":"0","seed":1,
        "products":[{"pool":"p","resource":"cpu","slot":0,"supply":[]}],
        "orders":[{"id":"b","owner":"b","side":"bid","limit":"40","replicas":2,
            "alternatives":[{"quantities":[["p","cpu",0,20]]}]},
        {"id":"l","owner":"l","side":"offer","limit":"1.7","alternatives":[{"quantities":[["p","cpu",0,17]]}]}]}"#;
    let book = headroom_market::clearing::parse(text).expect("a book");
    // as in a round, where nobody takes a part of a replica
    let limits = Limits { whole_replicas: true, ..Limits::default() };
    let outcome = clear(&book, Mode::Market, &NoProposal, &limits).expect("an outcome");
    let mut outcome = verify(&book, outcome, Mode::Market).expect("it is verified").into_inner();
    let award = outcome.awards.iter_mut().find(|a| a.order == "b").expect("it wins a replica");
    assert_eq!((award.quantities[0].quantity, award.limited_by), (10, Some(Reason::ForecastHeadroom)));
    award.limited_by = Some(Reason::MarginalProrata);
    outcome.certificate = None;
    let broken = verify(&book, outcome, Mode::Market).expect_err("that is not why");
    assert!(broken.iter().any(|b| b.rule == "REASON"), "{broken:?}");
}

/// Whoever is refused for a row of its own is told the one that has no room for it, not another that has.
#[test]
fn a_row_with_room_for_all_of_an_order_is_not_why_it_is_refused() {
    let text = r#"{"format":"headroom.book/1","cap":"10","alpha":"0","seed":1,
        "products":[{"pool":"p","resource":"cpu","slot":0,"supply":[{"quantity":100,"reserve":"1"}]}],
        "instances":[{"id":"i","owner":"a","holding":[["p","cpu",0,40]],"floor":[["p","cpu",0,10]],
            "max_swap":[["p","cpu",0,12]]}],
        "budgets":[{"id":"h","amount":"50"}],
        "orders":[{"id":"big","owner":"a","side":"bid","limit":"90","min_fill":"1","instance":"i","budget":"h",
                "alternatives":[{"quantities":[["p","cpu",0,13]]}]},
            {"id":"dear","owner":"b","side":"bid","limit":"1","alternatives":[{"quantities":[["p","cpu",0,5]]}]},
            {"id":"small","owner":"a","side":"bid","limit":"8","min_fill":"1","instance":"i","budget":"h",
                "alternatives":[{"quantities":[["p","cpu",0,10]]}]}]}"#;
    let book = headroom_market::clearing::parse(text).expect("a book");
    let outcome = clear(&book, Mode::Market, &NoProposal, &Limits::default()).expect("an outcome");
    let outcome = verify(&book, outcome, Mode::Market).expect("it is verified").into_inner();
    let told: Vec<(&str, Reason)> = outcome.refused.iter().map(|r| (r.order.as_str(), r.reason)).collect();
    println!("{told:?}");
    let told_instead = |order: &str, reason: Reason| {
        let mut other = outcome.clone();
        other.certificate = None;
        other.refused.iter_mut().find(|r| r.order == order).expect("it is refused").reason = reason;
        verify(&book, other, Mode::Market).is_ok()
    };
    for (order, rows) in [("big", [true, true, false]), ("small", [false, false, false]), ("dear", [false; 3])] {
        let reasons = [Reason::ThrashLimit, Reason::Budget, Reason::FloorProtected];
        assert_eq!(reasons.map(|reason| told_instead(order, reason)), rows, "{order}");
    }
}

/// A search may give a block up, but whoever asks for what costs more than it is worth loses by the price.
#[test]
fn who_loses_by_the_price_was_not_given_up() {
    let text = r#"{"format":"headroom.book/1","cap":"10","alpha":"0","seed":1,
        "products":[{"pool":"p","resource":"cpu","slot":0,"supply":[{"quantity":10,"reserve":"1"}]}],
        "orders":[{"id":"all","owner":"a","side":"bid","limit":"30","min_fill":"1",
                "alternatives":[{"quantities":[["p","cpu",0,8]]}]},
            {"id":"any","owner":"b","side":"bid","limit":"25","alternatives":[{"quantities":[["p","cpu",0,5]]}]},
            {"id":"dear","owner":"c","side":"bid","limit":"2.5","alternatives":[{"quantities":[["p","cpu",0,5]]}]},
            {"id":"dear block","owner":"c","side":"bid","limit":"3","min_fill":"1",
                "alternatives":[{"quantities":[["p","cpu",0,4]]},{"quantities":[["p","cpu",0,5]]}]},
            {"id":"lends","owner":"d","side":"offer","limit":"40","alternatives":[{"quantities":[["p","cpu",0,5]]}]}]}"#;
    let book = headroom_market::clearing::parse(text).expect("a book");
    let outcome = clear(&book, Mode::Market, &NoProposal, &Limits::default()).expect("an outcome");
    let mut outcome = verify(&book, outcome, Mode::Market).expect("it is verified").into_inner();
    outcome.certificate = None;
    let mut told = |order: &str, reason: Reason| {
        outcome.refused.iter_mut().find(|r| r.order == order).expect("it is refused").reason = reason;
        outcome.quality = Quality::Fallback;
        match verify(&book, outcome.clone(), Mode::Market) {
            Ok(_) => Vec::new(),
            Err(broken) => broken.iter().map(|b| b.rule).collect(),
        }
    };
    assert_eq!(told("all", Reason::SolverFallback), [""; 0], "a block in the money");
    for dear in ["dear", "dear block", "lends"] {
        assert!(told(dear, Reason::SolverFallback).contains(&"REASON"), "{dear}");
        assert_eq!(told(dear, Reason::OutOfMoney), [""; 0], "{dear}");
    }
}

/// Where nothing but divisible orders and blocks trade, no search can have to give up one of them.
#[test]
fn a_divisible_order_is_not_given_up_without_need() {
    let mix = Mix { nodes: false, blocks: true, rows: false, low_caps: false, replicas: false };
    let mut changed = 0;
    for seed in 0..400 {
        let mut b = book(seed, mix);
        b.orders.iter_mut().for_each(|o| o.alternatives.truncate(1));
        if !b.arcs.is_empty() || !b.nodes.is_empty() || !b.instances.is_empty() {
            continue;
        }
        let mut out = clear(&b, Mode::Market, &NoProposal, &Limits::default()).expect("it can be cleared");
        out.certificate = None;
        let divisible = |id: &str| b.orders.iter().any(|o| o.id == id && o.min_fill.0.is_zero());
        assert!(verify(&b, out.clone(), Mode::Market).is_ok(), "seed {seed} as it is");
        let Some(refused) = out.refused.iter_mut().find(|r| divisible(&r.order)) else { continue };
        refused.reason = Reason::SolverFallback;
        out.quality = Quality::Fallback;
        changed += 1;
        assert!(verify(&b, out, Mode::Market).is_err(), "seed {seed}");
    }
    assert!(changed > 10, "{changed}");
}

/// A friend's cheap bid has what a dear one is said to have been given up for: the bound has to say what that was worth.
#[test]
fn who_is_given_up_for_a_cheaper_one_is_in_the_bound() {
    let bid = |id: &str, limit: &str, more: &str| {
        format!(
            r#"{{"id":"{id}","owner":"o{id}","side":"bid","limit":"{limit}","alternatives":[{{"quantities":[["p","cpu",0,10]]}}]{more}}}"#
        )
    };
    let with = |more: &str| -> Book {
        let orders = [bid("friend", "20", ""), bid("rival", "90", ""), bid("tiny", "1", more)].join(",");
        let text = format!(
            r#"{{"format":"headroom.book/1","cap":"100","products":[{{"pool":"p","resource":"cpu","slot":0,"supply":[{{"quantity":10,"reserve":"1"}}]}}],"orders":[{orders}]}}"#
        );
        serde_json::from_str(&text).expect("a book")
    };
    let outcome = |bound: &str| -> Outcome {
        let text = format!(
            r#"{{"format":"headroom.outcome/1","mode":"market","quality":"fallback","welfare":"10","bound":"{bound}","cuts":0,
            "prices":[{{"pool":"p","resource":"cpu","slot":0,"price":"1","low":"1","high":"1","set_by":"reserve:0"}}],
            "awards":[{{"order":"friend","alternative":0,"fill":"1","quantities":[["p","cpu",0,10]],"money":"10.000000"}}],
            "refused":[{{"order":"rival","reason":"SOLVER_FALLBACK","price":"10.000000","shortfall":"0.000000"}},
                       {{"order":"tiny","reason":"OUT_OF_MONEY","price":"10.000000","shortfall":"9.000000"}}],
            "supply":[{{"pool":"p","resource":"cpu","slot":0,"step":0,"used":10}}],"flows":[]}}"#
        );
        serde_json::from_str(&text).expect("an outcome")
    };
    // Whole replicas may be a reason to give somebody up, a block that loses is none.
    let (replicas, block) = (with(r#","replicas":2"#), with(r#","min_fill":"1""#));
    for (book, bound, right) in [
        (&replicas, "10", false),
        (&replicas, "16", false),
        (&replicas, "80", true),
        (&block, "10", false),
        (&block, "80", false),
    ] {
        let verdict = verify(book, outcome(bound), Mode::Market);
        assert_eq!(verdict.is_ok(), right, "bound {bound}: {:?}", verdict.err());
    }
}
