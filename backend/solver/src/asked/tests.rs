use super::*;
use crate::clear_document;
use headroom_market::clearing::document::{Book, Outcome};
use headroom_market::units::Credits;

fn book(supply: i64, orders: &str) -> Book {
    let text = format!(
        r#"{{"format":"headroom.book/2","products":[{{"pool":"p","resource":"cpu","slot":0,
            "supply":[{{"quantity":{supply},"reserve":"2"}}]}}],"orders":[{orders}]}}"#
    );
    serde_json::from_str(&text).expect("a book")
}

fn bid(id: &str, limit: &str, more: &str) -> String {
    format!(
        r#"{{"id":"{id}","owner":"{id}","side":"bid","limit":"{limit}"{more},"alternatives":[{{"quantities":[["p","cpu",0,10]]}}]}}"#
    )
}

fn cleared(book: &Book) -> Outcome {
    clear_document(book).expect("a book that can be cleared").into_inner()
}

fn of(order: &str) -> Asked<'_> {
    Asked { order, runs_of: None }
}

fn credits(text: &str) -> Credits {
    text.parse().expect("an amount")
}

#[test]
fn a_block_wins_at_its_winning_limit_and_not_just_under_it() {
    let book = book(15, &[bid("a", "70", ""), bid("b", "50", r#","min_fill":"1""#)].join(","));
    for found in [winning_limit, full_fill_limit].map(|search| search(&book, of("b"), &|| true)) {
        let Winning::Limit(limit) = found else { panic!("{found:?}") };
        assert!(award_with(&book, of("b"), limit).is_some_and(|a| a.lots == 10));
        assert!(award_with(&book, of("b"), limit - Credits::from_units(1)).is_none());
    }
}

#[test]
fn a_divisible_bids_winning_limit_is_price_times_quantity() {
    let beside = [bid("a", "70", ""), bid("b", "50", "")].join(",");
    for (book, says) in [(book(10, &bid("b", "15", "")), "20"), (book(10, &beside), "70")] {
        let found = winning_limit(&book, of("b"), &|| true);
        let Winning::Limit(limit) = found else { panic!("{found:?}") };
        assert!((limit - credits(says)).units().abs() <= 1, "{limit}");
        assert!(award_with(&book, of("b"), limit).is_some());
        assert!(award_with(&book, of("b"), limit - Credits::from_units(1)).is_none(), "{limit}");
    }
}

#[test]
fn what_no_limit_wins_and_what_was_not_searched_are_told_apart() {
    let large = book(9, &bid("b", "50", r#","min_fill":"1""#));
    assert_eq!(winning_limit(&large, of("b"), &|| true), Winning::NoneTried);
    assert_eq!(winning_limit(&large, of("b"), &|| false), Winning::Unknown);
    assert_eq!(winning_limit(&large, of("nobody"), &|| true), Winning::Unknown);
    assert_eq!(winning_limit(&book(10, &bid("b", "50", "")), of("b"), &|| true), Winning::Unknown, "it wins already");
}

#[test]
fn an_offer_wins_under_what_it_asks() {
    let offer =
        r#"{"id":"o","owner":"o","side":"offer","limit":"90","alternatives":[{"quantities":[["p","cpu",0,10]]}]}"#;
    let book = book(5, &[bid("a", "70", ""), offer.to_owned()].join(","));
    let Winning::Limit(limit) = winning_limit(&book, of("o"), &|| true) else { panic!("a limit") };
    let over = limit - credits("70");
    assert!((0..=3).contains(&over.units()), "no more than the check's tolerance: {over}");
}

#[test]
fn it_is_what_others_would_have_had_and_what_its_supply_asks() {
    let two = [bid("a", "70", ""), bid("b", "50", "")].join(",");
    let found = |supply| {
        let book = book(supply, &two);
        externality(&book, &cleared(&book), "a").expect("it has won")
    };
    // Without it `b` has ten units instead of five: 15 more; and its own ten cost the operator 20.
    assert_eq!((found(15).paid, found(15).cost), (credits("50"), credits("35")));
    assert_eq!(found(15).ratio_thousandths(), Some(1_429));
    // With enough for both it costs what its supply asks, which is what it pays.
    assert_eq!((found(25).paid, found(25).cost), (credits("20"), credits("20")));
    let poor = book(25, &bid("b", "15", ""));
    assert_eq!(externality(&poor, &cleared(&poor), "b"), None);
}
