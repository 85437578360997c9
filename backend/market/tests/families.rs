//! Parents and children: what a family may do, and what the checker says where it does more.
use headroom_market::clearing::outcome::{Outcome, Price, Reason};
use headroom_market::clearing::{Book, Limits, Mode, NoProposal, clear, parse, verify};

/// A child that gains 30 carries a parent that loses 12; a third order that is partly filled sets the price.
fn book(child_limit: &str) -> Book {
    let text = format!(
        r#"{{"format":"headroom.book/1","cap":"100","seed":1,
        "products":[{{"pool":"a","resource":"cpu","slot":0,"supply":[{{"quantity":30,"reserve":"1"}}]}}],
        "orders":[
        {{"id":"parent","owner":"o","side":"bid","limit":"18","min_fill":"1","alternatives":[{{"quantities":[["a","cpu",0,6]]}}]}},
        {{"id":"child","owner":"o","side":"bid","limit":"{child_limit}","parent":"parent","alternatives":[{{"quantities":[["a","cpu",0,10]]}}]}},
        {{"id":"other","owner":"p","side":"bid","limit":"100","alternatives":[{{"quantities":[["a","cpu",0,20]]}}]}}]}}"#
    );
    parse(&text).expect("a book")
}

fn cleared(book: &Book) -> Outcome {
    let outcome = clear(book, Mode::Market, &NoProposal, &Limits::default()).expect("an outcome");
    let mut outcome = verify(book, outcome, Mode::Market).expect("it is verified").into_inner();
    outcome.certificate = None; // the hash alone would give every change away
    outcome
}

fn rules(book: &Book, outcome: Outcome) -> Vec<&'static str> {
    let broken = verify(book, outcome, Mode::Market).expect_err("it is not as it should be");
    broken.into_iter().map(|b| b.rule).collect()
}

#[test]
fn a_child_carries_its_parent_and_the_parent_pays_more_than_its_limit() {
    let book = book("80");
    let outcome = cleared(&book);
    let paid = |id: &str| outcome.awards.iter().find(|a| a.order == id).map(|a| a.money.0);
    // "other" has 14 of 20 and sets the price: 5
    assert_eq!(outcome.prices[0].price, Price(5_000_000_000));
    assert_eq!([paid("parent"), paid("child")], [Some(30_000_000), Some(50_000_000)]);
}

#[test]
fn a_child_that_gains_less_than_its_parent_loses_wins_nothing() {
    let book = book("61");
    let outcome = cleared(&book);
    let reason = |id: &str| outcome.refused.iter().find(|r| r.order == id).map(|r| r.reason);
    assert_eq!(reason("parent"), Some(Reason::Paradoxical), "alone it would bring the child with it");
    assert_eq!(reason("child"), Some(Reason::ParentRejected));
}

#[test]
fn a_child_without_its_parent_is_noticed() {
    let book = book("80");
    let mut outcome = cleared(&book);
    let parent = outcome.awards.iter().position(|a| a.order == "parent").expect("it won");
    let award = outcome.awards.remove(parent);
    let mut refused = cleared(&self::book("61")).refused;
    refused.retain(|r| r.order == award.order);
    outcome.refused.extend(refused);
    assert!(rules(&book, outcome).contains(&"ROW6"));
}

#[test]
fn a_family_that_loses_is_noticed() {
    let (rich, poor) = (book("80"), book("61"));
    let outcome = cleared(&rich);
    assert!(rules(&poor, outcome).contains(&"I3"));
}

#[test]
fn a_child_is_not_refused_for_a_parent_that_won() {
    let book = book("80");
    let mut outcome = cleared(&book);
    let child = outcome.awards.iter().position(|a| a.order == "child").expect("it won");
    outcome.awards.remove(child);
    let mut refused = cleared(&self::book("61")).refused;
    refused.retain(|r| r.order == "child");
    outcome.refused.extend(refused);
    assert!(rules(&book, outcome).contains(&"REASON"));
}
