//! Bids of several replicas that could pay for a part of one, or for none: they are told what a whole one costs, and
//! move nobody's price.
use crate::support::one_node::{One, one};
use crate::support::own_orders::{awards, place};
use headroom_market::book::{Assurance, NotWon, OrderRequest, Reason, Side};
use headroom_market::clearing::outcome::Quality;
use headroom_market::clearing::{self, Limits, Mode, NoProposal};
use headroom_market::command::{Command, Reply};
use headroom_market::ids::OrderId;
use std::sync::Arc;

/// 1,200 each, on whichever node; the operator sells from 0.0005 each on.
fn replicas(one: &mut One, count: u32, limit: &str) -> OrderId {
    let who = one.buyers[0];
    let plain = one.request(who.1, 1_200, limit);
    let request = OrderRequest { instance: None, replicas: count, assurance: Assurance::Firm, ..plain };
    match one.place(who.0, Side::Bid, request) {
        Reply::Order(id) => id,
        other => panic!("{other:?}"),
    }
}

/// The outcome of a round, once it is recorded.
fn outcome(one: &mut One) -> clearing::Outcome {
    let seal = crate::support::movers::seal(&one.world.state, one.world.now);
    let Reply::Sealed { round, book } = one.world.run(seal) else { panic!("no round") };
    let outcome = clearing::clear(&book, Mode::Market, &NoProposal, &Limits::PRODUCTION).expect("an outcome");
    let outcome = clearing::verify(&book, outcome, Mode::Market).expect("it is verified");
    let (result_hash, kept) = (outcome.result_hash(), outcome.clone().into_inner());
    let reply = one.world.run(Command::RecordOutcome { round, result_hash, outcome: Some(Arc::new(outcome)) });
    assert!(matches!(reply, Reply::Done), "{reply:?}");
    kept
}

fn why(one: &One, order: OrderId) -> NotWon {
    one.world.state.orders[&order].last_reason.clone().expect("it has not won")
}

#[test]
fn a_replica_that_costs_too_much_is_told_what_it_costs() {
    for (limit, wins) in [("1", false), ("1.1999", false), ("1.2", true)] {
        let mut one = one(20_000);
        let bid = replicas(&mut one, 2, limit);
        // which pays what the operator asks
        let other = one.buyers[1];
        place(&mut one, other, Side::Bid, 50, "0.1");
        let told = outcome(&mut one);
        assert_eq!(awards(&one, bid).iter().map(|a| a.lines[0].quantity).sum::<i64>(), if wins { 2_400 } else { 0 });
        assert_eq!(told.quality, Quality::Optimal);
        if !wins {
            let why = why(&one, bid);
            assert_eq!(why.reason, Reason::OutOfMoney, "{limit}");
            assert_eq!(why.price_faced.map(|m| m.to_string()).as_deref(), Some("1.200000"));
        }
    }
}

/// Beside a lender who has less than a replica and asks less than the operator.
#[test]
fn a_part_of_a_replica_that_is_cheap_is_not_what_it_bids_for() {
    for (limit, wins) in [("1", 0), ("1.1999", 0), ("1.200001", 2_400)] {
        let mut one = one(20_000);
        let lender = one.lender;
        place(&mut one, lender, Side::Offer, 100, "0.01");
        let bid = replicas(&mut one, 2, limit);
        // beside it nobody pays more than the lender asks
        let other = one.buyers[1];
        let small = place(&mut one, other, Side::Bid, 50, "0.01");
        let told = outcome(&mut one);
        assert_eq!(awards(&one, bid).iter().map(|a| a.lines[0].quantity).sum::<i64>(), wins, "{limit}");
        assert_eq!((told.quality, told.certificate.map(|c| c.gap)), (Quality::Optimal, Some("0".to_owned())));
        if wins == 0 {
            assert_eq!(why(&one, bid).reason, Reason::Paradoxical);
            let won = awards(&one, small);
            assert_eq!(won[0].lines[0].quantity, 50);
            assert_eq!(won[0].lines[0].price.to_string(), "0.000100000");
        }
    }
}

/// A lender has a replica, and somebody else wants most of that: what is left is a part of one.
#[test]
fn a_replica_whose_supply_another_bid_takes_moves_no_price() {
    for beside in [false, true] {
        let mut one = one(20_000);
        let lender = one.lender;
        place(&mut one, lender, Side::Offer, 1_300, "0.13");
        let other = one.buyers[1];
        let wins = place(&mut one, other, Side::Bid, 1_000, "0.9");
        let bid = beside.then(|| replicas(&mut one, 2, "1"));
        outcome(&mut one);
        assert!(bid.is_none_or(|bid| awards(&one, bid).is_empty()));
        let won = &awards(&one, wins)[0].lines[0];
        assert_eq!((won.quantity, won.price.to_string().as_str()), (1_000, "0.000100000"), "{beside}");
    }
}

/// More than there is at any price: it has no part in the round.
#[test]
fn a_replica_of_more_than_there_is_sits_the_round_out() {
    let mut one = one(4_000);
    let bid = replicas(&mut one, 2, "100");
    let other = one.buyers[1];
    let small = place(&mut one, other, Side::Bid, 50, "0.1");
    outcome(&mut one);
    assert!(awards(&one, bid).is_empty());
    assert!(!awards(&one, small).is_empty(), "{:?}", why(&one, small));
    assert_eq!(why(&one, bid).reason, Reason::MinFillUnreachable);
}

fn bid(id: &str, quantity: i64, replicas: u32, limit: &str) -> serde_json::Value {
    serde_json::json!({"id": id, "owner": id, "side": "bid", "limit": limit,
        "replicas": if replicas > 1 { serde_json::json!(replicas) } else { serde_json::Value::Null },
        "alternatives": [{"quantities": [["p", "cpu", 0, quantity]]}]})
}

/// What a book of one product with this collar comes to, of which there is so much at 1 a unit.
fn at_its_collar(supply: i64, collar: &str, bids: &[serde_json::Value]) -> clearing::Outcome {
    let book = serde_json::json!({"format": "headroom.book/1", "cap": "1000", "seed": 1, "orders": bids,
        "products": [{"pool": "p", "resource": "cpu", "slot": 0, "cap": collar,
            "supply": [{"quantity": supply, "reserve": "1"}]}]});
    let book = clearing::parse(&book.to_string()).expect("a book");
    let outcome = clearing::clear(&book, Mode::Market, &NoProposal, &Limits::default()).expect("an outcome");
    clearing::verify(&book, outcome, Mode::Market).expect("it is verified").into_inner()
}

/// At a collar a replica that was rounded up to what it is bounded by is a whole one already: it was bounded again and again,
/// then by nothing, and somebody else was given up for it.
#[test]
fn nobody_is_given_up_for_a_replica_that_is_whole_already() {
    for (supply, bids) in [
        (4, vec![bid("a", 7, 1, "136"), bid("b", 3, 3, "48"), bid("c", 12, 4, "88")]),
        (13, vec![bid("a", 24, 1, "704"), bid("b", 2, 2, "49"), bid("c", 8, 2, "238")]),
        (16, vec![bid("a", 5, 5, "128"), bid("b", 15, 5, "1084"), bid("c", 20, 2, "1236"), bid("d", 39, 1, "2249")]),
    ] {
        let outcome = at_its_collar(supply, "5", &bids);
        assert!(outcome.refused.iter().all(|r| r.reason != clearing::outcome::Reason::SolverFallback), "{outcome:?}");
        let won: i64 = outcome.awards.iter().map(|a| a.quantities[0].quantity).sum();
        assert_eq!(won, supply, "all of it is sold");
    }
}

/// Who can have no replica at a collar changes nothing for others (I16): they share as if it were not there, and nobody is
/// full beside one whose share is a replica less.
#[test]
fn at_a_collar_a_bid_that_can_have_no_replica_changes_nothing() {
    let won = |bids: &[serde_json::Value]| {
        let outcome = at_its_collar(20, "4", bids);
        outcome.awards.iter().map(|a| (a.order.clone(), a.quantities[0].quantity)).collect::<Vec<_>>()
    };
    let (a, b, z) = (bid("a", 10, 1, "1170"), bid("b", 40, 4, "800"), bid("z", 80, 2, "1440"));
    let without = won(&[a.clone(), b.clone()]);
    assert_eq!(without, [("a".to_owned(), 4), ("b".to_owned(), 10)]);
    assert_eq!(won(&[a, b, z]), without);
}
